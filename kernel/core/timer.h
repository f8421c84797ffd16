/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Clocks and one-shot timers; no periodic tick. Times are nanoseconds. The monotonic clock starts
 * at 0 at boot, never goes back, and is calibrated in passing (doc/decisions).
 */
#include "lib/list.h"
#include "lib/tree.h"
#include "lib/types.h"

#define NSEC_PER_SEC  1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_USEC 1000ull

uint64_t clock_monotonic_ns(void); /* any context */
uint64_t clock_realtime_ns(void);  /* since 1970-01-01 UTC; the first call reads the RTC */
void clock_set_realtime(uint64_t ns);
/* Where the wall clock comes from: 0 or a negative errno; called at most once, at the first need.
 */
void clock_set_source(int (*read)(int64_t *unix_seconds));
/* CPU time that the thread has used up to now. */
struct thread;
uint64_t thread_cpu_ns(const struct thread *thread, uint64_t *user_ns, uint64_t *system_ns);

struct timer {
    RB_ENTRY(timer) link; /* [timer queue lock] */
    uint64_t deadline_ns; /* [timer queue lock] */
    unsigned cpu;         /* [timer queue lock] whose queue; atomic to read */
    bool armed;           /* [timer queue lock] */
    /* Called in interrupt context at or after the deadline; may re-arm the timer. */
    void (*fire)(struct timer *timer);
};
void timer_setup(struct timer *timer, void (*fire)(struct timer *timer));
/* Arms (or moves) it to an absolute monotonic time; one in the past fires very soon. Any context.
 */
void timer_arm(struct timer *timer, uint64_t deadline_ns);
/* After this it will not fire; waits for a running fire() on another CPU. True: it was armed. */
bool timer_cancel(struct timer *timer);

/* Sleeps until the deadline: 0, or -EINTR by mode. */
int sleep_until(uint64_t deadline_ns, int wait_mode);
