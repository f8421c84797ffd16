/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The machine that mm and core are tested on: physical memory in a memory file, seen through the
 * direct map and wherever the kernel half maps it; a user half that is only walked, through a TLB
 * that remembers what it saw, so that a flush that was forgotten shows; allocations that fail on
 * demand.
 */
#include "kernel/core/space.h"
#include "kernel/mm/frame.h"

/* Starts a machine with these free ranges (start, size), ended by size 0; memory is filled with
 * 0xa5. At most 4 GiB. Does frame_init; the rest is the test's. May be called once. */
struct fake_range {
    paddr_t start;
    uint64_t size;
};
void fake_start(const struct fake_range *ranges);
/* The same with frame_init, heap_init, kmap_init and 64 MiB. */
void fake_start_small(void);

/* From here on this CPU does what the test does, until the next call or user access: each of those
 * takes place on some CPU of fake_cpus, and some leave it lazy. */
extern unsigned fake_cpus;
void fake_on_cpu(unsigned cpu);
/* All CPUs leave the tables that they have loaded. */
void fake_leave(void);

/* Kernel-half mappings made so far, and pages taken for tables. */
extern unsigned fake_kernel_maps, fake_kernel_tables;

/* Takes memory away until only this many frames can be had, so that later allocations fail for
 * real; and gives it back. */
void fake_hoard(size_t leave_pages);
void fake_release(void);

/* In user.c. A user program's access, with faults resolved by space_fault: 0 or what that returned.
 */
int fake_user_read(struct space *space, vaddr_t addr, void *buf, size_t size);
int fake_user_write(struct space *space, vaddr_t addr, const void *buf, size_t size);
int fake_user_exec(struct space *space, vaddr_t addr);
uint8_t fake_user_byte(struct space *space, vaddr_t addr); /* asserts success */

/* Processors have process-context identifiers, from arch_mmu_init on; flushes asked for so far. */
extern bool fake_pcid;
extern unsigned fake_ipis;

/* The space that copy_to_user and the like act on. */
extern struct space *fake_user_space;
/* Number of faults taken so far. */
extern unsigned fake_faults;

_Noreturn void fake_die(const char *what);

/* True if nothing is locked and interrupts are on. */
bool fake_is_calm(void);

/* A repeatable random number. */
uint32_t fake_random(void);
void fake_seed(uint32_t seed);
