/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mapping, unmapping, change of rights, discarding. Adjacent regions that could be one are joined,
 * so that programs that grow memory step by step keep few regions. Regions taken out are gathered
 * in a list and let go after the lock: their owners' put may take locks of the file system.
 */
#include "abi/errno.h"
#include "kernel/core/space.h"
#include "kernel/core/space_impl.h"

/* Above this size or this many tables, unmapping also gives page tables back. */
#define TRIM_SIZE   0x200000ul
#define TRIM_TABLES 8u

static void space_finish(struct space *space, struct list *dead)
{
    rw_write_unlock(&space->lock);
    regions_reap(dead);
}

/* For who takes pages or rights away: other CPUs are waited for at the end, when threads on them
 * can fault again. */
static void later_begin(struct space *space, struct gather *later)
{
    gather_begin(later, space);
    space->later = arch_tlb_is_local(&space->mmu) ? NULL : later;
}

/* RELEASES space->lock. */
static void later_finish(struct space *space, struct gather *later, struct list *dead)
{
    space->later = NULL;
    if (likely(later->high == 0)) {
        rw_write_unlock(&space->lock);
    } else {
        rw_downgrade(&space->lock);
        gather_end(later);
        rw_read_unlock(&space->lock);
    }
    regions_reap(dead);
}

/* Frees the tables of the free room around [start, end). */
static void trim_tables(struct space *space, vaddr_t start, vaddr_t end)
{
    struct region *next = space_find_locked(space, start);
    struct region *prev = next != NULL ? space_prev_locked(next) : space_last_locked(space);
    vaddr_t low = prev != NULL ? prev->end : 0;
    vaddr_t high = next != NULL ? next->start : LAYOUT_USER_END;
    if (end - start >= TRIM_SIZE ||
        space->mmu.table_pages > TRIM_TABLES + 2ul * space->region_count) {
        arch_mmu_trim(&space->mmu, low, high);
    }
}

int space_unmap_locked(struct space *space, vaddr_t start, vaddr_t end, struct list *dead)
{
    struct region *region = space_first_in(space, start, end);
    if (region == NULL) {
        return 0;
    }
    if (region->start < start && region->end > end) {
        if (region_split(region, end) == NULL) {
            return -ENOMEM;
        }
    }
    vaddr_t first = MAX(start, region->start), last = first;
    while (region != NULL && region->start < end) {
        struct region *next = space_next_locked(region);
        last = MIN(end, region->end);
        if (region->start < start) {
            region_set_end(region, start);
        } else if (region->end > end) {
            region_set_start(region, end);
        } else {
            region_remove(region, dead);
        }
        region = next;
    }
    pages_drop(space, first, last);
    space_gap_freed(space, region != NULL ? region->start : LAYOUT_USER_END);
    trim_tables(space, first, last);
    return 0;
}

int space_unmap(struct space *space, vaddr_t addr, size_t size)
{
    if (!IS_ALIGNED(addr, PAGE_SIZE) || size == 0 || size > LAYOUT_USER_END ||
        addr > LAYOUT_USER_END - size) {
        return -EINVAL;
    }
    struct list dead = LIST_INIT(dead);
    vaddr_t end = addr + ALIGN_UP(size, PAGE_SIZE);
    struct gather later;
    rw_write_lock(&space->lock);
    later_begin(space, &later);
    int error = space_unmap_locked(space, addr, end, &dead);
    later_finish(space, &later, &dead);
    return error;
}

int space_unmap_owned(struct space *space, vaddr_t addr, const struct region_owner_ops *ops)
{
    struct list dead = LIST_INIT(dead);
    struct gather later;
    const struct vmo *vmo = NULL;
    int error = 0;
    rw_write_lock(&space->lock);
    later_begin(space, &later);
    struct region *region = space_find_locked(space, addr), *next;
    for (; region != NULL && error == 0; region = next) {
        next = space_next_locked(region);
        if (region->owner != NULL && region->owner->ops == ops &&
            region->start - region->offset == addr && (vmo == NULL || vmo == region->vmo)) {
            vmo = region->vmo;
            error = space_unmap_locked(space, region->start, region->end, &dead);
        }
    }
    later_finish(space, &later, &dead);
    return vmo == NULL ? -EINVAL : error;
}

/* Where a mapping goes that may go anywhere: at the hint if that is free. */
static vaddr_t choose_place(struct space *space, vaddr_t hint, size_t size)
{
    if (hint != 0) {
        vaddr_t addr = MAX(ALIGN_UP(hint, PAGE_SIZE), SPACE_MIN_ADDR);
        if (addr >= hint && size <= LAYOUT_USER_END && addr <= LAYOUT_USER_END - size &&
            space_is_free(space, addr, size)) {
            return addr;
        }
    }
    return space_find_gap(space, size);
}

/* Enlarges a neighbour by what is described, if that gives one region. */
static bool map_by_joining(struct space *space, const struct region *wanted, struct list *dead)
{
    struct region *next = space_find_locked(space, wanted->start);
    struct region *prev = next != NULL ? space_prev_locked(next) : space_last_locked(space);
    if (prev != NULL && region_joins(prev, wanted)) {
        region_set_end(prev, wanted->end);
        if (next != NULL) {
            region_join_prev(next, dead);
        }
        return true;
    }
    if (next != NULL && region_joins(wanted, next)) {
        region_set_start(next, wanted->start);
        return true;
    }
    return false;
}

static int check_fixed(const struct space_map *map, size_t size)
{
    if (!IS_ALIGNED(map->addr, PAGE_SIZE)) {
        return -EINVAL;
    }
    if (size > LAYOUT_USER_END || map->addr > LAYOUT_USER_END - size) {
        return -ENOMEM;
    }
    return map->addr < SPACE_MIN_ADDR ? -EPERM : 0;
}

/* Finds or makes room; on success nothing is mapped in [*addr, *addr + size). */
static int make_room(struct space *space, const struct space_map *map, size_t size, vaddr_t *addr,
                     struct list *dead)
{
    if (!map->fixed && !map->fixed_noreplace) {
        *addr = choose_place(space, map->addr, size);
        return *addr != 0 ? 0 : -ENOMEM;
    }
    *addr = map->addr;
    if (map->fixed_noreplace) {
        return space_first_in(space, *addr, *addr + size) != NULL ? -EEXIST : 0;
    }
    return space_unmap_locked(space, *addr, *addr + size, dead);
}

static int map_locked(struct space *space, const struct space_map *map, size_t size, vaddr_t *addr,
                      struct list *dead)
{
    struct region wanted = {.flags = map->flags,
                            .vmo = map->vmo,
                            .owner = map->owner,
                            .offset = map->vmo != NULL ? map->offset : 0};
    /* With `fixed` old mappings go only when nothing can fail any more. */
    struct region *region = map->fixed ? region_create(space, &wanted, 0, size) : NULL;
    if (map->fixed && region == NULL) {
        return -ENOMEM;
    }
    int error = make_room(space, map, size, addr, dead);
    wanted.start = *addr;
    wanted.end = *addr + size;
    bool joined = error == 0 && map_by_joining(space, &wanted, dead);
    if (error != 0 || joined) {
        if (region != NULL) {
            list_add_tail(dead, &region->vmo_link);
        }
        return error;
    }
    if (region == NULL) {
        region = region_create(space, &wanted, wanted.start, wanted.end);
        if (region == NULL) {
            return -ENOMEM;
        }
    }
    region->start = wanted.start;
    region->end = wanted.end;
    region_insert(region, NULL);
    return 0;
}

int space_map(struct space *space, const struct space_map *map, vaddr_t *addr)
{
    size_t size = ALIGN_UP(map->size, PAGE_SIZE);
    if (map->size == 0 || (map->vmo != NULL && !IS_ALIGNED(map->offset, PAGE_SIZE))) {
        return -EINVAL;
    }
    if (size == 0 || size > LAYOUT_USER_END) {
        return -ENOMEM;
    }
    int error = map->fixed || map->fixed_noreplace ? check_fixed(map, size) : 0;
    if (error != 0) {
        return error;
    }
    struct list dead = LIST_INIT(dead);
    rw_write_lock(&space->lock);
    error = map_locked(space, map, size, addr, &dead);
    space_finish(space, &dead);
    return error;
}

/* Rights that a region may be given. */
static unsigned allowed_rights(const struct region *region)
{
    return (region->flags & REGION_MAY_READ ? REGION_READ : 0) |
           (region->flags & REGION_MAY_WRITE ? REGION_WRITE : 0) |
           (region->flags & REGION_MAY_EXEC ? REGION_EXEC : 0);
}

/* 0 when the range has no holes and every region in it may have the rights. */
static int check_rights(struct space *space, vaddr_t start, vaddr_t end, unsigned rights)
{
    struct region *region = space_find_locked(space, start);
    while (region != NULL && region->start <= start) {
        if (rights & ~allowed_rights(region)) {
            return -EACCES;
        }
        start = region->end;
        if (start >= end) {
            return 0;
        }
        region = space_next_locked(region);
    }
    return -ENOMEM;
}

/*
 * Makes [start, end), a part of the region, a region with other flags: by moving a border when the
 * neighbour on that side has these flags, else by cutting. Returns the region with the new flags,
 * or NULL: out of memory.
 */
static struct region *reflag(struct region *region, vaddr_t start, vaddr_t end, unsigned flags)
{
    struct region *prev = space_prev_locked(region), *next = space_next_locked(region);
    struct region changed = *region;
    changed.start = start;
    changed.end = end;
    changed.flags = flags;
    changed.offset += region->vmo != NULL ? start - region->start : 0;
    if (start == region->start && end < region->end && prev != NULL &&
        region_joins(prev, &changed)) {
        region_set_end(prev, end);
        region_set_start(region, end);
        return prev;
    }
    if (end == region->end && start > region->start && next != NULL &&
        region_joins(&changed, next)) {
        region_set_end(region, start);
        region_set_start(next, start);
        return next;
    }
    if (end < region->end && region_split(region, end) == NULL) {
        return NULL;
    }
    if (start > region->start) {
        region = region_split(region, start);
    }
    if (region != NULL) {
        region->flags = flags;
    }
    return region;
}

static int set_rights(struct space *space, vaddr_t start, vaddr_t end, unsigned rights)
{
    struct region *region = space_find_locked(space, start);
    while (start < end) {
        vaddr_t part_end = MIN(end, region->end);
        unsigned flags = (region->flags & ~REGION_RIGHTS) | rights;
        bool less = (region->flags & ~flags) != 0;
        if (flags != region->flags) {
            region = reflag(region, start, part_end, flags);
            if (region == NULL) {
                return -ENOMEM;
            }
            pages_protect(region, start, part_end, less);
        }
        start = part_end;
        if (region->end <= start) {
            region = space_next_locked(region);
        }
    }
    return 0;
}

static int protect_locked(struct space *space, vaddr_t start, vaddr_t end, unsigned rights,
                          struct list *dead)
{
    int error = check_rights(space, start, end, rights);
    if (error == 0) {
        error = set_rights(space, start, end, rights);
        regions_join(space, start, end, dead);
    }
    return error;
}

int space_protect(struct space *space, vaddr_t addr, size_t size, unsigned rights)
{
    size = ALIGN_UP(size, PAGE_SIZE);
    if (!IS_ALIGNED(addr, PAGE_SIZE)) {
        return -EINVAL;
    }
    if (size == 0) {
        return 0;
    }
    if (size > LAYOUT_USER_END || addr > LAYOUT_USER_END - size) {
        return -ENOMEM;
    }
    struct list dead = LIST_INIT(dead);
    struct gather later;
    rw_write_lock(&space->lock);
    later_begin(space, &later);
    int error = protect_locked(space, addr, addr + size, rights & REGION_RIGHTS, &dead);
    later_finish(space, &later, &dead);
    return error;
}

int space_discard(struct space *space, vaddr_t addr, size_t size)
{
    if (!IS_ALIGNED(addr, PAGE_SIZE) || size > LAYOUT_USER_END || addr > LAYOUT_USER_END - size) {
        return -EINVAL;
    }
    vaddr_t end = addr + ALIGN_UP(size, PAGE_SIZE);
    struct list dead = LIST_INIT(dead);
    struct gather later;
    rw_write_lock(&space->lock);
    later_begin(space, &later);
    struct region *region = space_first_in(space, addr, end);
    vaddr_t covered = addr;
    for (; region != NULL && region->start < end; region = space_next_locked(region)) {
        if (region->start <= covered) {
            covered = MIN(end, region->end);
        }
        pages_drop(space, MAX(addr, region->start), MIN(end, region->end));
    }
    later_finish(space, &later, &dead);
    return covered < end ? -ENOMEM : 0;
}

void space_unmap_object(struct space *space, struct vmo *vmo, uint64_t first, uint64_t last,
                        bool copies)
{
    rw_write_lock(&space->lock);
    struct region *region = space_first_locked(space);
    for (; region != NULL; region = space_next_locked(region)) {
        uint64_t from = region->offset >> PAGE_SHIFT;
        uint64_t pages = (region->end - region->start) >> PAGE_SHIFT;
        if (region->vmo != vmo || last < from || first >= from + pages) {
            continue;
        }
        vaddr_t start = region->start + (first > from ? (first - from) << PAGE_SHIFT : 0);
        vaddr_t end = last - from < pages ? region->start + ((last - from + 1) << PAGE_SHIFT)
                                          : region->end;
        if (copies) {
            pages_drop(space, start, end);
        } else {
            pages_drop_object(space, start, end);
        }
    }
    rw_write_unlock(&space->lock);
}
