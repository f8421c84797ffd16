/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables of the kernel half: pages mapped and unmapped in all spaces at once. The root that
 * the loader made holds the master copy of the root entries; the tables below are shared.
 */
#include "abi/errno.h"
#include "kernel/arch/mmu.h"
#include "kernel/arch/x86_64/mmu_tables.h"
#include "kernel/base/spinlock.h"
#include "kernel/mm/frame.h"
#include <machine/paging.h>

static paddr_t boot_root; /* constant after the first use */
/* Tables of the kernel half. */
static struct spinlock kernel_lock = SPINLOCK_INIT(LOCK_KERNEL_TABLES);
static bool root_is_final; /* constant once true */

paddr_t x86_kernel_root(void)
{
    if (unlikely(boot_root == 0)) {
        boot_root = x86_read_cr3() & X86_PTE_ADDR;
    }
    return boot_root;
}

/* Makes the root entry for va; false: out of memory. */
static bool make_root_entry(vaddr_t va)
{
    pte_t *entry = (pte_t *)phys_to_virt(x86_kernel_root()) + table_index(va, ROOT_LEVEL);
    if (!(*entry & X86_PTE_PRESENT)) {
        paddr_t table = frame_alloc_table();
        if (table == 0) {
            return false;
        }
        *entry = table | TABLE_FLAGS;
    }
    return true;
}

bool x86_finish_kernel_half(void)
{
    static_assert(LAYOUT_KMAP_END - 1 - LAYOUT_KMAP < 1ul << 39, "one entry");
    static_assert(LAYOUT_FRAMES_END - LAYOUT_FRAMES == 1ul << 39, "one entry");
    root_is_final = make_root_entry(LAYOUT_KMAP) && make_root_entry(LAYOUT_FRAMES);
    return root_is_final;
}

/* The leaf entry of va. A missing table is made of *spare; NULL when that is 0, too. REQUIRES
 * kernel_lock. */
static pte_t *kernel_slot(vaddr_t va, paddr_t *spare)
{
    pte_t *table = phys_to_virt(x86_kernel_root());
    for (unsigned level = ROOT_LEVEL; level > 0; level--) {
        pte_t *entry = &table[table_index(va, level)];
        if (!(*entry & X86_PTE_PRESENT)) {
            if (*spare == 0) {
                return NULL;
            }
            assert(level != ROOT_LEVEL || !root_is_final);
            *entry = *spare | TABLE_FLAGS;
            *spare = 0;
        }
        assert(!(*entry & X86_PTE_LARGE));
        table = table_at(*entry);
    }
    return &table[table_index(va, 0)];
}

int arch_kernel_map(vaddr_t va, paddr_t paddr, unsigned flags)
{
    paddr_t spare = 0;
    for (;;) {
        unsigned long irq = spin_lock_irqsave(&kernel_lock);
        pte_t *slot = kernel_slot(va, &spare);
        if (slot != NULL) {
            assert(*slot == 0);
            *slot = arch_pte_make(paddr, flags | ARCH_PTE_ACCESSED | ARCH_PTE_DIRTY);
        }
        spin_unlock_irqrestore(&kernel_lock, irq);
        if (slot != NULL) {
            break;
        }
        /* Allocating maps descriptors, which comes back here: so not under the lock. */
        spare = frame_alloc_table();
        if (spare == 0) {
            return -ENOMEM;
        }
    }
    if (spare != 0) {
        frame_put(paddr_to_frame(spare));
    }
    return 0;
}

void arch_kernel_unmap(vaddr_t va)
{
    paddr_t spare = 0;
    unsigned long irq = spin_lock_irqsave(&kernel_lock);
    pte_t *slot = kernel_slot(va, &spare);
    assert(slot != NULL && *slot != 0);
    *slot = 0;
    x86_invlpg(va);
    spin_unlock_irqrestore(&kernel_lock, irq);
}

void arch_kernel_protect(vaddr_t va, unsigned flags)
{
    paddr_t spare = 0;
    unsigned long irq = spin_lock_irqsave(&kernel_lock);
    pte_t *slot = kernel_slot(va, &spare);
    assert(slot != NULL && *slot != 0);
    *slot = arch_pte_make(arch_pte_paddr(*slot), flags | ARCH_PTE_ACCESSED | ARCH_PTE_DIRTY);
    x86_invlpg(va);
    spin_unlock_irqrestore(&kernel_lock, irq);
}

bool arch_kernel_query(vaddr_t va, paddr_t *paddr, unsigned *flags)
{
    const pte_t *table = phys_to_virt(x86_kernel_root());
    for (unsigned level = ROOT_LEVEL; level > 0; level--) {
        pte_t entry = table[table_index(va, level)];
        if (!(entry & X86_PTE_PRESENT) || (entry & X86_PTE_LARGE)) {
            return false;
        }
        table = table_at(entry);
    }
    pte_t entry = table[table_index(va, 0)];
    if (!(entry & X86_PTE_PRESENT)) {
        return false;
    }
    *paddr = arch_pte_paddr(entry);
    *flags = arch_pte_flags(entry);
    return true;
}
