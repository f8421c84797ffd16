/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Several CPUs for code of core, with host threads for the kernel's: wait queues, timers that a
 * thread of each CPU fires, and starting threads. Tests name `// flags: -Itest/unit/fake/smp`.
 */
#include "kernel/core/thread.h"
#include "kernel/core/timer.h"

#define FAKE_CPUS 4u

/* A host thread that runs entry(arg) on that CPU as a kernel thread. 0 is returned, as kernel
 * functions do. Ends with the test if it never returns. */
int fake_thread(unsigned cpu, void (*entry)(void *arg), void *arg);
/* Waits for all threads of fake_thread that return by themselves: those started with
 * fake_thread_joined. */
int fake_thread_joined(unsigned cpu, void (*entry)(void *arg), void *arg);
void fake_join(void);
/* Gives the calling host thread a CPU and a struct thread. */
void fake_adopt(unsigned cpu);
/* Time of timers: it stands still but for this. Fires what is due on each CPU, and waits for it. */
void fake_time_to(uint64_t ns);
