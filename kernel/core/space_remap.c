/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mremap: shrinking, growing in place, moving. A moved mapping takes its page-table entries along.
 */
#include "abi/errno.h"
#include "kernel/core/space.h"
#include "kernel/core/space_impl.h"

static bool overlaps(vaddr_t a, size_t a_size, vaddr_t b, size_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

/* Puts the mapping of `old` to `addr`, where nothing is mapped. */
static int move_region(struct region *region, const struct space_remap *remap, vaddr_t addr,
                       struct list *dead)
{
    struct space *space = region->space;
    struct region *target = region_create(space, region, remap->old, remap->old + remap->new_size);
    if (target == NULL) {
        return -ENOMEM;
    }
    target->start = addr;
    target->end = addr + remap->new_size;
    region_insert(target, region);
    size_t size = MIN(remap->old_size, remap->new_size);
    int error = pages_move(space, remap->old, addr, size);
    if (error == 0 && remap->old_size != 0) {
        error = space_unmap_locked(space, remap->old, remap->old + remap->old_size, dead);
    }
    if (error != 0) {
        /* The tables of the old place still exist: the way back cannot fail. */
        pages_move(space, addr, remap->old, size);
        region_remove(target, dead);
        return error;
    }
    regions_join(space, addr, addr + remap->new_size, dead);
    return 0;
}

/* Enlarges the region at its end; false: something is in the way. */
static bool grow_in_place(struct region *region, const struct space_remap *remap, struct list *dead)
{
    size_t more = remap->new_size - remap->old_size;
    vaddr_t end = region->end;
    if (remap->old + remap->old_size != end || more > LAYOUT_USER_END - end) {
        return false;
    }
    struct region *next = space_next_locked(region);
    if (next != NULL && !space_is_free(region->space, end, more)) {
        return false;
    }
    region_set_end(region, end + more);
    if (next != NULL) {
        region_join_prev(next, dead);
    }
    return true;
}

static int remap_locked(struct space *space, const struct space_remap *remap, vaddr_t *out,
                        struct list *dead)
{
    struct region *region = space_find_locked(space, remap->old);
    if (region == NULL || region->start > remap->old ||
        region->end - remap->old < remap->old_size) {
        return -EFAULT;
    }
    if (remap->old_size == 0 && !(region->flags & REGION_SHARED)) {
        return -EINVAL; /* would be a second mapping of private memory */
    }
    *out = remap->old;
    if (remap->fixed == 0 && remap->old_size != 0) {
        if (remap->new_size <= remap->old_size) {
            return space_unmap_locked(space, remap->old + remap->new_size,
                                      remap->old + remap->old_size, dead);
        }
        if (grow_in_place(region, remap, dead)) {
            return 0;
        }
    }
    if (!remap->may_move) {
        return -ENOMEM;
    }
    vaddr_t addr = remap->fixed;
    if (addr != 0) {
        int error = space_unmap_locked(space, addr, addr + remap->new_size, dead);
        if (error != 0) {
            return error;
        }
        region = space_find_locked(space, remap->old);
    } else {
        addr = space_find_gap(space, remap->new_size);
        if (addr == 0) {
            return -ENOMEM;
        }
    }
    *out = addr;
    return move_region(region, remap, addr, dead);
}

int space_remap(struct space *space, const struct space_remap *asked, vaddr_t *out)
{
    struct space_remap remap = *asked; /* in whole pages */
    remap.old_size = ALIGN_UP(asked->old_size, PAGE_SIZE);
    remap.new_size = ALIGN_UP(asked->new_size, PAGE_SIZE);
    vaddr_t old = remap.old, fixed = remap.fixed;
    if (!IS_ALIGNED(old, PAGE_SIZE) || !IS_ALIGNED(fixed, PAGE_SIZE) || remap.new_size == 0 ||
        remap.old_size < asked->old_size) {
        return -EINVAL;
    }
    if (remap.old_size > LAYOUT_USER_END || old > LAYOUT_USER_END - remap.old_size) {
        return -EFAULT;
    }
    if (remap.new_size > LAYOUT_USER_END || fixed > LAYOUT_USER_END - remap.new_size) {
        return fixed != 0 ? -EINVAL : -ENOMEM;
    }
    if (fixed != 0 && overlaps(old, remap.old_size, fixed, remap.new_size)) {
        return -EINVAL;
    }
    if (fixed != 0 && fixed < SPACE_MIN_ADDR) {
        return -EPERM;
    }
    struct list dead = LIST_INIT(dead);
    rw_write_lock(&space->lock);
    int error = remap_locked(space, &remap, out, &dead);
    rw_write_unlock(&space->lock);
    regions_reap(&dead);
    return error;
}
