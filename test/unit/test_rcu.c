/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deferred freeing on a model of several CPUs, each a host thread: readers, writers, idling, ticks
 * and waiters at random. What is freed is freed for good, so that the sanitizer sees a reader that
 * still holds it; in the end nothing may be left over.
 */
// sources: kernel/core/rcu.c kernel/base/spinlock.c
// flags: -Itest/unit/fake/smp -pthread
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/base/panic.h"
#include "kernel/core/rcu.h"
#include "kernel/core/wait.h"

#define CPUS   4u
#define SLOTS  8u
#define ROUNDS 30000u
#define ALIVE  0x600dull

void sched_kick(unsigned cpu); /* of kernel/core/core.h, which wants a machine */

__thread unsigned fake_cpu;
__thread int fake_preempt_count;
__thread bool fake_irqs_off;
__thread struct thread *fake_current;
static char *thread_pointers[CPUS]; /* atomic */

static __thread uint32_t random_state;
static bool kicked[CPUS];    /* atomic */
static unsigned made, freed; /* atomic */
static unsigned finished;    /* atomic: CPUs that have done their rounds */

struct thing {
    uint64_t state;
    struct rcu_head rcu;
};
static struct thing *slots[SLOTS]; /* atomic */

_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expr);
    abort();
}

/* Each CPU is a host thread, whose thread-local variables are its own. */
void *fake_block(unsigned cpu)
{
    return __atomic_load_n(&thread_pointers[cpu], __ATOMIC_RELAXED);
}

static void begin_cpu(unsigned cpu)
{
    fake_cpu = cpu;
    __atomic_store_n(&thread_pointers[cpu], (char *)__builtin_thread_pointer(), __ATOMIC_SEQ_CST);
}

void fake_relax(void)
{
    sched_yield();
}

static uint32_t random_number(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

/* The scheduler's part. */

void sched_kick(unsigned cpu)
{
    __atomic_store_n(&kicked[cpu], true, __ATOMIC_RELAXED);
}

/* A switch of threads. */
static void pass(void)
{
    arch_irq_disable();
    __atomic_store_n(&kicked[fake_cpu], false, __ATOMIC_RELAXED);
    rcu_quiescent();
    arch_irq_enable();
}

/* Idles; once in a while an interrupt comes, whose handler may read. */
static void idle(void (*interrupt)(void))
{
    arch_irq_disable();
    rcu_idle_enter();
    for (unsigned i = random_number() % 4; i != 0; i--) {
        fake_relax();
    }
    if (random_number() % 2 == 0) {
        rcu_idle_exit();
        preempt_disable();
        interrupt();
        preempt_enable();
    }
    rcu_idle_exit();
    arch_irq_enable();
}

void waitq_wake_all(struct waitq *wq)
{
    (void)wq;
}

void wait_prepare(enum wait_mode mode)
{
    (void)mode;
}

void wait_begin(struct waitq *wq, struct wait_entry *entry)
{
    (void)wq;
    (void)entry;
}

void wait_end(struct waitq *wq, struct wait_entry *entry)
{
    (void)wq;
    (void)entry;
}

void wait_cancel(void)
{
}

int wait_sleep(uint64_t deadline_ns)
{
    (void)deadline_ns;
    pass();
    fake_relax();
    return 0;
}

/* Readers and writers. */

static struct thing *make(void)
{
    struct thing *thing = malloc(sizeof(*thing));
    thing->state = ALIVE;
    __atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
    return thing;
}

static void thing_done(struct rcu_head *head)
{
    struct thing *thing = container_of(head, struct thing, rcu);
    assert(thing->state == ALIVE);
    thing->state = 0;
    free(thing);
    __atomic_fetch_add(&freed, 1, __ATOMIC_RELAXED);
}

static void read_some(void)
{
    rcu_read_lock();
    struct thing *thing = rcu_read(slots[random_number() % SLOTS]);
    for (unsigned i = random_number() % 8; i != 0; i--) {
        assert(thing == NULL || __atomic_load_n(&thing->state, __ATOMIC_RELAXED) == ALIVE);
        if (random_number() % 64 == 0) {
            fake_relax();
        }
    }
    rcu_read_unlock();
}

static void replace(void)
{
    struct thing *fresh = make();
    struct thing *old = __atomic_exchange_n(&slots[random_number() % SLOTS], fresh,
                                            __ATOMIC_ACQ_REL);
    if (old != NULL) {
        rcu_call(&old->rcu, thing_done);
    }
}

static void replace_and_wait(void)
{
    struct thing *old = __atomic_exchange_n(&slots[random_number() % SLOTS], make(),
                                            __ATOMIC_ACQ_REL);
    rcu_wait();
    if (old != NULL) {
        thing_done(&old->rcu);
    }
}

static void tick(void)
{
    arch_irq_disable();
    preempt_disable();
    rcu_idle_exit();
    rcu_tick(random_number() % 2 == 0);
    preempt_enable();
    arch_irq_enable();
}

static void *run_cpu(void *arg)
{
    begin_cpu((unsigned)(uintptr_t)arg);
    random_state = fake_cpu * 7919 + 1;
    if (fake_cpu != 0) {
        idle(read_some); /* as further CPUs come */
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned what = random_number() % 64;
        if (what < 24) {
            read_some();
        } else if (what < 48) {
            replace();
        } else if (what < 56) {
            pass();
        } else if (what < 59) {
            idle(replace);
        } else if (what < 63) {
            tick();
        } else if (i % 8 == 0) {
            replace_and_wait();
        }
        if (__atomic_load_n(&kicked[fake_cpu], __ATOMIC_RELAXED)) {
            pass();
        }
    }
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    do {
        idle(read_some);
    } while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) != CPUS);
    arch_irq_disable();
    rcu_idle_enter();
    arch_irq_enable();
    return NULL;
}

/* Before a second CPU has come nothing is put off unless a reader runs. */
static void alone(void **state)
{
    (void)state;
    begin_cpu(0);
    rcu_call(&make()->rcu, thing_done);
    assert_int_equal(freed, 1);
    rcu_wait();
    rcu_read_lock();
    rcu_call(&make()->rcu, thing_done);
    assert_int_equal(freed, 1);
    rcu_read_unlock();
    pass();
    assert_int_equal(freed, 2);
    rcu_read_lock();
    rcu_call(&make()->rcu, thing_done);
    rcu_read_unlock();
    arch_irq_disable();
    rcu_idle_enter();
    rcu_idle_exit();
    arch_irq_enable();
    assert_int_equal(freed, 3);
}

/* A long row of callbacks asks for reports at the next tick, and is called in pieces. */
static void many(void **state)
{
    (void)state;
    unsigned before = freed;
    rcu_read_lock();
    for (unsigned i = 0; i < 1024; i++) {
        rcu_call(&make()->rcu, thing_done);
    }
    assert_false(kicked[0]);
    arch_irq_disable();
    rcu_tick(false);
    arch_irq_enable();
    assert_true(kicked[0]);
    rcu_read_unlock();
    pass();
    unsigned first = freed - before;
    assert_in_range(first, 1, 1023);
    while (kicked[0]) {
        pass();
    }
    assert_int_equal(freed - before, 1024);
}

static void together(void **state)
{
    (void)state;
    pthread_t threads[CPUS];
    random_state = 1;
    for (uintptr_t i = 0; i < CPUS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run_cpu, (void *)i), 0);
    }
    for (unsigned i = 0; i < CPUS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i] != NULL) {
            thing_done(&slots[i]->rcu);
        }
    }
    assert_int_equal(made, freed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone),
        cmocka_unit_test(many),
        cmocka_unit_test(together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
