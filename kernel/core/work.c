/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work queues, see work.h. Which queue's lock guards a work is said by work->cpu: whoever locked
 * that queue and still finds it there has the work. A work changes queues only in work_queue, while
 * it neither waits nor runs, and is marked as waiting before the old lock is let go.
 */
#include "kernel/core/work.h"
#include "abi/errno.h"
#include "kernel/base/percpu.h"
#include "kernel/core/sched.h"
#include "lib/format.h"

struct work_cpu {
    struct spinlock lock;
    bool ready;              /* [lock] what follows is set up */
    bool has_worker;         /* [lock] or thread 2 has been asked for one */
    struct list works;       /* [lock] waiting, in order of queueing */
    struct work *running;    /* [lock] only to be compared: it may have freed itself */
    struct thread *runner;   /* [lock] who runs it */
    struct waitq more, done; /* the worker; those who wait for the end of a work */
};
PERCPU(struct work_cpu, work_cpu) = {.lock = SPINLOCK_INIT(LOCK_WORK)};

static struct cpumask asked; /* atomic: CPUs that need a worker */
static struct waitq asked_wait = WAITQ_INIT(asked_wait);

/* ACQUIRES the lock of the queue that the work belongs to. */
static struct work_cpu *lock_queue_of(const struct work *work, unsigned long *flags)
{
    for (;;) {
        unsigned cpu = __atomic_load_n(&work->cpu, __ATOMIC_RELAXED);
        struct work_cpu *q = &percpu_of(cpu, work_cpu);
        *flags = spin_lock_irqsave(&q->lock);
        if (__atomic_load_n(&work->cpu, __ATOMIC_RELAXED) == cpu) {
            return q;
        }
        spin_unlock_irqrestore(&q->lock, *flags);
    }
}

/* Adds a work that is marked as queued. True: there is no worker yet, ask for one. REQUIRES
 * q->lock. */
static bool append_locked(struct work_cpu *q, struct work *work)
{
    if (!q->ready) {
        list_init(&q->works);
        waitq_init(&q->more);
        waitq_init(&q->done);
        q->ready = true;
    }
    list_add_tail(&q->works, &work->link);
    bool ask = !q->has_worker;
    q->has_worker = true;
    return ask;
}

static void tell_worker(struct work_cpu *q, unsigned cpu, bool ask)
{
    if (ask) {
        cpumask_set_atomic(&asked, cpu);
        waitq_wake_one(&asked_wait);
    } else {
        waitq_wake_one(&q->more);
    }
}

void work_setup(struct work *work, void (*run)(struct work *work))
{
    *work = (struct work){.run = run};
    list_init(&work->link);
}

/* Puts it at the end of this CPU's queue, or of the one whose worker runs it. */
static bool queue_on(struct work *work, unsigned cpu)
{
    unsigned long flags;
    struct work_cpu *q = lock_queue_of(work, &flags);
    if (work->queued || work->cancels > 0) {
        spin_unlock_irqrestore(&q->lock, flags);
        return false;
    }
    work->queued = true;
    if (q->running == work) {
        cpu = work->cpu;
    } else if (work->cpu != cpu) {
        /* From here to append_locked it is waiting, but in no list: work_cancel knows that. */
        __atomic_store_n(&work->cpu, cpu, __ATOMIC_RELAXED);
        spin_unlock(&q->lock);
        q = &percpu_of(cpu, work_cpu);
        spin_lock(&q->lock);
    }
    bool ask = append_locked(q, work);
    spin_unlock_irqrestore(&q->lock, flags);
    tell_worker(q, cpu, ask);
    return true;
}

bool work_queue(struct work *work)
{
    unsigned long flags = arch_irq_save();
    bool queued = queue_on(work, arch_cpu_number());
    arch_irq_restore(flags);
    return queued;
}

/* --- workers -------------------------------------------------------------------------------- */

/* The next work, now the running one; NULL: there is none, and the caller goes on to sleep, or
 * leaves the queue without a worker. */
static struct work *take(struct work_cpu *q, bool leave)
{
    struct work *work = NULL;
    unsigned long flags = spin_lock_irqsave(&q->lock);
    if (list_empty(&q->works)) {
        q->has_worker = !leave;
    } else {
        work = list_first(&q->works, struct work, link);
        list_del_init(&work->link);
        work->queued = false;
        q->running = work;
        q->runner = current;
    }
    spin_unlock_irqrestore(&q->lock, flags);
    return work;
}

static void run_one(struct work_cpu *q, struct work *work)
{
    work->run(work);
    unsigned long flags = spin_lock_irqsave(&q->lock);
    q->running = NULL;
    q->runner = NULL;
    spin_unlock_irqrestore(&q->lock, flags);
    waitq_wake_all(&q->done);
}

/* The caller runs the works of this CPU from here on. */
static struct work_cpu *go_to(unsigned cpu)
{
    struct cpumask only = {{0}};
    cpumask_set(&only, cpu);
    (void)sched_set_affinity(current, &only);
    return &percpu_of(cpu, work_cpu);
}

static _Noreturn void worker_run(void *arg)
{
    struct work_cpu *q = go_to((unsigned)(uintptr_t)arg);
    struct work *work;
    for (;;) {
        wait_event_idle(&q->more, (work = take(q, false)) != NULL);
        run_one(q, work);
        sched_point();
    }
}

/* With no memory for a worker, its works are not lost: thread 2 runs them, and the next one asks
 * again. */
static void run_without_worker(unsigned cpu)
{
    struct cpumask before;
    sched_get_affinity(current, &before);
    struct work_cpu *q = go_to(cpu);
    struct work *work;
    while ((work = take(q, true)) != NULL) {
        run_one(q, work);
    }
    (void)sched_set_affinity(current, &before);
}

void work_make_workers(int (*create)(const char *name, void (*entry)(void *arg), void *arg))
{
    for (;;) {
        wait_event_idle(&asked_wait, !cpumask_empty(&asked));
        cpumask_for_each (cpu, &asked) {
            char name[sizeof(current->name)];
            cpumask_clear_atomic(&asked, cpu);
            snprintf(name, sizeof(name), "kworker/%u", cpu);
            if (create(name, worker_run, (void *)(uintptr_t)cpu) < 0) {
                run_without_worker(cpu);
            }
        }
    }
}

/* --- waiting for works ---------------------------------------------------------------------- */

/* Of a work that is in no other queue than q. */
static bool is_busy(struct work_cpu *q, const struct work *work)
{
    unsigned long flags = spin_lock_irqsave(&q->lock);
    bool busy = work->queued || q->running == work;
    spin_unlock_irqrestore(&q->lock, flags);
    return busy;
}

/* One step of waiting until it neither waits nor runs: true when that is so. */
static bool cancel_step(struct work *work, bool *was_queued)
{
    unsigned long flags;
    struct work_cpu *q = lock_queue_of(work, &flags);
    bool between = work->queued && list_empty(&work->link);
    if (work->queued && !between) {
        list_del_init(&work->link);
        work->queued = false;
        *was_queued = true;
    }
    bool running = q->running == work;
    assert(!running || q->runner != current);
    spin_unlock_irqrestore(&q->lock, flags);
    if (running) {
        wait_event(&q->done, !is_busy(q, work));
    } else if (between) {
        arch_cpu_relax();
    }
    return !running && !between;
}

/* Keeps it from being queued (+1), or allows it again (-1). */
static void add_cancels(struct work *work, int n)
{
    unsigned long flags;
    struct work_cpu *q = lock_queue_of(work, &flags);
    work->cancels += (unsigned)n;
    spin_unlock_irqrestore(&q->lock, flags);
}

bool work_cancel(struct work *work)
{
    bool was_queued = false;
    add_cancels(work, 1);
    while (!cancel_step(work, &was_queued)) {
    }
    add_cancels(work, -1);
    return was_queued;
}

static void flush_mark(struct work *work)
{
    (void)work;
}

void work_flush(void)
{
    /* A mark at the end of each queue in turn: works do not change queues while they wait. */
    for (unsigned cpu = 0; cpu < cpu_present_count(); cpu++) {
        struct work_cpu *q = &percpu_of(cpu, work_cpu);
        unsigned long flags = spin_lock_irqsave(&q->lock);
        bool idle = !q->ready || (list_empty(&q->works) && q->running == NULL);
        assert(idle || q->runner != current);
        spin_unlock_irqrestore(&q->lock, flags);
        if (!idle) {
            struct work mark;
            work_setup(&mark, flush_mark);
            (void)queue_on(&mark, cpu);
            wait_event(&q->done, !is_busy(q, &mark));
        }
    }
}

/* --- delayed works -------------------------------------------------------------------------- */

static void delayed_work_fire(struct timer *timer)
{
    (void)work_queue(&container_of(timer, struct delayed_work, timer)->work);
}

void delayed_work_setup(struct delayed_work *work, void (*run)(struct work *work))
{
    work_setup(&work->work, run);
    timer_setup(&work->timer, delayed_work_fire);
}

void work_queue_at(struct delayed_work *work, uint64_t deadline_ns)
{
    unsigned long flags;
    struct work_cpu *q = lock_queue_of(&work->work, &flags);
    if (work->work.cancels == 0) {
        timer_arm(&work->timer, deadline_ns);
    }
    spin_unlock_irqrestore(&q->lock, flags);
}

bool delayed_work_cancel(struct delayed_work *work)
{
    bool was_queued = false;
    add_cancels(&work->work, 1); /* nobody arms the timer from here on */
    bool was_armed = timer_cancel(&work->timer);
    while (!cancel_step(&work->work, &was_queued)) {
    }
    add_cancels(&work->work, -1);
    return was_armed || was_queued;
}
