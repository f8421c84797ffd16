/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * kernel/arch/cpu.h for tests on the host with several CPUs: each is a host thread, whose
 * thread-local variables are its per-CPU data. A test says `// flags: -Itest/unit/cpus`, defines
 * these variables, and calls model_cpu_begin on each thread before another one looks for it.
 * Interrupts are what the test makes of them: a CPU that has them on may call its handler.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_CPUS 8

struct thread;

extern __thread unsigned model_cpu;
extern __thread int model_preempt_count;
extern __thread bool model_irqs_off;
extern char *model_tp[MODEL_CPUS]; /* thread pointers */

static inline void model_cpu_begin(unsigned cpu)
{
    model_cpu = cpu;
    __atomic_store_n(&model_tp[cpu], (char *)__builtin_thread_pointer(), __ATOMIC_SEQ_CST);
}

static inline struct thread *arch_current(void)
{
    return (struct thread *)(uintptr_t)(0x1000 * (model_cpu + 1));
}
static inline unsigned arch_cpu_number(void)
{
    return model_cpu;
}
static inline void arch_preempt_add(int n)
{
    model_preempt_count += n;
}
static inline int arch_preempt_count(void)
{
    return model_preempt_count;
}
#define ARCH_PERCPU(name) (name)
#define ARCH_PERCPU_OF(cpu, name)                                                                  \
    (*(__typeof__(name) *)(void *)((char *)&(name) - (char *)__builtin_thread_pointer() +          \
                                   __atomic_load_n(&model_tp[cpu], __ATOMIC_RELAXED)))

static inline unsigned long arch_irq_save(void)
{
    unsigned long was_off = model_irqs_off;
    model_irqs_off = true;
    return was_off;
}
static inline void arch_irq_restore(unsigned long was_off)
{
    model_irqs_off = was_off != 0;
}
static inline void arch_irq_enable(void)
{
    model_irqs_off = false;
}
static inline void arch_irq_disable(void)
{
    model_irqs_off = true;
}
static inline bool arch_irqs_enabled(void)
{
    return !model_irqs_off;
}
void model_relax(void); /* the host may have fewer CPUs: gives way */
static inline void arch_cpu_relax(void)
{
    model_relax();
}
static inline uint64_t arch_cycles(void)
{
    return __builtin_ia32_rdtsc();
}
