/* SPDX-License-Identifier: BSD-2-Clause */
/* Sealing of what is constant after the start (C18): its pages are mapped again without write. */
#include "kernel/arch/seal.h"
#include "kernel/arch/cpu.h"
#include "kernel/arch/mmu.h"
#include "kernel/base/panic.h"

void arch_kernel_seal(vaddr_t start, vaddr_t end)
{
    for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
        paddr_t paddr;
        unsigned flags;
        bool mapped = arch_kernel_query(va, &paddr, &flags);
        assert(mapped);
        /* The interrupt table lies there, too: no interrupt may come while it is away. */
        unsigned long irq = arch_irq_save();
        arch_kernel_unmap(va);
        int error = arch_kernel_map(va, paddr, flags & ~(unsigned)ARCH_PTE_WRITE);
        arch_irq_restore(irq);
        assert(error == 0);
    }
}
