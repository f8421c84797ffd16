/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* struct rusage of getrusage(2) and wait4(2), and what it counts. */
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/time/timespec.h"

struct linux_rusage {
    struct linux_timeval utime, stime;
    int64_t maxrss, ixrss, idrss, isrss, minflt, majflt, nswap;
    int64_t inblock, oublock, msgsnd, msgrcv, nsignals, nvcsw, nivcsw;
};
static_assert(sizeof(struct linux_rusage) == 144, "ABI");

enum { RUSAGE_SELF = 0, RUSAGE_CHILDREN = -1, RUSAGE_BOTH = -2, RUSAGE_THREAD = 1 };

/* REQUIRES the tree lock. */
void rusage_of_process_locked(struct linux_process *process, int who, struct linux_rusage *out);
static inline struct linux_timeval ns_to_timeval(uint64_t ns)
{
    return (struct linux_timeval){(int64_t)(ns / NSEC_PER_SEC),
                                  (int64_t)(ns % NSEC_PER_SEC / NSEC_PER_USEC)};
}
