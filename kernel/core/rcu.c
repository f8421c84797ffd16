/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grace periods (rcu.h, doc/decisions). They are numbered and run one after the other. One starts
 * with the set of CPUs that are not idle, and ends when each of them has been through a moment
 * without readers, which the scheduler reports. What was handed over before a grace period started
 * is freed when it has ended.
 *
 * Each CPU keeps what it was handed in three lists: fresh, waiting for a grace period, and done.
 * The lists are its own, so that handing over takes no lock; rcu.lock is taken once or twice for
 * each batch. A CPU that goes idle leaves its lists to whoever ends the next grace period; if all
 * idle, that is at once and itself.
 */
#include "kernel/core/rcu.h"
#include "kernel/base/percpu.h"
#include "kernel/base/spinlock.h"
#include "kernel/core/core.h"
#include "kernel/core/wait.h"
#include "lib/cpumask.h"

#define RUN_BATCH   64u   /* callbacks in a row with interrupts off, other than in idle */
#define HURRY_COUNT 1024u /* if a CPU has so many at a tick, all are asked to report soon */

struct rcu_list {
    struct rcu_head *first, *last; /* valid unless empty; the last one's next is not */
    size_t count;
};

struct rcu_queue {
    struct rcu_list fresh;   /* no grace period asked for yet */
    struct rcu_list waiting; /* for the end of this one: */
    uint64_t number;
    struct rcu_list done; /* to be called */
};

/* Touched by its CPU alone, with interrupts off, except `idle`. */
struct rcu_cpu {
    uint64_t seen; /* the newest grace period that it has reported for */
    bool joined;   /* in rcu.joined */
    bool idle;     /* atomic: who starts a grace period reads it */
    struct rcu_queue queue;
};
PERCPU(struct rcu_cpu, rcu_cpu);

static struct {
    struct spinlock lock;
    uint64_t started;          /* atomic, [lock] to change: the newest grace period */
    uint64_t ended;            /* the same; started or started - 1 */
    uint64_t wanted;           /* [lock] the last one that somebody waits for */
    uint64_t urgent;           /* [lock] up to this one CPUs are asked to report */
    uint64_t asked;            /* [lock] for this one they have been */
    struct cpumask joined;     /* [lock] the boot CPU, and those that have idled */
    struct cpumask waited_for; /* [lock] those that `started` waits for */
    struct rcu_queue orphans;  /* [lock] what idle CPUs have left */
    bool many;                 /* atomic: a second CPU has joined; never goes back */
} rcu = {.lock = SPINLOCK_INIT(LOCK_RCU), .joined = {{1}}};

static struct waitq waiters = WAITQ_INIT(waiters); /* rcu_wait */

/* --- lists ---------------------------------------------------------------------------------- */

static void list_append(struct rcu_list *list, struct rcu_head *head)
{
    if (list->count++ == 0) {
        list->first = head;
    } else {
        list->last->next = head;
    }
    list->last = head;
}

static void list_move(struct rcu_list *to, struct rcu_list *from)
{
    if (from->count == 0) {
        return;
    }
    if (to->count == 0) {
        to->first = from->first;
    } else {
        to->last->next = from->first;
    }
    to->last = from->last;
    to->count += from->count;
    from->count = 0;
}

/* --- grace periods: all REQUIRE rcu.lock ---------------------------------------------------- */

static void start_locked(void)
{
    __atomic_store_n(&rcu.started, rcu.started + 1, __ATOMIC_RELAXED);
    rcu.waited_for = rcu.joined;
    /* Pairs with rcu_idle_enter, which says that it is idle and then looks at `started`, and with
     * rcu_idle_exit: who is seen idle here will see all that was unlinked when it reads again. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    cpumask_for_each (cpu, &rcu.joined) {
        if (__atomic_load_n(&percpu_of(cpu, rcu_cpu).idle, __ATOMIC_RELAXED)) {
            cpumask_clear(&rcu.waited_for, cpu);
        }
    }
}

/* Ends what waits for nobody, and starts what is wanted. */
static void progress_locked(void)
{
    while (rcu.ended != rcu.started && cpumask_empty(&rcu.waited_for)) {
        __atomic_store_n(&rcu.ended, rcu.started, __ATOMIC_RELEASE);
        if (rcu.wanted > rcu.ended) {
            start_locked();
        }
    }
}

/* The number of a grace period that starts after this. */
static uint64_t request_locked(void)
{
    uint64_t number = rcu.started + 1;
    rcu.wanted = number;
    if (rcu.ended == rcu.started) {
        start_locked();
        progress_locked();
    }
    return number;
}

static void advance_locked(struct rcu_queue *queue)
{
    for (;;) {
        if (rcu.ended >= queue->number) {
            list_move(&queue->done, &queue->waiting);
        }
        if (queue->waiting.count != 0 || queue->fresh.count == 0) {
            return;
        }
        list_move(&queue->waiting, &queue->fresh);
        queue->number = request_locked();
    }
}

/* Whom to ask for a report, once the lock is released. */
static struct cpumask late_locked(void)
{
    if (likely(rcu.urgent < rcu.started || rcu.asked == rcu.started)) {
        return (struct cpumask){0};
    }
    rcu.asked = rcu.started;
    return rcu.waited_for;
}

static void kick_late(const struct cpumask *late)
{
    cpumask_for_each (cpu, late) {
        sched_kick(cpu);
    }
}

/* This CPU reads nothing now. */
static void report_locked(struct rcu_cpu *self)
{
    do {
        self->seen = rcu.started;
        cpumask_clear(&rcu.waited_for, arch_cpu_number());
        progress_locked();
    } while (self->seen != rcu.started);
    if (rcu.orphans.fresh.count + rcu.orphans.waiting.count != 0) {
        advance_locked(&rcu.orphans);
        list_move(&self->queue.done, &rcu.orphans.done);
    }
}

/* --- callbacks ------------------------------------------------------------------------------ */

static void run_done(struct rcu_queue *queue, unsigned limit)
{
    for (; queue->done.count != 0 && limit != 0; limit--) {
        struct rcu_head *head = queue->done.first;
        queue->done.first = head->next;
        queue->done.count--;
        head->done(head);
    }
}

/* Without callbacks, or with some that wait for others only. */
static bool is_settled(const struct rcu_queue *queue)
{
    return queue->done.count == 0 &&
           (queue->waiting.count == 0
                ? queue->fresh.count == 0
                : __atomic_load_n(&rcu.ended, __ATOMIC_RELAXED) < queue->number);
}

/* What this CPU has been handed by now is to be done soon. */
static void hurry(void)
{
    unsigned long flags = spin_lock_irqsave(&rcu.lock);
    advance_locked(&percpu(rcu_cpu).queue);
    rcu.urgent = rcu.started + 1;
    struct cpumask late = late_locked();
    spin_unlock_irqrestore(&rcu.lock, flags);
    kick_late(&late);
}

/* On the only CPU a caller that may sleep is no reader, and nobody else is. */
static bool no_readers(void)
{
    if (__atomic_load_n(&rcu.many, __ATOMIC_RELAXED) || preempt_count() != 0) {
        return false;
    }
    /* Pairs with the one in join_locked: who comes now sees what was unlinked. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !__atomic_load_n(&rcu.many, __ATOMIC_RELAXED);
}

void rcu_call(struct rcu_head *head, void (*done)(struct rcu_head *head))
{
    if (no_readers()) {
        done(head);
        return;
    }
    head->done = done;
    unsigned long flags = arch_irq_save();
    list_append(&percpu(rcu_cpu).queue.fresh, head);
    arch_irq_restore(flags);
}

struct waiter {
    struct rcu_head head;
    bool done; /* atomic; after it the waiter is gone */
};

static void waiter_done(struct rcu_head *head)
{
    __atomic_store_n(&container_of(head, struct waiter, head)->done, true, __ATOMIC_RELEASE);
    waitq_wake_all(&waiters);
}

void rcu_wait(void)
{
    struct waiter waiter = {.done = false};
    assert(preempt_count() == 0);
    rcu_call(&waiter.head, waiter_done);
    if (!__atomic_load_n(&waiter.done, __ATOMIC_ACQUIRE)) {
        hurry();
        wait_event(&waiters, __atomic_load_n(&waiter.done, __ATOMIC_ACQUIRE));
    }
}

/* --- the scheduler's reports ---------------------------------------------------------------- */

void rcu_quiescent(void)
{
    struct rcu_cpu *self = &percpu(rcu_cpu);
    if (likely(self->seen == __atomic_load_n(&rcu.started, __ATOMIC_RELAXED) &&
               is_settled(&self->queue))) {
        return;
    }
    spin_lock(&rcu.lock);
    advance_locked(&self->queue);
    report_locked(self);
    advance_locked(&self->queue);
    struct cpumask late = late_locked();
    spin_unlock(&rcu.lock);
    kick_late(&late);
    run_done(&self->queue, RUN_BATCH);
    if (self->queue.done.count != 0) {
        sched_kick(arch_cpu_number());
    }
}

void rcu_tick(bool is_quiescent)
{
    const struct rcu_cpu *self = &percpu(rcu_cpu);
    if (unlikely(self->queue.fresh.count + self->queue.waiting.count >= HURRY_COUNT)) {
        hurry(); /* not from rcu_call, whose callers may hold what a kick takes */
    }
    if (is_quiescent) {
        rcu_quiescent();
    } else if (self->seen != __atomic_load_n(&rcu.started, __ATOMIC_RELAXED) ||
               !is_settled(&self->queue)) {
        sched_kick(arch_cpu_number());
    }
}

/* A further CPU's first time: it has read nothing yet. */
static void join_locked(struct rcu_cpu *self)
{
    self->joined = true;
    cpumask_set(&rcu.joined, arch_cpu_number());
    if (arch_cpu_number() != 0) {
        __atomic_store_n(&rcu.many, true, __ATOMIC_SEQ_CST);
    }
}

/* Says that it is idle, and whether that is all there is to do. */
static bool idle_is_settled(struct rcu_cpu *self)
{
    const struct rcu_queue *queue = &self->queue;
    __atomic_store_n(&self->idle, true, __ATOMIC_SEQ_CST);
    return self->seen == __atomic_load_n(&rcu.started, __ATOMIC_RELAXED) && self->joined &&
           (queue->fresh.count | queue->waiting.count | queue->done.count) == 0;
}

void rcu_idle_enter(void)
{
    struct rcu_cpu *self = &percpu(rcu_cpu);
    struct rcu_queue *queue = &self->queue;
    while (!idle_is_settled(self)) {
        spin_lock(&rcu.lock);
        if (!self->joined) {
            join_locked(self);
        }
        list_move(&rcu.orphans.fresh, &queue->waiting);
        list_move(&rcu.orphans.fresh, &queue->fresh);
        report_locked(self);
        struct cpumask late = late_locked();
        spin_unlock(&rcu.lock);
        kick_late(&late);
        if (queue->done.count == 0) {
            return;
        }
        rcu_idle_exit(); /* callbacks may be readers */
        run_done(queue, UINT32_MAX);
    }
}

void rcu_idle_exit(void)
{
    struct rcu_cpu *self = &percpu(rcu_cpu);
    if (self->idle) {
        __atomic_store_n(&self->idle, false, __ATOMIC_SEQ_CST);
    }
}
