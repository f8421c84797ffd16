/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* kernel/arch/cpu.h for tests on the host: one CPU, of which a few states can be looked at. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thread;

extern bool fake_irqs_off;
extern int fake_preempt_count;
extern struct thread *fake_current;

static inline struct thread *arch_current(void)
{
    return fake_current;
}
static inline unsigned arch_cpu_number(void)
{
    return 0;
}
static inline void arch_preempt_add(int n)
{
    fake_preempt_count += n;
}
static inline int arch_preempt_count(void)
{
    return fake_preempt_count;
}
#define ARCH_PERCPU(name)         (name)
#define ARCH_PERCPU_OF(cpu, name) (*((void)(cpu), &(name)))

static inline unsigned long arch_irq_save(void)
{
    unsigned long was_off = fake_irqs_off;
    fake_irqs_off = true;
    return was_off;
}
static inline void arch_irq_restore(unsigned long was_off)
{
    fake_irqs_off = was_off != 0;
}
static inline void arch_irq_enable(void)
{
    fake_irqs_off = false;
}
static inline void arch_irq_disable(void)
{
    fake_irqs_off = true;
}
static inline bool arch_irqs_enabled(void)
{
    return !fake_irqs_off;
}
/* A spinlock that is waited for with one CPU is never released. */
void fake_deadlock(void);
static inline void arch_cpu_relax(void)
{
    fake_deadlock();
}
static inline uint64_t arch_cycles(void)
{
    static uint64_t cycles;
    return cycles += 100;
}
