/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interval timers: setitimer(2), getitimer(2), alarm(2), and the limits of CPU time. ITIMER_REAL is
 * a timer of its own. The others count CPU time, which never passes faster than real time for one
 * thread: a timer looks again when the rest could be over, so that nothing has to tick.
 */
#include "kernel/arch/user.h"
#include "kernel/core/sched.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/rusage.h"
#include "kernel/personality/linux/signal/signal_state.h"

enum { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
/* Indices in cpu_timers of what watches RLIMIT_CPU and RLIMIT_RTTIME. */
enum { CPU_LIMIT = 2, RT_LIMIT };

struct linux_itimerval {
    struct linux_timeval interval, value;
};

static void real_timer_fire(struct timer *timer)
{
    struct linux_process *process = container_of(timer, struct linux_process, real_timer);
    unsigned long flags = process_tree_acquire();
    (void)signal_send_locked(process, NULL,
                             &(struct linux_siginfo){.signo = SIGALRM, .code = SI_KERNEL});
    uint64_t interval = process->real_timer_interval_ns;
    if (interval != 0 && process->state == PROCESS_ALIVE) {
        timer_arm(timer, timer->deadline_ns + interval);
    }
    process_tree_release(flags);
}

/* What RLIMIT_RTTIME is about: the most that a real-time thread has run without sleeping. */
static uint64_t unslept_locked(const struct linux_process *process)
{
    const struct linux_thread *thread;
    uint64_t most = 0;
    list_for_each (thread, &process->threads, link) {
        struct sched_params params;
        sched_get_params(thread->thread, &params);
        if (params.policy == SCHED_FIFO || params.policy == SCHED_RR) {
            most = MAX(most, sched_unslept_ns(thread->thread));
        }
    }
    return most;
}

/* CPU time that this timer counts. REQUIRES the tree lock. */
static uint64_t cpu_used_locked(struct linux_process *process, int which)
{
    uint64_t user, system;
    if (which == RT_LIMIT) {
        return unslept_locked(process);
    }
    process_cpu_time_locked(process, &user, &system);
    return which == 0 ? user : user + system;
}

static struct linux_rlimit *limit_of(struct linux_process *process, int which)
{
    return &process->limits[which == CPU_LIMIT ? RLIMIT_CPU : RLIMIT_RTTIME];
}

static uint64_t limit_unit_ns(int which)
{
    return which == CPU_LIMIT ? NSEC_PER_SEC : NSEC_PER_USEC;
}

/* When there is something to do about a limit; 0: never. A limit of 0 means 1, as on Linux. */
static uint64_t limit_deadline(struct linux_process *process, int which)
{
    const struct linux_rlimit *limit = limit_of(process, which);
    uint64_t at = MIN(limit->soft, limit->hard);
    return at > INT64_MAX / limit_unit_ns(which) ? 0 : MAX(at, 1ull) * limit_unit_ns(which);
}

/* Soft limit: SIGXCPU, and it moves on by a second; hard limit: SIGKILL. */
static int limit_passed_locked(struct linux_process *process, struct linux_cpu_itimer *timer,
                               int which, uint64_t used)
{
    struct linux_rlimit *limit = limit_of(process, which);
    uint64_t unit = limit_unit_ns(which);
    bool hard = limit->hard <= INT64_MAX / unit && used >= limit->hard * unit;
    if (!hard) {
        spin_lock(&process->signal_lock);
        limit->soft += NSEC_PER_SEC / unit;
        spin_unlock(&process->signal_lock);
    }
    timer->deadline_ns = limit_deadline(process, which);
    return hard ? SIGKILL : SIGXCPU;
}

static void cpu_timer_fire(struct timer *core_timer)
{
    struct linux_cpu_itimer *timer = container_of(core_timer, struct linux_cpu_itimer, timer);
    struct linux_process *process = timer->process;
    int which = (int)(timer - process->cpu_timers);
    unsigned long flags = process_tree_acquire();
    uint64_t used = cpu_used_locked(process, which);
    if (timer->deadline_ns != 0 && used >= timer->deadline_ns) {
        int signo = which == 0 ? SIGVTALRM : SIGPROF;
        if (which >= CPU_LIMIT) {
            signo = limit_passed_locked(process, timer, which, used);
        } else {
            timer->deadline_ns = timer->interval_ns != 0 ? used + timer->interval_ns : 0;
        }
        (void)signal_send_locked(process, NULL,
                                 &(struct linux_siginfo){.signo = signo, .code = SI_KERNEL});
    }
    if (timer->deadline_ns != 0 && process->state == PROCESS_ALIVE) {
        uint64_t left = timer->deadline_ns - MIN(used, timer->deadline_ns);
        timer_arm(core_timer, clock_monotonic_ns() + MAX(left, NSEC_PER_MSEC));
    }
    process_tree_release(flags);
}

void linux_itimers_setup(struct linux_process *process)
{
    timer_setup(&process->real_timer, real_timer_fire);
    for (unsigned i = 0; i < ARRAY_SIZE(process->cpu_timers); i++) {
        timer_setup(&process->cpu_timers[i].timer, cpu_timer_fire);
        process->cpu_timers[i].process = process;
    }
}

void linux_cpu_limit_changed(struct linux_process *process, int resource)
{
    int which = resource == RLIMIT_CPU ? CPU_LIMIT : RT_LIMIT;
    struct linux_cpu_itimer *timer = &process->cpu_timers[which];
    (void)timer_cancel(&timer->timer);
    unsigned long flags = process_tree_acquire();
    timer->deadline_ns = limit_deadline(process, which);
    if (timer->deadline_ns != 0) {
        uint64_t used = cpu_used_locked(process, which);
        uint64_t left = timer->deadline_ns - MIN(used, timer->deadline_ns);
        timer_arm(&timer->timer, clock_monotonic_ns() + left);
    }
    process_tree_release(flags);
}

void linux_itimers_cancel(struct linux_process *process)
{
    linux_timers_delete(process);
    unsigned long flags = process_tree_acquire();
    process->real_timer_interval_ns = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(process->cpu_timers); i++) {
        process->cpu_timers[i].deadline_ns = 0;
    }
    process_tree_release(flags);
    (void)timer_cancel(&process->real_timer);
    for (unsigned i = 0; i < ARRAY_SIZE(process->cpu_timers); i++) {
        (void)timer_cancel(&process->cpu_timers[i].timer);
    }
}

struct itimer_ns {
    uint64_t value, interval; /* value 0: not armed */
};

static void get_real(struct linux_process *process, struct itimer_ns *out)
{
    unsigned long flags = process_tree_acquire();
    *out = (struct itimer_ns){0, process->real_timer_interval_ns};
    if (__atomic_load_n(&process->real_timer.armed, __ATOMIC_RELAXED)) {
        uint64_t now = clock_monotonic_ns();
        uint64_t deadline = __atomic_load_n(&process->real_timer.deadline_ns, __ATOMIC_RELAXED);
        /* Armed and due: as good as no time, but not none. */
        out->value = deadline > now ? deadline - now : NSEC_PER_USEC;
    }
    process_tree_release(flags);
}

static void get_cpu(struct linux_process *process, int which, struct itimer_ns *out)
{
    unsigned long flags = process_tree_acquire();
    const struct linux_cpu_itimer *timer = &process->cpu_timers[which];
    uint64_t used = cpu_used_locked(process, which);
    *out = (struct itimer_ns){0, timer->interval_ns};
    if (timer->deadline_ns != 0) {
        out->value = timer->deadline_ns > used ? timer->deadline_ns - used : NSEC_PER_USEC;
    }
    process_tree_release(flags);
}

static void set_real(struct linux_process *process, const struct itimer_ns *new)
{
    (void)timer_cancel(&process->real_timer);
    unsigned long flags = process_tree_acquire();
    process->real_timer_interval_ns = new->interval;
    if (new->value != 0) {
        timer_arm(&process->real_timer, clock_monotonic_ns() + new->value);
    }
    process_tree_release(flags);
}

static void set_cpu(struct linux_process *process, int which, const struct itimer_ns *new)
{
    struct linux_cpu_itimer *timer = &process->cpu_timers[which];
    (void)timer_cancel(&timer->timer);
    unsigned long flags = process_tree_acquire();
    timer->interval_ns = new->interval;
    timer->deadline_ns = 0;
    if (new->value != 0) {
        timer->deadline_ns = cpu_used_locked(process, which) + new->value;
        timer_arm(&timer->timer, clock_monotonic_ns() + new->value);
    }
    process_tree_release(flags);
}

static void get_itimer(int which, struct itimer_ns *out)
{
    if (which == ITIMER_REAL) {
        get_real(current_process(), out);
    } else {
        get_cpu(current_process(), which - ITIMER_VIRTUAL, out);
    }
}

static struct linux_itimerval to_itimerval(const struct itimer_ns *timer)
{
    return (struct linux_itimerval){ns_to_timeval(timer->interval), ns_to_timeval(timer->value)};
}

static int to_ns(const struct linux_timeval *time, uint64_t *ns)
{
    if (time->sec < 0 || time->usec < 0 || time->usec >= 1000000) {
        return -EINVAL;
    }
    *ns = MIN((uint64_t)time->sec, UINT64_MAX / 4 / NSEC_PER_SEC) * NSEC_PER_SEC +
          (uint64_t)time->usec * NSEC_PER_USEC;
    return 0;
}

LINUX_CALL2(getitimer, int, which, vaddr_t, addr)
{
    struct itimer_ns timer;
    if (which < ITIMER_REAL || which > ITIMER_PROF) {
        return -EINVAL;
    }
    get_itimer(which, &timer);
    struct linux_itimerval value = to_itimerval(&timer);
    return put_user(value, addr);
}

LINUX_CALL3(setitimer, int, which, vaddr_t, new_addr, vaddr_t, old_addr)
{
    struct linux_itimerval value = {{0, 0}, {0, 0}};
    struct itimer_ns new, old;
    if (new_addr != 0 && get_user(value, new_addr) != 0) {
        return -EFAULT;
    }
    if (which < ITIMER_REAL || which > ITIMER_PROF || to_ns(&value.value, &new.value) != 0 ||
        to_ns(&value.interval, &new.interval) != 0) {
        return -EINVAL;
    }
    get_itimer(which, &old);
    if (which == ITIMER_REAL) {
        set_real(current_process(), &new);
    } else {
        set_cpu(current_process(), which - ITIMER_VIRTUAL, &new);
    }
    if (old_addr != 0) {
        value = to_itimerval(&old);
        return put_user(value, old_addr);
    }
    return 0;
}

LINUX_CALL1(alarm, unsigned, seconds)
{
    struct linux_process *process = current_process();
    struct itimer_ns old, new = {.value = seconds * NSEC_PER_SEC};
    get_real(process, &old);
    set_real(process, &new);
    /* Rounded, but something that is left is never nothing. */
    uint64_t left = (old.value + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
    return (long)(left == 0 && old.value != 0 ? 1 : left);
}
