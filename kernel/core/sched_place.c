/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * On which CPU a thread runs. A woken thread goes back to where it ran if that CPU is idle, else to
 * an idle one; a CPU that runs out of work takes waiting threads from others, and busy CPUs compare
 * their loads now and then. A thread whose registers are still on a CPU is never taken from there.
 */
#include "abi/errno.h"
#include "kernel/arch/smp.h"
#include "kernel/core/core.h"
#include "kernel/core/sched_impl.h"

#define BALANCE_NS (50 * NSEC_PER_MSEC)
#define NICE_0     1024u /* the weight of a usual thread */

struct cpumask sched_idle_cpus;

static bool allowed(const struct thread *thread, unsigned cpu)
{
    return cpumask_test(&thread->sched.cpus, cpu);
}

/* The first CPU in both sets; CPUS_MAX: none. */
static unsigned first_common(const struct cpumask *a, const struct cpumask *b)
{
    for (unsigned i = 0; i < CPUMASK_WORDS; i++) {
        uint64_t both = __atomic_load_n(&a->word[i], __ATOMIC_RELAXED) &
                        __atomic_load_n(&b->word[i], __ATOMIC_RELAXED);
        if (both != 0) {
            return i * CPUMASK_BITS + (unsigned)__builtin_ctzll(both);
        }
    }
    return CPUS_MAX;
}

/* Among the CPUs that it may use: for a real-time thread one that runs something less urgent, else
 * the one with the least load. Looks without locks: a wrong guess costs time only. */
static unsigned least_loaded(const struct thread *thread)
{
    unsigned best = CPUS_MAX;
    unsigned long best_load = 0;
    cpumask_for_each (cpu, cpu_online_mask()) {
        const struct run_queue *rq = &percpu_of(cpu, run_queue);
        if (!allowed(thread, cpu)) {
            continue;
        }
        unsigned long load = __atomic_load_n(&rq->load, __ATOMIC_RELAXED);
        if (best == CPUS_MAX || load < best_load) {
            best = cpu;
            best_load = load;
        }
    }
    return best;
}

static unsigned choose_cpu(const struct thread *thread, bool woken)
{
    const struct run_queue *here = &percpu(run_queue);
    unsigned before = thread->cpu;
    if (cpu_online_count() == 1) {
        return here->cpu;
    }
    if (allowed(thread, here->cpu)) {
        const struct sched_entity *waker = &current->sched;
        if (current == here->idle) {
            return here->cpu;
        }
        /* Two that wake each other in turn do better on one CPU than by interrupts between two. */
        if (woken && sched_is_fair(thread) &&
            __atomic_load_n(&here->count, __ATOMIC_RELAXED) == 0 &&
            waker->burst_ns < SCHED_SHORT_NS && thread->sched.burst_ns < SCHED_SHORT_NS) {
            return here->cpu;
        }
    }
    if (allowed(thread, before) && cpumask_test(&sched_idle_cpus, before)) {
        return before;
    }
    unsigned idle = first_common(&thread->sched.cpus, &sched_idle_cpus);
    if (idle != CPUS_MAX) {
        return idle;
    }
    if (woken && sched_is_fair(thread) && allowed(thread, before)) {
        return before;
    }
    unsigned least = least_loaded(thread);
    return least != CPUS_MAX ? least : here->cpu;
}

/* Sees to it that who runs on the queue's CPU gives way; true: it must be sent an interrupt.
 * REQUIRES rq->lock. */
static bool mark_running(struct run_queue *rq)
{
    struct thread *running = rq->running;
    if (running == NULL) {
        return false; /* it is choosing right now */
    }
    unsigned before = __atomic_fetch_or(&running->work, THREAD_WORK_RESCHED, __ATOMIC_SEQ_CST);
    return (before & THREAD_WORK_RESCHED) == 0 && rq->cpu != arch_cpu_number();
}

void sched_kick_queue(struct run_queue *rq)
{
    if (mark_running(rq)) {
        arch_ipi_send(rq->cpu, ARCH_IPI_RESCHEDULE);
    }
}

void sched_send(struct run_queue *rq, struct thread *thread, bool woken)
{
    /* While its registers are on a CPU only that CPU may have it. */
    bool stays = __atomic_load_n(&thread->on_cpu, __ATOMIC_ACQUIRE);
    bool moved = false;
    for (;;) {
        unsigned cpu = stays ? rq->cpu : choose_cpu(thread, woken);
        if (cpu == rq->cpu) {
            break;
        }
        if (!moved) {
            queue_detach(rq, thread);
            moved = true;
        }
        __atomic_store_n(&thread->cpu, cpu, __ATOMIC_RELAXED);
        spin_unlock(&rq->lock);
        rq = &percpu_of(cpu, run_queue);
        spin_lock(&rq->lock);
        stays = allowed(thread, cpu); /* else its affinity has changed in between */
    }
    if (moved) {
        queue_attach(rq, thread);
    }
    queue_place(rq, thread);
    queue_insert(rq, thread);
    if (woken) {
        rq->stat.wakes++;
        rq->stat.wakes_local += rq->cpu == arch_cpu_number();
    }
    bool kick = rq->running != NULL && queue_preempts(rq, thread, woken) && mark_running(rq);
    spin_unlock(&rq->lock);
    /* Its first act is to take that lock, so only now. */
    if (kick) {
        arch_ipi_send(rq->cpu, ARCH_IPI_RESCHEDULE);
    }
}

/* Takes a waiting thread that may run on cpu out of the queue, or NULL. REQUIRES victim->lock. */
static struct thread *take_locked(struct run_queue *victim, unsigned cpu)
{
    for (struct thread *t = victim->first; t != NULL; t = queue_next(victim, t)) {
        if (!__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE) && allowed(t, cpu)) {
            queue_remove(victim, t);
            queue_detach(victim, t);
            __atomic_store_n(&t->cpu, cpu, __ATOMIC_RELAXED);
            return t;
        }
    }
    return NULL;
}

struct run_queue *sched_steal(struct run_queue *rq, unsigned long min_load)
{
    struct run_queue *busiest = NULL;
    unsigned long most = min_load;
    if (cpu_online_count() == 1) {
        return NULL;
    }
    cpumask_for_each (cpu, cpu_online_mask()) {
        struct run_queue *other = &percpu_of(cpu, run_queue);
        unsigned long load = __atomic_load_n(&other->load, __ATOMIC_RELAXED);
        if (other != rq && __atomic_load_n(&other->count, __ATOMIC_RELAXED) != 0 && load > most) {
            busiest = other;
            most = load;
        }
    }
    if (busiest == NULL) {
        return NULL;
    }
    spin_lock(&busiest->lock);
    struct thread *thread = take_locked(busiest, rq->cpu);
    spin_unlock(&busiest->lock);
    if (thread == NULL) {
        return NULL;
    }
    spin_lock(&rq->lock);
    queue_attach(rq, thread);
    if (likely(allowed(thread, rq->cpu))) {
        queue_insert(rq, thread);
        spin_unlock(&rq->lock);
    } else {
        sched_send(rq, thread, false); /* its affinity has changed in between */
    }
    return busiest;
}

/* An idle CPU that may run what has waited longest here; CPUS_MAX: none, or nothing waits. */
static unsigned idle_helper(struct run_queue *rq)
{
    spin_lock(&rq->lock);
    const struct thread *first = rq->first;
    unsigned idle = first != NULL ? first_common(&first->sched.cpus, &sched_idle_cpus) : CPUS_MAX;
    spin_unlock(&rq->lock);
    return idle;
}

void sched_balance(struct run_queue *rq, uint64_t now)
{
    unsigned idle = idle_helper(rq);
    if (idle != CPUS_MAX) {
        sched_kick(idle);
    }
    if (now >= __atomic_load_n(&rq->balance_at, __ATOMIC_RELAXED)) {
        unsigned long load = __atomic_load_n(&rq->load, __ATOMIC_RELAXED);
        /* Also when it only changes who is the busier one: so three threads share two CPUs. But
         * the other one does not take it back at once. */
        struct run_queue *from = sched_steal(rq, load + NICE_0 - 1);
        __atomic_store_n(&rq->balance_at, now + BALANCE_NS, __ATOMIC_RELAXED);
        if (from != NULL) {
            __atomic_store_n(&from->balance_at, now + BALANCE_NS, __ATOMIC_RELAXED);
        }
    }
}

/* --- parameters ----------------------------------------------------------------------------- */

/* Takes it out of its queue while its entity changes. REQUIRES rq->lock. */
static bool begin_change(struct run_queue *rq, struct thread *thread)
{
    bool queued = thread->sched.queued;
    if (queued) {
        queue_remove(rq, thread);
    } else if (rq->running == thread) {
        queue_unload(rq, thread);
    }
    return queued;
}

static void end_change(struct run_queue *rq, struct thread *thread, bool queued)
{
    sched_entity_update(thread);
    if (queued) {
        queue_insert(rq, thread);
        if (rq->running != NULL && queue_preempts(rq, thread, false)) {
            sched_kick_queue(rq);
        }
    } else if (rq->running == thread) {
        queue_load(rq, thread);
        if (rq->first != NULL && queue_preempts(rq, rq->first, false)) {
            sched_kick_queue(rq);
        }
    }
}

void sched_set_params(struct thread *thread, const struct sched_params *params)
{
    unsigned long flags = arch_irq_save();
    struct run_queue *rq = sched_lock_thread(thread);
    bool queued = begin_change(rq, thread);
    thread->sched.params = *params;
    thread->sched.slice_end_ns = 0;
    end_change(rq, thread, queued);
    spin_unlock_irqrestore(&rq->lock, flags);
}

void sched_boost(struct thread *thread, int priority)
{
    unsigned long flags = arch_irq_save();
    struct run_queue *rq = sched_lock_thread(thread);
    if (thread->sched.boost != priority) {
        bool queued = begin_change(rq, thread);
        thread->sched.boost = priority;
        end_change(rq, thread, queued);
    }
    spin_unlock_irqrestore(&rq->lock, flags);
}

int sched_priority(const struct thread *thread)
{
    return __atomic_load_n(&thread->sched.priority, __ATOMIC_RELAXED);
}

void sched_get_params(const struct thread *thread, struct sched_params *params)
{
    unsigned long flags = arch_irq_save();
    struct run_queue *rq = sched_lock_thread(thread);
    *params = thread->sched.params;
    spin_unlock_irqrestore(&rq->lock, flags);
}

int sched_set_affinity(struct thread *thread, const struct cpumask *cpus)
{
    if (first_common(cpus, cpu_online_mask()) == CPUS_MAX) {
        return -EINVAL;
    }
    unsigned long flags = arch_irq_save();
    struct run_queue *rq = sched_lock_thread(thread);
    thread->sched.cpus = *cpus;
    bool away = !allowed(thread, rq->cpu);
    if (away && thread->sched.queued && !__atomic_load_n(&thread->on_cpu, __ATOMIC_ACQUIRE)) {
        queue_remove(rq, thread);
        sched_send(rq, thread, false);
    } else {
        if (away && rq->running == thread) {
            sched_kick_queue(rq);
        }
        spin_unlock(&rq->lock);
    }
    arch_irq_restore(flags);
    if (away && thread == current) {
        sched_point();
    }
    return 0;
}

void sched_get_affinity(const struct thread *thread, struct cpumask *cpus)
{
    unsigned long flags = arch_irq_save();
    struct run_queue *rq = sched_lock_thread(thread);
    *cpus = thread->sched.cpus;
    spin_unlock_irqrestore(&rq->lock, flags);
}

uint64_t sched_slice_ns(const struct thread *thread)
{
    struct sched_params params;
    sched_get_params(thread, &params);
    return params.policy == SCHED_FIFO ? 0
           : params.policy == SCHED_RR ? SCHED_RR_NS
                                       : SCHED_TICK_NS;
}
