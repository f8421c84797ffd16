/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One CPU's queue of waiting threads: a tree in the order in which they are to run. Real-time
 * threads come first, by priority and then in order of arrival (POSIX, 2.8.4); the others by
 * vruntime, the CPU time they have had divided by their weight, so that each gets its share. An
 * operation costs O(log n); the next thread is at hand.
 */
#include "kernel/core/sched_impl.h"

#define KEY_FAIR      (1ull << 63)
#define KEY_BITS      48 /* of a real-time key: order of arrival */
#define KEY_MIDDLE    (1ull << (KEY_BITS - 1))

#define NICE_0_WEIGHT 1024u
#define IDLE_WEIGHT   3u
#define PRIORITY_IDLE 140
#define PRIORITY_NICE 120 /* of nice 0 */

/* 1024 / 1.25^nice: a step of one is ten per cent more or less CPU for one of two threads. */
static const unsigned nice_weights[40] = {
    88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921, 9537, 7629, 6104, 4883,
    3906,  3125,  2500,  2000,  1600,  1280,  1024,  819,   655,   524,   419,  336,  268,  215,
    172,   137,   110,   88,    70,    56,    45,    36,    29,    23,    18,   15};

static int compare(const struct thread *a, const struct thread *b)
{
    if (a->sched.key != b->sched.key) {
        return a->sched.key < b->sched.key ? -1 : 1;
    }
    return a < b ? -1 : a > b;
}
RB_GENERATE_STATIC(sched_tree, thread, sched.link, compare)

static int own_priority(const struct sched_params *params)
{
    switch (params->policy) {
    case SCHED_FIFO:
    case SCHED_RR:
        return 99 - params->rt_priority;
    case SCHED_IDLE:
        return PRIORITY_IDLE;
    default:
        return PRIORITY_NICE + params->nice;
    }
}

void sched_entity_update(struct thread *thread)
{
    struct sched_entity *s = &thread->sched;
    s->priority = MIN(own_priority(&s->params), s->boost);
    s->weight = s->priority == PRIORITY_IDLE ? IDLE_WEIGHT
                : s->priority >= 100         ? nice_weights[s->priority - 100]
                                             : nice_weights[0];
    s->factor = ((uint64_t)NICE_0_WEIGHT << 32) / s->weight;
}

void sched_entity_init(struct thread *thread, const struct thread *like)
{
    struct sched_entity *s = &thread->sched;
    s->boost = SCHED_NO_BOOST;
    if (like != NULL) {
        s->params = like->sched.params;
        s->cpus = like->sched.cpus;
        s->vruntime = like->sched.vruntime;
    } else {
        for (unsigned i = 0; i < CPUMASK_WORDS; i++) {
            s->cpus.word[i] = ~0ull;
        }
    }
    sched_entity_update(thread);
}

void queue_insert(struct run_queue *rq, struct thread *thread)
{
    struct sched_entity *s = &thread->sched;
    if (sched_is_fair(thread)) {
        /* SCHED_IDLE gives way to whoever is not a whole tick ahead of it. */
        s->key = KEY_FAIR | (s->vruntime + (s->priority == PRIORITY_IDLE ? SCHED_TICK_NS : 0));
    } else {
        uint64_t order = s->to_head ? --rq->head_key : rq->tail_key++;
        s->key = (uint64_t)s->priority << KEY_BITS |
                 ((KEY_MIDDLE + order) & ((1ull << KEY_BITS) - 1));
    }
    s->to_head = false;
    s->queued = true;
    s->queued_at = arch_cycles();
    RB_INSERT(sched_tree, &rq->tree, thread);
    if (rq->first == NULL || compare(thread, rq->first) < 0) {
        rq->first = thread;
    }
    __atomic_store_n(&rq->count, rq->count + 1, __ATOMIC_RELAXED);
    queue_load(rq, thread);
}

void queue_remove(struct run_queue *rq, struct thread *thread)
{
    struct sched_entity *s = &thread->sched;
    if (rq->first == thread) {
        rq->first = RB_NEXT(sched_tree, &rq->tree, thread);
    }
    RB_REMOVE(sched_tree, &rq->tree, thread);
    s->queued = false;
    uint64_t waited = arch_cycles() - s->queued_at;
    s->wait_cycles += waited;
    rq->stat.wait_ns += waited;
    __atomic_store_n(&rq->count, rq->count - 1, __ATOMIC_RELAXED);
    queue_unload(rq, thread);
}

struct thread *queue_next(const struct run_queue *rq, const struct thread *thread)
{
    (void)rq;
    return RB_NEXT(sched_tree, &rq->tree, (struct thread *)(uintptr_t)thread);
}

/* The smallest vruntime that a thread here can still have: where newcomers start. */
static void advance(struct run_queue *rq, const struct thread *running)
{
    uint64_t least = running->sched.vruntime;
    const struct thread *first = rq->first;
    if (first != NULL && sched_is_fair(first)) {
        least = MIN(least, first->sched.vruntime);
    }
    if (least > rq->min_vruntime) {
        __atomic_store_n(&rq->min_vruntime, least, __ATOMIC_RELAXED);
    }
}

void queue_charge(struct run_queue *rq, struct thread *thread, uint64_t ns)
{
    if (sched_is_fair(thread)) {
        thread->sched.vruntime += (uint64_t)((unsigned __int128)ns * thread->sched.factor >> 32);
        advance(rq, thread);
    }
}

void queue_place(struct run_queue *rq, struct thread *thread)
{
    uint64_t earliest = rq->min_vruntime - MIN(rq->min_vruntime, SCHED_CREDIT_NS);
    thread->sched.vruntime = MAX(thread->sched.vruntime, earliest);
}

void queue_detach(const struct run_queue *rq, struct thread *thread)
{
    thread->sched.vruntime -= __atomic_load_n(&rq->min_vruntime, __ATOMIC_RELAXED);
}

void queue_attach(const struct run_queue *rq, struct thread *thread)
{
    /* Relative to the old queue it may have been behind or ahead: a signed distance, which must
     * not reach below zero here. */
    int64_t distance = (int64_t)thread->sched.vruntime;
    uint64_t base = rq->min_vruntime;
    thread->sched.vruntime = distance < 0 && base < (uint64_t)-distance ? 0
                                                                        : base + (uint64_t)distance;
    __atomic_fetch_or(&thread->work, THREAD_WORK_MOVED, __ATOMIC_RELAXED);
}

bool queue_preempts(const struct run_queue *rq, const struct thread *thread, bool woken)
{
    const struct thread *running = rq->running;
    const struct sched_entity *a = &thread->sched, *b = &running->sched;
    if (running == rq->idle) {
        return true;
    }
    if (a->priority < 100 || b->priority < 100) {
        return a->priority < b->priority;
    }
    if (a->priority == PRIORITY_IDLE || b->priority == PRIORITY_IDLE) {
        return a->priority < b->priority || (!woken && a->vruntime < b->vruntime);
    }
    if (woken && a->params.policy == SCHED_BATCH) {
        return false;
    }
    return a->vruntime + (woken ? SCHED_PREEMPT_NS : 0) < b->vruntime;
}

struct run_queue *sched_lock_thread(const struct thread *thread)
{
    for (;;) {
        unsigned cpu = __atomic_load_n(&thread->cpu, __ATOMIC_RELAXED);
        struct run_queue *rq = &percpu_of(cpu, run_queue);
        spin_lock(&rq->lock);
        if (likely(thread->cpu == cpu)) {
            return rq;
        }
        spin_unlock(&rq->lock);
    }
}
