/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The instructions behind kernel/arch/x86_64/mmu.c, apart from it so that the host's unit tests can
 * put a model of a TLB in their place.
 */
#include "lib/types.h"

static inline paddr_t x86_read_cr3(void)
{
    uint64_t value;
    __asm__ volatile("movq %%cr3, %0" : "=r"(value));
    return value;
}

/* Also flushes all translations of this CPU that are not global (Intel SDM 3, 4.10.4.1). */
static inline void x86_write_cr3(paddr_t root)
{
    __asm__ volatile("movq %0, %%cr3" : : "r"(root) : "memory");
}

/* Flushes one page's translation, global or not, and all cached upper-level entries. */
static inline void x86_invlpg(vaddr_t va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}
