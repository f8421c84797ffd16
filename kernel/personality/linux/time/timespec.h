/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* struct timespec of the ABI, and moving it between user memory and nanoseconds. */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/core/timer.h"

struct linux_timespec {
    int64_t sec, nsec;
};
static_assert(sizeof(struct linux_timespec) == 16, "struct timespec of 64-bit machines");
struct linux_timeval {
    int64_t sec, usec;
};
static_assert(sizeof(struct linux_timeval) == 16, "struct timeval of 64-bit machines");
struct linux_itimerspec {
    struct linux_timespec interval, value;
};

static inline struct linux_timespec ns_to_timespec(uint64_t ns)
{
    return (struct linux_timespec){(int64_t)(ns / NSEC_PER_SEC), (int64_t)(ns % NSEC_PER_SEC)};
}

#define TIMESPEC_NS_MAX (UINT64_MAX / 2)

/* Nanoseconds of a time that is not negative, as many as fit: 0, -EFAULT, -EINVAL. */
static inline int timespec_from_user(vaddr_t addr, uint64_t *ns)
{
    struct linux_timespec time;
    if (get_user(time, addr) != 0) {
        return -EFAULT;
    }
    if (time.sec < 0 || time.nsec < 0 || time.nsec >= (int64_t)NSEC_PER_SEC) {
        return -EINVAL;
    }
    *ns = (uint64_t)time.sec >= TIMESPEC_NS_MAX / NSEC_PER_SEC
              ? TIMESPEC_NS_MAX
              : (uint64_t)time.sec * NSEC_PER_SEC + (uint64_t)time.nsec;
    return 0;
}

static inline int timespec_to_user(vaddr_t addr, uint64_t ns)
{
    struct linux_timespec time = ns_to_timespec(ns);
    return put_user(time, addr);
}

struct itimer_times {
    uint64_t value_ns, interval_ns;
};

/* A struct itimerspec; as timespec_from_user for both. */
static inline int itimerspec_from_user(vaddr_t addr, struct itimer_times *times)
{
    int interval = timespec_from_user(addr, &times->interval_ns);
    int value = timespec_from_user(addr + offsetof(struct linux_itimerspec, value),
                                   &times->value_ns);
    return interval == -EFAULT || value == -EFAULT ? -EFAULT : interval != 0 ? interval : value;
}
