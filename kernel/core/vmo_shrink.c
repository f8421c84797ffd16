/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking pages away from a memory object: truncation, holes, and the removal of mappings that this
 * asks for. Pages leave the object first and the spaces afterwards (see vmo_impl.h).
 */
#include "abi/errno.h"
#include "kernel/core/space.h"
#include "kernel/core/vmo.h"
#include "kernel/core/vmo_impl.h"
#include "lib/string.h"

/* A space, with a reference, that has a region not visited in this pass; NULL: none is left. */
static struct space *next_space(struct vmo *vmo)
{
    struct space *space = NULL;
    spin_lock(&vmo->lock);
    while (space == NULL && !list_empty(&vmo->regions)) {
        struct region *region = list_first(&vmo->regions, struct region, vmo_link);
        if (region->vmo_pass == vmo->pass) {
            break;
        }
        region->vmo_pass = vmo->pass;
        list_del(&region->vmo_link);
        list_add_tail(&vmo->regions, &region->vmo_link);
        /* A space without references is on its way out and drops everything itself. */
        if (ref_get_unless_zero(&region->space->refs)) {
            space = region->space;
        }
    }
    spin_unlock(&vmo->lock);
    return space;
}

void vmo_unmap(struct vmo *vmo, uint64_t first, uint64_t last, bool copies)
{
    mutex_lock(&vmo->shrink);
    spin_lock(&vmo->lock);
    vmo->pass++;
    spin_unlock(&vmo->lock);
    for (struct space *space; (space = next_space(vmo)) != NULL;) {
        space_unmap_object(space, vmo, first, last, copies);
        space_put(space);
    }
    mutex_unlock(&vmo->shrink);
}

static void drop_page(void *arg, struct frame *frame)
{
    struct vmo *vmo = arg;
    if (is_page(frame)) {
        vmo->page_count--;
        frame_put(frame);
    }
}

static bool is_mapped_locked(const struct vmo *vmo)
{
    return !list_empty(&vmo->regions);
}

void vmo_truncate(struct vmo *vmo, uint64_t size)
{
    uint64_t index = size / PAGE_SIZE, end = index + ((size & PAGE_MASK) != 0), first = end;
    size_t part = size & PAGE_MASK;
    paddr_t paddr;
    spin_lock(&vmo->lock);
    vmo->cuts++;
    vmo_set_size(vmo, MIN(vmo->size, size));
    struct frame *frame = part != 0 ? page_tree_find(&vmo->pages, index) : NULL;
    if (is_page(frame)) {
        memset((char *)frame_to_virt(frame) + part, 0, PAGE_SIZE - part);
    } else if (frame == NULL && vmo_is_borrowed_locked(vmo, index, &paddr)) {
        first = index; /* the page is not whole from here on: no longer mapped in place */
    }
    __atomic_store_n(&vmo->borrowed, MIN(vmo->borrowed, size), __ATOMIC_RELAXED);
    page_tree_drop(&vmo->pages, end, UINT64_MAX, drop_page, vmo);
    bool mapped = is_mapped_locked(vmo);
    spin_unlock(&vmo->lock);
    if (mapped) {
        vmo_unmap(vmo, first, UINT64_MAX, true);
    }
}

/* Clears [from, to) of one page. */
static int clear_part(struct vmo *vmo, uint64_t index, size_t from, size_t to)
{
    struct vmo_page page;
    spin_lock(&vmo->lock);
    struct frame *frame = page_tree_find(&vmo->pages, index);
    bool zero = frame == HOLE || (frame == NULL && vmo->borrowed <= index * PAGE_SIZE);
    spin_unlock(&vmo->lock);
    if (zero) {
        return 0;
    }
    int error = vmo_get_page(vmo, index, true, &page);
    if (error == 0) {
        memset((char *)phys_to_virt(page.paddr) + from, 0, to - from);
        frame_put(paddr_to_frame(page.paddr));
    }
    return error;
}

/* Replaces the borrowed bytes of whole pages by holes. REQUIRES lock. */
static int make_holes_locked(struct vmo *vmo, uint64_t first, uint64_t last)
{
    uint64_t pages = PAGES(vmo->borrowed);
    for (uint64_t index = first; index <= last && index < pages; index++) {
        struct frame **slot = page_tree_slot(&vmo->pages, index);
        if (slot == NULL) {
            return -ENOMEM;
        }
        *slot = HOLE;
    }
    return 0;
}

int vmo_punch(struct vmo *vmo, uint64_t start, uint64_t end)
{
    if (start >= end) {
        return 0;
    }
    uint64_t first = start / PAGE_SIZE, last = end / PAGE_SIZE;
    size_t head = start & PAGE_MASK, tail = end & PAGE_MASK;
    if (head != 0) {
        size_t to = first == last ? tail : PAGE_SIZE;
        int error = clear_part(vmo, first, head, to);
        if (error != 0 || first == last) {
            return error;
        }
        first++;
    }
    int error = tail != 0 ? clear_part(vmo, last, 0, tail) : 0;
    if (error != 0 || first >= last) {
        return error;
    }
    spin_lock(&vmo->lock);
    vmo->cuts++;
    page_tree_drop(&vmo->pages, first, last - 1, drop_page, vmo);
    error = make_holes_locked(vmo, first, last - 1);
    bool mapped = is_mapped_locked(vmo);
    spin_unlock(&vmo->lock);
    if (mapped) {
        vmo_unmap(vmo, first, last - 1, false);
    }
    return error;
}
