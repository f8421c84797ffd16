/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sealing of what is constant after the start (C18): its pages lose the right to be written, in
 * place, where the image has them and where the direct map shows them too. For that the direct
 * map's large pages around them are split, which costs two or three tables. Who uses them meanwhile
 * notices nothing: the small pages have the same rights, but for those that nobody writes any more.
 */
#include "kernel/arch/seal.h"
#include "abi/errno.h"
#include "kernel/arch/x86_64/mmu_tables.h"
#include "kernel/base/panic.h"
#include "kernel/mm/frame.h"
#include <machine/paging.h>

void arch_kernel_seal(vaddr_t start, vaddr_t end)
{
    for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
        paddr_t paddr;
        unsigned flags;
        bool mapped = arch_kernel_query(va, &paddr, &flags);
        assert(mapped);
        arch_kernel_protect(va, flags & ~(unsigned)ARCH_PTE_WRITE);
    }
}

/* Replaces a large page by a table of smaller ones with the same rights; false: out of memory. */
static bool split(pte_t *entry, unsigned level)
{
    paddr_t table = frame_alloc_table();
    if (table == 0) {
        return false;
    }
    pte_t *small = phys_to_virt(table);
    pte_t first = level == 1 ? *entry & ~(pte_t)X86_PTE_LARGE : *entry;
    for (unsigned i = 0; i < ENTRIES; i++) {
        small[i] = first + i * entry_span(level - 1);
    }
    *entry = table | TABLE_FLAGS;
    return true;
}

/* The leaf table of an address of the direct map; NULL: out of memory. */
static pte_t *direct_map_leaf(vaddr_t va)
{
    pte_t *table = phys_to_virt(x86_kernel_root());
    for (unsigned level = ROOT_LEVEL; level > 0; level--) {
        pte_t *entry = &table[table_index(va, level)];
        assert(*entry & X86_PTE_PRESENT);
        if ((*entry & X86_PTE_LARGE) && !split(entry, level)) {
            return NULL;
        }
        table = table_at(*entry);
    }
    return table;
}

int arch_direct_map_seal(vaddr_t start, vaddr_t end)
{
    pte_t *leaf = NULL;
    vaddr_t leaf_start = 0;
    for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
        paddr_t paddr;
        unsigned flags;
        bool mapped = arch_kernel_query(va, &paddr, &flags);
        assert(mapped);
        vaddr_t alias = (vaddr_t)phys_to_virt(paddr);
        if (leaf == NULL || alias - leaf_start >= entry_span(1)) {
            leaf_start = ALIGN_DOWN(alias, entry_span(1));
            leaf = direct_map_leaf(alias);
            if (leaf == NULL) {
                return -ENOMEM;
            }
        }
        leaf[table_index(alias, 0)] &= ~(pte_t)X86_PTE_WRITE;
        x86_invlpg(alias);
    }
    return 0;
}
