/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces: creation and end, the tree of regions, the search for free room. Mapping calls
 * are in space_map.c and space_remap.c, faults in space_fault.c, fork in space_fork.c, the entries
 * of page tables in space_pages.c.
 */
#include "kernel/core/space.h"
#include "abi/errno.h"
#include "kernel/core/space_impl.h"
#include "kernel/mm/heap.h"

static int region_compare(const struct region *a, const struct region *b)
{
    return a->start < b->start ? -1 : a->start > b->start;
}

RB_GENERATE_STATIC(region_tree, region, link, region_compare)

int space_create(struct space **out)
{
    struct space *space = kzalloc(sizeof(*space));
    if (space == NULL) {
        return -ENOMEM;
    }
    int error = arch_mmu_create(&space->mmu);
    if (error != 0) {
        kfree(space);
        return error;
    }
    ref_init(&space->refs, 1);
    rw_init(&space->lock, LOCK_SPACE);
    RB_INIT(&space->tree);
    *out = space;
    return 0;
}

void space_get(struct space *space)
{
    ref_get(&space->refs);
}

/* Nobody else knows the space any more, so its lock is not needed. */
static void space_destroy(struct space *space)
{
    struct list dead = LIST_INIT(dead);
    struct region *region;
    arch_mmu_retire(&space->mmu);
    RB_FOREACH (region, region_tree, &space->tree) {
        pages_drop(space, region->start, region->end);
        if (region->vmo != NULL) {
            vmo_detach(region->vmo, region);
        }
        list_add_tail(&dead, &region->vmo_link);
    }
    regions_reap(&dead);
    arch_mmu_destroy(&space->mmu);
    if (space->personal_release != NULL) {
        space->personal_release(space->personal);
    }
    kfree(space);
}

void space_put(struct space *space)
{
    if (ref_put(&space->refs)) {
        space_destroy(space);
    }
}

/* The tree. */

struct region *space_find_locked(struct space *space, vaddr_t addr)
{
    /* Readers set it, too; regions go only when nobody reads. */
    struct region *best = __atomic_load_n(&space->last_found, __ATOMIC_RELAXED);
    if (best != NULL && addr >= best->start && addr < best->end) {
        return best;
    }
    best = NULL;
    struct region *here = RB_ROOT(&space->tree);
    while (here != NULL) {
        if (addr >= here->end) {
            here = RB_RIGHT(here, link);
            continue;
        }
        best = here;
        if (addr >= here->start) {
            break;
        }
        here = RB_LEFT(here, link);
    }
    __atomic_store_n(&space->last_found, best, __ATOMIC_RELAXED);
    return best;
}

struct region *space_next_locked(struct region *region)
{
    return RB_NEXT(region_tree, NULL, region);
}

struct region *space_prev_locked(struct region *region)
{
    return RB_PREV(region_tree, NULL, region);
}

struct region *space_first_locked(struct space *space)
{
    return RB_MIN(region_tree, &space->tree);
}

struct region *space_last_locked(struct space *space)
{
    return RB_MAX(region_tree, &space->tree);
}

struct region *space_first_in(struct space *space, vaddr_t start, vaddr_t end)
{
    struct region *region = space_find_locked(space, start);
    return region != NULL && region->start < end ? region : NULL;
}

/* Regions. */

static uint64_t region_pages(const struct region *region)
{
    return (region->end - region->start) >> PAGE_SHIFT;
}

struct region *region_create(struct space *space, const struct region *like, vaddr_t start,
                             vaddr_t end)
{
    if (space->region_count >= SPACE_MAX_REGIONS) {
        return NULL;
    }
    struct region *region = kmalloc(sizeof(*region));
    if (region == NULL) {
        return NULL;
    }
    *region = (struct region){.start = start,
                              .end = end,
                              .flags = like->flags,
                              .vmo = like->vmo,
                              .owner = like->owner,
                              .space = space};
    if (region->vmo != NULL) {
        region->offset = like->offset + (start - like->start);
        vmo_get(region->vmo);
    }
    if (region->owner != NULL) {
        region->owner->ops->get(region->owner);
    }
    return region;
}

void region_insert(struct region *region, const struct region *like)
{
    struct space *space = region->space;
    struct region *same = RB_INSERT(region_tree, &space->tree, region);
    assert(same == NULL);
    if (region->vmo != NULL) {
        vmo_attach(region->vmo, region, like);
    }
    space->region_count++;
    space->virtual_pages += region_pages(region);
}

void region_remove(struct region *region, struct list *dead)
{
    struct space *space = region->space;
    RB_REMOVE(region_tree, &space->tree, region);
    if (space->last_found == region) {
        space->last_found = NULL;
    }
    if (region->vmo != NULL) {
        vmo_detach(region->vmo, region);
    }
    space->region_count--;
    space->virtual_pages -= region_pages(region);
    list_add_tail(dead, &region->vmo_link);
}

void regions_reap(struct list *dead)
{
    struct region *region, *next;
    list_for_each_safe (region, next, dead, vmo_link) {
        if (region->vmo != NULL) {
            vmo_put(region->vmo);
        }
        if (region->owner != NULL) {
            region->owner->ops->put(region->owner);
        }
        kfree(region);
    }
}

void region_set_start(struct region *region, vaddr_t start)
{
    struct space *space = region->space;
    space->virtual_pages -= region_pages(region);
    if (region->vmo != NULL) {
        region->offset += start - region->start;
    }
    region->start = start;
    space->virtual_pages += region_pages(region);
}

void region_set_end(struct region *region, vaddr_t end)
{
    struct space *space = region->space;
    space->virtual_pages -= region_pages(region);
    region->end = end;
    space->virtual_pages += region_pages(region);
}

struct region *region_split(struct region *region, vaddr_t addr)
{
    assert(addr > region->start && addr < region->end);
    struct region *upper = region_create(region->space, region, addr, region->end);
    if (upper != NULL) {
        region_set_end(region, addr);
        region_insert(upper, region);
    }
    return upper;
}

bool region_joins(const struct region *lower, const struct region *upper)
{
    return lower->end == upper->start && lower->flags == upper->flags && lower->vmo == upper->vmo &&
           lower->owner == upper->owner && !(lower->flags & REGION_GROWS_DOWN) &&
           (lower->vmo == NULL || lower->offset + (lower->end - lower->start) == upper->offset);
}

struct region *region_join_prev(struct region *region, struct list *dead)
{
    struct region *prev = space_prev_locked(region);
    if (prev == NULL || !region_joins(prev, region)) {
        return region;
    }
    vaddr_t end = region->end;
    region_remove(region, dead);
    region_set_end(prev, end);
    return prev;
}

void regions_join(struct space *space, vaddr_t start, vaddr_t end, struct list *dead)
{
    struct region *region = space_find_locked(space, start);
    while (region != NULL && region->start <= end) {
        region = space_next_locked(region_join_prev(region, dead));
    }
}

/* Free room. */

/* Where memory below a region may end: a stack keeps its distance. */
static vaddr_t region_floor(const struct region *region)
{
    if (!(region->flags & REGION_GROWS_DOWN)) {
        return region->start;
    }
    return region->start - MIN(region->start, SPACE_STACK_GUARD);
}

bool space_is_free(struct space *space, vaddr_t addr, size_t size)
{
    struct region *region = space_find_locked(space, addr);
    return region == NULL || addr + size <= region_floor(region);
}

/* Searches downwards from top; *largest is raised to the largest gap passed by. */
static vaddr_t find_gap_below(struct space *space, vaddr_t top, size_t size, size_t *largest)
{
    struct region *region = space_find_locked(space, top - 1);
    if (region == NULL) {
        region = space_last_locked(space);
    } else {
        top = MIN(top, region_floor(region));
        region = space_prev_locked(region);
    }
    for (;;) {
        vaddr_t bottom = region != NULL ? MAX(region->end, SPACE_MIN_ADDR) : SPACE_MIN_ADDR;
        size_t gap = top > bottom ? top - bottom : 0;
        if (gap >= size) {
            return top - size;
        }
        if (region == NULL) {
            return 0;
        }
        *largest = MAX(*largest, gap);
        top = MIN(top, region_floor(region));
        region = space_prev_locked(region);
    }
}

vaddr_t space_find_gap(struct space *space, size_t size)
{
    if (space->mmap_top != 0) {
        bool known = space->gap_top == space->mmap_top && size >= space->gap_size;
        vaddr_t top = known ? space->gap_hint : space->mmap_top;
        size_t largest = known ? space->gap_size - PAGE_SIZE : 0;
        vaddr_t addr = top >= size ? find_gap_below(space, top, size, &largest) : 0;
        if (addr != 0) {
            space->gap_top = space->mmap_top;
            space->gap_hint = addr;
            space->gap_size = largest + PAGE_SIZE;
            return addr;
        }
    }
    size_t largest = 0;
    return find_gap_below(space, LAYOUT_USER_END, size, &largest);
}

void space_gap_freed(struct space *space, vaddr_t end)
{
    if (end > space->gap_hint && space->gap_top != 0) {
        space->gap_hint = MIN(end, space->gap_top);
    }
}
