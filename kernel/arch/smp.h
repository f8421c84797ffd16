/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Port contract: further CPUs, and interrupts from one CPU to others. CPUs are numbered as in
 * bootinfo; the boot CPU is 0.
 */
#include "lib/cpumask.h"

/*
 * C11: wakes all further CPUs at once and returns without waiting for them. Those with a number
 * below `count` come to kernel_cpu_main on the stacks and blocks that the loader made; all others
 * stop for good. `woken`: how many there are in all, but for the boot CPU. -ENOMEM (no pages below
 * 1 MiB): none will come.
 */
int arch_smp_start(unsigned count, unsigned woken);
/* A second wake-up for CPUs that missed the first; harmless for others. */
void arch_smp_start_again(void);
/*
 * True when nothing more is to come: the memory used for starting is free again, unless a CPU that
 * was given up might still need it. The last call gives up those that have not come, and says so.
 */
bool arch_smp_started(bool last_call);

/* On a further CPU, just before it takes part: from now on interrupts of the kinds below reach it,
 * and it knows nothing of the page tables from before. Interrupts off. */
void arch_smp_online(void);
/* Stops all other CPUs for good, wherever they are, and waits for that (some 30 ms at most). Who
 * comes second with this stops too. */
void arch_smp_stop_others(void);

/* What one CPU may ask of another. */
enum arch_ipi {
    ARCH_IPI_RESCHEDULE, /* nothing but leaving idle or user mode */
    ARCH_IPI_CALL,       /* core_ipi_call */
    ARCH_IPI_FLUSH,      /* the port's own: drop translations */
    ARCH_IPI_STOP,       /* stop for good, even with interrupts off: panic, power off */
    ARCH_IPI_BACKTRACE,  /* core_ipi_backtrace, even with interrupts off */
};
#define ARCH_IPI_KINDS 5

/* Sends; any context; returns at once. The sender's writes before are seen by the handler. */
void arch_ipi_send(unsigned cpu, enum arch_ipi what);
void arch_ipi_send_mask(const struct cpumask *mask, enum arch_ipi what);
void arch_ipi_send_others(enum arch_ipi what);

/* Upcalls, interrupts off. */
/* First C code of a further CPU, on its own stack and block; kernel/init has it. */
_Noreturn void kernel_cpu_main(unsigned cpu);
void core_ipi_call(void);
/* An NMI: it may have come anywhere, so this takes no lock and prints nothing. */
struct arch_regs;
void core_ipi_backtrace(const struct arch_regs *regs);

/* A row of /proc/interrupts for what is no device's, 0 and up: its short name and what it is, and
 * how many of them a CPU has had. False: there is no such row. */
bool arch_interrupt_row(unsigned row, const char **name, const char **what);
uint64_t arch_interrupt_count(unsigned row, unsigned cpu);
