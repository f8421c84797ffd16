/* SPDX-License-Identifier: BSD-2-Clause */
/* Sealing of what is constant after the start (C18): its pages lose the right to be written, in
 * place: interrupts that come meanwhile read what lies there. */
#include "kernel/arch/seal.h"
#include "kernel/arch/mmu.h"
#include "kernel/base/panic.h"

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
