/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks and sleeping: clock_gettime(2), clock_settime(2), clock_getres(2), clock_nanosleep(2),
 * nanosleep(2), gettimeofday(2), settimeofday(2), time(2), times(2), restart_syscall(2).
 */
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/process/rusage.h"
#include "kernel/personality/linux/time/timerfd.h"
#include "kernel/personality/linux/time/timespec.h"

enum clock_id {
    CLOCK_REALTIME,
    CLOCK_MONOTONIC,
    CLOCK_PROCESS_CPUTIME_ID,
    CLOCK_THREAD_CPUTIME_ID,
    CLOCK_MONOTONIC_RAW,
    CLOCK_REALTIME_COARSE,
    CLOCK_MONOTONIC_COARSE,
    CLOCK_BOOTTIME,
    CLOCK_REALTIME_ALARM,
    CLOCK_BOOTTIME_ALARM,
    CLOCK_TAI = 11,
};
#define TIMER_ABSTIME       1
#define NSEC_PER_CLOCK_TICK (NSEC_PER_SEC / 100)

/* CPU clocks of others: ~ID in the bits from 3 on, bit 2: of a thread, bits 0-1: what is counted
 * (Linux, include/linux/posix-timers.h). */
static int other_cpu_clock(int clock, uint64_t *ns)
{
    int id = ~(clock >> 3), result = -EINVAL;
    bool of_thread = (clock & 4) != 0;
    uint64_t user = 0, system = 0;
    if ((clock & 3) == 3) {
        return -EINVAL;
    }
    unsigned long flags = process_tree_acquire();
    if (of_thread) {
        const struct linux_thread *thread = id == 0 ? linux_current() : pid_thread(id);
        if (thread != NULL && thread->process == current_process()) {
            (void)thread_cpu_ns(thread->thread, &user, &system);
            result = 0;
        }
    } else {
        struct linux_process *process = id == 0 ? current_process() : pid_process(id);
        if (process != NULL) {
            process_cpu_time_locked(process, &user, &system);
            result = 0;
        }
    }
    process_tree_release(flags);
    *ns = (clock & 3) == 1 ? user : user + system;
    return result;
}

static int read_clock(int clock, uint64_t *ns)
{
    switch (clock) {
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *ns = clock_monotonic_ns();
        return 0;
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        *ns = clock_realtime_ns();
        return 0;
    case CLOCK_THREAD_CPUTIME_ID:
        *ns = thread_cpu_ns(current, NULL, NULL);
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        return other_cpu_clock((int)(~0u << 3) | 2, ns);
    default:
        return clock < 0 ? other_cpu_clock(clock, ns) : -EINVAL;
    }
}

LINUX_CALL2(clock_gettime, int, clock, vaddr_t, addr)
{
    uint64_t ns;
    if (likely(clock == CLOCK_MONOTONIC)) {
        return timespec_to_user(addr, clock_monotonic_ns());
    }
    int result = read_clock(clock, &ns);
    return result != 0 ? result : timespec_to_user(addr, ns);
}

LINUX_CALL2(clock_getres, int, clock, vaddr_t, addr)
{
    uint64_t ns;
    int result = read_clock(clock, &ns);
    if (result != 0 || addr == 0) {
        return result;
    }
    bool coarse = clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE;
    return timespec_to_user(addr, coarse ? 4000000 : 1);
}

LINUX_CALL2(clock_settime, int, clock, vaddr_t, addr)
{
    uint64_t ns;
    if (clock != CLOCK_REALTIME) {
        return -EINVAL;
    }
    int result = timespec_from_user(addr, &ns);
    if (result != 0) {
        return result;
    }
    if (!linux_capable(CAP_SYS_TIME)) {
        return -EPERM;
    }
    clock_set_realtime(ns);
    linux_timerfds_clock_set();
    return 0;
}

static int32_t timezone[2]; /* minutes west, kind of DST: only kept; [tree lock] */

LINUX_CALL2(gettimeofday, vaddr_t, time_addr, vaddr_t, zone_addr)
{
    if (time_addr != 0) {
        struct linux_timeval time = ns_to_timeval(clock_realtime_ns());
        if (put_user(time, time_addr) != 0) {
            return -EFAULT;
        }
    }
    return zone_addr != 0 ? put_user(timezone, zone_addr) : 0;
}

LINUX_CALL2(settimeofday, vaddr_t, time_addr, vaddr_t, zone_addr)
{
    struct linux_timeval time = {0, 0};
    int32_t zone[2];
    if (time_addr != 0) {
        if (get_user(time, time_addr) != 0) {
            return -EFAULT;
        }
        if (time.usec < 0 || time.usec > 1000000) {
            return -EINVAL;
        }
    }
    if (zone_addr != 0 && get_user(zone, zone_addr) != 0) {
        return -EFAULT;
    }
    if (time.sec < 0 || (uint64_t)time.sec >= TIMESPEC_NS_MAX / NSEC_PER_SEC) {
        return -EINVAL;
    }
    if (!linux_capable(CAP_SYS_TIME)) {
        return -EPERM;
    }
    if (zone_addr != 0) {
        if (zone[0] > 15 * 60 || zone[0] < -15 * 60) {
            return -EINVAL;
        }
        unsigned long flags = process_tree_acquire();
        timezone[0] = zone[0];
        timezone[1] = zone[1];
        process_tree_release(flags);
    }
    if (time_addr != 0) {
        clock_set_realtime((uint64_t)time.sec * NSEC_PER_SEC + (uint64_t)time.usec * NSEC_PER_USEC);
        linux_timerfds_clock_set();
    }
    return 0;
}

LINUX_CALL1(time, vaddr_t, addr)
{
    int64_t seconds = (int64_t)(clock_realtime_ns() / NSEC_PER_SEC);
    if (addr != 0 && put_user(seconds, addr) != 0) {
        return -EFAULT;
    }
    return seconds;
}

LINUX_CALL1(times, vaddr_t, addr)
{
    if (addr != 0) {
        struct linux_process *process = current_process();
        uint64_t user, system;
        unsigned long flags = process_tree_acquire();
        process_cpu_time_locked(process, &user, &system);
        int64_t ticks[4] = {
            (int64_t)(user / NSEC_PER_CLOCK_TICK),
            (int64_t)(system / NSEC_PER_CLOCK_TICK),
            (int64_t)(process->children_user_ns / NSEC_PER_CLOCK_TICK),
            (int64_t)(process->children_system_ns / NSEC_PER_CLOCK_TICK),
        };
        process_tree_release(flags);
        if (put_user(ticks, addr) != 0) {
            return -EFAULT;
        }
    }
    return (long)(clock_monotonic_ns() / NSEC_PER_CLOCK_TICK);
}

/* Sleeps to a moment of the monotonic clock; what is left goes to *rest_addr (0: nowhere). */
static long sleep_and_tell(struct linux_thread *self, uint64_t deadline, vaddr_t rest_addr);

static long restart_sleep(struct linux_thread *self)
{
    return sleep_and_tell(self, self->restart_arg[0], self->restart_arg[1]);
}

static long sleep_and_tell(struct linux_thread *self, uint64_t deadline, vaddr_t rest_addr)
{
    if (sleep_until(deadline, WAIT_INTERRUPTIBLE) == 0) {
        return 0;
    }
    uint64_t now = clock_monotonic_ns();
    if (now >= deadline) {
        return 0;
    }
    if (rest_addr != 0 && timespec_to_user(rest_addr, deadline - now) != 0) {
        return -EFAULT;
    }
    self->restart = restart_sleep;
    self->restart_arg[0] = deadline;
    self->restart_arg[1] = rest_addr;
    return -ERESTART_RESTARTBLOCK;
}

LINUX_CALL0(restart_syscall)
{
    struct linux_thread *self = linux_current();
    long (*restart)(struct linux_thread * self) = self->restart;
    self->restart = NULL;
    return restart != NULL ? restart(self) : -EINTR;
}

LINUX_CALL2(nanosleep, vaddr_t, time_addr, vaddr_t, rest_addr)
{
    uint64_t ns;
    int result = timespec_from_user(time_addr, &ns);
    if (result != 0) {
        return result;
    }
    return sleep_and_tell(linux_current(), clock_monotonic_ns() + ns, rest_addr);
}

/* 0: can be slept on; *real: it is the wall clock. */
static int check_sleep_clock(int clock, bool *real)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        *real = true;
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *real = false;
        return 0;
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}

LINUX_CALL4(clock_nanosleep, int, clock, int, how, vaddr_t, time_addr, vaddr_t, rest_addr)
{
    uint64_t ns;
    bool real;
    int result = check_sleep_clock(clock, &real);
    if (result != 0) {
        return result;
    }
    result = timespec_from_user(time_addr, &ns);
    if (result != 0) {
        return result;
    }
    uint64_t now = clock_monotonic_ns();
    if (!(how & TIMER_ABSTIME)) {
        return sleep_and_tell(linux_current(), now + ns, rest_addr);
    }
    if (real) {
        uint64_t wall = clock_realtime_ns();
        ns = ns > wall ? now + (ns - wall) : 0;
    }
    return ns <= now || sleep_until(ns, WAIT_INTERRUPTIBLE) == 0 ? 0 : -ERESTARTNOHAND;
}
