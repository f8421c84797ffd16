/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The watch on stuck CPUs and threads (C20), in words that users of Linux know: a CPU with
 * interrupts off ("hard LOCKUP", seen by another that is busy), a thread that stays in the kernel
 * ("soft lockup"), a thread that sleeps uninterruptibly ("blocked"). Each is reported once, with a
 * back trace, and nothing is done about it. The watch lives on ticks that busy CPUs have anyway; a
 * CPU that idles is never woken for it.
 *
 * Parameters: nowatchdog, nosoftlockup, watchdog_thresh=SECONDS (10; the soft limit is twice, the
 * hard one three times that), sysctl.kernel.hung_task_timeout_secs=SECONDS (120; 0: never).
 */
#include "lib/types.h"

struct run_queue;
struct thread;

/* From the tick of a busy CPU, no lock held, interrupts off. */
void watch_tick(struct run_queue *rq, uint64_t now, bool from_user);
/* Sleeps for ever, uninterruptibly, under watch: as sched_sleep. */
void watch_sleep(void);
void watch_init(void);        /* reads the parameters */
unsigned watch_reports(void); /* how often something was reported */

/* In the debug build test_lockup.time_secs=N has a kernel thread do what the watch is to see until
 * it does, at most N seconds: loop in the kernel, with test_lockup.disable_irq interrupts off, with
 * test_lockup.state=D sleep instead. As Linux's module test_lockup. */
#ifdef DEBUG
void test_lockup_start(void);
#else
#define test_lockup_start() ((void)0)
#endif
