/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Deferred work (C19): what an interrupt handler or a holder of spinlocks must leave to a context
 * that may sleep. Each CPU has a worker thread, made by thread 2 when the CPU's queue is first
 * used.
 */
#include "kernel/core/timer.h"
#include "lib/list.h"

struct work {
    struct list link;               /* [queue lock] */
    bool queued;                    /* atomic: waits to run */
    void (*run)(struct work *work); /* may sleep; may queue itself again, or free the work */
};

void work_setup(struct work *work, void (*run)(struct work *work));
/* Runs it soon on this CPU's worker; false: it waits already. Any context. */
bool work_queue(struct work *work);
/* Not waiting and not running when this returns; false: it was not waiting. Sleeps. */
bool work_cancel(struct work *work);
/* Returns when everything queued before, on all CPUs, has run. Sleeps. */
void work_flush(void);

struct delayed_work {
    struct work work;
    struct timer timer;
};
void delayed_work_setup(struct delayed_work *work, void (*run)(struct work *work));
/* At an absolute monotonic time, or later. */
void work_queue_at(struct delayed_work *work, uint64_t deadline_ns);
bool delayed_work_cancel(struct delayed_work *work);
