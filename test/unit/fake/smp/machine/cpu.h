/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * kernel/arch/cpu.h for tests with several CPUs: each host thread says which CPU it runs on
 * (fake_cpu), several may run on one, and nothing interrupts. See fake/smp.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thread;

extern __thread bool fake_irqs_off;
extern __thread int fake_preempt_count;
extern __thread struct thread *fake_current;
extern __thread unsigned fake_cpu;
void *fake_block(unsigned cpu);

static inline struct thread *arch_current(void)
{
    return fake_current;
}
static inline unsigned arch_cpu_number(void)
{
    return fake_cpu;
}
static inline void arch_preempt_add(int n)
{
    fake_preempt_count += n;
}
static inline int arch_preempt_count(void)
{
    return fake_preempt_count;
}
/* Variables of CPUs are the host's thread-local ones as far as their place in a block goes; the
 * blocks are the test's. */
#define ARCH_PERCPU(name) ARCH_PERCPU_OF(fake_cpu, name)
#define ARCH_PERCPU_OF(cpu, name)                                                                  \
    (*(__typeof__(name) *)((uintptr_t)fake_block(cpu) +                                            \
                           ((uintptr_t) & (name) - (uintptr_t)__builtin_thread_pointer())))

#include "test/unit/fake/irqs.h"
void fake_relax(void);
static inline void arch_cpu_relax(void)
{
    fake_relax();
}
static inline uint64_t arch_cycles(void)
{
    return __builtin_ia32_rdtsc();
}
