/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Deferred freeing, so that look-ups need no lock (read, copy, update). A reader runs with
 * preemption off and does not sleep; what it can reach is freed only when every CPU has since been
 * through a moment without readers: a switch of threads, idling, or user mode. doc/decisions says
 * why so.
 */
#include "kernel/base/preempt.h"
#include "lib/types.h"

static inline void rcu_read_lock(void)
{
    preempt_disable();
}
static inline void rcu_read_unlock(void)
{
    preempt_enable();
}

/* A pointer that readers follow: written after what it points to, read before that is read. */
#define rcu_assign(pointer, value) __atomic_store_n(&(pointer), value, __ATOMIC_RELEASE)
#define rcu_read(pointer)          __atomic_load_n(&(pointer), __ATOMIC_CONSUME)

struct rcu_head {
    struct rcu_head *next;
    void (*done)(struct rcu_head *head);
};

/*
 * Calls done(head) once no reader can hold what head lies in. Any context. done runs with
 * interrupts off or in the caller's context, where no spinlock is held; it must be short and must
 * not sleep, and takes only locks that interrupt handlers take, too.
 */
void rcu_call(struct rcu_head *head, void (*done)(struct rcu_head *head));
/* Waits until all readers that run now are done. Sleeps. */
void rcu_wait(void);

/*
 * From the scheduler, interrupts off, no spinlock held. Callbacks run in all but rcu_idle_exit, so
 * threads may have been woken when they return.
 */
/* This CPU is in no reader's section right now. */
void rcu_quiescent(void);
/* A timer tick: true: it came while user code ran or the CPU idled. */
void rcu_tick(bool is_quiescent);
/* This CPU goes idle: its silence holds nobody up. A CPU's first call makes it known; before, it
 * must not read. */
void rcu_idle_enter(void);
/* It has left idle, or was not in it. Interrupt handlers call this before anything else. */
void rcu_idle_exit(void);
