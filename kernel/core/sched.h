/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The scheduler: a queue of runnable threads for each CPU, real-time ones by priority, others by
 * fair shares; kernel code is not preempted, user code is at the end of an interrupt. The boot
 * thread of a CPU becomes its idle thread.
 */
#include "kernel/core/smp.h"
#include "kernel/core/thread.h"
#include "lib/cpumask.h"

/* Gives up the CPU and stays runnable. May sleep. */
void sched_yield(void);
/* Gives up the CPU if somebody waits for it and the slice is used up; long loops call it. */
void sched_point(void);

/* Makes a sleeping thread runnable; false when it was not sleeping (or not in a state that `mode`
 * may end). Any context. */
bool sched_wake(struct thread *thread, enum wait_mode mode);

/* Changes how a thread is scheduled; a new thread has its creator's parameters and affinity. Any
 * context, but that sched_set_affinity of the caller itself may switch. It moves the thread away if
 * need be; -EINVAL: no CPU of the set is online. */
void sched_set_params(struct thread *thread, const struct sched_params *params);
void sched_get_params(const struct thread *thread, struct sched_params *params);
/* Lends a priority (0 to 98 real time, most urgent first; 100 to 139 by nice) to who holds what a
 * more urgent thread waits for; SCHED_NO_BOOST takes it back. sched_priority: the one in effect. */
#define SCHED_NO_BOOST 141
void sched_boost(struct thread *thread, int priority);
int sched_priority(const struct thread *thread);
int sched_set_affinity(struct thread *thread, const struct cpumask *cpus);
void sched_get_affinity(const struct thread *thread, struct cpumask *cpus);
/* The slice of SCHED_RR and the usual one of the others, for sched_rr_get_interval. */
uint64_t sched_slice_ns(const struct thread *thread);

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
/* What /proc/schedstat says of a CPU, beside its times. */
struct sched_stat {
    uint64_t yields, switches, idle_switches; /* sched_yield; schedule; of these, to idle */
    uint64_t wakes, wakes_local;
    uint64_t run_ns, wait_ns, slices; /* of all threads: ran, waited in the queue, turns */
};
void sched_cpu_stat(unsigned cpu, struct sched_stat *stat);
/* The same of one thread, for /proc/PID/schedstat: ns that it ran, waited, and turns. */
void sched_thread_stat(const struct thread *thread, uint64_t stat[3]);
/* CPU time of a thread since it last slept: for RLIMIT_RTTIME. */
uint64_t sched_unslept_ns(const struct thread *thread);
