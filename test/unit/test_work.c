/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work queues with host threads for CPUs and workers: workers are made when they are needed, each
 * queueing runs once, in order, on its CPU and never twice at a time; cancel and flush right
 * against running works; works by time; and no memory for a worker.
 */
// sources: kernel/core/work.c test/unit/fake/smp.c lib/format.c lib/string.c kernel/base/spinlock.c
// flags: -Itest/unit/fake/smp -pthread
#include "abi/errno.h"
#include "fake/smp.h"
#include "kernel/core/work.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ADD(counter, n)   __atomic_add_fetch(&(counter), n, __ATOMIC_SEQ_CST)
#define LOAD(counter)     __atomic_load_n(&(counter), __ATOMIC_SEQ_CST)
#define STORE(counter, n) __atomic_store_n(&(counter), n, __ATOMIC_SEQ_CST)

static unsigned made, made_cpus; /* workers; of which CPUs, as bits */
static bool no_memory;
static unsigned refused;

static void wait_until(const unsigned *counter, unsigned value)
{
    while (LOAD(*counter) != value) {
        fake_relax();
    }
}

static int create(const char *name, void (*entry)(void *arg), void *arg)
{
    if (LOAD(no_memory)) {
        ADD(refused, 1);
        return -ENOMEM;
    }
    assert_int_equal(strncmp(name, "kworker/", 8), 0);
    unsigned cpu = (unsigned)atoi(name + 8);
    assert_int_equal(LOAD(made_cpus) >> cpu & 1, 0); /* one each */
    ADD(made_cpus, 1u << cpu);
    ADD(made, 1);
    return fake_thread(0, entry, arg); /* it goes to its CPU itself */
}

static void thread_2(void *arg)
{
    (void)arg;
    work_make_workers(create);
}

static int start(void **state)
{
    (void)state;
    fake_adopt(0);
    return fake_thread(0, thread_2, NULL);
}

static bool queue_on_cpu(struct work *work, unsigned cpu)
{
    fake_cpu = cpu;
    bool queued = work_queue(work);
    fake_cpu = 0;
    return queued;
}

/* --- one by one ----------------------------------------------------------------------------- */

struct noted {
    struct work work;
    unsigned runs, cpu, order;
};
static unsigned order;

static void note(struct work *work)
{
    struct noted *noted = container_of(work, struct noted, work);
    noted->cpu = fake_cpu;
    noted->order = ADD(order, 1);
    ADD(noted->runs, 1);
}

/* Keeps a worker busy until the gate opens. */
struct gate {
    struct work work;
    unsigned inside, open, runs;
};

static void pass_gate(struct work *work)
{
    struct gate *gate = container_of(work, struct gate, work);
    ADD(gate->inside, 1);
    wait_until(&gate->open, 1);
    ADD(gate->inside, (unsigned)-1);
    ADD(gate->runs, 1);
}

static void runs_without_worker(void **state)
{
    (void)state;
    struct noted a = {.runs = 0};
    work_setup(&a.work, note);
    STORE(no_memory, true);
    assert_true(queue_on_cpu(&a.work, 3));
    wait_until(&a.runs, 1);
    assert_int_equal(a.cpu, 3);
    work_flush();
    wait_until(&refused, 1);
    assert_true(queue_on_cpu(&a.work, 3)); /* it asks again, and again there is none */
    wait_until(&a.runs, 2);
    work_flush();
    assert_int_equal(LOAD(made), 0);
    STORE(no_memory, false);
}

static void made_when_needed(void **state)
{
    (void)state;
    struct noted a = {.runs = 0};
    work_setup(&a.work, note);
    assert_false(work_cancel(&a.work));
    work_flush();
    assert_int_equal(LOAD(made), 0);
    assert_true(queue_on_cpu(&a.work, 2));
    work_flush();
    assert_int_equal(a.runs, 1);
    assert_int_equal(a.cpu, 2);
    assert_int_equal(LOAD(made_cpus), 1u << 2);
    assert_true(queue_on_cpu(&a.work, 2));
    work_flush();
    assert_int_equal(a.runs, 2);
    assert_int_equal(LOAD(made), 1);
    assert_false(work_cancel(&a.work));
}

static void in_order(void **state)
{
    (void)state;
    struct gate gate = {.open = 0};
    struct noted noted[5] = {{.runs = 0}};
    work_setup(&gate.work, pass_gate);
    assert_true(queue_on_cpu(&gate.work, 1));
    wait_until(&gate.inside, 1);
    for (unsigned i = 0; i < 5; i++) {
        work_setup(&noted[i].work, note);
        assert_true(queue_on_cpu(&noted[i].work, 1));
        assert_false(queue_on_cpu(&noted[i].work, i % FAKE_CPUS));
    }
    assert_true(work_cancel(&noted[2].work));
    assert_false(work_cancel(&noted[2].work));
    STORE(gate.open, 1);
    work_flush();
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(noted[i].runs, i != 2);
        assert_true(i == 2 || noted[i].cpu == 1);
        assert_true(i == 0 || i == 2 || i == 3 || noted[i].order == noted[i - 1].order + 1);
    }
}

/* One that runs is queued behind itself, wherever it is queued. */
static void not_on_two_cpus(void **state)
{
    (void)state;
    struct gate gate = {.open = 0};
    work_setup(&gate.work, pass_gate);
    assert_true(queue_on_cpu(&gate.work, 1));
    wait_until(&gate.inside, 1);
    assert_true(queue_on_cpu(&gate.work, 0));
    assert_int_equal(gate.work.cpu, 1);
    assert_false(queue_on_cpu(&gate.work, 1));
    STORE(gate.open, 1);
    work_flush();
    assert_int_equal(gate.runs, 2);
    assert_true(queue_on_cpu(&gate.work, 0));
    work_flush();
    assert_int_equal(gate.work.cpu, 0);
}

/* --- cancel --------------------------------------------------------------------------------- */

static unsigned cancelled;

static void cancel_gate(void *arg)
{
    work_cancel(&((struct gate *)arg)->work);
    assert_int_equal(LOAD(((struct gate *)arg)->inside), 0);
    ADD(cancelled, 1);
}

static void cancel_waits_for_running(void **state)
{
    (void)state;
    struct gate gate = {.open = 0};
    work_setup(&gate.work, pass_gate);
    assert_true(queue_on_cpu(&gate.work, 1));
    wait_until(&gate.inside, 1);
    cancelled = 0;
    fake_thread_joined(0, cancel_gate, &gate);
    fake_thread_joined(2, cancel_gate, &gate);
    wait_until(&gate.work.cancels, 2);
    assert_false(queue_on_cpu(&gate.work, 3));
    assert_int_equal(LOAD(cancelled), 0);
    STORE(gate.open, 1);
    fake_join();
    assert_int_equal(gate.runs, 1);
    assert_true(queue_on_cpu(&gate.work, 3)); /* from now on it may be queued again */
    work_flush();
    assert_int_equal(gate.runs, 2);
}

struct endless {
    struct work work;
    unsigned runs;
};

static void again(struct work *work)
{
    ADD(container_of(work, struct endless, work)->runs, 1);
    (void)work_queue(work);
}

static void cancel_ends_endless(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        struct endless *endless = calloc(1, sizeof(*endless));
        work_setup(&endless->work, again);
        assert_true(queue_on_cpu(&endless->work, i % FAKE_CPUS));
        while (LOAD(endless->runs) < i % 5) {
            fake_relax();
        }
        work_cancel(&endless->work);
        free(endless); /* the sanitizer sees who touches it */
    }
}

static unsigned freed;

static void free_self(struct work *work)
{
    free(container_of(work, struct endless, work));
    ADD(freed, 1);
}

static void may_free_itself(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        struct endless *one = calloc(1, sizeof(*one));
        work_setup(&one->work, free_self);
        assert_true(queue_on_cpu(&one->work, i % FAKE_CPUS));
    }
    work_flush();
    assert_int_equal(LOAD(freed), 200);
}

/* --- all at once ---------------------------------------------------------------------------- */

#define WORKS  6u
#define ROUNDS 4000u

static struct shared {
    struct work work;
    unsigned inside, queued, ran, cancelled;
    unsigned given, seen; /* written before queueing; the last value that a run saw */
} shared[WORKS];

static void run_shared(struct work *work)
{
    struct shared *one = container_of(work, struct shared, work);
    assert_int_equal(ADD(one->inside, 1), 1);
    STORE(one->seen, LOAD(one->given));
    ADD(one->ran, 1);
    assert_int_equal(ADD(one->inside, (unsigned)-1), 0);
}

static void use_shared(void *arg)
{
    unsigned random = (unsigned)(uintptr_t)arg * 2654435761u + 1;
    for (unsigned i = 0; i < ROUNDS; i++) {
        random = random * 1664525 + 1013904223;
        struct shared *one = &shared[(random >> 16) % WORKS];
        unsigned what = random >> 24;
        if (what < 200) {
            ADD(one->given, 1);
            if (work_queue(&one->work)) {
                ADD(one->queued, 1);
            }
        } else if (what < 250) {
            if (work_cancel(&one->work)) {
                ADD(one->cancelled, 1);
            }
        } else {
            work_flush();
        }
    }
}

static void all_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WORKS; i++) {
        work_setup(&shared[i].work, run_shared);
    }
    for (unsigned i = 0; i < 2 * FAKE_CPUS; i++) {
        fake_thread_joined(i % FAKE_CPUS, use_shared, (void *)(uintptr_t)i);
    }
    fake_join();
    work_flush();
    for (unsigned i = 0; i < WORKS; i++) {
        assert_int_equal(shared[i].queued, shared[i].ran + shared[i].cancelled);
        assert_true(work_queue(&shared[i].work));
        work_flush();
        assert_int_equal(shared[i].seen, shared[i].given);
    }
}

/* --- by time -------------------------------------------------------------------------------- */

struct later {
    struct delayed_work work;
    unsigned runs;
    uint64_t next_ns; /* arms itself again */
};

static void run_later(struct work *work)
{
    struct later *later = container_of(work, struct later, work.work);
    ADD(later->runs, 1);
    if (later->next_ns != 0) {
        work_queue_at(&later->work, later->next_ns);
    }
}

static void by_time(void **state)
{
    (void)state;
    struct later later = {.next_ns = 0};
    delayed_work_setup(&later.work, run_later);
    assert_false(delayed_work_cancel(&later.work));
    work_queue_at(&later.work, 100);
    work_queue_at(&later.work, 200);
    fake_time_to(150);
    work_flush();
    assert_int_equal(later.runs, 0);
    fake_time_to(200);
    work_flush();
    assert_int_equal(later.runs, 1);
    work_queue_at(&later.work, 300);
    assert_true(delayed_work_cancel(&later.work));
    fake_time_to(300);
    work_flush();
    assert_int_equal(later.runs, 1);
    for (unsigned i = 1; i <= 100; i++) {
        later.next_ns = 300 + i; /* at once, again and again, until it is cancelled */
        later.runs = 0;
        work_queue_at(&later.work, 300 + i);
        fake_time_to(300 + i);
        if (i % 2 == 0) {
            wait_until(&later.runs, 1);
        }
        delayed_work_cancel(&later.work);
        unsigned runs = later.runs;
        fake_time_to(300 + i);
        work_flush();
        assert_int_equal(later.runs, runs);
        assert_false(later.work.timer.armed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_without_worker),
        cmocka_unit_test(made_when_needed),
        cmocka_unit_test(in_order),
        cmocka_unit_test(not_on_two_cpus),
        cmocka_unit_test(cancel_waits_for_running),
        cmocka_unit_test(cancel_ends_endless),
        cmocka_unit_test(may_free_itself),
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(by_time),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
