/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which threads run and the CPUs they run on, on a model in which time passes by
 * steps: shares by nice value, real-time priorities and round robin, sleepers that wake, stealing
 * by CPUs without work, and affinity.
 */
// sources: kernel/core/sched_queue.c kernel/core/sched_place.c kernel/base/spinlock.c
// flags: -Itest/unit/fake/smp
#include "abi/errno.h"
#include "kernel/arch/smp.h"
#include "kernel/core/core.h"
#include "kernel/core/sched_impl.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CPUS  4u
#define BLOCK (1u << 20)
#define STEP  SCHED_TICK_NS

__thread bool fake_irqs_off;
__thread int fake_preempt_count;
__thread struct thread *fake_current;
__thread unsigned fake_cpu;
__thread struct run_queue run_queue;

static char blocks[CPUS][BLOCK] __attribute__((aligned(64)));
static struct thread idle[CPUS], threads[16];
static struct cpumask online;
static unsigned online_count, interrupts[CPUS];

void *fake_block(unsigned cpu)
{
    return blocks[cpu] + BLOCK - BLOCK / 4;
}
void fake_relax(void)
{
    abort();
}
_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, expr);
    abort();
}
unsigned cpu_online_count(void)
{
    return online_count;
}
const struct cpumask *cpu_online_mask(void)
{
    return &online;
}
void arch_ipi_send(unsigned cpu, enum arch_ipi what)
{
    assert_int_equal(what, ARCH_IPI_RESCHEDULE);
    interrupts[cpu]++;
}
void sched_point(void)
{
}
void sched_kick(unsigned cpu)
{
    sched_kick_queue(&percpu_of(cpu, run_queue));
}

static struct run_queue *rq_of(unsigned cpu)
{
    return &percpu_of(cpu, run_queue);
}

static void act_as(unsigned cpu)
{
    fake_cpu = cpu;
    fake_current = rq_of(cpu)->running;
}

static int setup_cpus(unsigned count)
{
    memset(blocks, 0, sizeof(blocks));
    memset(idle, 0, sizeof(idle));
    memset(threads, 0, sizeof(threads));
    memset(&sched_idle_cpus, 0, sizeof(sched_idle_cpus));
    memset(&online, 0, sizeof(online));
    memset(interrupts, 0, sizeof(interrupts));
    online_count = count;
    for (unsigned cpu = 0; cpu < count; cpu++) {
        struct run_queue *rq = rq_of(cpu);
        rq->cpu = cpu;
        rq->min_vruntime = NSEC_PER_SEC * (cpu + 1);
        rq->idle = rq->running = &idle[cpu];
        idle[cpu].cpu = cpu;
        sched_entity_init(&idle[cpu], NULL);
        cpumask_set(&online, cpu);
        cpumask_set(&sched_idle_cpus, cpu);
    }
    act_as(0);
    return 0;
}

static struct thread *start(unsigned i, const struct sched_params *params)
{
    struct thread *t = &threads[i];
    sched_entity_init(t, NULL);
    t->cpu = fake_cpu;
    t->sched.vruntime = rq_of(fake_cpu)->min_vruntime;
    if (params != NULL) {
        t->sched.params = *params;
        sched_entity_update(t);
    }
    t->state = THREAD_RUNNABLE;
    sched_send(sched_lock_thread(t), t, false);
    return t;
}

static void wake(struct thread *t)
{
    t->state = THREAD_RUNNABLE;
    sched_send(sched_lock_thread(t), t, true);
}

/* As schedule() does it: what ran goes back unless it sleeps, and the next one runs. */
static struct thread *switch_cpu(unsigned cpu)
{
    act_as(cpu);
    struct run_queue *rq = rq_of(cpu);
    struct thread *from = rq->running;
    from->work = 0;
    rq->running = NULL;
    from->on_cpu = false;
    if (from != rq->idle) {
        rq->load -= from->sched.weight;
        if (from->state == THREAD_RUNNABLE) {
            queue_insert(rq, from);
        }
    }
    if (rq->first == NULL) {
        sched_steal(rq, 0);
    }
    struct thread *to = rq->first != NULL ? rq->first : rq->idle;
    if (to != rq->idle) {
        queue_remove(rq, to);
        rq->load += to->sched.weight;
        cpumask_clear_atomic(&sched_idle_cpus, cpu);
    } else {
        cpumask_set_atomic(&sched_idle_cpus, cpu);
    }
    to->on_cpu = true;
    rq->running = to;
    act_as(cpu);
    return to;
}

/* Time passes; the running thread is charged and gives way if it should. */
static void run(unsigned cpu, uint64_t ns)
{
    struct run_queue *rq = rq_of(cpu);
    struct thread *running = rq->running;
    running->user_ns += ns;
    if (running != rq->idle) {
        queue_charge(rq, running, ns);
    }
    if (running->work != 0 || (rq->first != NULL && queue_preempts(rq, rq->first, false))) {
        switch_cpu(cpu);
    }
}

static void test_shares_follow_nice(void **state)
{
    (void)state;
    setup_cpus(1);
    const int nices[4] = {0, 5, -5, 19};
    double weights = 0, expected[4] = {1024, 335.5, 3125, 15};
    for (unsigned i = 0; i < 4; i++) {
        start(i, &(struct sched_params){.nice = nices[i]});
        weights += expected[i];
    }
    switch_cpu(0);
    const unsigned steps = 40000;
    for (unsigned i = 0; i < steps; i++) {
        run(0, STEP);
    }
    for (unsigned i = 0; i < 4; i++) {
        double share = (double)threads[i].user_ns / (STEP * (double)steps);
        double ratio = share / (expected[i] / weights);
        assert_true(ratio > 0.97 && ratio < 1.03);
    }
}

static void test_idle_policy_takes_what_is_left(void **state)
{
    (void)state;
    setup_cpus(1);
    start(0, &(struct sched_params){.policy = SCHED_IDLE});
    switch_cpu(0);
    assert_ptr_equal(rq_of(0)->running, &threads[0]);
    run(0, NSEC_PER_MSEC);
    start(1, NULL); /* preempts at once */
    assert_int_equal(threads[0].work, THREAD_WORK_RESCHED);
    assert_ptr_equal(switch_cpu(0), &threads[1]);
}

static void test_real_time_by_priority(void **state)
{
    (void)state;
    setup_cpus(1);
    start(0, NULL);
    start(1, &(struct sched_params){.policy = SCHED_FIFO, .rt_priority = 10});
    start(2, &(struct sched_params){.policy = SCHED_FIFO, .rt_priority = 50});
    start(3, &(struct sched_params){.policy = SCHED_RR, .rt_priority = 10});
    assert_ptr_equal(switch_cpu(0), &threads[2]);
    run(0, 100 * STEP); /* FIFO runs as long as it likes */
    assert_ptr_equal(rq_of(0)->running, &threads[2]);
    threads[2].state = THREAD_SLEEPING;
    assert_ptr_equal(switch_cpu(0), &threads[1]); /* came before the other one */
    wake(&threads[2]);
    assert_int_equal(threads[1].work, THREAD_WORK_RESCHED);
    threads[1].sched.to_head = true; /* preempted, so it keeps its place */
    assert_ptr_equal(switch_cpu(0), &threads[2]);
    threads[2].state = THREAD_SLEEPING;
    assert_ptr_equal(switch_cpu(0), &threads[1]);
    threads[1].sched.to_head = false; /* it yields */
    assert_ptr_equal(switch_cpu(0), &threads[3]);
    threads[1].state = threads[3].state = THREAD_SLEEPING;
    queue_remove(rq_of(0), &threads[1]);
    assert_ptr_equal(switch_cpu(0), &threads[0]);
}

static void test_boost_and_back(void **state)
{
    (void)state;
    setup_cpus(1);
    start(0, &(struct sched_params){.nice = 19});
    start(1, NULL);
    start(2, &(struct sched_params){.policy = SCHED_FIFO, .rt_priority = 1});
    assert_ptr_equal(switch_cpu(0), &threads[2]);
    sched_boost(&threads[0], 20);
    assert_int_equal(sched_priority(&threads[0]), 20);
    assert_int_equal(threads[2].work, THREAD_WORK_RESCHED);
    assert_ptr_equal(switch_cpu(0), &threads[0]);
    sched_boost(&threads[0], SCHED_NO_BOOST);
    assert_int_equal(sched_priority(&threads[0]), 139);
    assert_int_equal(threads[0].work, THREAD_WORK_RESCHED);
    assert_ptr_equal(switch_cpu(0), &threads[2]);
}

static void test_sleeper_has_credit_but_no_hoard(void **state)
{
    (void)state;
    setup_cpus(1);
    start(0, NULL);
    struct thread *sleeper = start(1, NULL);
    switch_cpu(0);
    switch_cpu(0);
    rq_of(0)->running->state = THREAD_SLEEPING;
    sleeper = rq_of(0)->running;
    struct thread *busy = switch_cpu(0);
    run(0, 10 * NSEC_PER_SEC);
    wake(sleeper);
    assert_int_equal(busy->work, THREAD_WORK_RESCHED); /* it preempts */
    assert_ptr_equal(switch_cpu(0), sleeper);
    uint64_t before = sleeper->user_ns;
    while (rq_of(0)->running == sleeper) {
        run(0, NSEC_PER_MSEC);
    }
    assert_true(sleeper->user_ns - before <= SCHED_CREDIT_NS + 2 * NSEC_PER_MSEC);
}

static void test_new_threads_go_to_idle_cpus(void **state)
{
    (void)state;
    setup_cpus(CPUS);
    for (unsigned i = 0; i < CPUS; i++) {
        start(i, NULL);
        switch_cpu(threads[i].cpu);
        act_as(0);
    }
    unsigned used = 0;
    for (unsigned i = 0; i < CPUS; i++) {
        used |= 1u << threads[i].cpu;
    }
    assert_int_equal(used, 0xf);
    assert_true(cpumask_empty(&sched_idle_cpus));
    start(4, NULL);
    start(5, NULL);
    assert_int_not_equal(threads[4].cpu, threads[5].cpu);
}

static void test_woken_goes_back_if_its_cpu_is_idle(void **state)
{
    (void)state;
    setup_cpus(CPUS);
    start(0, NULL);
    switch_cpu(0);
    struct thread *t = start(1, NULL);
    unsigned home = t->cpu;
    assert_int_not_equal(home, 0);
    switch_cpu(home);
    t->sched.burst_ns = NSEC_PER_SEC;
    t->state = THREAD_SLEEPING;
    switch_cpu(home);
    act_as(0);
    interrupts[home] = 0;
    wake(t);
    assert_int_equal(t->cpu, home);
    assert_int_equal(interrupts[home], 1);
    /* Both run only for moments: they stay together. */
    switch_cpu(home);
    t->sched.burst_ns = 1000;
    t->state = THREAD_SLEEPING;
    switch_cpu(home);
    act_as(0);
    wake(t);
    assert_int_equal(t->cpu, 0);
}

static void test_switching_thread_stays(void **state)
{
    (void)state;
    setup_cpus(2);
    start(0, NULL);
    switch_cpu(0);
    /* It has been taken off, but its registers are not saved yet: nobody else may have it. */
    struct run_queue *rq = rq_of(0);
    rq->running = NULL;
    threads[0].state = THREAD_SLEEPING;
    act_as(1);
    wake(&threads[0]);
    assert_int_equal(threads[0].cpu, 0);
    assert_true(threads[0].sched.queued);
    assert_null(sched_steal(rq_of(1), 0));
    threads[0].on_cpu = false;
    assert_ptr_equal(sched_steal(rq_of(1), 0), rq);
    assert_int_equal(threads[0].cpu, 1);
    assert_int_equal(rq->count, 0);
    assert_int_equal(rq_of(1)->count, 1);
}

static void test_steal_respects_affinity(void **state)
{
    (void)state;
    setup_cpus(2);
    struct thread *t[3];
    for (unsigned i = 0; i < 3; i++) {
        t[i] = start(i, NULL);
        const struct cpumask zero_only = {{1}};
        assert_int_equal(sched_set_affinity(t[i], &zero_only), 0);
        assert_int_equal(t[i]->cpu, 0);
    }
    switch_cpu(0);
    assert_ptr_equal(switch_cpu(1), &idle[1]);
    const struct cpumask both = {{3}};
    struct thread *waits = rq_of(0)->first;
    assert_int_equal(sched_set_affinity(waits, &both), 0);
    assert_ptr_equal(switch_cpu(1), waits);
    const struct cpumask none = {{0xf0}};
    assert_int_equal(sched_set_affinity(waits, &none), -EINVAL);
}

static void test_affinity_moves_a_running_thread(void **state)
{
    (void)state;
    setup_cpus(2);
    struct thread *t = start(0, NULL);
    switch_cpu(0);
    act_as(1);
    const struct cpumask one_only = {{2}};
    assert_int_equal(sched_set_affinity(t, &one_only), 0);
    assert_int_equal(t->work, THREAD_WORK_RESCHED);
    assert_int_equal(interrupts[0], 1);
}

/* Threads that never sleep, on two CPUs: each gets about its share. */
static void share_two_cpus(unsigned count)
{
    const unsigned steps = 20000;
    setup_cpus(2);
    for (unsigned i = 0; i < count; i++) {
        start(i, NULL);
    }
    uint64_t now = 0;
    for (unsigned step = 0; step < steps; step++) {
        now += STEP;
        for (unsigned cpu = 0; cpu < 2; cpu++) {
            act_as(cpu);
            run(cpu, STEP);
            act_as(cpu);
            sched_balance(rq_of(cpu), now);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        double share = (double)threads[i].user_ns / (steps * (double)STEP) * count / 2;
        assert_true(share > 0.7 && share < 1.3);
    }
}

static void test_shares_hold_across_cpus(void **state)
{
    (void)state;
    share_two_cpus(6);
    share_two_cpus(3);
    share_two_cpus(5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_follow_nice),
        cmocka_unit_test(test_idle_policy_takes_what_is_left),
        cmocka_unit_test(test_real_time_by_priority),
        cmocka_unit_test(test_boost_and_back),
        cmocka_unit_test(test_sleeper_has_credit_but_no_hoard),
        cmocka_unit_test(test_new_threads_go_to_idle_cpus),
        cmocka_unit_test(test_woken_goes_back_if_its_cpu_is_idle),
        cmocka_unit_test(test_switching_thread_stays),
        cmocka_unit_test(test_steal_respects_affinity),
        cmocka_unit_test(test_affinity_moves_a_running_thread),
        cmocka_unit_test(test_shares_hold_across_cpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
