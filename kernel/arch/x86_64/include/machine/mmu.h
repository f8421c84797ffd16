/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * kernel/arch/mmu.h for x86_64: page-table entries (Intel SDM volume 3, section 4.5, table 4-20).
 * An entry that is not 0 is a mapping. One without any right (PROT_NONE) is not present for the
 * processor; its address bits are then stored inverted, so that they name no memory that a
 * speculating processor could read (Intel, "L1 Terminal Fault", 2018).
 */
#include "lib/types.h"

typedef uint64_t pte_t;

#define X86_PTE_PRESENT  0x001ul
#define X86_PTE_WRITE    0x002ul
#define X86_PTE_USER     0x004ul
#define X86_PTE_NOCACHE  0x010ul /* PCD */
#define X86_PTE_ACCESSED 0x020ul
#define X86_PTE_DIRTY    0x040ul
#define X86_PTE_LARGE    0x080ul /* PS, in levels 2 and 3 */
#define X86_PTE_GLOBAL   0x100ul
#define X86_PTE_BORROWED 0x200ul /* bits 9 to 11 are software's */
#define X86_PTE_SHARED   0x400ul
#define X86_PTE_NX       (1ul << 63)
#define X86_PTE_ADDR     0x000ffffffffff000ul

/*
 * The flags lie in both numberings in groups of equal distance, so that a few shifts translate.
 * PRESENT stands for READ: the processor knows neither write-only nor execute-only pages.
 */
static_assert(ARCH_PTE_READ == X86_PTE_PRESENT && ARCH_PTE_WRITE == X86_PTE_WRITE, "no shift");
static_assert(ARCH_PTE_DEVICE == X86_PTE_NOCACHE, "no shift");
static_assert(ARCH_PTE_USER >> 1 == X86_PTE_USER && ARCH_PTE_GLOBAL >> 1 == X86_PTE_GLOBAL, "");
static_assert(ARCH_PTE_BORROWED << 4 == X86_PTE_BORROWED, "");
static_assert(ARCH_PTE_SHARED << 4 == X86_PTE_SHARED, "");
static_assert(ARCH_PTE_ACCESSED >> 2 == X86_PTE_ACCESSED, "");
static_assert(ARCH_PTE_DIRTY >> 2 == X86_PTE_DIRTY, "");

static inline pte_t arch_pte_make(paddr_t paddr, unsigned flags)
{
    uint64_t f = flags;
    pte_t pte = (f & (ARCH_PTE_READ | ARCH_PTE_WRITE | ARCH_PTE_DEVICE)) |
                (f & (ARCH_PTE_USER | ARCH_PTE_GLOBAL)) >> 1 |
                (f & (ARCH_PTE_BORROWED | ARCH_PTE_SHARED)) << 4 |
                (f & (ARCH_PTE_ACCESSED | ARCH_PTE_DIRTY)) >> 2;
    if (!(f & ARCH_PTE_EXEC)) {
        pte |= X86_PTE_NX;
    }
    if (unlikely(!(f & (ARCH_PTE_READ | ARCH_PTE_WRITE | ARCH_PTE_EXEC)))) {
        return pte | (paddr ^ X86_PTE_ADDR);
    }
    return pte | paddr | X86_PTE_PRESENT;
}

static inline bool arch_pte_present(pte_t pte)
{
    return pte != 0;
}

static inline paddr_t arch_pte_paddr(pte_t pte)
{
    return (likely(pte & X86_PTE_PRESENT) ? pte : ~pte) & X86_PTE_ADDR;
}

static inline unsigned arch_pte_flags(pte_t pte)
{
    unsigned flags = (pte & (X86_PTE_PRESENT | X86_PTE_WRITE | X86_PTE_NOCACHE)) |
                     (pte & (X86_PTE_USER | X86_PTE_GLOBAL)) << 1 |
                     (pte & (X86_PTE_BORROWED | X86_PTE_SHARED)) >> 4 |
                     (pte & (X86_PTE_ACCESSED | X86_PTE_DIRTY)) << 2;
    return pte & X86_PTE_NX ? flags : flags | ARCH_PTE_EXEC;
}

static inline bool arch_pte_writable(pte_t pte)
{
    return (pte & (X86_PTE_PRESENT | X86_PTE_WRITE)) == (X86_PTE_PRESENT | X86_PTE_WRITE);
}

static inline bool arch_pte_borrowed(pte_t pte)
{
    return (pte & X86_PTE_BORROWED) != 0;
}

static inline bool arch_pte_shared(pte_t pte)
{
    return (pte & X86_PTE_SHARED) != 0;
}

static inline pte_t arch_pte_readonly(pte_t pte)
{
    return pte & ~X86_PTE_WRITE;
}
