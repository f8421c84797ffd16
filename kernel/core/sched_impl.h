/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The inside of the scheduler, for core/sched*.c. Each CPU has a run queue with a lock; a thread
 * belongs to the queue of thread->cpu, whose lock also guards its entity. Two queues are never
 * locked at once. A thread is in one of four states for its queue: `running`, queued, neither
 * (asleep, or on its way to another queue), or dead.
 */
#include "kernel/base/percpu.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "lib/tree.h"

#define SCHED_TICK_NS    (5 * NSEC_PER_MSEC) /* between two looks at who runs */
#define SCHED_RR_NS      (100 * NSEC_PER_MSEC)
#define SCHED_CREDIT_NS  (3 * NSEC_PER_MSEC) /* what a sleeper is ahead when it wakes, at most */
#define SCHED_PREEMPT_NS NSEC_PER_MSEC       /* a woken thread must be so far ahead to preempt */
/* Runs until it sleeps: waker and woken stay close. */
#define SCHED_SHORT_NS (100 * NSEC_PER_USEC)

RB_HEAD(sched_tree, thread);

/* For core/watch.c. Owner: the CPU. */
struct watch {
    uint64_t beat_ns;      /* atomic: its last tick, or when it left idle */
    uint64_t scheduled_ns; /* last time through schedule(), or seen in user mode */
    unsigned kernel_ticks; /* since that is long ago */
    bool soft_reported;
    unsigned neighbour; /* the CPU it looks at, and for how many ticks that has seemed stuck */
    unsigned doubts;
};

struct run_queue {
    struct spinlock lock;
    unsigned cpu;           /* constant */
    bool has_idled;         /* [owner CPU] for the boot timeline */
    struct thread *running; /* [lock] who runs here; NULL while the next one is chosen */
    struct thread *idle;    /* constant after sched_cpu_init */
    struct sched_tree tree; /* [lock] who waits, by key */
    struct thread *first;   /* [lock] the leftmost of them */
    unsigned count;         /* [lock] of them; atomic to read */
    unsigned long load;     /* [lock] sum of weights, with running; atomic to read */
    uint64_t min_vruntime;  /* [lock] never goes back; atomic to read */
    uint64_t tail_key;      /* [lock] next place behind, and in front, of equal priority */
    uint64_t head_key;      /* [lock] */
    struct thread *leaving; /* [owner CPU] may not run here: goes elsewhere when it is off */
    struct timer tick;      /* ends slices; armed while something but idle runs */
    uint64_t balance_at;    /* atomic: when to compare loads again */
    uint64_t user_ns, system_ns, idle_ns; /* [lock] what time was spent on */
    struct sched_stat stat;               /* [lock] wait_ns is in cycles here */
    struct watch watch;
};
extern __thread struct run_queue run_queue;
extern struct cpumask sched_idle_cpus; /* atomic bits */

/* sched_queue.c. All but the first REQUIRE rq->lock. */
/* The queue that a thread belongs to, locked; interrupts off. */
struct run_queue *sched_lock_thread(const struct thread *thread);
void sched_entity_init(struct thread *thread, const struct thread *like);
void sched_entity_update(struct thread *thread); /* after params or boost changed */
static inline bool sched_is_fair(const struct thread *thread)
{
    return thread->sched.priority >= 100;
}
/* The thread waits or runs here from now on, or does no more; its weight is constant meanwhile. */
static inline void queue_load(struct run_queue *rq, const struct thread *thread)
{
    __atomic_store_n(&rq->load, rq->load + thread->sched.weight, __ATOMIC_RELAXED);
}
static inline void queue_unload(struct run_queue *rq, const struct thread *thread)
{
    __atomic_store_n(&rq->load, rq->load - thread->sched.weight, __ATOMIC_RELAXED);
}
void queue_insert(struct run_queue *rq, struct thread *thread);
void queue_remove(struct run_queue *rq, struct thread *thread);
struct thread *queue_next(const struct run_queue *rq, const struct thread *thread);
/* Charges CPU time to the running thread's vruntime, and moves min_vruntime on. */
void queue_charge(struct run_queue *rq, struct thread *thread, uint64_t ns);
/* A thread that slept or is new may not be further behind than the credit. */
void queue_place(struct run_queue *rq, struct thread *thread);
/* vruntimes of different queues do not compare: to be called when a thread leaves its queue's CPU,
 * and when it comes to another. */
void queue_detach(const struct run_queue *rq, struct thread *thread);
void queue_attach(const struct run_queue *rq, struct thread *thread);
/* Should thread run instead of the one that runs? woken: it just woke up. */
bool queue_preempts(const struct run_queue *rq, const struct thread *thread, bool woken);

/* sched_place.c */
/* A thread that is in no queue and not current, whose CPU is set to rq's, goes to the best CPU's
 * queue. REQUIRES rq->lock, which is released. Interrupts off. */
void sched_send(struct run_queue *rq, struct thread *thread, bool woken);
/* Makes the CPU of rq look at its queue soon. REQUIRES rq->lock. */
void sched_kick_queue(struct run_queue *rq);
/* Brings a waiting thread of another CPU with a greater load than min_load here: from whom, or
 * NULL. Interrupts off, no lock held. */
struct run_queue *sched_steal(struct run_queue *rq, unsigned long min_load);
/* From the tick: has idle CPUs take what waits here, compares loads. */
void sched_balance(struct run_queue *rq, uint64_t now);

/* sched_stat.c */
/* Charges the time since the last call to the running thread. REQUIRES rq->lock. */
void sched_charge(struct run_queue *rq, struct thread *thread, uint64_t now, bool user);
void sched_update_load(uint64_t now);
