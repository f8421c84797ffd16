/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Port contract: making parts of the kernel image constant. Other CPUs keep the old rights until
 * arch_kernel_flush (kernel/arch/mmu.h). */
#include "lib/types.h"

/* Takes the right to write away from the 4 KiB pages of [start, end), for ever. */
void arch_kernel_seal(vaddr_t start, vaddr_t end);
/* Takes it away from where the direct map shows the same pages, too: -ENOMEM (part may be done). */
int arch_direct_map_seal(vaddr_t start, vaddr_t end);
