/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Deferred work (C19): what an interrupt handler or a holder of spinlocks must leave to a context
 * that may sleep. Each CPU has a queue, and one worker thread that thread 2 makes when the queue is
 * first used; works of a queue run one after the other in the order of queueing, so one that sleeps
 * long holds up those behind it. A work never runs on two CPUs at the same time.
 */
#include "kernel/core/timer.h"
#include "lib/list.h"

struct work {
    struct list link;               /* [queue lock] */
    bool queued;                    /* [queue lock] waits to run */
    unsigned cpu;                   /* [queue lock] whose queue it is in, or was in last */
    unsigned cancels;               /* [queue lock] callers of work_cancel: it is not queued now */
    void (*run)(struct work *work); /* may sleep; may queue itself again, or free the work */
};

void work_setup(struct work *work, void (*run)(struct work *work));
/* Runs it soon on this CPU's worker (on another's, if it runs there just now); false: it waits
 * already, or is being cancelled. What was written before is seen by run. Any context in which a
 * wait queue may be woken. */
bool work_queue(struct work *work);
/* Not waiting and not running when this returns, even if it queues itself; false: it was not
 * waiting. Sleeps; not from the work itself. */
bool work_cancel(struct work *work);
/* Returns when everything queued before, on all CPUs, has run. Sleeps; not from a work. */
void work_flush(void);

struct delayed_work {
    struct work work;
    struct timer timer;
};
void delayed_work_setup(struct delayed_work *work, void (*run)(struct work *work));
/* At an absolute monotonic time, or later; moves one that is set already. Any context. */
void work_queue_at(struct delayed_work *work, uint64_t deadline_ns);
/* As work_cancel; true: it was waiting for its time or for the worker. */
bool delayed_work_cancel(struct delayed_work *work);

/* What thread 2 does for ever: makes the workers that are asked for, by `create`, which makes and
 * starts a kernel thread: 0 or more, or a negative errno. */
_Noreturn void work_make_workers(int (*create)(const char *name, void (*entry)(void *arg),
                                               void *arg));
