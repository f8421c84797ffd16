/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Port contract: further CPUs, and interrupts from one CPU to others. CPUs are numbered as in
 * bootinfo; the boot CPU is 0.
 */
#include "lib/cpumask.h"

struct bootinfo;

/*
 * C11: wakes all further CPUs at once and returns without waiting for them. Those with a number
 * below `count` come to core_cpu_begin on the stacks and blocks that the loader made; all others
 * stop for good. -ENODEV, -ENOMEM (no page below 1 MiB): none will come.
 */
int arch_smp_start(const struct bootinfo *info, unsigned count);
/* A second wake-up for CPUs that missed the first; harmless for others. */
void arch_smp_start_again(void);
/* All that come have come, or were given up: the memory used for starting them is free again. */
void arch_smp_started(void);

/* What one CPU may ask of another. */
enum arch_ipi {
    ARCH_IPI_RESCHEDULE, /* nothing but leaving idle or user mode */
    ARCH_IPI_CALL,       /* core_ipi_call */
    ARCH_IPI_FLUSH,      /* the port's own: drop translations */
    ARCH_IPI_STOP,       /* stop for good, even with interrupts off: panic, power off */
    ARCH_IPI_BACKTRACE,  /* print where you are, even with interrupts off */
};
#define ARCH_IPI_KINDS 5

/* Sends; any context; returns at once. The sender's writes before are seen by the handler. */
void arch_ipi_send(unsigned cpu, enum arch_ipi what);
void arch_ipi_send_mask(const struct cpumask *mask, enum arch_ipi what);
void arch_ipi_send_others(enum arch_ipi what);

/* Upcalls, interrupts off. */
/* First C code of a further CPU, on its own stack and block. */
_Noreturn void core_cpu_begin(unsigned cpu);
void core_ipi_call(void);

/* How many interrupts of a kind a CPU has had, for /proc/interrupts: those above, and its timer's
 * and unexpected ones. */
uint64_t arch_ipi_count(unsigned cpu, enum arch_ipi what);
