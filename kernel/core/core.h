/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What the files of core share among themselves and with kernel/init, and nobody else needs. */
#include "kernel/core/thread.h"

/* sched.c: sleeps if the state still says so; ends the current thread. */
void sched_sleep(void);
_Noreturn void sched_exit(void);
/* That CPU, if it does not idle, goes through a switch of threads soon. Any context. */
void sched_kick(unsigned cpu);
/* C10: step "sched": makes the code that runs on this CPU its idle thread; on the boot CPU that is
 * thread 0. Interrupts off. */
void sched_cpu_init(unsigned cpu);
/* All steps are done: the CPU takes part and goes idle. Interrupts off. */
_Noreturn void core_cpu_begin(unsigned cpu);
/* Once timer interrupts work: starts improving the clock's rate. */
void sched_start_clock(void);

/* thread.c: frees the stack of a thread that will not run again, and drops its own reference.
 * Interrupts off. */
void thread_reap(struct thread *thread);

/* timer.c */
/* Whether the interrupt that is being handled came from user mode. */
bool interrupted_user_mode(void);
