/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A copy of a space for fork: regions one by one; private pages are mapped read-only in both and
 * copied by whoever writes first.
 */
#include "abi/errno.h"
#include "kernel/core/space.h"
#include "kernel/core/space_impl.h"

static int copy_regions(struct space *parent, struct space *child)
{
    struct region *region = space_first_locked(parent);
    for (; region != NULL; region = space_next_locked(region)) {
        if (region->flags & REGION_DONT_FORK) {
            continue;
        }
        struct region *copy = region_create(child, region, region->start, region->end);
        if (copy == NULL) {
            return -ENOMEM;
        }
        region_insert(copy, region);
        if (region->flags & REGION_WIPE_ON_FORK) {
            continue;
        }
        int error = pages_copy(parent, child, region);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int space_fork(struct space *parent, struct space **out)
{
    struct space *child;
    int error = space_create(&child);
    if (error != 0) {
        return error;
    }
    rw_write_lock(&parent->lock);
    /* From its first region on the child can be met by who truncates an object (vmo_shrink.c): he
     * must not pass it before it has the pages. Nobody who holds the child's lock wants another. */
    rw_write_lock_nested(&child->lock);
    child->mmap_top = parent->mmap_top;
    child->gap_top = parent->gap_top;
    child->gap_hint = parent->gap_hint;
    child->gap_size = parent->gap_size;
    child->stack_limit = parent->stack_limit;
    error = copy_regions(parent, child);
    rw_write_unlock(&child->lock);
    /* The parent's pages are read-only from now on, also when the copy failed half way. */
    arch_tlb_flush_range(&parent->mmu, 0, LAYOUT_USER_END);
    rw_write_unlock(&parent->lock);
    if (error != 0) {
        space_put(child);
        return error;
    }
    *out = child;
    return 0;
}
