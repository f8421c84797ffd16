/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page faults: demand-zero memory, pages of objects, copy-on-write, growing stacks; and access to
 * another space's memory, which resolves faults of its own.
 */
#include "abi/errno.h"
#include "kernel/core/space.h"
#include "kernel/core/space_impl.h"
#include "lib/string.h"

/* Pages mapped along with one that was asked for, when the object has them: an aligned window. */
#define AROUND_PAGES 16u

struct fault {
    struct space *space;
    struct region *region;
    vaddr_t va;      /* of the page */
    unsigned access; /* enum space_access */
    bool force;      /* whatever the region's rights are now (ptrace) */
    pte_t *entry;
    /* With -EAGAIN: what has to be made writable without the space's lock; vmo has a reference. */
    struct vmo *vmo;
    uint64_t index;
};

/* One page of zeroes for all read faults of anonymous memory; made when first needed. */
static struct frame *zero_frame;

static struct frame *zero_page(void)
{
    struct frame *frame = __atomic_load_n(&zero_frame, __ATOMIC_ACQUIRE);
    if (frame != NULL) {
        return frame;
    }
    struct frame *fresh = frame_alloc(FRAME_ZERO), *none = NULL;
    if (fresh == NULL || __atomic_compare_exchange_n(&zero_frame, &none, fresh, false,
                                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        return fresh;
    }
    frame_put(fresh);
    return none;
}

static void set_entry(struct fault *fault, paddr_t paddr, unsigned flags)
{
    *fault->entry = arch_pte_make(paddr, flags);
    if (!(flags & ARCH_PTE_BORROWED)) {
        space_count_resident(fault->space);
    }
}

static unsigned readonly_flags(const struct region *region)
{
    return (region_pte_flags(region) & ~ARCH_PTE_WRITE) | ARCH_PTE_READ;
}

/* What a private page is mapped with after it was written; less than write when only forced. */
static unsigned private_flags(const struct region *region)
{
    return region->flags & REGION_WRITE ? region_pte_flags(region) : readonly_flags(region);
}

static int fault_anonymous(struct fault *fault)
{
    if (fault->access & SPACE_WRITE) {
        struct frame *frame = frame_alloc(FRAME_ZERO);
        if (frame == NULL) {
            return -ENOMEM;
        }
        set_entry(fault, frame_to_paddr(frame), private_flags(fault->region));
        return 0;
    }
    struct frame *frame = zero_page();
    if (frame == NULL) {
        return -ENOMEM;
    }
    set_entry(fault, frame_to_paddr(frame), readonly_flags(fault->region) | ARCH_PTE_BORROWED);
    return 0;
}

/* Pages of the object around the one that was asked for. */
static void map_around(struct fault *fault, uint64_t index)
{
    struct region *region = fault->region;
    vaddr_t window = ALIGN_DOWN(fault->va, AROUND_PAGES * PAGE_SIZE);
    vaddr_t start = MAX(window, region->start);
    vaddr_t end = MIN(window + AROUND_PAGES * PAGE_SIZE, region->end);
    uint64_t first = index - ((fault->va - start) >> PAGE_SHIFT);
    uint64_t size_pages = vmo_size(region->vmo) / PAGE_SIZE; /* whole ones */
    size_t count = (end - start) >> PAGE_SHIFT;
    if (first >= size_pages) {
        return;
    }
    count = MIN(count, size_pages - first);

    struct vmo_page pages[AROUND_PAGES];
    vmo_find_pages(region->vmo, first, count, pages);
    /* The window is aligned, so all its entries are in the same table. */
    pte_t *here = fault->entry, *entry = here - ((fault->va - start) >> PAGE_SHIFT);
    bool shared = (region->flags & REGION_SHARED) != 0;
    for (size_t i = 0; i < count; i++) {
        if (pages[i].paddr == 0) {
            continue;
        }
        if (arch_pte_present(entry[i])) {
            if (!pages[i].borrowed) {
                frame_put(paddr_to_frame(pages[i].paddr));
            }
            continue;
        }
        bool write = shared && !pages[i].borrowed;
        fault->entry = &entry[i];
        set_entry(fault, pages[i].paddr,
                  (write ? region_pte_flags(region) : readonly_flags(region)) |
                      (shared ? ARCH_PTE_SHARED : 0) | (pages[i].borrowed ? ARCH_PTE_BORROWED : 0));
    }
    fault->entry = here;
}

/* Maps the object's own page: for shared mappings, and private ones that are only read. */
static int map_object_page(struct fault *fault, uint64_t index)
{
    struct region *region = fault->region;
    bool shared = (region->flags & REGION_SHARED) != 0;
    struct vmo_page page;
    int error = vmo_fault_page(region->vmo, index, (fault->access & SPACE_WRITE) != 0, &page);
    if (error == -EAGAIN) {
        fault->vmo = region->vmo;
        fault->index = index;
        vmo_get(region->vmo);
    }
    if (error != 0) {
        return error;
    }
    bool write = shared && !page.borrowed;
    set_entry(fault, page.paddr,
              (write ? region_pte_flags(region) : readonly_flags(region)) |
                  (shared ? ARCH_PTE_SHARED : 0) | (page.borrowed ? ARCH_PTE_BORROWED : 0));
    return 0;
}

static int fault_object(struct fault *fault)
{
    struct region *region = fault->region;
    uint64_t index = (fault->va - region->start + region->offset) >> PAGE_SHIFT;
    uint64_t size = vmo_size(region->vmo);
    if (index >= size / PAGE_SIZE + ((size & PAGE_MASK) != 0)) {
        return -ENXIO;
    }
    if ((fault->access & SPACE_WRITE) && !(region->flags & REGION_SHARED)) {
        struct frame *frame = frame_alloc(0);
        if (frame == NULL) {
            return -ENOMEM;
        }
        vmo_copy_page(region->vmo, index, frame_to_virt(frame));
        set_entry(fault, frame_to_paddr(frame), private_flags(region));
        return 0;
    }
    int error = map_object_page(fault, index);
    if (error == 0) {
        map_around(fault, index);
    }
    return error;
}

/* Gives up what the entry maps, after it was replaced. */
static void drop_old(struct fault *fault, pte_t old)
{
    arch_tlb_flush_page(&fault->space->mmu, fault->va);
    if (!arch_pte_borrowed(old)) {
        fault->space->resident_pages--;
        frame_put(paddr_to_frame(arch_pte_paddr(old)));
    }
}

/* A write to a page that is mapped, but not for writing. */
static int fault_write(struct fault *fault)
{
    pte_t old = *fault->entry;
    struct region *region = fault->region;
    paddr_t paddr = arch_pte_paddr(old);
    if (region->flags & REGION_SHARED) {
        /* Borrowed bytes: the object's own page takes their place. */
        int error = map_object_page(fault,
                                    (fault->va - region->start + region->offset) >> PAGE_SHIFT);
        if (error == 0) {
            drop_old(fault, old);
        }
        return error;
    }
    bool borrowed = arch_pte_borrowed(old);
    if (!borrowed && frame_refs(paddr_to_frame(paddr)) == 1) {
        *fault->entry = arch_pte_make(paddr, private_flags(region));
        arch_tlb_flush_page(&fault->space->mmu, fault->va);
        return 0;
    }
    struct frame *zero = __atomic_load_n(&zero_frame, __ATOMIC_ACQUIRE);
    bool clear = borrowed && zero != NULL && paddr == frame_to_paddr(zero);
    struct frame *frame = frame_alloc(clear ? FRAME_ZERO : 0);
    if (frame == NULL) {
        return -ENOMEM;
    }
    if (!clear) {
        memcpy(frame_to_virt(frame), phys_to_virt(paddr), PAGE_SIZE);
    }
    set_entry(fault, frame_to_paddr(frame), private_flags(region));
    drop_old(fault, old);
    return 0;
}

/* Extends a stack down to va: the region, or NULL when that may not be. */
static struct region *grow_stack(struct space *space, struct region *region, vaddr_t va)
{
    if (!(region->flags & REGION_GROWS_DOWN) || va < SPACE_MIN_ADDR ||
        region->end - va > space->stack_limit) {
        return NULL;
    }
    struct region *prev = space_prev_locked(region);
    if (prev != NULL && !(prev->flags & REGION_GROWS_DOWN) && (prev->flags & REGION_RIGHTS) &&
        va - prev->end < SPACE_STACK_GUARD) {
        return NULL;
    }
    region_set_start(region, va);
    return region;
}

static bool access_allowed(const struct region *region, unsigned access, bool force)
{
    if (access & SPACE_WRITE) {
        /* Force makes a private copy; a shared object is written only with the right to. */
        return (region->flags & REGION_WRITE) ||
               (force && !(region->flags & REGION_SHARED) && (region->flags & REGION_MAY_WRITE));
    }
    if (access & SPACE_EXEC) {
        return (region->flags & REGION_EXEC) != 0;
    }
    return (region->flags & REGION_RIGHTS) || (force && (region->flags & REGION_MAY_READ));
}

/* Makes the page at fault->va accessible; sets fault->region and fault->entry. REQUIRES the lock.
 * -EAGAIN: see struct fault. */
static int fault_locked(struct fault *fault)
{
    struct space *space = fault->space;
    struct region *region = space_find_locked(space, fault->va);
    if (unlikely(region == NULL)) {
        return -EFAULT;
    }
    if (unlikely(fault->va < region->start)) {
        region = grow_stack(space, region, fault->va);
        if (region == NULL) {
            return -EFAULT;
        }
    }
    fault->region = region;
    if (unlikely(!access_allowed(region, fault->access, fault->force))) {
        return -EACCES;
    }
    if (unlikely(arch_mmu_leaf(&space->mmu, fault->va, fault->va + PAGE_SIZE, true,
                               &fault->entry) == 0)) {
        return -ENOMEM;
    }
    pte_t pte = *fault->entry;
    if (!arch_pte_present(pte)) {
        return region->vmo == NULL ? fault_anonymous(fault) : fault_object(fault);
    }
    if ((fault->access & SPACE_WRITE) && !arch_pte_writable(pte)) {
        return fault_write(fault);
    }
    /* Another thread was faster. */
    arch_tlb_flush_page(&space->mmu, fault->va);
    return 0;
}

/* After -EAGAIN from fault_locked and without the lock: makes the object's own page. */
static int make_writable(struct fault *fault)
{
    struct vmo_page page;
    int error = vmo_get_page(fault->vmo, fault->index, true, &page);
    if (error == 0) {
        frame_put(paddr_to_frame(page.paddr));
    }
    vmo_put(fault->vmo);
    return error;
}

int space_fault(struct space *space, vaddr_t addr, unsigned access)
{
    if (addr >= LAYOUT_USER_END) {
        return -EFAULT;
    }
    struct fault fault = {.space = space, .va = ALIGN_DOWN(addr, PAGE_SIZE), .access = access};
    for (;;) {
        mutex_lock(&space->lock);
        space->minor_faults++;
        int error = fault_locked(&fault);
        mutex_unlock(&space->lock);
        if (likely(error != -EAGAIN)) {
            return error;
        }
        error = make_writable(&fault);
        if (error != 0) {
            return error;
        }
    }
}

void space_populate(struct space *space, vaddr_t addr, size_t size)
{
    vaddr_t end = size < LAYOUT_USER_END - addr ? addr + size : LAYOUT_USER_END;
    for (vaddr_t va = ALIGN_DOWN(addr, PAGE_SIZE); va < end; va += PAGE_SIZE) {
        struct fault fault = {.space = space, .va = va};
        mutex_lock(&space->lock);
        struct region *region = space_first_in(space, va, va + PAGE_SIZE);
        bool write = region != NULL && (region->flags & REGION_WRITE) &&
                     !(region->flags & REGION_SHARED);
        fault.access = write ? SPACE_WRITE : SPACE_READ;
        int error = region != NULL ? fault_locked(&fault) : -EFAULT;
        mutex_unlock(&space->lock);
        if (error != 0) {
            return;
        }
    }
}

/* The page at va as it is mapped, ready for the access; its frame with a reference unless it is
 * borrowed. */
static int access_page(struct fault *fault, struct vmo_page *page)
{
    for (;;) {
        mutex_lock(&fault->space->lock);
        int error = fault_locked(fault);
        if (error == 0) {
            page->paddr = arch_pte_paddr(*fault->entry);
            page->borrowed = arch_pte_borrowed(*fault->entry);
            if (!page->borrowed) {
                frame_get(paddr_to_frame(page->paddr));
            }
        }
        mutex_unlock(&fault->space->lock);
        if (error != -EAGAIN) {
            return error;
        }
        error = make_writable(fault);
        if (error != 0) {
            return error;
        }
    }
}

size_t space_access(struct space *space, vaddr_t addr, void *buf, size_t size, unsigned access)
{
    size_t done = 0;
    while (done < size && addr < LAYOUT_USER_END) {
        size_t offset = addr & PAGE_MASK, piece = MIN(PAGE_SIZE - offset, size - done);
        struct fault fault = {.space = space,
                              .va = addr - offset,
                              .access = access & ~(unsigned)SPACE_FORCE,
                              .force = (access & SPACE_FORCE) != 0};
        struct vmo_page page;
        if (access_page(&fault, &page) != 0) {
            break;
        }
        char *bytes = (char *)phys_to_virt(page.paddr) + offset;
        if (!(access & SPACE_WRITE)) {
            memcpy((char *)buf + done, bytes, piece);
        } else if (buf != NULL) {
            memcpy(bytes, (char *)buf + done, piece);
        } else {
            memset(bytes, 0, piece);
        }
        if (!page.borrowed) {
            frame_put(paddr_to_frame(page.paddr));
        }
        done += piece;
        addr += piece;
    }
    return done;
}
