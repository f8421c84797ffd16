/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables of four levels (Intel SDM volume 3, section 4.5). All roots share the tables of the
 * kernel half: its root entries are made before the first space and do not change from then on.
 * Tables of the user half come from and go back to a small pool of clear pages for each CPU, so
 * that a short-lived process does not pay for clearing them. The struct frame of a user table's
 * page counts the entries in use (`spare`) and bounds their numbers (`priv`).
 *
 * One CPU runs for now: where others have to drop their translations, the code says "shootdown".
 */
#include "kernel/arch/mmu.h"
#include "abi/errno.h"
#include "kernel/arch/x86_64/mmu_tables.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/base/percpu.h"
#include "kernel/base/spinlock.h"
#include "kernel/mm/frame.h"
#include "lib/string.h"
#include <machine/paging.h>

#define USER_SLOTS 256u
#define NO_LEAF    1ul /* leaf_start: no table is remembered */
#define USER_SPAN  (1ul << 47)
/* Beyond this many pages a whole flush is cheaper than one by one. */
#define FLUSH_PAGES 32u
#define POOL_TABLES 24u
#define POOL_ROOTS  4u

static bool kernel_half_is_final; /* root entries: constant once true */

/* The root this CPU runs on; 0: not known yet. Owner: the CPU. */
PERCPU(paddr_t, mmu_root);

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

static bool tables_trim(struct arch_mmu *mmu, pte_t *table, unsigned level, vaddr_t base,
                        const vaddr_t range[2]);

/* Frees what entry leads to, as far as it lies inside the range; entry covers [va, va + span) in a
 * table of this level. True: the entry is clear now. */
static bool entry_trim(struct arch_mmu *mmu, pte_t *entry, unsigned level, vaddr_t va,
                       const vaddr_t range[2])
{
    bool empty = level == 1 || tables_trim(mmu, table_at(*entry), level - 1, va, range);
    if (!empty || va < range[0] || va + entry_span(level) > range[1]) {
        return false;
    }
    struct frame *child = paddr_to_frame(*entry & X86_PTE_ADDR);
    *entry = 0;
    mmu->table_pages--;
    pool_give(child);
    return true;
}

/* The same for a table that starts at address base. True: it is empty now. */
static bool tables_trim(struct arch_mmu *mmu, pte_t *table, unsigned level, vaddr_t base,
                        const vaddr_t range[2])
{
    struct frame *frame = paddr_to_frame(virt_to_phys(table));
    unsigned low = frame->priv & 0xffff, high = frame->priv >> 16;
    size_t span = entry_span(level);
    if (range[0] > base) {
        low = MAX(low, (unsigned)((range[0] - base) / span));
    }
    if (range[1] - 1 < base + high * span) {
        high = (unsigned)((range[1] - 1 - base) / span);
    }
    for (unsigned i = low; i <= high && frame->spare != 0; i++) {
        if (table[i] != 0 && entry_trim(mmu, &table[i], level, base + i * span, range)) {
            frame->spare--;
        }
    }
    return frame->spare == 0;
}

static void root_trim(struct arch_mmu *mmu, const vaddr_t range[2])
{
    pte_t *root = phys_to_virt(mmu->root);
    unsigned last = (unsigned)((range[1] - 1) / entry_span(ROOT_LEVEL));
    mmu->leaf_start = NO_LEAF;
    for (unsigned word = 0; word < ARRAY_SIZE(mmu->root_used); word++) {
        for (uint64_t used = mmu->root_used[word]; used != 0; used &= used - 1) {
            unsigned bit = (unsigned)__builtin_ctzl(used), index = word * 64 + bit;
            vaddr_t va = index * entry_span(ROOT_LEVEL);
            if (va + entry_span(ROOT_LEVEL) <= range[0] || index > last) {
                continue;
            }
            if (entry_trim(mmu, &root[index], ROOT_LEVEL, va, range)) {
                mmu->root_used[word] &= ~(1ul << bit);
            }
        }
    }
}

void arch_mmu_trim(struct arch_mmu *mmu, vaddr_t start, vaddr_t end)
{
    /* The page above LAYOUT_USER_END is never mapped: it does not keep a table. */
    const vaddr_t range[2] = {start, end >= LAYOUT_USER_END ? USER_SPAN : end};
    uint64_t before = mmu->table_pages;
    if (start < range[1]) {
        root_trim(mmu, range);
    }
    if (mmu->table_pages != before && percpu(mmu_root) == mmu->root) {
        /* Upper entries are cached too (SDM 4.10.3.1). The pages freed are clear until somebody
         * takes them, so a walk of stale entries in between found nothing. Shootdown: here. */
        x86_write_cr3(mmu->root);
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
    return 0;
}

void arch_mmu_destroy(struct arch_mmu *mmu)
{
    static const vaddr_t everything[2] = {0, USER_SPAN};
    assert(percpu(mmu_root) != mmu->root);
    root_trim(mmu, everything);
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

void arch_mmu_switch(const struct arch_mmu *mmu)
{
    paddr_t root = mmu != NULL ? mmu->root : x86_kernel_root();
    if (percpu(mmu_root) != root) {
        percpu(mmu_root) = root;
        x86_write_cr3(root);
    }
}

void arch_tlb_flush_page(const struct arch_mmu *mmu, vaddr_t va)
{
    if (percpu(mmu_root) == mmu->root) {
        x86_invlpg(va);
    }
    /* Shootdown: here, for the other CPUs that run on this root. */
}

void arch_tlb_flush_range(const struct arch_mmu *mmu, vaddr_t start, vaddr_t end)
{
    if (percpu(mmu_root) == mmu->root) {
        if (end - start > FLUSH_PAGES * PAGE_SIZE) {
            x86_write_cr3(mmu->root);
        } else {
            for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
                x86_invlpg(va);
            }
        }
    }
    /* Shootdown: here, for the other CPUs that run on this root. */
}

/* ARCH_IPI_FLUSH. */
void x86_flush_ipi(void)
{
}

void arch_mmu_init(void)
{
    pte_t *root = phys_to_virt(x86_kernel_root());
    memset(root, 0, USER_SLOTS * sizeof(pte_t));
    percpu(mmu_root) = x86_kernel_root();
    x86_write_cr3(x86_kernel_root());
}
