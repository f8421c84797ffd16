/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory objects: creation, look-up and making of pages. Reading and writing is in vmo_io.c, taking
 * pages away in vmo_shrink.c.
 */
#include "kernel/core/vmo.h"
#include "abi/errno.h"
#include "kernel/core/space.h"
#include "kernel/core/vmo_impl.h"
#include "kernel/mm/heap.h"
#include "lib/string.h"

int vmo_create_borrowed(const void *bytes, uint64_t size, struct vmo **out)
{
    struct vmo *vmo = kzalloc(sizeof(*vmo));
    if (vmo == NULL) {
        return -ENOMEM;
    }
    ref_init(&vmo->refs, 1);
    spin_init(&vmo->lock, LOCK_VMO);
    mutex_init(&vmo->shrink, LOCK_VMO_SHRINK);
    list_init(&vmo->regions);
    vmo->bytes = bytes;
    vmo->borrowed = size;
    vmo->size = size;
    *out = vmo;
    return 0;
}

int vmo_create(struct vmo **out)
{
    int error = vmo_create_borrowed(NULL, 0, out);
    if (error == 0) {
        (*out)->size = UINT64_MAX;
    }
    return error;
}

void vmo_get(struct vmo *vmo)
{
    ref_get(&vmo->refs);
}

static void drop_page(void *arg, struct frame *frame)
{
    (void)arg;
    if (is_page(frame)) {
        frame_put(frame);
    }
}

void vmo_put(struct vmo *vmo)
{
    if (ref_put(&vmo->refs)) {
        assert(list_empty(&vmo->regions));
        page_tree_drop(&vmo->pages, 0, UINT64_MAX, drop_page, NULL);
        kfree(vmo);
    }
}

void vmo_set_size(struct vmo *vmo, uint64_t size)
{
    __atomic_store_n(&vmo->size, size, __ATOMIC_RELAXED);
}

uint64_t vmo_size(const struct vmo *vmo)
{
    return __atomic_load_n(&vmo->size, __ATOMIC_RELAXED);
}

uint64_t vmo_pages(const struct vmo *vmo)
{
    return __atomic_load_n(&vmo->page_count, __ATOMIC_RELAXED);
}

static bool may_write(const struct region *region)
{
    unsigned both = REGION_SHARED | REGION_MAY_WRITE;
    return (__atomic_load_n(&region->flags, __ATOMIC_RELAXED) & both) == both;
}

int vmo_seal(struct vmo *vmo)
{
    bool busy = false;
    spin_lock(&vmo->lock);
    for (struct list *l = vmo->regions.next; l != &vmo->regions && !busy; l = l->next) {
        busy = may_write(list_entry(l, struct region, vmo_link));
    }
    vmo->sealed |= !busy;
    spin_unlock(&vmo->lock);
    return busy ? -EBUSY : 0;
}

void vmo_attach(struct vmo *vmo, struct region *region, const struct region *like)
{
    spin_lock(&vmo->lock);
    if (unlikely(vmo->sealed) && may_write(region)) {
        /* Asked for before the seal, which came first. */
        region->flags &= ~(unsigned)(REGION_MAY_WRITE | REGION_WRITE);
    }
    region->vmo_pass = like != NULL ? like->vmo_pass : vmo->pass;
    if (region->vmo_pass == vmo->pass) {
        list_add_tail(&vmo->regions, &region->vmo_link);
    } else {
        list_add(&vmo->regions, &region->vmo_link);
    }
    spin_unlock(&vmo->lock);
}

void vmo_detach(struct vmo *vmo, struct region *region)
{
    spin_lock(&vmo->lock);
    list_del(&region->vmo_link);
    spin_unlock(&vmo->lock);
}

bool vmo_is_borrowed_locked(const struct vmo *vmo, uint64_t index, paddr_t *paddr)
{
    const char *page = vmo->bytes + index * PAGE_SIZE;
    if (index >= vmo->borrowed / PAGE_SIZE || !IS_ALIGNED((vaddr_t)page, PAGE_SIZE)) {
        return false;
    }
    *paddr = virt_to_phys(page);
    return true;
}

/* Looks a page up for reading; false: it has to be made, and *hole tells from what. */
static bool find_locked(struct vmo *vmo, uint64_t index, bool write, struct vmo_page *out)
{
    struct frame *frame = page_tree_find(&vmo->pages, index);
    if (is_page(frame)) {
        frame_get(frame);
        *out = (struct vmo_page){frame_to_paddr(frame), false};
        return true;
    }
    out->borrowed = true;
    return frame == NULL && !write && vmo_is_borrowed_locked(vmo, index, &out->paddr);
}

bool vmo_find_page(struct vmo *vmo, uint64_t index, struct vmo_page *out)
{
    spin_lock(&vmo->lock);
    bool found = find_locked(vmo, index, false, out);
    spin_unlock(&vmo->lock);
    return found;
}

void vmo_find_pages(struct vmo *vmo, uint64_t index, size_t count, struct vmo_page *out)
{
    spin_lock(&vmo->lock);
    for (size_t i = 0; i < count; i++) {
        if (!find_locked(vmo, index + i, false, &out[i])) {
            out[i].paddr = 0;
        }
    }
    spin_unlock(&vmo->lock);
}

void vmo_fill(const struct absent_page *page, char *dst, size_t from, size_t to)
{
    const struct vmo *vmo = page->vmo;
    uint64_t start = page->index * PAGE_SIZE;
    uint64_t borrowed = page->hole ? 0 : __atomic_load_n(&vmo->borrowed, __ATOMIC_RELAXED);
    size_t have = borrowed > start ? MIN(borrowed - start, PAGE_SIZE) : 0;
    if (from < have) {
        size_t end = MIN(have, to);
        memcpy(dst + from, vmo->bytes + start + from, end - from);
        from = end;
    }
    if (from < to) {
        memset(dst + from, 0, to - from);
    }
}

struct absent_page vmo_absent_locked(struct vmo *vmo, uint64_t index)
{
    bool hole = page_tree_find(&vmo->pages, index) == HOLE;
    return (struct absent_page){vmo, index, hole, vmo->cuts};
}

int vmo_insert(const struct absent_page *page, struct frame *frame, bool *stale,
               struct frame **there)
{
    struct vmo *vmo = page->vmo;
    int error = 0;
    paddr_t paddr;
    spin_lock(&vmo->lock);
    struct frame **slot = page_tree_slot(&vmo->pages, page->index);
    if (slot == NULL) {
        error = -ENOMEM;
    } else if (is_page(*slot)) {
        frame_get(*slot);
        *there = *slot;
        error = -EEXIST;
    } else if (vmo->cuts != page->cuts) {
        error = -EAGAIN;
    } else {
        *stale = *slot == NULL && !list_empty(&vmo->regions) &&
                 vmo_is_borrowed_locked(vmo, page->index, &paddr);
        frame->spare = FRAME_OBJECT;
        *slot = frame;
        vmo->page_count++;
    }
    spin_unlock(&vmo->lock);
    return error;
}

/* Who asks for a page: a mapping, which has none beyond the object's end, or a file. */
enum asker { BY_FAULT, BY_FILE };

static bool is_beyond_locked(const struct vmo *vmo, uint64_t index)
{
    uint64_t size = vmo_size(vmo);
    return index >= size / PAGE_SIZE + ((size & PAGE_MASK) != 0);
}

/* Makes the page at index, for writing, unless it is there by now; *stale as vmo_insert. */
static int make_page(struct vmo *vmo, uint64_t index, enum asker asker, bool *stale,
                     struct vmo_page *out)
{
    struct frame *frame = frame_alloc(0), *there = NULL;
    if (frame == NULL) {
        return -ENOMEM;
    }
    frame_get(frame); /* one for the object, one for the caller */
    int error;
    do {
        spin_lock(&vmo->lock);
        bool beyond = asker == BY_FAULT && is_beyond_locked(vmo, index);
        const struct absent_page absent = vmo_absent_locked(vmo, index);
        spin_unlock(&vmo->lock);
        vmo_fill(&absent, frame_to_virt(frame), 0, PAGE_SIZE);
        error = beyond ? -ENXIO : vmo_insert(&absent, frame, stale, &there);
    } while (error == -EAGAIN);
    if (error != 0) {
        frame_put(frame);
        frame_put(frame);
        frame = there;
    }
    if (error == 0 || error == -EEXIST) {
        *out = (struct vmo_page){frame_to_paddr(frame), false};
        error = 0;
    }
    return error;
}

static int get_page(struct vmo *vmo, uint64_t index, bool write, enum asker asker,
                    struct vmo_page *out)
{
    spin_lock(&vmo->lock);
    bool found = find_locked(vmo, index, write, out);
    spin_unlock(&vmo->lock);
    if (found) {
        return 0;
    }
    bool stale = false;
    int error = make_page(vmo, index, asker, &stale, out);
    if (error == 0 && stale) {
        vmo_unmap(vmo, index, index, false);
    }
    return error;
}

int vmo_get_page(struct vmo *vmo, uint64_t index, bool write, struct vmo_page *out)
{
    return get_page(vmo, index, write, BY_FILE, out);
}

int vmo_make_writable(struct vmo *vmo, uint64_t index)
{
    struct vmo_page page;
    int error = get_page(vmo, index, true, BY_FAULT, &page);
    if (error == 0) {
        frame_put(paddr_to_frame(page.paddr));
    }
    return error;
}

int vmo_fault_page(struct vmo *vmo, uint64_t index, bool write, struct vmo_page *out)
{
    paddr_t paddr;
    spin_lock(&vmo->lock);
    bool found = find_locked(vmo, index, write, out);
    bool borrowed = !found && vmo_is_borrowed_locked(vmo, index, &paddr) &&
                    page_tree_find(&vmo->pages, index) == NULL;
    spin_unlock(&vmo->lock);
    if (found) {
        return 0;
    }
    bool stale = false; /* not: the slot is a hole, or was never mapped from borrowed bytes */
    return borrowed ? -EAGAIN : make_page(vmo, index, BY_FAULT, &stale, out);
}

void vmo_copy_page(struct vmo *vmo, uint64_t index, void *dst)
{
    struct vmo_page page;
    spin_lock(&vmo->lock);
    const struct absent_page absent = vmo_absent_locked(vmo, index);
    bool found = find_locked(vmo, index, false, &page);
    spin_unlock(&vmo->lock);
    if (!found) {
        vmo_fill(&absent, dst, 0, PAGE_SIZE);
        return;
    }
    memcpy(dst, phys_to_virt(page.paddr), PAGE_SIZE);
    if (!page.borrowed) {
        frame_put(paddr_to_frame(page.paddr));
    }
}
