/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables of four levels (Intel SDM volume 3, section 4.5). All roots share the tables of the
 * kernel half: its root entries are made before the first space and do not change from then on.
 * Tables of the user half come from and go back to a small pool of clear pages for each CPU, so
 * that a short-lived process does not pay for clearing them. The struct frame of a user table's
 * page counts the entries in use and bounds their numbers (`priv`).
 * Several threads may look up and add tables at once; who takes tables away is alone.
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
#define USER_SPAN   (1ul << 47)
#define POOL_TABLES 24u
#define POOL_ROOTS  4u

static bool kernel_half_is_final; /* root entries: constant once true */

/*
 * mmu->leaf: the number of the table's frame above the number of its 2 MiB of addresses, which with
 * 47 bits of them leaves a bit for none; frames have 32-bit numbers.
 */
#define LEAF_BITS 27
#define LEAF_MASK ((1ul << LEAF_BITS) - 1)
#define NO_LEAF   ~0ul

/* struct frame's priv of a table: how many entries are in use, the highest and the lowest of them.
 */
#define USE_ONE    (1ul << 32)
#define USED(priv) ((priv) >> 32)
#define HIGH(priv) ((unsigned)((priv) >> 16 & 0xffff))
#define LOW(priv)  ((unsigned)((priv)&0xffff))

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
    unsigned long old = __atomic_load_n(&frame->priv, __ATOMIC_RELAXED), new;
    do {
        unsigned low = USED(old) != 0 ? MIN(LOW(old), index) : index;
        unsigned high = USED(old) != 0 ? MAX(HIGH(old), index) : index;
        new = (USED(old) + 1) * USE_ONE | (unsigned long)high << 16 | low;
    } while (!__atomic_compare_exchange_n(&frame->priv, &old, new, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
}

/* With page-table isolation the root of programs has the same user half. */
static void mirror_root(const struct arch_mmu *mmu, unsigned index, pte_t entry)
{
    if (unlikely(mmu->user_root != 0)) {
        pte_t *root = phys_to_virt(mmu->user_root);
        __atomic_store_n(&root[index], entry, __ATOMIC_RELEASE);
    }
}

/* Makes the table that parent[index] leads to, unless somebody else just did: false: no memory. */
static bool table_add(struct arch_mmu *mmu, pte_t *parent, unsigned level, unsigned index)
{
    struct frame *frame = pool_take();
    pte_t none = 0;
    if (frame == NULL) {
        return false;
    }
    frame->priv = 0;
    if (!__atomic_compare_exchange_n(&parent[index], &none,
                                     frame_to_paddr(frame) | TABLE_FLAGS | X86_PTE_USER, false,
                                     __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        pool_give(frame);
        return true;
    }
    if (level == ROOT_LEVEL) {
        mirror_root(mmu, index, parent[index]);
        __atomic_fetch_or(&mmu->root_used[index / 64], 1ul << index % 64, __ATOMIC_RELAXED);
    } else {
        note_entry(parent, index);
    }
    __atomic_fetch_add(&mmu->table_pages, 1, __ATOMIC_RELAXED);
    return true;
}

size_t arch_mmu_leaf(struct arch_mmu *mmu, vaddr_t va, vaddr_t end, bool alloc, pte_t **entry)
{
    unsigned index = table_index(va, 0);
    size_t pages = (end - va) >> PAGE_SHIFT;
    uint64_t leaf = __atomic_load_n(&mmu->leaf, __ATOMIC_RELAXED);
    if (likely((leaf & LEAF_MASK) == va / entry_span(1))) {
        *entry = (pte_t *)phys_to_virt(leaf >> LEAF_BITS << PAGE_SHIFT) + index;
        return MIN(ENTRIES - index, pages);
    }
    pte_t *table = phys_to_virt(mmu->root);
    for (unsigned level = ROOT_LEVEL; level > 0; level--) {
        unsigned slot = table_index(va, level);
        if (unlikely(!(__atomic_load_n(&table[slot], __ATOMIC_ACQUIRE) & X86_PTE_PRESENT))) {
            *entry = NULL;
            if (!alloc) {
                vaddr_t next = (va | (entry_span(level) - 1)) + 1;
                return MIN((next - va) >> PAGE_SHIFT, pages);
            }
            if (!table_add(mmu, table, level, slot)) {
                return 0;
            }
        }
        table = table_at(__atomic_load_n(&table[slot], __ATOMIC_ACQUIRE));
    }
    leaf = virt_to_phys(table) >> PAGE_SHIFT << LEAF_BITS | va / entry_span(1);
    __atomic_store_n(&mmu->leaf, leaf, __ATOMIC_RELAXED);
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
    unsigned low = LOW(frame->priv), high = HIGH(frame->priv);
    size_t span = entry_span(level);
    if (trim->start > base) {
        low = MAX(low, (unsigned)((trim->start - base) / span));
    }
    if (trim->end - 1 < base + high * span) {
        high = (unsigned)((trim->end - 1 - base) / span);
    }
    for (unsigned i = low; i <= high && USED(frame->priv) != 0; i++) {
        if (table[i] != 0 && entry_trim(trim, &table[i], level, base + i * span)) {
            frame->priv -= USE_ONE;
        }
    }
    return USED(frame->priv) == 0;
}

static void root_trim(struct trim *trim)
{
    struct arch_mmu *mmu = trim->mmu;
    pte_t *root = phys_to_virt(mmu->root);
    unsigned last = (unsigned)((trim->end - 1) / entry_span(ROOT_LEVEL));
    mmu->leaf = NO_LEAF;
    for (unsigned word = 0; word < ARRAY_SIZE(mmu->root_used); word++) {
        for (uint64_t used = mmu->root_used[word]; used != 0; used &= used - 1) {
            unsigned bit = (unsigned)__builtin_ctzl(used), index = word * 64 + bit;
            vaddr_t va = index * entry_span(ROOT_LEVEL);
            if (va + entry_span(ROOT_LEVEL) <= trim->start || index > last) {
                continue;
            }
            if (entry_trim(trim, &root[index], ROOT_LEVEL, va)) {
                mirror_root(mmu, index, 0);
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
    bool failed;
    *mmu = (struct arch_mmu){.root = frame_to_paddr(frame), .leaf = NO_LEAF};
    mmu->user_root = x86_user_root_create(&failed);
    if (unlikely(failed)) {
        frame_put(frame);
        return -ENOMEM;
    }
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
    if (unlikely(mmu->user_root != 0)) {
        x86_user_root_free(mmu->user_root);
    }
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
