/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls between CPUs on a model of several, each a host thread: all call sets of the others at
 * random, and each other at once. Every call is run once on each CPU of its set, with interrupts
 * off, before the caller goes on; in the end nobody waits. A lost request would hang, a request
 * that is used after its caller went on is seen by the sanitizer.
 */
// sources: kernel/core/smp_call.c
// flags: -Itest/unit/fake/smp -pthread
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/arch/smp.h"
#include "kernel/base/panic.h"
#include "kernel/core/rcu.h"
#include "kernel/core/smp.h"

#define CPUS   6u /* the last one is not online */
#define ROUNDS 4000u

__thread unsigned fake_cpu;
__thread int fake_preempt_count;
__thread bool fake_irqs_off;
__thread struct thread *fake_current;
static char *thread_pointers[CPUS]; /* atomic */

static bool interrupted[CPUS];         /* atomic: ARCH_IPI_CALL waits there */
static unsigned ready;                 /* atomic: CPUs that may be called */
static unsigned finished;              /* atomic: CPUs that have done their rounds */
static uint64_t calls_made, calls_run; /* atomic */
static const struct cpumask online = {{(1u << (CPUS - 1)) - 1}};

struct question {
    unsigned asked_by;
    unsigned runs[CPUS]; /* atomic */
};

_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expr);
    abort();
}

const struct cpumask *cpu_online_mask(void)
{
    return &online;
}

void rcu_idle_exit(void)
{
}

void arch_ipi_send(unsigned cpu, enum arch_ipi what)
{
    assert(what == ARCH_IPI_CALL && cpu < CPUS - 1 && cpu != fake_cpu);
    __atomic_store_n(&interrupted[cpu], true, __ATOMIC_SEQ_CST);
}

/* Takes the interrupt that waits, if interrupts are on. */
static void take_interrupt(void)
{
    if (!fake_irqs_off && __atomic_exchange_n(&interrupted[fake_cpu], false, __ATOMIC_SEQ_CST)) {
        fake_irqs_off = true;
        core_ipi_call();
        fake_irqs_off = false;
    }
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
    take_interrupt();
    sched_yield();
}

static void answer(void *arg)
{
    struct question *question = arg;
    assert(fake_irqs_off);
    __atomic_fetch_add(&question->runs[fake_cpu], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&calls_run, 1, __ATOMIC_RELAXED);
}

/* Sets with CPUs that are not online, the caller, everybody, or nobody. */
static void ask(uint64_t set)
{
    struct question question = {.asked_by = fake_cpu};
    struct cpumask mask = {{set}};
    if (set == UINT64_MAX) {
        smp_call_all(answer, &question);
    } else {
        smp_call(&mask, answer, &question);
    }
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        unsigned expected = (set & online.word[0]) >> cpu & 1;
        assert(__atomic_load_n(&question.runs[cpu], __ATOMIC_RELAXED) == expected);
        __atomic_fetch_add(&calls_made, expected, __ATOMIC_RELAXED);
    }
    assert(!fake_irqs_off && fake_preempt_count == 0);
    memset(&question, 0xee, sizeof question);
}

static void *run_cpu(void *arg)
{
    begin_cpu((unsigned)(uintptr_t)arg);
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < CPUS - 1) {
        sched_yield();
    }
    uint32_t random = 77 + fake_cpu;
    for (unsigned round = 0; round < ROUNDS; round++) {
        random = random * 1664525u + 1013904223u;
        ask(random >> 28 == 0 ? UINT64_MAX : random >> 8 & 0x3f);
        take_interrupt();
    }
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < CPUS - 1) {
        fake_relax();
    }
    return NULL;
}

static void test_all_call_all(void **state)
{
    (void)state;
    pthread_t threads[CPUS - 1];
    for (unsigned i = 0; i < CPUS - 1; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run_cpu, (void *)(uintptr_t)i), 0);
    }
    for (unsigned i = 0; i < CPUS - 1; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(calls_made, calls_run);
    assert_true(calls_run > ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_call_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
