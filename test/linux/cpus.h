/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Going to a CPU, rseq(2) and membarrier(2), for the programs about what threads know of CPUs. */
#include "test/linux/check.h"

#include <sched.h>

enum { SIGNATURE = 0x53053053 };

struct rseq_area {
    uint32_t cpu_id_start, cpu_id;
    uint64_t sequence;
    uint32_t flags, pad[3];
} __attribute__((aligned(32)));
struct rseq_sequence {
    uint32_t version, flags;
    uint64_t start, size, abort;
} __attribute__((aligned(32)));

static UNUSED struct rseq_area area, other_area;
static UNUSED long rseq(void *at, unsigned size, int flags, unsigned signature)
{
    return syscall(SYS_rseq, at, size, flags, signature);
}

static UNUSED unsigned cpu_now(void)
{
    unsigned cpu = ~0u;
    syscall(SYS_getcpu, &cpu, NULL, NULL);
    return cpu;
}
static UNUSED void go_to_cpu(unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set)) {
        say("sched_setaffinity: %s\n", error_name(errno));
    }
}
/* The highest and the lowest CPU that this thread may use. */
static UNUSED unsigned last_cpu(void)
{
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    for (unsigned cpu = CPU_SETSIZE; cpu-- > 0;) {
        if (CPU_ISSET(cpu, &set)) {
            return cpu;
        }
    }
    return 0;
}
static UNUSED unsigned first_cpu(void)
{
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &set)) {
            return cpu;
        }
    }
    return 0;
}

static long membarrier(int command, unsigned flags, int cpu)
{
    return syscall(SYS_membarrier, command, flags, cpu);
}

/* What a program of this kind says after exec, and its status. */
static int after_exec(void)
{
    CALL(rseq(&area, sizeof area, 0, SIGNATURE));
    CALL(membarrier(8, 0, 0));
    return 5;
}
