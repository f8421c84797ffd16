/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A walk over all of the current page tables, for the W^X test and for debugging: reports runs of
 * pages with equal effective rights. The rights of a page are those that every level grants (Intel
 * SDM volume 3, section 4.6). Nothing may change the tables meanwhile.
 */
#include "kernel/arch/mmu.h"
#include "kernel/arch/x86_64/mmu_tables.h"
#include <machine/paging.h>

#define RIGHTS (ARCH_PTE_READ | ARCH_PTE_WRITE | ARCH_PTE_EXEC | ARCH_PTE_USER)

struct walk_run {
    void (*visit)(void *arg, vaddr_t start, vaddr_t end, unsigned rights);
    void *arg;
    vaddr_t start, last; /* first byte, last byte */
    unsigned rights;     /* 0: no run */
};

static void run_end(struct walk_run *run)
{
    if (run->rights != 0) {
        run->visit(run->arg, run->start, run->last + 1, run->rights);
    }
    run->rights = 0;
}

static void run_add(struct walk_run *run, vaddr_t start, size_t size, unsigned rights)
{
    if (run->rights != rights || run->last + 1 != start) {
        run_end(run);
        run->start = start;
        run->rights = rights;
    }
    run->last = start + size - 1;
}

static void walk_table(struct walk_run *run, paddr_t table, unsigned level, vaddr_t base,
                       unsigned rights)
{
    const pte_t *entries = phys_to_virt(table);
    size_t span = entry_span(level);
    for (unsigned i = 0; i < ENTRIES; i++) {
        pte_t entry = entries[i];
        if (!(entry & X86_PTE_PRESENT)) {
            continue;
        }
        vaddr_t va = base + i * span;
        if (level == ROOT_LEVEL && i >= ENTRIES / 2) {
            va |= 0xffff000000000000ul; /* addresses are sign-extended from bit 47 */
        }
        unsigned here = rights & arch_pte_flags(entry);
        if (level == 0 || (entry & X86_PTE_LARGE)) {
            run_add(run, va, span, here);
        } else {
            walk_table(run, entry & X86_PTE_ADDR, level - 1, va, here);
        }
    }
}

void arch_mmu_walk(void (*visit)(void *arg, vaddr_t start, vaddr_t end, unsigned rights), void *arg)
{
    struct walk_run run = {.visit = visit, .arg = arg};
    walk_table(&run, x86_read_cr3() & X86_PTE_ADDR, ROOT_LEVEL, 0, RIGHTS);
    run_end(&run);
}
