/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One-shot timers in a tree by deadline for each CPU, and the wall clock. A timer is armed on the
 * CPU that arms it. The hardware timer is set to the earliest deadline, and only when that changes.
 */
#include "kernel/core/timer.h"
#include "kernel/arch/clock.h"
#include "kernel/base/init.h"
#include "kernel/base/percpu.h"
#include "kernel/core/core.h"
#include "kernel/core/rcu.h"
#include "kernel/core/sched.h"

static int timer_compare(const struct timer *a, const struct timer *b)
{
    if (a->deadline_ns != b->deadline_ns) {
        return a->deadline_ns < b->deadline_ns ? -1 : 1;
    }
    return a < b ? -1 : a > b;
}

RB_HEAD(timer_tree, timer);
RB_GENERATE_STATIC(timer_tree, timer, link, timer_compare)

struct timer_queue {
    struct spinlock lock;
    struct timer_tree tree; /* [lock] */
    struct timer *first;    /* [lock] leftmost of tree */
    struct timer *running;  /* [lock] its fire() is being called */
    uint64_t programmed;    /* [lock] what the hardware is set to; 0: nothing */
};
PERCPU(struct timer_queue, timer_queue) = {.lock = SPINLOCK_INIT(LOCK_TIMER_QUEUE)};

PERCPU(bool, in_user_interrupt); /* owner: the CPU's timer interrupt */

static struct spinlock wall_lock = SPINLOCK_INIT(LOCK_WALL);
static bool wall_known;        /* [wall_lock] */
static int64_t wall_offset_ns; /* [wall_lock] realtime minus monotonic */
static int (*wall_source)(int64_t *unix_seconds) RO_AFTER_INIT;

uint64_t clock_monotonic_ns(void)
{
    return arch_clock_ns();
}

void clock_set_source(int (*read)(int64_t *unix_seconds))
{
    wall_source = read;
}

uint64_t clock_realtime_ns(void)
{
    unsigned long flags = spin_lock_irqsave(&wall_lock);
    if (!wall_known) {
        int64_t seconds = 0;
        if (wall_source == NULL || wall_source(&seconds) != 0) {
            seconds = 0; /* 1970, as Linux without an RTC */
        }
        wall_offset_ns = seconds * (int64_t)NSEC_PER_SEC - (int64_t)arch_clock_ns();
        wall_known = true;
        arch_clock_set_wall(wall_offset_ns);
    }
    int64_t offset = wall_offset_ns;
    spin_unlock_irqrestore(&wall_lock, flags);
    return arch_clock_ns() + (uint64_t)offset;
}

void clock_set_realtime(uint64_t ns)
{
    unsigned long flags = spin_lock_irqsave(&wall_lock);
    wall_offset_ns = (int64_t)(ns - arch_clock_ns());
    wall_known = true;
    arch_clock_set_wall(wall_offset_ns);
    spin_unlock_irqrestore(&wall_lock, flags);
}

/* REQUIRES q->lock, interrupts off, on the queue's CPU. */
static void program_locked(struct timer_queue *q)
{
    if (q->first == NULL || q->first->deadline_ns == q->programmed) {
        return; /* one that comes too early does no harm */
    }
    if (q->programmed != 0 && q->first->deadline_ns > q->programmed) {
        return;
    }
    q->programmed = q->first->deadline_ns;
    arch_timer_set(q->programmed);
}

void timer_setup(struct timer *timer, void (*fire)(struct timer *timer))
{
    timer->fire = fire;
    timer->armed = false;
    timer->deadline_ns = 0;
    timer->cpu = arch_cpu_number();
}

static void remove_locked(struct timer_queue *q, struct timer *timer)
{
    if (q->first == timer) {
        q->first = RB_NEXT(timer_tree, &q->tree, timer);
    }
    RB_REMOVE(timer_tree, &q->tree, timer);
    timer->armed = false;
}

/* The queue that the timer belongs to, locked; interrupts off. */
static struct timer_queue *lock_queue(const struct timer *timer)
{
    for (;;) {
        unsigned cpu = __atomic_load_n(&timer->cpu, __ATOMIC_RELAXED);
        struct timer_queue *q = &percpu_of(cpu, timer_queue);
        spin_lock(&q->lock);
        if (likely(timer->cpu == cpu)) {
            return q;
        }
        spin_unlock(&q->lock);
    }
}

void timer_arm(struct timer *timer, uint64_t deadline_ns)
{
    unsigned long flags = arch_irq_save();
    struct timer_queue *here = &percpu(timer_queue), *q;
    /* Only this CPU can set its hardware; while fire() runs, that CPU will set its own. */
    for (;;) {
        q = lock_queue(timer);
        if (timer->armed) {
            remove_locked(q, timer);
        }
        if (likely(q == here) || q->running == timer) {
            break;
        }
        __atomic_store_n(&timer->cpu, arch_cpu_number(), __ATOMIC_RELAXED);
        spin_unlock(&q->lock);
    }
    timer->deadline_ns = deadline_ns != 0 ? deadline_ns : 1;
    timer->armed = true;
    RB_INSERT(timer_tree, &q->tree, timer);
    if (q->first == NULL || timer_compare(timer, q->first) < 0) {
        q->first = timer;
        if (q == here) {
            program_locked(q);
        }
    }
    spin_unlock_irqrestore(&q->lock, flags);
}

bool timer_cancel(struct timer *timer)
{
    bool was_armed = false;
    for (;;) {
        unsigned long flags = arch_irq_save();
        struct timer_queue *q = lock_queue(timer);
        if (timer->armed) {
            remove_locked(q, timer);
            was_armed = true;
        }
        bool running = q->running == timer;
        spin_unlock_irqrestore(&q->lock, flags);
        if (!running) {
            return was_armed;
        }
        arch_cpu_relax();
    }
}

static void fire_due(struct timer_queue *q)
{
    unsigned long flags = spin_lock_irqsave(&q->lock);
    q->programmed = 0;
    while (q->first != NULL && q->first->deadline_ns <= arch_clock_ns()) {
        struct timer *timer = q->first;
        remove_locked(q, timer);
        q->running = timer;
        spin_unlock_irqrestore(&q->lock, flags);
        timer->fire(timer);
        flags = spin_lock_irqsave(&q->lock);
        q->running = NULL;
    }
    program_locked(q);
    spin_unlock_irqrestore(&q->lock, flags);
}

void core_timer_interrupt(bool from_user)
{
    rcu_idle_exit();
    percpu(in_user_interrupt) = from_user;
    fire_due(&percpu(timer_queue));
}

bool interrupted_user_mode(void)
{
    return percpu(in_user_interrupt);
}
