/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Address space of the kernel's own, outside the direct map: stacks with guard pages, and device
 * registers. Never sleeps; making a stack may wait for other CPUs' TLBs (kernel/arch/mmu.h).
 */
#include "lib/types.h"

#define KSTACK_SIZE 16384ul

/* A thread's kernel stack: lowest address, or NULL; the page below is unmapped. Freed ones are kept
 * in a small pool, so that a fork does not pay for page tables. */
void *kstack_alloc(void);
void kstack_free(void *stack);
/* True when addr lies in the guard page below a kernel stack. */
bool kstack_is_guard(vaddr_t addr);

/* Maps size bytes of device registers at paddr, uncached; NULL when address space or memory is out.
 * paddr need not be aligned. There is no unmap: devices stay. */
void *kmap_device(paddr_t paddr, size_t size);

void kmap_init(void);
