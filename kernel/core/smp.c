/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs: which are there and which take part (C11), and calling functions on others. A call is a
 * chain of requests on the caller's stack, one for each CPU; the caller waits with interrupts on,
 * so that two CPUs that call each other both answer.
 */
#include "kernel/core/smp.h"
#include "abi/bootinfo.h"
#include "kernel/arch/smp.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/init.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/base/percpu.h"
#include "kernel/base/preempt.h"
#include "kernel/core/core.h"
#include "kernel/core/rcu.h"
#include "kernel/core/timer.h"
#include "lib/string.h"

#define START_AGAIN_NS (200 * NSEC_PER_USEC) /* Intel SDM vol. 3, 8.4.4.1 */
#define START_LIMIT_NS (10 * NSEC_PER_SEC)
#define CALL_BATCH     16u

static struct cpumask online; /* atomic bits; grows only */
static unsigned online_count; /* atomic */
static unsigned present_count RO_AFTER_INIT = 1;
static unsigned start_limit RO_AFTER_INIT;
static unsigned woken_count RO_AFTER_INIT; /* that the tables name, the boot CPU not counted */

/* Owner: the timer that looks after the start. */
static struct timer start_timer;
static uint64_t start_ns;

unsigned cpu_present_count(void)
{
    return present_count;
}

unsigned cpu_online_count(void)
{
    return __atomic_load_n(&online_count, __ATOMIC_RELAXED);
}

const struct cpumask *cpu_online_mask(void)
{
    return &online;
}

void smp_online(unsigned cpu)
{
    arch_smp_online();
    __atomic_fetch_add(&online_count, 1, __ATOMIC_RELAXED);
    cpumask_set_atomic(&online, cpu);
}

/* --- start ---------------------------------------------------------------------------------- */

/* Linux's nr_cpus= (CPUs that exist for us), maxcpus= (that are started; 0 is the same as nosmp:
 * there is one CPU, and it is alone). */
static INIT_TEXT void read_options(void)
{
    uint64_t limit = cmdline_number("nr_cpus", CPUS_MAX);
    if (limit == 0) {
        log_warn("command line: nr_cpus=0 leaves no CPU; all are used");
        limit = CPUS_MAX;
    }
    start_limit = (unsigned)MIN(cmdline_number("maxcpus", CPUS_MAX), CPUS_MAX);
    if (cmdline_flag("nosmp") || start_limit == 0) {
        start_limit = limit = 1;
    }
    present_count = (unsigned)MIN(limit, present_count);
}

INIT_TEXT void smp_init(const struct bootinfo *info)
{
    present_count = info->cpu_count;
    woken_count = info->cpu_count - 1 + info->cpus_dropped;
    online_count = 1;
    if (info->cpus_dropped != 0 && cmdline_get("nr_cpus") == NULL) {
        log_warn("smp: %u of %u CPUs are left out: there is not enough memory, or room in a table",
                 info->cpus_dropped, woken_count + 1);
    }
    read_options();
    cpumask_set(&online, 0);
}

/* From 200 us on, less and less often, until all are there or time is up. */
static void look_after_start(struct timer *timer)
{
    uint64_t passed = clock_monotonic_ns() - start_ns;
    if (passed < 2 * START_AGAIN_NS) {
        arch_smp_start_again();
    }
    if (!arch_smp_started(passed >= START_LIMIT_NS)) {
        timer_arm(timer, start_ns + MIN(4 * passed, START_LIMIT_NS));
    }
}

void smp_start(void)
{
    unsigned count = MIN(present_count, start_limit);
    if (count == 1) {
        return;
    }
    if (arch_smp_start(count, woken_count) != 0) {
        log_warn("smp: no memory below 1 MiB to start CPUs from; going on with one");
        return;
    }
    start_ns = clock_monotonic_ns();
    timer_setup(&start_timer, look_after_start);
    timer_arm(&start_timer, start_ns + START_AGAIN_NS);
}

/* --- calls ---------------------------------------------------------------------------------- */

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
    smp_call(&online, fn, arg);
}
