/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work on ranges of page-table entries. Frames are given back only after their translations are
 * flushed: they are gathered in batches. See space_impl.h for what each function does.
 */
#include "abi/errno.h"
#include "kernel/core/space_impl.h"

void gather_begin(struct gather *gather, struct space *space)
{
    gather->space = space;
    gather->count = 0;
    gather->high = 0;
    gather->flushed = false;
}

void gather_end(struct gather *gather)
{
    struct space *space = gather->space;
    if (gather->high != 0 && !gather->flushed) {
        arch_tlb_flush_range(&space->mmu, gather->low, gather->high);
    }
    gather->high = 0;
    if (gather->count != 0) {
        frame_put_many(gather->frames, gather->count);
        __atomic_store_n(&space->peak_resident_pages, space_peak_pages(space), __ATOMIC_RELAXED);
        __atomic_fetch_sub(&space->resident_pages, gather->count, __ATOMIC_RELAXED);
        gather->count = 0;
    }
}

static inline void gather_entry(struct gather *gather, vaddr_t va, pte_t pte)
{
    if (gather->high == 0) {
        gather->low = va;
    }
    gather->high = va + PAGE_SIZE;
    if (!arch_pte_borrowed(pte)) {
        gather->frames[gather->count++] = paddr_to_frame(arch_pte_paddr(pte));
        if (gather->count == GATHER_BATCH) {
            gather_end(gather);
        }
    }
}

/* A page of an object, or bytes it has borrowed; not a private copy. */
static bool is_object_page(pte_t pte)
{
    return arch_pte_borrowed(pte) || arch_pte_shared(pte) ||
           paddr_to_frame(arch_pte_paddr(pte))->spare == FRAME_OBJECT;
}

/* Takes all rights from the pages, so that after one flush no CPU has any of them. */
static void revoke(struct space *space, vaddr_t first, vaddr_t end)
{
    pte_t *entry;
    size_t count;
    for (vaddr_t va = first; va < end; va += count << PAGE_SHIFT) {
        count = arch_mmu_leaf(&space->mmu, va, end, false, &entry);
        for (size_t i = 0; entry != NULL && i < count; i++) {
            if (arch_pte_present(entry[i])) {
                unsigned kept = arch_pte_flags(entry[i]) & (ARCH_PTE_BORROWED | ARCH_PTE_SHARED);
                entry[i] = arch_pte_make(arch_pte_paddr(entry[i]), kept);
            }
        }
    }
    arch_tlb_flush_range(&space->mmu, first, end);
}

/* Inlined, so that the choice is made once. */
static inline __attribute__((always_inline)) void drop(struct space *space, vaddr_t start,
                                                       vaddr_t end, bool all)
{
    struct gather own, *gather = space->later;
    if (likely(gather == NULL)) {
        gather = &own;
        gather_begin(gather, space);
    }
    /* One flush for all of them, not one for each batch, when it is to disturb others. */
    bool many = all && end - start > GATHER_BATCH * PAGE_SIZE && !arch_tlb_is_local(&space->mmu);
    if (unlikely(many)) {
        gather_end(gather);
        revoke(space, start, end);
        gather->flushed = true;
    }
    pte_t *entry;
    for (size_t count; start < end; start += count << PAGE_SHIFT) {
        count = arch_mmu_leaf(&space->mmu, start, end, false, &entry);
        for (size_t i = 0; entry != NULL && i < count; i++) {
            pte_t pte = entry[i];
            if (arch_pte_present(pte) && (all || is_object_page(pte))) {
                entry[i] = 0;
                gather_entry(gather, start + (i << PAGE_SHIFT), pte);
            }
        }
    }
    if (many || gather == &own) {
        gather_end(gather);
        gather->flushed = false;
    }
}

void pages_drop(struct space *space, vaddr_t start, vaddr_t end)
{
    drop(space, start, end, true);
}

void pages_drop_object(struct space *space, vaddr_t start, vaddr_t end)
{
    drop(space, start, end, false);
}

/* A page may be made writable without a fault: nobody else has a reference, or it is the object's
 * own and mapped to be written. */
static bool may_write_now(pte_t pte)
{
    if (arch_pte_borrowed(pte)) {
        return false;
    }
    struct frame *frame = paddr_to_frame(arch_pte_paddr(pte));
    if (!arch_pte_shared(pte) && frame_refs(frame) == 1) {
        page_own(frame);
        return true;
    }
    return arch_pte_shared(pte);
}

void pages_protect(struct region *region, vaddr_t start, vaddr_t end, bool less)
{
    struct space *space = region->space;
    unsigned flags = region_pte_flags(region);
    const unsigned kept = ARCH_PTE_BORROWED | ARCH_PTE_SHARED;
    vaddr_t first = start;
    bool changed = false;
    pte_t *entry;
    for (size_t count; start < end; start += count << PAGE_SHIFT) {
        count = arch_mmu_leaf(&space->mmu, start, end, false, &entry);
        for (size_t i = 0; entry != NULL && i < count; i++) {
            pte_t pte = entry[i];
            if (!arch_pte_present(pte)) {
                continue;
            }
            unsigned rights = flags;
            if ((flags & ARCH_PTE_WRITE) && !may_write_now(pte)) {
                /* A region that can only be written is readable as well on all our machines. */
                rights = (flags & ~ARCH_PTE_WRITE) | ARCH_PTE_READ;
            }
            entry[i] = arch_pte_make(arch_pte_paddr(pte), rights | (arch_pte_flags(pte) & kept));
            changed = true;
        }
    }
    if (changed && less && space->later != NULL) {
        space->later->low = space->later->high != 0 ? MIN(space->later->low, first) : first;
        space->later->high = MAX(space->later->high, end);
    } else if (changed && less) {
        arch_tlb_flush_range(&space->mmu, first, end);
    } else if (changed) {
        arch_tlb_flush_local(&space->mmu, first, end);
    }
}

int pages_move(struct space *space, vaddr_t from, vaddr_t to, size_t size)
{
    vaddr_t start = from, end = from + size;
    int error = 0;
    pte_t *entry, *target;
    for (size_t count; start < end && error == 0; start += count << PAGE_SHIFT) {
        count = arch_mmu_leaf(&space->mmu, start, end, false, &entry);
        for (size_t i = 0; entry != NULL && i < count; i++) {
            if (!arch_pte_present(entry[i])) {
                continue;
            }
            vaddr_t va = to + (start - from) + (i << PAGE_SHIFT);
            if (arch_mmu_leaf(&space->mmu, va, va + PAGE_SIZE, true, &target) == 0) {
                error = -ENOMEM;
                break;
            }
            assert(!arch_pte_present(*target));
            *target = entry[i];
            entry[i] = 0;
        }
    }
    arch_tlb_flush_range(&space->mmu, from, end);
    return error;
}

/* One leaf table's part of pages_copy. */
static void copy_entries(struct space *child, bool private, pte_t *from, pte_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pte_t pte = from[i];
        if (!arch_pte_present(pte)) {
            continue;
        }
        if (private && arch_pte_writable(pte)) {
            pte = arch_pte_readonly(pte);
            from[i] = pte;
        }
        if (!arch_pte_borrowed(pte)) {
            frame_get(paddr_to_frame(arch_pte_paddr(pte)));
            child->resident_pages++; /* nobody faults there yet */
        }
        to[i] = pte;
    }
}

int pages_copy(struct space *parent, struct space *child, const struct region *region)
{
    bool private = !(region->flags & REGION_SHARED);
    vaddr_t va = region->start, end = region->end;
    pte_t *from, *to;
    for (size_t count; va < end; va += count << PAGE_SHIFT) {
        count = arch_mmu_leaf(&parent->mmu, va, end, false, &from);
        size_t skip = 0;
        while (from != NULL && skip < count && !arch_pte_present(from[skip])) {
            skip++;
        }
        if (from == NULL || skip == count) {
            continue;
        }
        if (arch_mmu_leaf(&child->mmu, va, end, true, &to) == 0) {
            return -ENOMEM;
        }
        copy_entries(child, private, from + skip, to + skip, count - skip);
    }
    return 0;
}
