/* SPDX-License-Identifier: BSD-2-Clause */
/* Provokes what kernel/core/watch.c looks for, when the command line asks for it. */
#include "kernel/base/cmdline.h"
#include "kernel/base/log.h"
#include "kernel/core/sched.h"
#include "kernel/core/smp.h"
#include "kernel/core/timer.h"
#include "kernel/core/watch.h"

static struct mutex lock = MUTEX_INIT(lock, LOCK_FS_CONTEXT);
static uint64_t time_ns; /* constant after the start */

static void hold_and_loop(void *unused)
{
    (void)unused;
    /* A CPU that comes up asks another for the time. */
    while (cpu_online_count() < cpu_present_count()) {
        (void)sleep_until(clock_monotonic_ns() + 10 * NSEC_PER_MSEC, WAIT_UNINTERRUPTIBLE);
    }
    bool irq_off = cmdline_flag("test_lockup.disable_irq");
    unsigned long flags = irq_off ? arch_irq_save() : 0;
    uint64_t end = clock_monotonic_ns() + time_ns;
    while (watch_reports() == 0 && clock_monotonic_ns() < end) {
        for (int i = 0; i < 100000; i++) { /* so that this function is where it is found */
            arch_cpu_relax();
        }
    }
    if (irq_off) {
        arch_irq_restore(flags);
    }
    log_info("test_lockup: done");
}

static void hold_and_sleep(void *unused)
{
    (void)unused;
    mutex_lock(&lock);
    uint64_t end = clock_monotonic_ns() + time_ns;
    while (watch_reports() == 0 && clock_monotonic_ns() < end) {
        (void)sleep_until(clock_monotonic_ns() + 10 * NSEC_PER_MSEC, WAIT_UNINTERRUPTIBLE);
    }
    mutex_unlock(&lock);
}

static void sleep_behind(void *unused)
{
    (void)unused;
    mutex_lock(&lock);
    mutex_unlock(&lock);
    log_info("test_lockup: done");
}

static void start(void (*entry)(void *))
{
    struct thread *thread;
    if (thread_create("test_lockup", entry, NULL, &thread) == 0) {
        thread_start(thread);
        thread_put(thread);
    }
}

void test_lockup_start(void)
{
    time_ns = cmdline_number("test_lockup.time_secs", 0) * NSEC_PER_SEC;
    const char *state = cmdline_get("test_lockup.state");
    if (time_ns == 0) {
        return;
    }
    if (state != NULL && state[0] == 'D') {
        start(hold_and_sleep);
        /* Then it holds the mutex. */
        (void)sleep_until(clock_monotonic_ns() + 10 * NSEC_PER_MSEC, WAIT_UNINTERRUPTIBLE);
        start(sleep_behind);
    } else {
        start(hold_and_loop);
    }
}
