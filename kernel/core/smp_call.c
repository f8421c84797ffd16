/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calling functions on other CPUs. A call is a request for each CPU on the caller's stack, chained
 * into that CPU's queue; the caller waits with interrupts on, so that two CPUs that call each other
 * both answer.
 */
#include "kernel/arch/smp.h"
#include "kernel/base/panic.h"
#include "kernel/base/percpu.h"
#include "kernel/base/preempt.h"
#include "kernel/core/rcu.h"
#include "kernel/core/smp.h"

#define CALL_BATCH 16u

struct call {
    struct call *next;
    void (*fn)(void *arg);
    void *arg;
    bool done; /* atomic: the caller may take it down */
};

/* Requests to this CPU, the newest first. Atomic. */
PERCPU(struct call *, call_queue);

void core_ipi_call(void)
{
    rcu_idle_exit();
    struct call *call = __atomic_exchange_n(&percpu(call_queue), NULL, __ATOMIC_ACQUIRE);
    struct call *ordered = NULL;
    while (call != NULL) {
        struct call *next = call->next;
        call->next = ordered;
        ordered = call;
        call = next;
    }
    while (ordered != NULL) {
        struct call *next = ordered->next;
        ordered->fn(ordered->arg);
        __atomic_store_n(&ordered->done, true, __ATOMIC_RELEASE);
        ordered = next;
    }
}

/* True: nobody has sent the interrupt for an earlier request yet unanswered. */
static bool push(unsigned cpu, struct call *call)
{
    struct call **queue = &percpu_of(cpu, call_queue);
    call->next = __atomic_load_n(queue, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(queue, &call->next, call, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {
    }
    return call->next == NULL;
}

/* Calls as many CPUs of mask from *cpu on as a batch has, and waits for them. */
static void call_batch(const struct cpumask *mask, unsigned *cpu, void (*fn)(void *arg), void *arg)
{
    struct call calls[CALL_BATCH];
    unsigned count = 0;
    for (; *cpu < CPUS_MAX && count < CALL_BATCH; *cpu = cpumask_next(mask, *cpu + 1)) {
        if (*cpu == arch_cpu_number() || !cpu_is_online(*cpu)) {
            continue;
        }
        struct call *call = &calls[count++];
        *call = (struct call){.fn = fn, .arg = arg};
        if (push(*cpu, call)) {
            arch_ipi_send(*cpu, ARCH_IPI_CALL);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        while (!__atomic_load_n(&calls[i].done, __ATOMIC_ACQUIRE)) {
            arch_cpu_relax();
        }
    }
}

void smp_call(const struct cpumask *mask, void (*fn)(void *arg), void *arg)
{
    assert(arch_irqs_enabled());
    preempt_disable();
    if (cpumask_test(mask, arch_cpu_number())) {
        arch_irq_disable();
        fn(arg);
        arch_irq_enable();
    }
    for (unsigned cpu = cpumask_next(mask, 0); cpu < CPUS_MAX;) {
        call_batch(mask, &cpu, fn, arg);
    }
    preempt_enable();
}

void smp_call_all(void (*fn)(void *arg), void *arg)
{
    smp_call(cpu_online_mask(), fn, arg);
}
