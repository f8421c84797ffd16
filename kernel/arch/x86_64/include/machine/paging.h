/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The instructions behind kernel/arch/x86_64/mmu.c, apart from it so that the host's unit tests can
 * put a model of a TLB in their place.
 */
#include "lib/types.h"

#define X86_CR3_NOFLUSH (1ul << 63)
#define X86_CR4_PGE     (1ul << 7)
#define X86_CR4_PCIDE   (1ul << 17)

static inline paddr_t x86_read_cr3(void)
{
    uint64_t value;
    __asm__ volatile("movq %%cr3, %0" : "=r"(value));
    return value;
}

/* Also flushes all translations of this CPU that are not global; with identifiers in use those of
 * the one in the low bits, or with X86_CR3_NOFLUSH none (Intel SDM 3, 4.10.4.1). */
static inline void x86_write_cr3(uint64_t value)
{
    __asm__ volatile("movq %0, %%cr3" : : "r"(value) : "memory");
}

/* Flushes one page's translation, global or not, and all cached upper-level entries. */
static inline void x86_invlpg(vaddr_t va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline uint64_t x86_read_cr4(void)
{
    uint64_t value;
    __asm__ volatile("movq %%cr4, %0" : "=r"(value));
    return value;
}

/* Whether process-context identifiers are in use. */
static inline bool x86_has_pcid(void)
{
    return (x86_read_cr4() & X86_CR4_PCIDE) != 0;
}

/* Flushes everything, global or not: a change of CR4.PGE does (the same section). Without global
 * pages loading CR3 is enough. */
static inline void x86_flush_global(void)
{
    uint64_t cr4 = x86_read_cr4();
    if (cr4 & X86_CR4_PGE) {
        __asm__ volatile("movq %0, %%cr4\n\tmovq %1, %%cr4"
                         :
                         : "r"(cr4 & ~X86_CR4_PGE), "r"(cr4)
                         : "memory");
    } else {
        x86_write_cr3(x86_read_cr3());
    }
}
