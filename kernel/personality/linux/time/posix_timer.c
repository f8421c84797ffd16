/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX timers: timer_create(2), timer_settime(2), timer_gettime(2), timer_getoverrun(2),
 * timer_delete(2). A timer has at most one signal pending; a periodic one is armed again when that
 * is taken, and counts then what it missed, so that no interval is too short. The wall clock's
 * timers are armed on the monotonic clock: a wall clock that is set is noticed when they look.
 */
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/signal/signal_state.h"
#include "kernel/personality/linux/time/timespec.h"

enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 4 };
enum {
    CLOCK_REALTIME,
    CLOCK_MONOTONIC,
    CLOCK_PROCESS_CPUTIME_ID,
    CLOCK_THREAD_CPUTIME_ID,
    CLOCK_BOOTTIME = 7,
    CLOCK_TAI = 11,
};
#define CLOCKS_WITH_TIMERS    0x88f /* those above */
#define CLOCKS_WITHOUT_TIMERS 0x370 /* raw, coarse, and those that wake a machine */
#define TIMER_ABSTIME         1

struct linux_sigevent {
    uint64_t value;
    int32_t signo, notify, tid;
    unsigned char pad[44];
};
static_assert(sizeof(struct linux_sigevent) == 64, "ABI");

/* Times are on the timer's clock. All [signal_lock] from `deadline_ns` on, constant before. */
struct posix_timer {
    struct list link; /* [signal_lock] */
    struct timer timer;
    struct linux_process *process;
    uint64_t value;
    int id, clock, notify, signo;
    int target;                        /* SIGEV_THREAD_ID: thread */
    int owner;                         /* thread that a thread's clock belongs to */
    uint64_t deadline_ns, interval_ns; /* deadline 0: not armed; interval 0: once */
    uint64_t overrun, taken_overrun;   /* of the signal that is pending; was taken last */
    bool queued;                       /* its signal is pending */
};

static bool counts_cpu_time(const struct posix_timer *timer)
{
    return timer->clock == CLOCK_PROCESS_CPUTIME_ID || timer->clock == CLOCK_THREAD_CPUTIME_ID;
}

/* REQUIRES the tree lock for clocks that count CPU time. */
static uint64_t time_of(const struct posix_timer *timer)
{
    uint64_t user = 0, system = 0;
    switch (timer->clock) {
    case CLOCK_REALTIME:
    case CLOCK_TAI:
        return clock_realtime_ns();
    case CLOCK_PROCESS_CPUTIME_ID:
        process_cpu_time_locked(timer->process, &user, &system);
        return user + system;
    case CLOCK_THREAD_CPUTIME_ID: {
        const struct linux_thread *thread = pid_thread(timer->owner);
        return thread != NULL ? thread_cpu_ns(thread->thread, &user, &system) : 0;
    }
    default:
        return clock_monotonic_ns();
    }
}

/* CPU time passes no faster than real time for one thread: such a timer looks again. */
static void arm_locked(struct posix_timer *timer, uint64_t now)
{
    uint64_t left = timer->deadline_ns > now ? timer->deadline_ns - now : 0;
    if (counts_cpu_time(timer)) {
        left = MAX(left, NSEC_PER_MSEC);
    }
    timer_arm(&timer->timer, clock_monotonic_ns() + left);
}

/* Moves the deadline of a periodic timer past now; how many intervals were missed. */
static uint64_t forward_locked(struct posix_timer *timer, uint64_t now)
{
    uint64_t missed = 0;
    if (now > timer->deadline_ns) {
        missed = (now - timer->deadline_ns) / timer->interval_ns;
    }
    timer->deadline_ns += (missed + 1) * timer->interval_ns;
    return missed;
}

/* REQUIRES the tree lock. */
static void send(struct posix_timer *timer)
{
    struct linux_process *process = timer->process;
    struct linux_thread *thread = NULL;
    const struct linux_siginfo info = {
        .signo = timer->signo, .code = SI_TIMER, .value = timer->value, .timer_id = timer->id};
    if (timer->notify == SIGEV_THREAD_ID) {
        thread = pid_thread(timer->target);
        if (thread == NULL || thread->process != process) {
            return;
        }
    }
    (void)signal_send_locked(process, thread, &info);
    spin_lock(&process->signal_lock);
    if (timer->queued && !signal_timer_pending_locked(process, thread, &info)) {
        /* Ignored, or such a signal is pending already: nobody will take this one. */
        timer->queued = false;
        if (timer->deadline_ns != 0) {
            uint64_t now = time_of(timer);
            (void)forward_locked(timer, now);
            timer->deadline_ns = MAX(timer->deadline_ns, now + NSEC_PER_MSEC);
            arm_locked(timer, now);
        }
    }
    spin_unlock(&process->signal_lock);
}

static void fire(struct timer *core_timer)
{
    struct posix_timer *timer = container_of(core_timer, struct posix_timer, timer);
    unsigned long flags = process_tree_acquire();
    spin_lock(&timer->process->signal_lock);
    uint64_t now = time_of(timer);
    bool waits = timer->deadline_ns != 0 && !timer->queued;
    bool due = waits && now >= timer->deadline_ns;
    if (due) {
        timer->queued = true;
        timer->overrun = 0;
        if (timer->interval_ns == 0) {
            timer->deadline_ns = 0;
        }
    } else if (waits) {
        arm_locked(timer, now);
    }
    spin_unlock(&timer->process->signal_lock);
    if (due) {
        send(timer);
    }
    process_tree_release(flags);
}

static struct posix_timer *find_locked(struct linux_process *process, int id)
{
    struct posix_timer *timer;
    list_for_each (timer, &process->posix_timers, link) {
        if (timer->id == id) {
            return timer;
        }
    }
    return NULL;
}

void linux_timer_taken_locked(struct linux_process *process, struct linux_siginfo *info)
{
    struct posix_timer *timer = find_locked(process, info->timer_id);
    if (timer == NULL || !timer->queued) {
        return;
    }
    timer->queued = false;
    if (timer->deadline_ns != 0) {
        /* The tree lock is not held here; what CPU time was missed is nobody's loss. */
        uint64_t now = counts_cpu_time(timer) ? timer->deadline_ns : time_of(timer);
        timer->overrun += forward_locked(timer, now);
        arm_locked(timer, now);
    }
    timer->taken_overrun = MIN(timer->overrun, (uint64_t)INT32_MAX);
    info->overrun = (int)timer->taken_overrun;
}

static void destroy(struct posix_timer *timer)
{
    (void)timer_cancel(&timer->timer);
    kfree(timer);
}

/* Out of the process, so that nobody finds it and it does not arm itself again. */
static void unlink_locked(struct posix_timer *timer)
{
    list_del(&timer->link);
    timer->process->posix_timer_count--;
    timer->deadline_ns = 0;
}

void linux_timers_delete(struct linux_process *process)
{
    for (;;) {
        struct posix_timer *timer = NULL;
        unsigned long flags = spin_lock_irqsave(&process->signal_lock);
        if (!list_empty(&process->posix_timers)) {
            timer = list_first(&process->posix_timers, struct posix_timer, link);
            unlink_locked(timer);
        }
        spin_unlock_irqrestore(&process->signal_lock, flags);
        if (timer == NULL) {
            return;
        }
        destroy(timer);
    }
}

/* What `event` asks for, judged in Linux's order. */
static int set_event(struct posix_timer *timer, const struct linux_sigevent *event)
{
    timer->notify = event->notify;
    timer->signo = event->signo;
    timer->target = event->tid;
    timer->value = event->value;
    if (event->notify == SIGEV_THREAD_ID) {
        unsigned long flags = process_tree_acquire();
        const struct linux_thread *thread = pid_thread(event->tid);
        bool ours = thread != NULL && thread->process == timer->process;
        process_tree_release(flags);
        if (!ours) {
            return -EINVAL;
        }
    } else if (event->notify < SIGEV_SIGNAL || event->notify > SIGEV_THREAD) {
        return -EINVAL;
    }
    bool signals = event->notify != SIGEV_NONE;
    return signals && (event->signo < 1 || event->signo > SIGRTMAX) ? -EINVAL : 0;
}

static int link_timer(struct posix_timer *timer, bool value_is_id)
{
    struct linux_process *process = timer->process;
    int result = -EAGAIN;
    unsigned long flags = spin_lock_irqsave(&process->signal_lock);
    if (process->posix_timer_count < process->limits[RLIMIT_SIGPENDING].soft) {
        do {
            timer->id = process->next_timer_id++ & INT32_MAX;
        } while (find_locked(process, timer->id) != NULL);
        timer->value = value_is_id ? (unsigned)timer->id : timer->value;
        list_add_tail(&process->posix_timers, &timer->link);
        process->posix_timer_count++;
        result = 0;
    }
    spin_unlock_irqrestore(&process->signal_lock, flags);
    return result;
}

static int delete_timer(int id)
{
    struct linux_process *process = current_process();
    unsigned long flags = spin_lock_irqsave(&process->signal_lock);
    struct posix_timer *timer = find_locked(process, id);
    if (timer != NULL) {
        unlink_locked(timer);
    }
    spin_unlock_irqrestore(&process->signal_lock, flags);
    if (timer == NULL) {
        return -EINVAL;
    }
    destroy(timer);
    return 0;
}

LINUX_CALL3(timer_create, int, clock, vaddr_t, event_addr, vaddr_t, id_addr)
{
    struct linux_sigevent event = {.notify = SIGEV_SIGNAL, .signo = SIGALRM};
    if (event_addr != 0 && get_user(event, event_addr) != 0) {
        return -EFAULT;
    }
    unsigned bit = clock >= 0 && clock <= CLOCK_TAI ? 1u << clock : 0;
    if ((bit & CLOCKS_WITH_TIMERS) == 0) {
        return bit & CLOCKS_WITHOUT_TIMERS ? -EOPNOTSUPP : -EINVAL;
    }
    struct posix_timer *timer = kzalloc(sizeof(*timer));
    if (timer == NULL) {
        return -EAGAIN;
    }
    timer->process = current_process();
    timer->clock = clock;
    timer->owner = linux_current()->tid;
    timer_setup(&timer->timer, fire);
    int result = set_event(timer, &event);
    if (result == 0) {
        result = link_timer(timer, event_addr == 0);
    }
    if (result != 0) {
        kfree(timer);
        return result;
    }
    int id = timer->id;
    if (put_user(id, id_addr) != 0) {
        (void)delete_timer(id);
        return -EFAULT;
    }
    return 0;
}

LINUX_CALL1(timer_delete, int, id)
{
    return delete_timer(id);
}

/* What is left, and the interval. */
static void get_locked(struct posix_timer *timer, uint64_t now, struct linux_itimerspec *out)
{
    uint64_t left = 0;
    if (timer->deadline_ns != 0) {
        bool unseen = timer->queued || timer->notify == SIGEV_NONE;
        if (unseen && timer->interval_ns != 0 && now >= timer->deadline_ns) {
            timer->overrun += forward_locked(timer, now) + 1;
        }
        /* Due, and its signal on the way: as good as no time, but not none. */
        left = timer->deadline_ns > now ? timer->deadline_ns - now : timer->notify != SIGEV_NONE;
    }
    *out = (struct linux_itimerspec){ns_to_timespec(timer->interval_ns), ns_to_timespec(left)};
}

/* Both locks, for a timer that is to be found. */
static struct posix_timer *find_and_lock(int id, unsigned long *flags)
{
    struct linux_process *process = current_process();
    *flags = process_tree_acquire();
    spin_lock(&process->signal_lock);
    return find_locked(process, id);
}
static void unlock(unsigned long flags)
{
    spin_unlock(&current_process()->signal_lock);
    process_tree_release(flags);
}

LINUX_CALL2(timer_gettime, int, id, vaddr_t, addr)
{
    struct linux_itimerspec value;
    unsigned long flags;
    struct posix_timer *timer = find_and_lock(id, &flags);
    if (timer != NULL) {
        get_locked(timer, time_of(timer), &value);
    }
    unlock(flags);
    return timer != NULL ? put_user(value, addr) : -EINVAL;
}

LINUX_CALL1(timer_getoverrun, int, id)
{
    unsigned long flags;
    const struct posix_timer *timer = find_and_lock(id, &flags);
    long result = timer != NULL ? (long)timer->taken_overrun : -EINVAL;
    unlock(flags);
    return result;
}

static void set_locked(struct posix_timer *timer, const struct itimer_times *new, bool absolute)
{
    uint64_t now = time_of(timer), value = new->value_ns;
    timer->queued = false;
    timer->taken_overrun = 0;
    timer->interval_ns = new->interval_ns;
    timer->deadline_ns = value == 0 || absolute ? value : now + value;
    if (value != 0 && timer->notify != SIGEV_NONE) {
        arm_locked(timer, now);
    }
}

LINUX_CALL4(timer_settime, int, id, int, how, vaddr_t, new_addr, vaddr_t, old_addr)
{
    struct linux_itimerspec old;
    struct itimer_times new;
    if (new_addr == 0) {
        return -EINVAL;
    }
    int error = itimerspec_from_user(new_addr, &new);
    if (error != 0) {
        return error;
    }
    unsigned long flags;
    struct posix_timer *timer = find_and_lock(id, &flags);
    if (timer != NULL) {
        get_locked(timer, time_of(timer), &old);
        set_locked(timer, &new, (how & TIMER_ABSTIME) != 0);
    }
    unlock(flags);
    if (timer == NULL) {
        return -EINVAL;
    }
    return old_addr != 0 ? put_user(old, old_addr) : 0;
}
