/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the scheduler counts: the time that threads and CPUs have used, load averages, and the
 * figures of /proc/stat and /proc/schedstat.
 */
#include "kernel/arch/clock.h"
#include "kernel/core/sched_impl.h"

#define LOAD_STEP_NS (5 * NSEC_PER_SEC)
#define LOAD_BITS    11 /* fraction bits of a load average, as in Linux's /proc/loadavg */
#define LOAD_ONE     (1ul << LOAD_BITS)

static struct spinlock load_lock = SPINLOCK_INIT(LOCK_LOAD);
static uint64_t load_at = LOAD_STEP_NS; /* [load_lock] when the averages are due; atomic to read */
static unsigned long load_averages[3];  /* [load_lock] */

void sched_charge(struct run_queue *rq, struct thread *thread, uint64_t now, bool user)
{
    uint64_t ns = now > thread->switched_at ? now - thread->switched_at : 0;
    thread->switched_at = now;
    if (thread == rq->idle) {
        rq->idle_ns += ns;
        return;
    }
    if (user) {
        thread->user_ns += ns;
        rq->user_ns += ns;
    } else {
        thread->system_ns += ns;
        rq->system_ns += ns;
    }
    queue_charge(rq, thread, ns);
}

uint64_t thread_cpu_ns(const struct thread *thread, uint64_t *user_ns, uint64_t *system_ns)
{
    unsigned long flags = arch_irq_save();
    struct run_queue *rq = sched_lock_thread(thread);
    uint64_t user = thread->user_ns, system = thread->system_ns;
    if (rq->running == thread) {
        uint64_t now = clock_monotonic_ns();
        /* Between two ticks nobody knows which it was: it goes where most of it went before. */
        uint64_t running = now > thread->switched_at ? now - thread->switched_at : 0;
        if (user >= system) {
            user += running;
        } else {
            system += running;
        }
    }
    spin_unlock_irqrestore(&rq->lock, flags);
    if (user_ns != NULL) {
        *user_ns = user;
    }
    if (system_ns != NULL) {
        *system_ns = system;
    }
    return user + system;
}

unsigned sched_runnable(void)
{
    unsigned count = 0;
    cpumask_for_each (cpu, cpu_online_mask()) {
        const struct run_queue *rq = &percpu_of(cpu, run_queue);
        count += __atomic_load_n(&rq->count, __ATOMIC_RELAXED) +
                 (cpumask_test(&sched_idle_cpus, cpu) ? 0 : 1);
    }
    return count;
}

/* Load averages decay by e^(-5s/1min), e^(-5s/5min), e^(-5s/15min) every five seconds. */
static void decay_load(unsigned long active)
{
    static const unsigned long decay[3] = {1884, 2014, 2037};
    for (int i = 0; i < 3; i++) {
        load_averages[i] = (load_averages[i] * decay[i] + active * (LOAD_ONE - decay[i])) >>
                           LOAD_BITS;
    }
}

void sched_update_load(uint64_t now)
{
    if (now < __atomic_load_n(&load_at, __ATOMIC_RELAXED)) {
        return;
    }
    unsigned long active = sched_runnable() * LOAD_ONE;
    unsigned long flags = spin_lock_irqsave(&load_lock);
    /* Steps that nobody took were such that no CPU ticked: all were idle. */
    for (unsigned missed = 0; now >= load_at + LOAD_STEP_NS && missed < 1000; missed++) {
        decay_load(0);
        load_at += LOAD_STEP_NS;
    }
    if (now >= load_at) {
        decay_load(active);
        __atomic_store_n(&load_at, now + LOAD_STEP_NS, __ATOMIC_RELAXED);
    }
    spin_unlock_irqrestore(&load_lock, flags);
}

void sched_loadavg(unsigned long load[3])
{
    sched_update_load(clock_monotonic_ns());
    unsigned long flags = spin_lock_irqsave(&load_lock);
    for (int i = 0; i < 3; i++) {
        load[i] = load_averages[i];
    }
    spin_unlock_irqrestore(&load_lock, flags);
}

void sched_cpu_times(unsigned cpu, struct sched_times *times)
{
    *times = (struct sched_times){0};
    if (cpu < cpu_present_count() && cpu_is_online(cpu)) {
        struct run_queue *rq = &percpu_of(cpu, run_queue);
        unsigned long flags = spin_lock_irqsave(&rq->lock);
        *times = (struct sched_times){rq->user_ns, rq->system_ns, rq->idle_ns};
        uint64_t now = clock_monotonic_ns();
        if (rq->running == rq->idle && now > rq->idle->switched_at) {
            times->idle_ns += now - rq->idle->switched_at;
        }
        spin_unlock_irqrestore(&rq->lock, flags);
    }
}

static uint64_t cycles_to_ns(uint64_t cycles)
{
    uint64_t khz = arch_clock_khz(), ms = cycles / khz; /* in two steps, in 64 bits */
    return ms * NSEC_PER_MSEC + cycles % khz * NSEC_PER_MSEC / khz;
}

void sched_cpu_stat(unsigned cpu, struct sched_stat *stat)
{
    *stat = (struct sched_stat){0};
    if (cpu < cpu_present_count() && cpu_is_online(cpu)) {
        struct run_queue *rq = &percpu_of(cpu, run_queue);
        unsigned long flags = spin_lock_irqsave(&rq->lock);
        *stat = rq->stat;
        stat->run_ns = rq->user_ns + rq->system_ns;
        spin_unlock_irqrestore(&rq->lock, flags);
        stat->wait_ns = cycles_to_ns(stat->wait_ns);
    }
}

uint64_t sched_unslept_ns(const struct thread *thread)
{
    uint64_t slept = __atomic_load_n(&thread->sched.slept_ns, __ATOMIC_RELAXED);
    uint64_t used = thread_cpu_ns(thread, NULL, NULL);
    return used - MIN(used, slept);
}

void sched_thread_stat(const struct thread *thread, uint64_t stat[3])
{
    stat[0] = thread_cpu_ns(thread, NULL, NULL);
    stat[1] = cycles_to_ns(thread->sched.wait_cycles);
    stat[2] = thread->sched.turns;
}

uint64_t sched_switches(void)
{
    uint64_t switches = 0;
    cpumask_for_each (cpu, cpu_online_mask()) {
        switches += __atomic_load_n(&percpu_of(cpu, run_queue).stat.switches, __ATOMIC_RELAXED);
    }
    return switches;
}
