/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * CPUs: which there are, which run threads, and calling functions on others.
 */
#include "lib/cpumask.h"

struct bootinfo;

/* The boot CPU and the number of the others, as far as nr_cpus= lets them be. Boot CPU. */
void smp_init(const struct bootinfo *info);
/* C11: wakes the others, as far as nosmp and maxcpus= let them come, and returns at once. */
void smp_start(void);
/* This CPU takes part from here on. Interrupts off. */
void smp_online(unsigned cpu);

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
