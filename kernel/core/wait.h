/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Wait queues, and the sleeping mutex built on them. A sleeper names a condition; who makes it true
 * wakes the queue afterwards. The order "set state, test condition, sleep" against "make true,
 * wake" loses no wake-up.
 *
 *     wait_event(&pipe->readers, pipe->count > 0);
 *
 * Waking is allowed in any context; sleeping only with preemption on and interrupts on.
 */
#include "kernel/base/spinlock.h"
#include "lib/list.h"

struct thread;

struct waitq {
    struct spinlock lock;
    struct list entries; /* [lock] struct wait_entry */
};

/* One sleeper's place in one queue. */
struct wait_entry {
    struct list link; /* [queue's lock] */
    struct thread *thread;
    /* Called by the waker, queue's lock held, interrupts off: did it wake somebody? NULL: wakes the
     * thread. */
    bool (*wake)(struct wait_entry *entry);
    bool exclusive; /* waitq_wake_one stops after one of these that was woken; behind all others */
};

void waitq_init(struct waitq *wq);
#define WAITQ_INIT(name)                                                                           \
    {                                                                                              \
        SPINLOCK_INIT(LOCK_WAITQ), LIST_INIT((name).entries)                                       \
    }

/* Wakes all non-exclusive sleepers and one exclusive one / everybody. Any context. */
void waitq_wake_one(struct waitq *wq);
void waitq_wake_all(struct waitq *wq);
/* waitq_wake_one from within an entry's `wake`, to another queue; false: nobody sleeps there. */
bool waitq_wake_nested(struct waitq *wq);
static inline bool waitq_active(const struct waitq *wq)
{
    return !list_empty(&wq->entries);
}

enum wait_mode {
    WAIT_UNINTERRUPTIBLE, /* only the condition or the deadline ends it */
    WAIT_KILLABLE,        /* and a fatal signal */
    WAIT_INTERRUPTIBLE,   /* and any signal */
};

#define WAIT_FOREVER UINT64_MAX       /* deadlines are absolute, clock_monotonic_ns() */
#define WAIT_IDLE    (UINT64_MAX - 1) /* for ever, which is nothing to worry about (core/watch.h) */

/* The pieces for loops of one's own. begin puts the entry into the queue (several queues may be
 * begun in turn); wait_sleep sleeps unless woken since wait_prepare: 0 woken, -EINTR, -ETIMEDOUT.
 */
void wait_prepare(enum wait_mode mode);
void wait_begin(struct waitq *wq, struct wait_entry *entry);
int wait_sleep(uint64_t deadline_ns);
void wait_end(struct waitq *wq, struct wait_entry *entry);
/* Back to running without having slept. */
void wait_cancel(void);

/*
 * Sleeps until cond is true: 0; -EINTR when a signal came (by mode), -ETIMEDOUT at the deadline.
 * The condition wins over both. cond is evaluated several times and must not sleep.
 */
#define wait_event_mode(wq, cond, mode, deadline_ns)                                               \
    ({                                                                                             \
        int wait_result_ = 0;                                                                      \
        if (!(cond)) {                                                                             \
            struct wait_entry wait_entry_ = {.thread = NULL};                                      \
            for (;;) {                                                                             \
                wait_prepare(mode);                                                                \
                if (wait_entry_.thread == NULL) {                                                  \
                    wait_begin(wq, &wait_entry_);                                                  \
                }                                                                                  \
                if (cond) {                                                                        \
                    wait_cancel();                                                                 \
                    wait_result_ = 0;                                                              \
                    break;                                                                         \
                }                                                                                  \
                if (wait_result_ != 0) {                                                           \
                    wait_cancel();                                                                 \
                    break;                                                                         \
                }                                                                                  \
                wait_result_ = wait_sleep(deadline_ns);                                            \
            }                                                                                      \
            wait_end(wq, &wait_entry_);                                                            \
        }                                                                                          \
        wait_result_;                                                                              \
    })
#define wait_event(wq, cond)      ((void)wait_event_mode(wq, cond, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER))
#define wait_event_idle(wq, cond) wait_event_mode(wq, cond, WAIT_UNINTERRUPTIBLE, WAIT_IDLE)
#define wait_event_intr(wq, cond) wait_event_mode(wq, cond, WAIT_INTERRUPTIBLE, WAIT_FOREVER)

/* A mutex whose holder may sleep. Not recursive; unlocked by its holder. Who waits does not wait
 * for ever, however many others come and go. */
struct mutex {
    uintptr_t word; /* atomic: the holder (0: free) and MUTEX_FLAGS */
    struct waitq wq;
    struct lock_info info;
};
#define MUTEX_WAITERS 1ul /* somebody is in wq */
#define MUTEX_HANDOFF 2ul /* the first of them has waited long enough: the mutex goes to it */
#define MUTEX_FLAGS   3ul

/* Its class is one of kernel/base/lock_rank.def: static struct mutex m = MUTEX_INIT(m, LOCK_M). */
#define MUTEX_INIT(name, class)                                                                    \
    {                                                                                              \
        0, WAITQ_INIT((name).wq), LOCK_INFO_INIT(class)                                            \
    }
void mutex_setup(struct mutex *mutex);
static inline void mutex_init(struct mutex *mutex, enum lock_class class)
{
    mutex_setup(mutex);
    lock_info_init(&mutex->info, class);
}
void mutex_lock(struct mutex *mutex); /* ACQUIRES mutex; may sleep */
/* The second mutex of its class that the caller holds, in the order that its row says. */
void mutex_lock_nested(struct mutex *mutex);
bool mutex_trylock(struct mutex *mutex);       /* ACQUIRES mutex when true */
void mutex_unlock(struct mutex *mutex);        /* RELEASES mutex */
bool mutex_is_held(const struct mutex *mutex); /* by the current thread; for assertions */
