/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wait queues. A sleeper first says that it sleeps (wait_prepare), then enters queues
 * and tests its condition; a waker that comes in between makes it runnable again, so wait_sleep
 * returns at once.
 */
#include "kernel/core/wait.h"
#include "abi/errno.h"
#include "kernel/core/core.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "kernel/core/watch.h"

void waitq_init(struct waitq *wq)
{
    spin_init(&wq->lock, LOCK_WAITQ);
    list_init(&wq->entries);
}

/* REQUIRES wq->lock. */
static void wake_locked(struct waitq *wq, bool one)
{
    struct wait_entry *entry, *next;
    list_for_each_safe (entry, next, &wq->entries, link) {
        bool exclusive = entry->exclusive;
        bool woken = entry->wake != NULL ? entry->wake(entry)
                                         : sched_wake(entry->thread, WAIT_UNINTERRUPTIBLE);
        if (woken && exclusive && one) {
            break;
        }
    }
}

static void wake(struct waitq *wq, bool one)
{
    if (waitq_active(wq)) {
        unsigned long flags = spin_lock_irqsave(&wq->lock);
        wake_locked(wq, one);
        spin_unlock_irqrestore(&wq->lock, flags);
    }
}

bool waitq_wake_nested(struct waitq *wq)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!waitq_active(wq)) {
        return false;
    }
    spin_lock_nested(&wq->lock);
    wake_locked(wq, true);
    spin_unlock(&wq->lock);
    return true;
}

void waitq_wake_one(struct waitq *wq)
{
    /* Pairs with the barrier in wait_prepare: the condition is written before the queue is read. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    wake(wq, true);
}

void waitq_wake_all(struct waitq *wq)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    wake(wq, false);
}

void wait_prepare(enum wait_mode mode)
{
    struct thread *self = current;
    assert(preempt_count() == 0);
    lock_check_sleep();
    self->wait_mode = mode;
    __atomic_store_n(&self->state, THREAD_SLEEPING, __ATOMIC_SEQ_CST);
}

void wait_begin(struct waitq *wq, struct wait_entry *entry)
{
    entry->thread = current;
    unsigned long flags = spin_lock_irqsave(&wq->lock);
    if (entry->exclusive) {
        list_add_tail(&wq->entries, &entry->link);
    } else {
        list_add(&wq->entries, &entry->link);
    }
    spin_unlock_irqrestore(&wq->lock, flags);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void wait_end(struct waitq *wq, struct wait_entry *entry)
{
    if (entry->thread == NULL) {
        return;
    }
    unsigned long flags = spin_lock_irqsave(&wq->lock);
    list_del(&entry->link);
    spin_unlock_irqrestore(&wq->lock, flags);
    entry->thread = NULL;
}

void wait_cancel(void)
{
    __atomic_store_n(&current->state, THREAD_RUNNABLE, __ATOMIC_RELAXED);
}

static bool is_interrupted(const struct thread *self)
{
    return (self->wait_mode >= WAIT_INTERRUPTIBLE &&
            __atomic_load_n(&self->interrupted, __ATOMIC_RELAXED)) ||
           (self->wait_mode >= WAIT_KILLABLE && __atomic_load_n(&self->killed, __ATOMIC_RELAXED));
}

/* A deadline of a sleep: lives on the sleeper's stack. */
struct sleep_timer {
    struct timer timer;
    struct thread *thread;
    bool fired;
};

static void sleep_timer_fire(struct timer *timer)
{
    struct sleep_timer *sleep = container_of(timer, struct sleep_timer, timer);
    sleep->fired = true;
    sched_wake(sleep->thread, WAIT_UNINTERRUPTIBLE);
}

int wait_sleep(uint64_t deadline_ns)
{
    struct thread *self = current;
    if (is_interrupted(self)) {
        wait_cancel();
        return -EINTR;
    }
    if (deadline_ns == WAIT_FOREVER && self->wait_mode == WAIT_UNINTERRUPTIBLE) {
        watch_sleep();
    } else if (deadline_ns >= WAIT_IDLE) {
        sched_sleep();
    } else if (deadline_ns <= clock_monotonic_ns()) {
        wait_cancel();
        return -ETIMEDOUT;
    } else {
        struct sleep_timer sleep = {.thread = self, .fired = false};
        timer_setup(&sleep.timer, sleep_timer_fire);
        timer_arm(&sleep.timer, deadline_ns);
        sched_sleep();
        timer_cancel(&sleep.timer);
        wait_cancel();
        if (__atomic_load_n(&sleep.fired, __ATOMIC_ACQUIRE)) {
            return -ETIMEDOUT;
        }
    }
    return is_interrupted(self) ? -EINTR : 0;
}

int sleep_until(uint64_t deadline_ns, int wait_mode)
{
    for (;;) {
        wait_prepare((enum wait_mode)wait_mode);
        int error = wait_sleep(deadline_ns);
        if (error != 0) {
            return error == -ETIMEDOUT ? 0 : error;
        }
    }
}
