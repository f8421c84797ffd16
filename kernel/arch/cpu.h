/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Port contract: one CPU. Everything here is inline and cheap unless it says otherwise.
 * A machine's <machine/cpu.h> defines:
 *
 *   unsigned long arch_irq_save(void)        turns interrupts off, returns what they were
 *   void arch_irq_restore(unsigned long)     restores them
 *   void arch_irq_enable(void), arch_irq_disable(void), bool arch_irqs_enabled(void)
 *   unsigned long arch_bounded(index, size)  index, or 0 if it is not below size, which a CPU that
 *                                            guesses branches wrongly also sees: after a check of
 *                                            what a program gave, before it is used as an index
 *   void arch_cpu_relax(void)                in a spinning loop
 *   void arch_cpu_idle(void)                 enables interrupts and waits for one, atomically;
 *                                            returns with interrupts on
 *   void arch_cpu_stop(void)                 noreturn: interrupts off for ever
 *   uint64_t arch_cycles(void)               the cycle counter (TSC, time CSR)
 *   struct thread *arch_current(void)        the running thread
 *   void *arch_cpu_stack_top(void)           of the stack that the loader made for this CPU
 *   ARCH_PERCPU(name), ARCH_PERCPU_OF(cpu, name)   see kernel/base/percpu.h
 *   bool arch_cpu_exists(unsigned cpu)       a CPU of the tables; there are none beyond the first
 *                                            number that does not
 */
#include <machine/cpu.h>

struct bootinfo;

/* Takes the per-CPU blocks from bootinfo, before anything uses another CPU's data. */
void arch_cpu_tables(const struct bootinfo *info);

/* Upcall: the first C code, on the boot CPU's stack, with its per-CPU block; kernel/init has it. */
_Noreturn void kernel_main(const struct bootinfo *info);

/* C3, once per CPU, on that CPU: descriptor tables, control registers, FPU, system-call entry. */
void arch_cpu_init(unsigned cpu);

/* Fills buf with up to size bytes from the CPU's random source; returns how many (0: it has none).
 */
size_t arch_cpu_random(void *buf, size_t size);

/* C23. The command line, before arch_cpu_init(0); NULL, once cmdline_get works: its words about
 * this are known. */
void arch_cpu_options(const char *text);
/* What Linux says of a fault of the CPU's design in /sys/devices/system/cpu/vulnerabilities: as
 * snprintf; -ENOENT: nothing. */
int arch_cpu_fault(const char *name, char *buf, size_t size);
/* What is done against a kind of speculation: passing by earlier stores (Spectre, variant 4), and
 * predicting branches from what other programs did (variant 2). */
enum arch_speculation {
    ARCH_SPECULATION_NONE,      /* the CPU does not do it */
    ARCH_SPECULATION_ON,        /* it does, and nothing helps or is wanted */
    ARCH_SPECULATION_BY_THREAD, /* each thread may say */
    ARCH_SPECULATION_OFF,       /* it would, but is kept from it */
};
enum arch_speculation arch_store_bypass(void);
enum arch_speculation arch_foreign_branches(void);
/* For the current thread, and those that it makes; BY_THREAD only. */
void arch_set_store_bypass(bool allowed);

/* The features in force, as a line of text for the log ("nx smep smap umip ..."). */
const char *arch_cpu_features(void);

/* Text of /proc/cpuinfo for one CPU of those online, each a core of one package; returns its
 * length, as snprintf. */
int arch_cpu_describe(unsigned cpu, unsigned online, char *buf, size_t size);

/* Starts the machine again by the CPU's own means (x86: a triple fault), when nothing else works.
 */
_Noreturn void arch_cpu_reset(void);
