/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The inside of address spaces, for core/space*.c. Unless a line says otherwise, all of these
 * REQUIRE the lock of the spaces concerned.
 */
#include "kernel/core/space.h"

#define SPACE_MAX_REGIONS 65530u /* as vm.max_map_count */

/* space.c: regions. */

/* The region before this one in the tree; space_next_locked is its counterpart. */
struct region *space_prev_locked(struct region *region);
struct region *space_first_locked(struct space *space);
struct region *space_last_locked(struct space *space);
/* The first region that ends above start if it begins below end; NULL: the range is free. */
struct region *space_first_in(struct space *space, vaddr_t start, vaddr_t end);

/* A copy of like's members for [start, end), with references of its own and in no tree; NULL: out
 * of memory or of regions. Needs no lock of a space that nobody else knows. */
struct region *region_create(struct space *space, const struct region *like, vaddr_t start,
                             vaddr_t end);
/* Enters a region into the space's tree, its vmo's list and the accounts. */
void region_insert(struct region *region, const struct region *like);
/* Takes it out again and puts it on `dead`, for regions_reap. */
void region_remove(struct region *region, struct list *dead);
/* Drops references and memory; sleeps; the space's lock is not held. */
void regions_reap(struct list *dead);
/* Moves the bounds of a region; the tree's order stays. */
void region_set_start(struct region *region, vaddr_t start);
void region_set_end(struct region *region, vaddr_t end);
/* Cuts a region in two at addr; NULL: as region_create. Returns the upper part. */
struct region *region_split(struct region *region, vaddr_t addr);
/* Whether upper could be the continuation of lower. */
bool region_joins(const struct region *lower, const struct region *upper);
/* Joins a region with the one before it if they can be one; returns the region that is left. */
struct region *region_join_prev(struct region *region, struct list *dead);
/* Joins the regions in [start, end] with each other and with those beside them, where that can be.
 */
void regions_join(struct space *space, vaddr_t start, vaddr_t end, struct list *dead);

/* A free place of this size below mmap_top, as high as possible; 0: none. */
vaddr_t space_find_gap(struct space *space, size_t size);
/* True when [addr, addr + size) is free and keeps the distance from stacks. */
bool space_is_free(struct space *space, vaddr_t addr, size_t size);
/* To be called when memory up to `end` was unmapped: the gap search may look there again. */
void space_gap_freed(struct space *space, vaddr_t end);

/* space_map.c */
int space_unmap_locked(struct space *space, vaddr_t start, vaddr_t end, struct list *dead);

/* space_pages.c: entries of page tables. */

/* ARCH_PTE_* of a page that is mapped with all rights of the region. */
static inline unsigned region_pte_flags(const struct region *region)
{
    static_assert((unsigned)ARCH_PTE_READ == REGION_READ && (unsigned)ARCH_PTE_EXEC == REGION_EXEC,
                  "rights are the same bits");
    static_assert((unsigned)ARCH_PTE_WRITE == REGION_WRITE, "rights are the same bits");
    return (region->flags & REGION_RIGHTS) | ARCH_PTE_USER | ARCH_PTE_ACCESSED | ARCH_PTE_DIRTY;
}
/*
 * Frames taken out of the tables, and the range whose entries TLBs may still have. With
 * space->later set to one, the functions below leave the flush, and dropping the frames, to its
 * gather_end, which needs the lock only for reading: nobody can map anything where the pages were,
 * but others may fault elsewhere. As long as a batch suffices.
 */
#define GATHER_BATCH 64u
struct gather {
    struct space *space;
    vaddr_t low, high; /* high 0: nothing to flush */
    bool flushed;      /* no TLB has any of them */
    size_t count;
    struct frame *frames[GATHER_BATCH];
};
/* Not static in space_pages.c: space_map.c does the rest of what it has begun. */
void gather_begin(struct gather *gather, struct space *space);
void gather_end(struct gather *gather);
/* Unmaps all pages in [start, end) and drops their frames. */
void pages_drop(struct space *space, vaddr_t start, vaddr_t end);
/* Unmaps only pages that are not private copies. */
void pages_drop_object(struct space *space, vaddr_t start, vaddr_t end);
/* Gives the pages mapped in [start, end), which is in the region, the region's rights; less: it had
 * rights that it has no more. */
void pages_protect(struct region *region, vaddr_t start, vaddr_t end, bool less);
/* Moves the pages of [from, from + size) to `to`; where nothing is mapped: -ENOMEM (some moved). */
int pages_move(struct space *space, vaddr_t from, vaddr_t to, size_t size);
/* Maps parent's pages of the region in the child, write-protecting private ones in both. */
int pages_copy(struct space *parent, struct space *child, const struct region *region);

/* Puts `new` in the place of the entry `old`; false: another thread was faster. REQUIRES the lock
 * only for reading. */
static inline bool page_replace(pte_t *entry, pte_t old, pte_t new)
{
    return __atomic_compare_exchange_n(entry, &old, new, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}
/* The frame under a private page has one reference, the entry's, so that nobody else can come to
 * know it: it is the space's own. It may have been an object's before. */
static inline void page_own(struct frame *frame)
{
    if (unlikely(frame->spare != 0)) {
        frame->spare = 0;
    }
}
