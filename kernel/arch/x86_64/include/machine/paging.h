/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The instructions behind kernel/arch/x86_64/mmu.c, apart from it so that the host's unit tests can
 * put a model of a TLB in their place.
 */
#include "lib/types.h"
#include <machine/cpu.h>

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

/* isolate.c. A root for programs alone, whose user half is to be the same; 0: there is none,
 * *failed tells whether for lack of memory. */
paddr_t x86_user_root_create(bool *failed);
void x86_user_root_free(paddr_t root);
/* protect.c: another program's tables are about to be loaded. */
extern bool x86_guard_switches;
void x86_programs_change(void);
static inline void x86_before_switch(void)
{
    if (x86_guard_switches) {
        x86_programs_change();
    }
}
/* The roots that entry.S changes between; user 0: only one. */
static inline void x86_note_roots(paddr_t kernel, paddr_t user)
{
    __asm__ volatile("movq %0, %%gs:%c2\n\tmovq %1, %%gs:%c3"
                     :
                     : "r"(kernel), "r"(user), "i"(offsetof(struct arch_tcb, kernel_cr3)),
                       "i"(offsetof(struct arch_tcb, user_cr3))
                     : "memory");
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
