/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Port contract: making parts of the kernel image constant. Boot CPU, before others run. */
#include "lib/types.h"

/* Takes the right to write away from the 4 KiB pages of [start, end), for ever. */
void arch_kernel_seal(vaddr_t start, vaddr_t end);
/* Takes it away from where the direct map shows the same pages, too: -ENOMEM (part may be done). */
int arch_direct_map_seal(vaddr_t start, vaddr_t end);
