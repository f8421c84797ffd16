/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page faults: demand-zero memory, pages of objects, copy-on-write, growing stacks; and access to
 * another space's memory, which resolves faults of its own.
 *
 * Threads fault at once, with the space locked for reading: everything is got ready first and then
 * put in the place of just the entry that was found. Who comes second lets go of what he has made;
 * the access is tried again in any case. Only a fault replaces or changes an entry while others
 * read, and none makes it what it was before, so the comparison is enough.
 */
#include "abi/errno.h"
#include "kernel/core/space.h"
#include "kernel/core/space_impl.h"
#include "lib/string.h"

/* From fault_locked: to be done again with the space locked for writing. */
#define FAULT_ALONE 1

/* Pages mapped along with one that was asked for, when the object has them: an aligned window. */
#define AROUND_PAGES 16u

struct fault {
    struct space *space;
    struct region *region;
    vaddr_t va;        /* of the page */
    unsigned access;   /* enum space_access */
    bool force;        /* whatever the region's rights are now (ptrace) */
    bool alone;        /* the space is locked for writing */
    pte_t *entry, old; /* where the page goes, and what was found there */
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

/* Maps a page that comes with a reference, or is borrowed, instead of `old`, which goes; if another
 * thread was faster, nothing happens. */
static inline void map_page(struct fault *fault, pte_t *entry, pte_t old, struct vmo_page page,
                            unsigned flags)
{
    struct space *space = fault->space;
    bool counted = arch_pte_present(old) && !arch_pte_borrowed(old);
    flags |= page.borrowed ? ARCH_PTE_BORROWED : 0;
    if (unlikely(!page_replace(entry, old, arch_pte_make(page.paddr, flags)))) {
        if (!page.borrowed) {
            frame_put(paddr_to_frame(page.paddr));
        }
        return;
    }
    if (!page.borrowed && !counted) {
        __atomic_fetch_add(&space->resident_pages, 1, __ATOMIC_RELAXED);
    }
    if (arch_pte_present(old)) {
        arch_tlb_flush_page(&space->mmu, fault->va);
        if (counted) {
            frame_put(paddr_to_frame(arch_pte_paddr(old)));
        }
    }
}

static struct vmo_page frame_page(const struct frame *frame)
{
    return (struct vmo_page){frame_to_paddr(frame), false};
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
        map_page(fault, fault->entry, 0, frame_page(frame), private_flags(fault->region));
        return 0;
    }
    struct frame *frame = zero_page();
    if (frame == NULL) {
        return -ENOMEM;
    }
    struct vmo_page page = {frame_to_paddr(frame), true};
    map_page(fault, fault->entry, 0, page, readonly_flags(fault->region));
    return 0;
}

/* What a page of the object is mapped with. */
static unsigned object_flags(const struct region *region, bool borrowed)
{
    if (!(region->flags & REGION_SHARED)) {
        return readonly_flags(region);
    }
    return (borrowed ? readonly_flags(region) : region_pte_flags(region)) | ARCH_PTE_SHARED;
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
    pte_t *entry = fault->entry - ((fault->va - start) >> PAGE_SHIFT);
    for (size_t i = 0; i < count; i++) {
        if (pages[i].paddr != 0) {
            map_page(fault, &entry[i], 0, pages[i], object_flags(region, pages[i].borrowed));
        }
    }
}

/* Maps the object's own page: for shared mappings, and private ones that are only read. */
static int map_object_page(struct fault *fault, uint64_t index)
{
    struct region *region = fault->region;
    struct vmo_page page;
    int error = vmo_fault_page(region->vmo, index, (fault->access & SPACE_WRITE) != 0, &page);
    if (error == -EAGAIN) {
        fault->vmo = region->vmo;
        fault->index = index;
        vmo_get(region->vmo);
    }
    if (error == 0) {
        map_page(fault, fault->entry, fault->old, page, object_flags(region, page.borrowed));
    }
    return error;
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
        map_page(fault, fault->entry, 0, frame_page(frame), private_flags(region));
        return 0;
    }
    int error = map_object_page(fault, index);
    if (error == 0) {
        map_around(fault, index);
    }
    return error;
}

/* A write to a page that is mapped, but not for writing. */
static int fault_write(struct fault *fault)
{
    pte_t old = fault->old;
    struct region *region = fault->region;
    paddr_t paddr = arch_pte_paddr(old);
    if (region->flags & REGION_SHARED) {
        /* Borrowed bytes: the object's own page takes their place. */
        return map_object_page(fault, (fault->va - region->start + region->offset) >> PAGE_SHIFT);
    }
    bool borrowed = arch_pte_borrowed(old);
    if (!borrowed && frame_refs(paddr_to_frame(paddr)) == 1) {
        page_own(paddr_to_frame(paddr));
        page_replace(fault->entry, old, arch_pte_make(paddr, private_flags(region)));
        arch_tlb_flush_local(&fault->space->mmu, fault->va, fault->va + PAGE_SIZE);
        return 0;
    }
    struct frame *zero = __atomic_load_n(&zero_frame, __ATOMIC_ACQUIRE);
    bool clear = borrowed && zero != NULL && paddr == frame_to_paddr(zero);
    struct frame *frame = frame_alloc(clear ? FRAME_ZERO : 0);
    if (frame == NULL) {
        return -ENOMEM;
    }
    if (!clear) {
        /* The old page may be given back and used anew meanwhile; then map_page does nothing. */
        memcpy(frame_to_virt(frame), phys_to_virt(paddr), PAGE_SIZE);
    }
    map_page(fault, fault->entry, old, frame_page(frame), private_flags(region));
    return 0;
}

/* Extends a stack down to va: the region, or NULL when that may not be. */
static struct region *grow_stack(struct space *space, struct region *region, vaddr_t va)
{
    if (!(region->flags & REGION_GROWS_DOWN) || va < SPACE_MIN_ADDR ||
        region->end - va > __atomic_load_n(&space->stack_limit, __ATOMIC_RELAXED)) {
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

/* Makes the page at fault->va accessible, or finds that another thread does; sets fault->region and
 * fault->entry. REQUIRES the lock, at least for reading. -EAGAIN: see struct fault; FAULT_ALONE. */
static int fault_locked(struct fault *fault)
{
    struct space *space = fault->space;
    struct region *region = space_find_locked(space, fault->va);
    if (unlikely(region == NULL)) {
        return -EFAULT;
    }
    if (unlikely(fault->va < region->start)) {
        if ((region->flags & REGION_GROWS_DOWN) && !fault->alone) {
            return FAULT_ALONE;
        }
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
    pte_t pte = __atomic_load_n(fault->entry, __ATOMIC_RELAXED);
    fault->old = pte;
    if (!arch_pte_present(pte)) {
        return region->vmo == NULL ? fault_anonymous(fault) : fault_object(fault);
    }
    if ((fault->access & SPACE_WRITE) && !arch_pte_writable(pte)) {
        return fault_write(fault);
    }
    /* Another thread was faster. */
    arch_tlb_flush_local(&space->mmu, fault->va, fault->va + PAGE_SIZE);
    return 0;
}

/* After -EAGAIN from fault_locked and without the lock: makes the object's own page. */
static int make_writable(struct fault *fault)
{
    int error = vmo_make_writable(fault->vmo, fault->index);
    vmo_put(fault->vmo);
    return error;
}

/* Does what fault_locked has asked for, if it did; 0: it is to be called again. */
static int fault_again(struct fault *fault, int result)
{
    if (result == FAULT_ALONE) {
        fault->alone = true;
        return 0;
    }
    return result == -EAGAIN ? make_writable(fault) : result;
}

/* As fault_locked, taking the lock; what has to be done without it is done. */
static int fault_resolve(struct fault *fault)
{
    struct rwmutex *lock = &fault->space->lock;
    for (;;) {
        int result;
        if (likely(!fault->alone)) {
            rw_read_lock(lock);
            result = fault_locked(fault);
            rw_read_unlock(lock);
        } else {
            rw_write_lock(lock);
            result = fault_locked(fault);
            rw_write_unlock(lock);
        }
        if (likely(result == 0)) {
            return 0;
        }
        result = fault_again(fault, result);
        if (result != 0) {
            return result;
        }
    }
}

int space_fault(struct space *space, vaddr_t addr, unsigned access)
{
    if (addr >= LAYOUT_USER_END) {
        return -EFAULT;
    }
    struct fault fault = {.space = space, .va = ALIGN_DOWN(addr, PAGE_SIZE), .access = access};
    __atomic_fetch_add(&space->minor_faults, 1, __ATOMIC_RELAXED);
    return fault_resolve(&fault);
}

void space_populate(struct space *space, vaddr_t addr, size_t size)
{
    vaddr_t end = size < LAYOUT_USER_END - addr ? addr + size : LAYOUT_USER_END;
    for (vaddr_t va = ALIGN_DOWN(addr, PAGE_SIZE); va < end; va += PAGE_SIZE) {
        struct fault fault = {.space = space, .va = va};
        rw_read_lock(&space->lock);
        struct region *region = space_first_in(space, va, va + PAGE_SIZE);
        bool write = region != NULL && (region->flags & REGION_WRITE) &&
                     !(region->flags & REGION_SHARED);
        fault.access = write ? SPACE_WRITE : SPACE_READ;
        int error = region != NULL ? fault_locked(&fault) : -EFAULT;
        rw_read_unlock(&space->lock);
        if (error != 0) {
            return;
        }
    }
}

/* What space_access does with a part of a page. */
struct piece {
    size_t offset, size;
    char *buf; /* NULL: zeroes */
    bool write;
};

/* Makes the page at fault->va ready and copies. The lock keeps fork and others from getting a hold
 * of the page between the two. */
static int access_page(struct fault *fault, const struct piece *piece)
{
    for (;;) {
        rw_write_lock(&fault->space->lock);
        int result = fault_locked(fault);
        if (result == 0) {
            char *bytes = (char *)phys_to_virt(arch_pte_paddr(*fault->entry)) + piece->offset;
            if (!piece->write) {
                memcpy(piece->buf, bytes, piece->size);
            } else if (piece->buf != NULL) {
                memcpy(bytes, piece->buf, piece->size);
            } else {
                memset(bytes, 0, piece->size);
            }
        }
        rw_write_unlock(&fault->space->lock);
        if (result == 0) {
            return 0;
        }
        result = fault_again(fault, result);
        if (result != 0) {
            return result;
        }
    }
}

size_t space_access(struct space *space, vaddr_t addr, void *buf, size_t size, unsigned access)
{
    size_t done = 0;
    while (done < size && addr < LAYOUT_USER_END) {
        size_t offset = addr & PAGE_MASK;
        struct fault fault = {.space = space,
                              .va = addr - offset,
                              .access = access & ~(unsigned)SPACE_FORCE,
                              .force = (access & SPACE_FORCE) != 0,
                              .alone = true};
        struct piece piece = {.offset = offset,
                              .size = MIN(PAGE_SIZE - offset, size - done),
                              .buf = buf != NULL ? (char *)buf + done : NULL,
                              .write = (access & SPACE_WRITE) != 0};
        if (access_page(&fault, &piece) != 0) {
            break;
        }
        done += piece.size;
        addr += piece.size;
    }
    return done;
}
