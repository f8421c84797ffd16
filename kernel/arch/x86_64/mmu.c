/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables of four levels (Intel SDM volume 3, section 4.5). All roots share the tables of the
 * kernel half: its root entries are made before the first space and do not change from then on.
 * Tables of the user half come from and go back to a small pool of clear pages for each CPU, so
 * that a short-lived process does not pay for clearing them. The struct frame of a user table's
 * page counts the entries in use (`spare`) and bounds their numbers (`priv`).
 * Which CPUs use them, and what their TLBs hold, is in tlb.c.
 */
#include "kernel/arch/mmu.h"
#include "abi/errno.h"
#include "kernel/arch/x86_64/mmu_tables.h"
#include "kernel/base/percpu.h"
#include "kernel/base/spinlock.h"
#include "kernel/mm/frame.h"
#include "lib/string.h"
#include <machine/paging.h>

#define USER_SLOTS  256u
#define NO_LEAF     1ul /* leaf_start: no table is remembered */
#define USER_SPAN   (1ul << 47)
#define POOL_TABLES 24u
#define POOL_ROOTS  4u

static bool kernel_half_is_final; /* root entries: constant once true */

/* Clear pages for tables, and roots with a clear user half. Owner: the CPU, interrupts off. */
struct table_pool {
    unsigned tables, roots;
    struct frame *table[POOL_TABLES];
    struct frame *root[POOL_ROOTS];
};
PERCPU(struct table_pool, table_pool);

/* The pool. */

static struct frame *pool_take(void)
{
    unsigned long irq = arch_irq_save();
    struct table_pool *pool = &percpu(table_pool);
    struct frame *frame = pool->tables != 0 ? pool->table[--pool->tables] : NULL;
    arch_irq_restore(irq);
    return frame != NULL ? frame : frame_alloc(FRAME_ZERO);
}

static void pool_give(struct frame *frame)
{
    unsigned long irq = arch_irq_save();
    struct table_pool *pool = &percpu(table_pool);
    bool room = pool->tables < POOL_TABLES;
    if (room) {
        pool->table[pool->tables++] = frame;
    }
    arch_irq_restore(irq);
    if (!room) {
        frame_put(frame);
    }
}

static bool pool_reclaim(void)
{
    unsigned long irq = arch_irq_save();
    struct table_pool *pool = &percpu(table_pool);
    bool any = pool->tables + pool->roots != 0;
    frame_put_many(pool->table, pool->tables);
    frame_put_many(pool->root, pool->roots);
    pool->tables = pool->roots = 0;
    arch_irq_restore(irq);
    return any;
}

/* User tables. */

static void note_entry(pte_t *table, unsigned index)
{
    struct frame *frame = paddr_to_frame(virt_to_phys(table));
    unsigned low = frame->priv & 0xffff, high = frame->priv >> 16;
    if (frame->spare++ == 0) {
        low = high = index;
    }
    frame->priv = MIN(low, index) | (unsigned long)MAX(high, index) << 16;
}

static bool table_add(struct arch_mmu *mmu, pte_t *parent, unsigned level, unsigned index)
{
    struct frame *frame = pool_take();
    if (frame == NULL) {
        return false;
    }
    frame->spare = 0;
    parent[index] = frame_to_paddr(frame) | TABLE_FLAGS | X86_PTE_USER;
    if (level == ROOT_LEVEL) {
        mmu->root_used[index / 64] |= 1ul << index % 64;
    } else {
        note_entry(parent, index);
    }
    mmu->table_pages++;
    return true;
}

size_t arch_mmu_leaf(struct arch_mmu *mmu, vaddr_t va, vaddr_t end, bool alloc, pte_t **entry)
{
    unsigned index = table_index(va, 0);
    size_t pages = (end - va) >> PAGE_SHIFT;
    if (likely((va & ~(entry_span(1) - 1)) == mmu->leaf_start)) {
        *entry = &mmu->leaf[index];
        return MIN(ENTRIES - index, pages);
    }
    pte_t *table = phys_to_virt(mmu->root);
    for (unsigned level = ROOT_LEVEL; level > 0; level--) {
        unsigned slot = table_index(va, level);
        if (unlikely(!(table[slot] & X86_PTE_PRESENT))) {
            *entry = NULL;
            if (!alloc) {
                vaddr_t next = (va | (entry_span(level) - 1)) + 1;
                return MIN((next - va) >> PAGE_SHIFT, pages);
            }
            if (!table_add(mmu, table, level, slot)) {
                return 0;
            }
        }
        table = table_at(table[slot]);
    }
    mmu->leaf_start = va & ~(entry_span(1) - 1);
    mmu->leaf = table;
    *entry = &table[index];
    return MIN(ENTRIES - index, pages);
}

/* Giving tables back. */
struct trim {
    struct arch_mmu *mmu;
    vaddr_t start, end;
    struct frame *freed; /* no longer used, but perhaps still in a TLB; linked by priv */
};

static bool tables_trim(struct trim *trim, pte_t *table, unsigned level, vaddr_t base);

/* Frees what entry leads to, as far as it lies inside the range; entry covers [va, va + span) in a
 * table of this level. True: the entry is clear now. */
static bool entry_trim(struct trim *trim, pte_t *entry, unsigned level, vaddr_t va)
{
    bool empty = level == 1 || tables_trim(trim, table_at(*entry), level - 1, va);
    if (!empty || va < trim->start || va + entry_span(level) > trim->end) {
        return false;
    }
    struct frame *child = paddr_to_frame(*entry & X86_PTE_ADDR);
    *entry = 0;
    child->priv = (unsigned long)trim->freed;
    trim->freed = child;
    trim->mmu->table_pages--;
    return true;
}

/* The same for a table that starts at address base. True: it is empty now. */
static bool tables_trim(struct trim *trim, pte_t *table, unsigned level, vaddr_t base)
{
    struct frame *frame = paddr_to_frame(virt_to_phys(table));
    unsigned low = frame->priv & 0xffff, high = frame->priv >> 16;
    size_t span = entry_span(level);
    if (trim->start > base) {
        low = MAX(low, (unsigned)((trim->start - base) / span));
    }
    if (trim->end - 1 < base + high * span) {
        high = (unsigned)((trim->end - 1 - base) / span);
    }
    for (unsigned i = low; i <= high && frame->spare != 0; i++) {
        if (table[i] != 0 && entry_trim(trim, &table[i], level, base + i * span)) {
            frame->spare--;
        }
    }
    return frame->spare == 0;
}

static void root_trim(struct trim *trim)
{
    struct arch_mmu *mmu = trim->mmu;
    pte_t *root = phys_to_virt(mmu->root);
    unsigned last = (unsigned)((trim->end - 1) / entry_span(ROOT_LEVEL));
    mmu->leaf_start = NO_LEAF;
    for (unsigned word = 0; word < ARRAY_SIZE(mmu->root_used); word++) {
        for (uint64_t used = mmu->root_used[word]; used != 0; used &= used - 1) {
            unsigned bit = (unsigned)__builtin_ctzl(used), index = word * 64 + bit;
            vaddr_t va = index * entry_span(ROOT_LEVEL);
            if (va + entry_span(ROOT_LEVEL) <= trim->start || index > last) {
                continue;
            }
            if (entry_trim(trim, &root[index], ROOT_LEVEL, va)) {
                mmu->root_used[word] &= ~(1ul << bit);
            }
        }
    }
}

/* Nothing leads to these tables any more. */
static void tables_free(struct frame *freed)
{
    while (freed != NULL) {
        struct frame *next = (struct frame *)freed->priv;
        pool_give(freed);
        freed = next;
    }
}

void arch_mmu_trim(struct arch_mmu *mmu, vaddr_t start, vaddr_t end)
{
    /* The page above LAYOUT_USER_END is never mapped: it does not keep a table. */
    struct trim trim = {mmu, start, end >= LAYOUT_USER_END ? USER_SPAN : end, NULL};
    if (start < trim.end) {
        root_trim(&trim);
    }
    if (trim.freed != NULL) {
        x86_tlb_flush_tables(mmu); /* upper entries are cached too (SDM 4.10.3.1) */
        tables_free(trim.freed);
    }
}

/* Roots. */

int arch_mmu_create(struct arch_mmu *mmu)
{
    if (unlikely(!kernel_half_is_final)) {
        if (!x86_finish_kernel_half()) {
            return -ENOMEM;
        }
        kernel_half_is_final = true;
        frame_add_reclaim(pool_reclaim);
    }
    unsigned long irq = arch_irq_save();
    struct table_pool *pool = &percpu(table_pool);
    struct frame *frame = pool->roots != 0 ? pool->root[--pool->roots] : NULL;
    arch_irq_restore(irq);
    if (frame == NULL) {
        frame = frame_alloc(0);
        if (frame == NULL) {
            return -ENOMEM;
        }
        pte_t *root = frame_to_virt(frame);
        const pte_t *from = phys_to_virt(x86_kernel_root());
        memset(root, 0, USER_SLOTS * sizeof(pte_t));
        memcpy(root + USER_SLOTS, from + USER_SLOTS, USER_SLOTS * sizeof(pte_t));
    }
    *mmu = (struct arch_mmu){.root = frame_to_paddr(frame), .leaf_start = NO_LEAF};
    x86_tlb_begin(mmu);
    return 0;
}

void arch_mmu_destroy(struct arch_mmu *mmu)
{
    struct trim trim = {mmu, 0, USER_SPAN, NULL};
    assert(cpumask_empty(&mmu->cpus));
    root_trim(&trim);
    tables_free(trim.freed);
    assert(mmu->table_pages == 0);
    struct frame *frame = paddr_to_frame(mmu->root);
    unsigned long irq = arch_irq_save();
    struct table_pool *pool = &percpu(table_pool);
    bool room = pool->roots < POOL_ROOTS;
    if (room) {
        pool->root[pool->roots++] = frame;
    }
    arch_irq_restore(irq);
    if (!room) {
        frame_put(frame);
    }
    mmu->root = 0;
}
