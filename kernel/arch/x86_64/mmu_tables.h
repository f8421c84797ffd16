/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What mmu*.c share: the shape of page tables, and the kernel half's root. */
#include "kernel/arch/mmu.h"
#include "kernel/mm/physmap.h"

#define ENTRIES     512u
#define ROOT_LEVEL  3u
#define TABLE_FLAGS (X86_PTE_PRESENT | X86_PTE_WRITE | X86_PTE_ACCESSED)

static inline unsigned table_index(vaddr_t va, unsigned level)
{
    return va >> (PAGE_SHIFT + 9 * level) & (ENTRIES - 1);
}

/* Bytes that one entry of a table at this level covers. */
static inline size_t entry_span(unsigned level)
{
    return PAGE_SIZE << (9 * level);
}

static inline pte_t *table_at(pte_t entry)
{
    return phys_to_virt(entry & X86_PTE_ADDR);
}

/* The root that the kernel was entered with: its kernel half is copied to all others. */
paddr_t x86_kernel_root(void);
/* Before the first space: makes the root entries that may still be missing, none of which may
 * change after they were copied. False: out of memory. */
bool x86_finish_kernel_half(void);

/* tlb.c */
void x86_flush_ipi(void); /* answers what other CPUs ask by ARCH_IPI_FLUSH; interrupts off */
void x86_tlb_begin(struct arch_mmu *mmu); /* a new mmu; nobody knows it yet */
/* No CPU looks at tables any more that the entries do not lead to. */
void x86_tlb_flush_tables(struct arch_mmu *mmu);
