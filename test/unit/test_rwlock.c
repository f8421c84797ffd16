/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes for readers and writers, with host threads: several readers or one writer have the lock,
 * nothing written is lost, nobody sleeps for ever, and neither side keeps the other out.
 */
// sources: kernel/core/rwlock.c test/unit/fake/smp.c lib/format.c lib/string.c
// sources: kernel/base/spinlock.c
// flags: -Itest/unit/fake/smp -pthread
#include "fake/smp.h"
#include "kernel/core/rwlock.h"
#include "kernel/core/smp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ADD(counter, n) __atomic_add_fetch(&(counter), n, __ATOMIC_SEQ_CST)
#define LOAD(counter)   __atomic_load_n(&(counter), __ATOMIC_SEQ_CST)

static struct rwmutex rw;
static unsigned long first, second; /* [rw] */
static unsigned inside, most_readers, turns;
static unsigned cpus_online = FAKE_CPUS;

unsigned cpu_online_count(void)
{
    return LOAD(cpus_online);
}

static void overlap(void)
{
    print_error("two who must not hold the lock at the same time\n");
    abort();
}

static void write_some(void *arg)
{
    for (size_t i = 0; i < (size_t)arg; i++) {
        rw_write_lock(&rw);
        if (ADD(inside, 1) != 1) {
            overlap();
        }
        first++;
        if (i % 16 == 0) {
            fake_relax();
        }
        second++;
        if (i % 4 != 0) {
            ADD(inside, -1);
            rw_write_unlock(&rw);
            continue;
        }
        rw_downgrade(&rw);
        fake_relax();
        if (first != second) {
            overlap();
        }
        ADD(inside, -1);
        rw_read_unlock(&rw);
    }
}

static void read_some(void *arg)
{
    for (size_t i = 0; i < (size_t)arg; i++) {
        rw_read_lock(&rw);
        unsigned readers = ADD(inside, 1);
        if (first != second) {
            overlap();
        }
        if (i % 16 == 0) {
            fake_relax();
        }
        if (readers > LOAD(most_readers)) {
            __atomic_store_n(&most_readers, readers, __ATOMIC_SEQ_CST);
        }
        ADD(inside, -1);
        rw_read_unlock(&rw);
    }
}

static void run(unsigned online)
{
    enum { TIMES = 20000 };
    first = second = 0;
    cpus_online = online;
    rw_init(&rw, LOCK_SPACE);
    for (unsigned cpu = 0; cpu < FAKE_CPUS; cpu++) {
        fake_thread_joined(cpu, write_some, (void *)TIMES);
        fake_thread_joined(cpu, read_some, (void *)TIMES);
        fake_thread_joined(cpu, read_some, (void *)TIMES);
    }
    fake_join();
    assert_int_equal(first, FAKE_CPUS * TIMES);
    assert_int_equal(second, first);
    assert_int_equal(rw.state, 0);
    assert_false(waitq_active(&rw.readers));
    assert_false(waitq_active(&rw.writers));
}

static void many_at_once(void **state)
{
    (void)state;
    run(FAKE_CPUS);
    run(1); /* nobody spins: all have to sleep */
    assert_true(most_readers > 1);
}

/* Two readers hold the lock in turn, so that it is never free; a writer gets in all the same. */
static bool written;
static void read_in_turn(void *arg)
{
    (void)arg;
    while (!LOAD(written)) {
        rw_read_lock(&rw);
        unsigned now = ADD(turns, 1);
        /* Until the other one is in, too; he may be behind the writer. */
        for (int i = 0; i < 100 && LOAD(turns) == now && !LOAD(written); i++) {
            fake_relax();
        }
        rw_read_unlock(&rw);
    }
}

static void write_once(void *arg)
{
    (void)arg;
    while (LOAD(turns) < 10) {
        fake_relax();
    }
    rw_write_lock(&rw);
    __atomic_store_n(&written, true, __ATOMIC_SEQ_CST);
    rw_write_unlock(&rw);
}

static void writers_get_in(void **state)
{
    (void)state;
    rw_init(&rw, LOCK_SPACE);
    for (unsigned cpu = 0; cpu < 3; cpu++) {
        fake_thread_joined(cpu, read_in_turn, NULL);
    }
    fake_thread_joined(3, write_once, NULL);
    fake_join();
    assert_true(written);
}

static int start(void **state)
{
    (void)state;
    fake_adopt(0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_at_once),
                                       cmocka_unit_test(writers_get_in)};
    return cmocka_run_group_tests(tests, start, NULL);
}
