/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers to wait for as files: timerfd_create(2), timerfd_settime(2), timerfd_gettime(2). A
 * periodic one is armed again when it is read, and counts then what it missed. Those of the wall
 * clock are armed on the monotonic one, and look again when the wall clock is set.
 */
#include "kernel/personality/linux/time/timerfd.h"
#include "kernel/fs/nameless.h"
#include "kernel/fs/pseudo.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/time/timespec.h"

enum {
    CLOCK_REALTIME,
    CLOCK_MONOTONIC,
    CLOCK_BOOTTIME = 7,
    CLOCK_REALTIME_ALARM,
    CLOCK_BOOTTIME_ALARM,
};
enum { TFD_TIMER_ABSTIME = 1, TFD_TIMER_CANCEL_ON_SET = 2 };

/* Times are on the timer's clock. */
struct timerfd {
    struct spinlock lock;
    struct timer timer;
    struct waitq wait;
    struct list link;                  /* [timers_lock] those of the wall clock */
    int clock;                         /* constant */
    unsigned flags;                    /* [lock] of timerfd_settime */
    bool due;                          /* [lock] the deadline has come, and nobody has read that */
    bool cancelled;                    /* [lock] the wall clock was set */
    uint64_t deadline_ns, interval_ns; /* [lock] deadline 0: not armed; interval 0: once */
    uint64_t ticks;                    /* [lock] to change: expirations to be read */
};

static struct spinlock timers_lock = SPINLOCK_INIT(LOCK_TIMERFDS);
static struct list wall_timers = LIST_INIT(wall_timers); /* [timers_lock] */

static bool on_wall_clock(const struct timerfd *t)
{
    return t->clock == CLOCK_REALTIME || t->clock == CLOCK_REALTIME_ALARM;
}

static uint64_t time_of(const struct timerfd *t)
{
    return on_wall_clock(t) ? clock_realtime_ns() : clock_monotonic_ns();
}

static bool is_ready(const struct timerfd *t)
{
    return __atomic_load_n(&t->ticks, __ATOMIC_RELAXED) != 0 ||
           __atomic_load_n(&t->cancelled, __ATOMIC_RELAXED);
}

/* REQUIRES lock. */
static void arm_locked(struct timerfd *t)
{
    uint64_t now = time_of(t);
    uint64_t left = t->deadline_ns > now ? t->deadline_ns - now : 0;
    timer_arm(&t->timer, clock_monotonic_ns() + left);
}

static void fire(struct timer *timer)
{
    struct timerfd *t = container_of(timer, struct timerfd, timer);
    unsigned long flags = spin_lock_irqsave(&t->lock);
    bool waits = t->deadline_ns != 0 && !t->due;
    if (waits && time_of(t) < t->deadline_ns) {
        arm_locked(t);
    } else if (waits) {
        t->due = true;
        __atomic_store_n(&t->ticks, t->ticks + 1, __ATOMIC_RELAXED);
        if (t->interval_ns == 0) {
            t->deadline_ns = 0;
        }
        waitq_wake_all(&t->wait);
    }
    spin_unlock_irqrestore(&t->lock, flags);
}

/* Counts what a periodic timer missed since it was due, and arms it. REQUIRES lock. */
static void go_on_locked(struct timerfd *t)
{
    if (t->due && t->interval_ns != 0) {
        uint64_t now = time_of(t);
        uint64_t missed = now > t->deadline_ns ? (now - t->deadline_ns) / t->interval_ns : 0;
        t->deadline_ns += (missed + 1) * t->interval_ns;
        __atomic_store_n(&t->ticks, t->ticks + missed, __ATOMIC_RELAXED);
        t->due = false;
        arm_locked(t);
    }
}

void linux_timerfds_clock_set(void)
{
    struct timerfd *t;
    unsigned long flags = spin_lock_irqsave(&timers_lock);
    list_for_each (t, &wall_timers, link) {
        spin_lock(&t->lock);
        if ((t->flags & TFD_TIMER_CANCEL_ON_SET) != 0) {
            __atomic_store_n(&t->cancelled, true, __ATOMIC_RELAXED);
            waitq_wake_all(&t->wait);
        }
        if (t->deadline_ns != 0 && !t->due) {
            arm_locked(t);
        }
        spin_unlock(&t->lock);
    }
    spin_unlock_irqrestore(&timers_lock, flags);
}

/* --- as a file ------------------------------------------------------------------------------ */

/* What a read gets: 0: nothing yet; -ECANCELED. */
static int64_t take_ticks(struct timerfd *t)
{
    int64_t ticks = -ECANCELED;
    unsigned long flags = spin_lock_irqsave(&t->lock);
    if (t->cancelled) {
        __atomic_store_n(&t->cancelled, false, __ATOMIC_RELAXED);
    } else {
        if (t->ticks != 0) {
            go_on_locked(t);
        }
        ticks = (int64_t)t->ticks;
    }
    __atomic_store_n(&t->ticks, 0, __ATOMIC_RELAXED);
    spin_unlock_irqrestore(&t->lock, flags);
    return ticks;
}

static ssize_type timerfd_read(struct file *file, struct io *io, uint64_t *pos)
{
    struct timerfd *t = file->priv;
    int64_t ticks;
    (void)pos;
    if (io->left < sizeof(ticks)) {
        return -EINVAL;
    }
    while ((ticks = take_ticks(t)) == 0) {
        if (file_flags(file) & O_NONBLOCK) {
            return -EAGAIN;
        }
        if (wait_event_intr(&t->wait, is_ready(t)) != 0) {
            return -ERESTARTSYS;
        }
    }
    if (ticks < 0) {
        return ticks;
    }
    return io_put(io, &ticks, sizeof(ticks)) == sizeof(ticks) ? (ssize_type)sizeof(ticks) : -EFAULT;
}

static unsigned timerfd_poll(struct file *file, struct poll_table *table)
{
    struct timerfd *t = file->priv;
    poll_wait(table, &t->wait);
    return is_ready(t) ? POLLIN : 0u;
}

static void timerfd_release(struct file *file)
{
    struct timerfd *t = file->priv;
    unsigned long flags = spin_lock_irqsave(&timers_lock);
    list_del(&t->link);
    spin_lock(&t->lock);
    t->deadline_ns = 0; /* so that fire does not arm it again */
    spin_unlock(&t->lock);
    spin_unlock_irqrestore(&timers_lock, flags);
    (void)timer_cancel(&t->timer);
    kfree(t);
}

/* What is left, and the interval. REQUIRES lock. */
static void get_locked(struct timerfd *t, struct linux_itimerspec *out)
{
    go_on_locked(t);
    uint64_t now = time_of(t);
    uint64_t left = t->deadline_ns > now ? t->deadline_ns - now : 0;
    *out = (struct linux_itimerspec){ns_to_timespec(t->interval_ns), ns_to_timespec(left)};
}

static void timerfd_show(struct file *file, struct text *out)
{
    struct timerfd *t = file->priv;
    struct linux_itimerspec value;
    unsigned long flags = spin_lock_irqsave(&t->lock);
    unsigned set_flags = t->flags;
    uint64_t ticks = t->ticks;
    get_locked(t, &value);
    spin_unlock_irqrestore(&t->lock, flags);
    text_printf(out, "clockid: %d\nticks: %llu\nsettime flags: 0%o\n", t->clock,
                (unsigned long long)ticks, set_flags);
    text_printf(out, "it_value: (%lld, %lld)\nit_interval: (%lld, %lld)\n",
                (long long)value.value.sec, (long long)value.value.nsec,
                (long long)value.interval.sec, (long long)value.interval.nsec);
}

static const struct file_ops timerfd_ops = {
    .read = timerfd_read,
    .poll = timerfd_poll,
    .traits = FILE_IDLE_SEEK,
    .show = timerfd_show,
    .release = timerfd_release,
};

/* --- calls ---------------------------------------------------------------------------------- */

LINUX_CALL2(timerfd_create, int, clock, unsigned, flags)
{
    struct file *file;
    bool alarm = clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
    bool known = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME;
    if ((flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK)) != 0 || (!known && !alarm)) {
        return -EINVAL;
    }
    if (alarm && !linux_capable(CAP_WAKE_ALARM)) {
        return -EPERM;
    }
    struct timerfd *t = kzalloc(sizeof(*t));
    if (t == NULL) {
        return -ENOMEM;
    }
    spin_init(&t->lock, LOCK_TIMERFD);
    waitq_init(&t->wait);
    timer_setup(&t->timer, fire);
    list_init(&t->link);
    t->clock = clock;
    int error = anon_file_create("anon_inode:[timerfd]", &timerfd_ops,
                                 O_RDWR | (flags & O_NONBLOCK), t, &file);
    if (error != 0) {
        kfree(t);
        return error;
    }
    if (on_wall_clock(t)) {
        unsigned long irq = spin_lock_irqsave(&timers_lock);
        list_add(&wall_timers, &t->link);
        spin_unlock_irqrestore(&timers_lock, irq);
    }
    return fd_install_new(file, (flags & O_CLOEXEC) != 0);
}

static struct timerfd *timerfd_of(int fd, struct fd_ref *ref, int *error)
{
    *ref = fd_borrow(fd);
    *error = ref->file == NULL ? -EBADF : ref->file->ops != &timerfd_ops ? -EINVAL : 0;
    return *error == 0 ? ref->file->priv : NULL;
}

static void set(struct timerfd *t, unsigned how, const struct itimer_times *new,
                struct linux_itimerspec *old)
{
    (void)timer_cancel(&t->timer);
    unsigned long flags = spin_lock_irqsave(&t->lock);
    get_locked(t, old);
    t->flags = how;
    t->due = t->cancelled = false;
    __atomic_store_n(&t->ticks, 0, __ATOMIC_RELAXED);
    t->interval_ns = new->interval_ns;
    bool relative = new->value_ns != 0 && (how & TFD_TIMER_ABSTIME) == 0;
    t->deadline_ns = new->value_ns + (relative ? time_of(t) : 0);
    if (t->deadline_ns != 0) {
        arm_locked(t);
    }
    spin_unlock_irqrestore(&t->lock, flags);
}

LINUX_CALL4(timerfd_settime, int, fd, unsigned, how, vaddr_t, new_addr, vaddr_t, old_addr)
{
    struct linux_itimerspec old;
    struct itimer_times new;
    int error = itimerspec_from_user(new_addr, &new);
    if (error == 0 && (how & ~(unsigned)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0) {
        error = -EINVAL;
    }
    if (error != 0) {
        return error;
    }
    struct fd_ref ref;
    struct timerfd *t = timerfd_of(fd, &ref, &error);
    if (t != NULL) {
        set(t, how, &new, &old);
    }
    fd_return(ref);
    return error == 0 && old_addr != 0 ? put_user(old, old_addr) : error;
}

LINUX_CALL2(timerfd_gettime, int, fd, vaddr_t, addr)
{
    struct linux_itimerspec value;
    struct fd_ref ref;
    int error;
    struct timerfd *t = timerfd_of(fd, &ref, &error);
    if (t != NULL) {
        unsigned long flags = spin_lock_irqsave(&t->lock);
        get_locked(t, &value);
        spin_unlock_irqrestore(&t->lock, flags);
    }
    fd_return(ref);
    return error == 0 ? put_user(value, addr) : error;
}
