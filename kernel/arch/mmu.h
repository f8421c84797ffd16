/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Port contract: page tables. A leaf entry (pte_t) maps one page of PAGE_SIZE; upper levels are
 * hidden. All functions below work on the user half unless they say kernel. The caller holds what
 * protects the tables (the space's lock); nothing here sleeps. What flushes may wait for other
 * CPUs, so preemption is on: no spinlock is held and no interrupt handled. <machine/mmu.h> defines
 * pte_t and these inline functions:
 *
 *   pte_t arch_pte_make(paddr_t paddr, unsigned flags)     flags: ARCH_PTE_*
 *   bool arch_pte_present(pte_t)      a mapping, even one with no access (PROT_NONE)
 *   paddr_t arch_pte_paddr(pte_t)
 *   unsigned arch_pte_flags(pte_t)    the ARCH_PTE_* it was made with, plus ACCESSED and DIRTY
 */
#include "lib/cpumask.h"
#include "lib/types.h"

enum arch_pte_flag {
    ARCH_PTE_READ = 1,
    ARCH_PTE_WRITE = 2,
    ARCH_PTE_EXEC = 4,
    ARCH_PTE_USER = 8,
    ARCH_PTE_DEVICE = 16,   /* uncached */
    ARCH_PTE_BORROWED = 32, /* software: the frame is not counted (initramfs in place, zero page) */
    ARCH_PTE_SHARED = 64,   /* software: page of a shared object: never copied on write */
    ARCH_PTE_ACCESSED = 128,
    ARCH_PTE_DIRTY = 256,
    ARCH_PTE_GLOBAL = 512, /* kernel mapping, the same in all spaces */
};

#include <machine/mmu.h>

struct arch_mmu {
    paddr_t root;
    uint64_t table_pages; /* atomic: page-table pages of the user half, for /proc */
    /* Private to the port: the leaf table that was looked at last, and root entries in use. */
    uint64_t leaf;         /* atomic */
    uint64_t root_used[4]; /* atomic */
    /* CPUs that have it loaded, its name in their TLBs, and how often it was flushed. */
    struct cpumask cpus; /* atomic */
    uint64_t id;         /* constant */
    paddr_t user_root;   /* constant: with page-table isolation, what programs run on; or 0 */
    uint64_t flushes;    /* atomic */
};

/* A root with the kernel half in it; -ENOMEM. */
int arch_mmu_create(struct arch_mmu *mmu);
/* Nobody will run on it any more: CPUs that still have it loaded load the kernel's own. May wait.
 */
void arch_mmu_retire(struct arch_mmu *mmu);
/* After arch_mmu_retire: frees all user tables and the root. The caller has dropped the pages that
 * leaves map. */
void arch_mmu_destroy(struct arch_mmu *mmu);
/* Makes mmu the current CPU's, before it touches user memory; NULL: the kernel's own, with an empty
 * user half. Cheap when it is so already. */
void arch_mmu_switch(struct arch_mmu *mmu);
/* This CPU touches no user memory until the next arch_mmu_switch: it runs on what is loaded, and is
 * not disturbed by flushes. */
void arch_mmu_idle(void);

/*
 * Finds the leaf entries for [va, end): sets *entry to the entry of va and returns how many entries
 * from there on lie in the same leaf table, at most up to end. When there is no leaf table and
 * alloc is false, *entry is NULL and the result is the number of pages to skip. With alloc, 0 means
 * that memory is out. Several may do this at once, but nothing else then.
 */
size_t arch_mmu_leaf(struct arch_mmu *mmu, vaddr_t va, vaddr_t end, bool alloc, pte_t **entry);

/* Frees leaf tables wholly inside [start, end) whose entries are all clear. */
void arch_mmu_trim(struct arch_mmu *mmu, vaddr_t start, vaddr_t end);

/* After entries were changed to grant less: no CPU uses the old ones when these return. May wait.
 */
void arch_tlb_flush_page(struct arch_mmu *mmu, vaddr_t va);
void arch_tlb_flush_range(struct arch_mmu *mmu, vaddr_t start, vaddr_t end);
/* After entries were changed to grant more, or a fault that another CPU has resolved: this CPU uses
 * the new ones. Others get there by a fault of their own. */
void arch_tlb_flush_local(const struct arch_mmu *mmu, vaddr_t start, vaddr_t end);
/* No other CPU has it loaded right now: a flush costs little. */
bool arch_tlb_is_local(const struct arch_mmu *mmu);

/* Kernel half: maps or unmaps one page in all spaces at once; -ENOMEM. Kernel address-space code
 * (kmap, frame descriptors) only. */
int arch_kernel_map(vaddr_t va, paddr_t paddr, unsigned flags);
/* Other CPUs may use the old entry until arch_kernel_flush: neither the address nor, if anybody may
 * still touch it there, the page is used anew before. */
void arch_kernel_unmap(vaddr_t va);
/* Other rights for a mapped page, in one step: whoever uses it meanwhile notices nothing. Others
 * keep the old rights until arch_kernel_flush. */
void arch_kernel_protect(vaddr_t va, unsigned flags);
/* No CPU uses kernel entries that were changed before. May wait. */
void arch_kernel_flush(void);
/* The entry that maps va in the kernel half with 4 KiB pages, as paddr; false: not mapped. */
bool arch_kernel_query(vaddr_t va, paddr_t *paddr, unsigned *flags);

/* Calls visit for every run of equal rights in the current tables, both halves; for the W^X test
 * and /sys/kernel/debug/page_tables. Rights are ARCH_PTE_*. */
void arch_mmu_walk(void (*visit)(void *arg, vaddr_t start, vaddr_t end, unsigned rights),
                   void *arg);

/* C4: drops the loader's identity mapping; the user half is empty from here on. */
void arch_mmu_init(void);
/* A further CPU, on the kernel's own tables, takes part in flushes from here on: interrupts are let
 * in soon. */
void arch_mmu_cpu_begin(void);
