/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The scheduler: a queue of runnable threads for each CPU, round robin with a time slice; kernel
 * code is not preempted, user code is at the end of an interrupt. The boot thread of a CPU becomes
 * its idle thread.
 */
#include "kernel/core/thread.h"

struct bootinfo;

/* C10: makes the running code thread 0, the idle thread of the boot CPU. */
void sched_init(const struct bootinfo *info);

/* Gives up the CPU and stays runnable. May sleep. */
void sched_yield(void);
/* Gives up the CPU if somebody waits for it and the slice is used up; long loops call it. */
void sched_point(void);

/* Makes a sleeping thread runnable; false when it was not sleeping (or not in a state that `mode`
 * may end). Any context. */
bool sched_wake(struct thread *thread, enum wait_mode mode);

/* Turns the caller into the idle loop; never returns. */
_Noreturn void sched_idle(void);

/* What a CPU did with its time up to its last switch or tick; none of them ever goes back. */
struct sched_times {
    uint64_t user_ns, system_ns, idle_ns;
};
void sched_cpu_times(unsigned cpu, struct sched_times *times);
/* Runnable threads; switches since boot: for /proc. */
unsigned sched_runnable(void);
uint64_t sched_switches(void);
/* The three load averages, fixed point with 11 fraction bits, as in /proc/loadavg. */
void sched_loadavg(unsigned long load[3]);
unsigned cpu_online_count(void);  /* CPUs that run threads */
unsigned cpu_present_count(void); /* CPUs found at boot */
