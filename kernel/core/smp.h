/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * CPUs: which there are, which run threads, and calling functions on others.
 */
#include "lib/cpumask.h"

unsigned cpu_present_count(void); /* CPUs found at boot, less those that nr_cpus= left out */
unsigned cpu_online_count(void);  /* CPUs that run threads */
const struct cpumask *cpu_online_mask(void); /* grows only; read it without a lock */
static inline bool cpu_is_online(unsigned cpu)
{
    return cpumask_test(cpu_online_mask(), cpu);
}

/*
 * Runs fn(arg) on every online CPU of mask, interrupts off, this one included if it is in the set;
 * returns when all are done. Interrupts on, no spinlock held; fn must not sleep.
 */
void smp_call(const struct cpumask *mask, void (*fn)(void *arg), void *arg);
/* On all online CPUs. */
void smp_call_all(void (*fn)(void *arg), void *arg);
