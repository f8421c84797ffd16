/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * kernel/arch/cpu.h for tests on the host, of which a few states can be looked at. Tests with
 * fake/port.c have several CPUs, of which one at a time does something; others have one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thread;

extern bool fake_irqs_off;
extern int fake_preempt_count;
extern struct thread *fake_current;

extern unsigned fake_cpu __attribute__((weak)); /* the one that runs */
/* Another CPU's copy of a variable; those of CPU 0 are the variables themselves. */
void *fake_percpu(unsigned cpu, void *variable, size_t size) __attribute__((weak));

static inline struct thread *arch_current(void)
{
    return fake_current;
}
static inline unsigned arch_cpu_number(void)
{
    return &fake_cpu != NULL ? fake_cpu : 0;
}
static inline void arch_preempt_add(int n)
{
    fake_preempt_count += n;
}
static inline int arch_preempt_count(void)
{
    return fake_preempt_count;
}
static inline void *fake_percpu_find(unsigned cpu, void *variable, size_t size)
{
    return cpu == 0 ? variable : fake_percpu(cpu, variable, size);
}
#define ARCH_PERCPU_OF(cpu, name)                                                                  \
    (*(__typeof__(name) *)fake_percpu_find(cpu, &(name), sizeof(name)))
#define ARCH_PERCPU(name) ARCH_PERCPU_OF(arch_cpu_number(), name)
#define FAKE_CPUS_MAX     4u
static inline bool arch_cpu_exists(unsigned cpu)
{
    return cpu < (&fake_cpu != NULL ? FAKE_CPUS_MAX : 1);
}

#include "test/unit/fake/irqs.h"
static inline void arch_cpu_relax(void)
{
}
static inline uint64_t arch_cycles(void)
{
    static uint64_t cycles;
    return cycles += 100;
}
