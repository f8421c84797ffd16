/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler: switching between threads, putting them to sleep and waking them. A thread runs
 * until it sleeps, or its share is used up and somebody waits; user code then gives way at the end
 * of an interrupt, kernel code at sched_point or on its way out. sched_queue.c orders the threads
 * of a CPU, sched_place.c spreads them over CPUs, sched_stat.c counts.
 * Context of every function here: see sched.h; queues are locked with interrupts off.
 */
#include "kernel/core/sched.h"
#include "abi/layout.h"
#include "kernel/arch/clock.h"
#include "kernel/arch/smp.h"
#include "kernel/base/init.h"
#include "kernel/base/timeline.h"
#include "kernel/core/core.h"
#include "kernel/core/rcu.h"
#include "kernel/core/sched_impl.h"
#include "kernel/core/space.h"
#include "kernel/core/watch.h"
#include "lib/format.h"

#define FIRST_VRUNTIME NSEC_PER_SEC /* so that credits do not reach below zero */
#define SLICE_IS_OVER  1u           /* slice_end_ns: it goes behind others of its priority */

__thread struct run_queue run_queue __attribute__((used)) = {.lock = SPINLOCK_INIT(LOCK_RUN_QUEUE)};
PERCPU(struct thread, idle_thread); /* what the CPU has run since it was started */

/* --- switching ------------------------------------------------------------------------------ */

/* First thing on the new thread's stack. Interrupts off. */
static void switched_from(struct thread *from)
{
    struct run_queue *rq = &percpu(run_queue);
    bool leaves = rq->leaving == from;
    bool dead = from->state == THREAD_DEAD;
    /* From here on another CPU may run it. */
    __atomic_store_n(&from->on_cpu, false, __ATOMIC_RELEASE);
    if (unlikely(dead)) {
        thread_reap(from);
    } else if (unlikely(leaves)) {
        rq->leaving = NULL;
        spin_lock(&rq->lock);
        sched_send(rq, from, false);
    }
}

static void use_space(const struct thread *thread)
{
    /* Kernel threads run on whatever tables are there. */
    if (thread->space != NULL) {
        arch_mmu_switch(&thread->space->mmu);
    } else {
        arch_mmu_idle();
    }
}

/* What becomes of the thread that ran: back into the queue, away, or asleep. REQUIRES rq->lock. */
static void put_running(struct run_queue *rq, struct thread *from, uint64_t now)
{
    struct sched_entity *s = &from->sched;
    queue_unload(rq, from);
    rq->running = NULL;
    if (from->state != THREAD_RUNNABLE) {
        s->burst_ns = (3 * s->burst_ns + (now - s->started_ns)) / 4;
        __atomic_store_n(&s->slept_ns, from->user_ns + from->system_ns, __ATOMIC_RELAXED);
    } else if (unlikely(!cpumask_test(&s->cpus, rq->cpu))) {
        rq->leaving = from;
    } else {
        queue_insert(rq, from);
    }
}

/* REQUIRES rq->lock. */
static struct thread *take_next(struct run_queue *rq, uint64_t now)
{
    struct thread *to = rq->first;
    if (to == NULL) {
        rq->running = rq->idle;
        return rq->idle;
    }
    queue_remove(rq, to);
    queue_load(rq, to);
    to->sched.turns++;
    to->sched.started_ns = now;
    rq->running = to;
    return to;
}

/* Picks the next thread and switches to it. Interrupts off; the caller's state says whether it
 * stays runnable. */
static void schedule(void)
{
    struct run_queue *rq = &percpu(run_queue);
    struct thread *from = current;
    uint64_t now = clock_monotonic_ns();
    assert(preempt_count() == 0);
    rcu_quiescent();
    spin_lock(&rq->lock);
    __atomic_fetch_and(&from->work, ~(unsigned)THREAD_WORK_RESCHED, __ATOMIC_RELAXED);
    sched_charge(rq, from, now, false);
    if (from != rq->idle) {
        put_running(rq, from, now);
    } else {
        rq->running = NULL;
    }
    if (rq->first == NULL && cpu_online_count() > 1) {
        spin_unlock(&rq->lock);
        (void)sched_steal(rq, 0);
        spin_lock(&rq->lock);
    }
    struct thread *to = take_next(rq, now);
    to->switched_at = now;
    rq->watch.scheduled_ns = now;
    spin_unlock(&rq->lock);
    if (to == from) {
        return;
    }
    rq->stat.switches++;
    if (to == rq->idle) {
        rq->stat.idle_switches++;
        cpumask_set_atomic(&sched_idle_cpus, rq->cpu);
    } else {
        if (from == rq->idle) {
            __atomic_store_n(&rq->watch.beat_ns, now, __ATOMIC_RELAXED);
            cpumask_clear_atomic(&sched_idle_cpus, rq->cpu);
        }
        if (!rq->tick.armed) {
            timer_arm(&rq->tick, now + SCHED_TICK_NS);
        }
    }
    /* Read by thread_set_work after it has set a bit that this thread will look at. */
    __atomic_store_n(&to->on_cpu, true, __ATOMIC_SEQ_CST);
    use_space(to);
    switched_from(arch_switch(from, to));
}

void core_thread_begin(struct thread *from, void (*entry)(void *arg), void *arg)
{
    switched_from(from);
    arch_irq_enable();
    entry(arg);
    thread_exit();
}

/* Has the running thread had its share, now that somebody waits? REQUIRES rq->lock. */
static bool share_is_used(struct run_queue *rq, struct thread *running)
{
    struct sched_entity *s = &running->sched;
    if (rq->first == NULL) {
        return false;
    }
    if (s->params.policy == SCHED_RR && s->priority < 100 &&
        rq->first->sched.priority == s->priority) {
        uint64_t used = running->user_ns + running->system_ns;
        if (s->slice_end_ns == 0) {
            s->slice_end_ns = used + SCHED_RR_NS;
        }
        if (used < s->slice_end_ns) {
            return false;
        }
        s->slice_end_ns = SLICE_IS_OVER;
        return true;
    }
    return queue_preempts(rq, rq->first, false);
}

/* Interrupt context. */
static void tick_fire(struct timer *timer)
{
    struct run_queue *rq = &percpu(run_queue);
    uint64_t now = clock_monotonic_ns();
    uint64_t again = rq->cpu == 0 ? arch_clock_calibrate() : 0;
    rcu_tick(interrupted_user_mode() || current == rq->idle);
    sched_update_load(now);
    spin_lock(&rq->lock);
    struct thread *running = rq->running;
    bool busy = running != rq->idle;
    if (busy) {
        sched_charge(rq, running, now, interrupted_user_mode());
        if (share_is_used(rq, running)) {
            sched_kick_queue(rq);
        }
        again = again != 0 ? MIN(again, SCHED_TICK_NS) : SCHED_TICK_NS;
    }
    spin_unlock(&rq->lock);
    if (busy) {
        watch_tick(rq, now, interrupted_user_mode());
    }
    if (busy && cpu_online_count() > 1) {
        sched_balance(rq, now);
    }
    if (again != 0) {
        timer_arm(timer, clock_monotonic_ns() + again);
    }
}

void sched_yield(void)
{
    unsigned long flags = arch_irq_save();
    struct run_queue *rq = &percpu(run_queue);
    struct thread *self = current;
    self->switches_voluntary++;
    spin_lock(&rq->lock);
    rq->stat.yields++;
    const struct thread *first = rq->first;
    if (first != NULL && sched_is_fair(first) && sched_is_fair(self)) {
        /* Behind who is next: it said that others should go on. */
        self->sched.vruntime = MAX(self->sched.vruntime, first->sched.vruntime + 1);
    }
    spin_unlock(&rq->lock);
    if (first != NULL) {
        schedule();
    }
    arch_irq_restore(flags);
}

/* Gives way to a thread with a better claim; keeps its place among equals. Interrupts off. */
static void preempted(void)
{
    struct sched_entity *s = &current->sched;
    current->switches_forced++;
    s->to_head = s->slice_end_ns != SLICE_IS_OVER;
    if (!s->to_head) {
        s->slice_end_ns = 0;
    }
    schedule();
}

void sched_point(void)
{
    if ((__atomic_load_n(&current->work, __ATOMIC_RELAXED) & THREAD_WORK_RESCHED) != 0) {
        unsigned long flags = arch_irq_save();
        preempted();
        arch_irq_restore(flags);
    }
}

void sched_sleep(void)
{
    unsigned long flags = arch_irq_save();
    if (__atomic_load_n(&current->state, __ATOMIC_RELAXED) == THREAD_SLEEPING) {
        current->switches_voluntary++;
        schedule();
    }
    arch_irq_restore(flags);
}

void sched_exit(void)
{
    arch_irq_disable();
    __atomic_store_n(&current->state, THREAD_DEAD, __ATOMIC_RELAXED);
    schedule();
    panic("a dead thread runs");
}

/* May what `mode` stands for end a sleep of this kind? */
static bool mode_ends(enum wait_mode mode, enum wait_mode sleep)
{
    return mode <= sleep;
}

bool sched_wake(struct thread *thread, enum wait_mode mode)
{
    unsigned long flags = arch_irq_save();
    struct run_queue *rq = sched_lock_thread(thread);
    bool woken = __atomic_load_n(&thread->state, __ATOMIC_RELAXED) == THREAD_SLEEPING &&
                 mode_ends(mode, thread->wait_mode);
    if (woken) {
        __atomic_store_n(&thread->state, THREAD_RUNNABLE, __ATOMIC_RELAXED);
    }
    /* It may have prepared to sleep and still be running: then it just goes on. */
    if (woken && rq->running != thread) {
        sched_send(rq, thread, true);
    } else {
        spin_unlock(&rq->lock);
    }
    arch_irq_restore(flags);
    return woken;
}

void thread_start(struct thread *thread)
{
    thread_get(thread); /* its own reference */
    unsigned long flags = arch_irq_save();
    struct run_queue *rq = sched_lock_thread(thread);
    assert(thread->state == THREAD_NEW);
    __atomic_store_n(&thread->state, THREAD_RUNNABLE, __ATOMIC_RELAXED);
    sched_send(rq, thread, false);
    arch_irq_restore(flags);
}

void thread_set_work(struct thread *thread, unsigned bits)
{
    __atomic_fetch_or(&thread->work, bits, __ATOMIC_SEQ_CST);
    /* In user mode it would not look: an interrupt makes it. Where it ran a moment ago, one that
     * it does not need does no harm. */
    if (thread != current && __atomic_load_n(&thread->on_cpu, __ATOMIC_SEQ_CST)) {
        unsigned cpu = __atomic_load_n(&thread->cpu, __ATOMIC_RELAXED);
        if (cpu != arch_cpu_number()) {
            arch_ipi_send(cpu, ARCH_IPI_RESCHEDULE);
        }
    }
}

void sched_kick(unsigned cpu)
{
    struct run_queue *rq = &percpu_of(cpu, run_queue);
    unsigned long flags = spin_lock_irqsave(&rq->lock);
    sched_kick_queue(rq);
    spin_unlock_irqrestore(&rq->lock, flags);
}

static bool has_work(const struct run_queue *rq)
{
    return __atomic_load_n(&rq->count, __ATOMIC_RELAXED) != 0 ||
           (__atomic_load_n(&rq->idle->work, __ATOMIC_RELAXED) & THREAD_WORK_RESCHED) != 0;
}

void sched_idle(void)
{
    struct run_queue *rq = &percpu(run_queue);
    assert(current == rq->idle);
    for (;;) {
        arch_irq_disable();
        if (!has_work(rq)) {
            rcu_idle_enter(); /* which may wake threads */
            if (!has_work(rq)) {
                if (unlikely(!rq->has_idled)) {
                    rq->has_idled = true;
                    timeline_event(TIMELINE_EVENT, "idle");
                }
                arch_cpu_idle();
                arch_irq_disable();
            }
            rcu_idle_exit();
        }
        if (has_work(rq)) {
            schedule();
        }
        arch_irq_enable();
    }
}

void core_user_return(struct arch_regs *regs)
{
    for (;;) {
        unsigned work = __atomic_load_n(&current->work, __ATOMIC_RELAXED);
        if (work == 0) {
            return;
        }
        if ((work & THREAD_WORK_RESCHED) != 0) {
            preempted();
            work |= THREAD_WORK_MOVED;
        }
        if ((work & THREAD_WORK_MOVED) != 0) {
            __atomic_fetch_and(&current->work, ~(unsigned)THREAD_WORK_MOVED, __ATOMIC_RELAXED);
            arch_irq_enable();
            current->personality->moved(regs);
            arch_irq_disable();
        }
        if ((work & THREAD_WORK_SIGNAL) != 0) {
            arch_irq_enable();
            current->personality->return_to_user(regs);
            lock_check_nothing_held();
            arch_irq_disable();
        }
    }
}

/* --- start ---------------------------------------------------------------------------------- */

void sched_cpu_init(unsigned cpu)
{
    void *stack_top = arch_cpu_stack_top();
    struct run_queue *rq = &percpu(run_queue);
    struct thread *idle = &percpu(idle_thread);
    rq->cpu = cpu;
    rq->min_vruntime = FIRST_VRUNTIME;
    timer_setup(&rq->tick, tick_fire);
    idle->state = THREAD_RUNNABLE;
    idle->on_cpu = true;
    idle->cpu = cpu;
    idle->kstack = (char *)stack_top - LAYOUT_BOOT_STACK_SIZE;
    idle->switched_at = clock_monotonic_ns();
    ref_init(&idle->refs, 1);
    snprintf(idle->name, sizeof(idle->name), "swapper/%u", cpu);
    sched_entity_init(idle, NULL);
    rq->idle = rq->running = idle;
    arch_thread_adopt(idle, stack_top);
    cpumask_set_atomic(&sched_idle_cpus, cpu);
}

void core_cpu_begin(unsigned cpu)
{
    smp_online(cpu);
    /* What has begun to wait elsewhere meanwhile can run here. */
    __atomic_fetch_or(&current->work, THREAD_WORK_RESCHED, __ATOMIC_RELAXED);
    sched_idle();
}

/* Starts calibrating the clock in passing, once interrupts work. */
INIT_TEXT void sched_start_clock(void)
{
    if (arch_clock_calibrate() != 0) {
        timer_arm(&percpu(run_queue).tick, clock_monotonic_ns() + SCHED_TICK_NS);
    }
}
