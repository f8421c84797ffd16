/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * membarrier(2): a memory barrier on all CPUs that run threads of this program, or of all, so that
 * those need none of their own. A CPU that is interrupted for it passes a barrier on the way in;
 * one that switches to a thread of the program passes one by that.
 */
#include "kernel/core/smp.h"
#include "kernel/core/space.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/process.h"

enum command {
    QUERY = 0,
    GLOBAL = 1,
    GLOBAL_EXPEDITED = 2,
    REGISTER_GLOBAL_EXPEDITED = 4,
    PRIVATE_EXPEDITED = 8,
    REGISTER_PRIVATE_EXPEDITED = 16,
    PRIVATE_EXPEDITED_SYNC_CORE = 32,
    REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64,
    PRIVATE_EXPEDITED_RSEQ = 128,
    REGISTER_PRIVATE_EXPEDITED_RSEQ = 256,
};
#define COMMANDS 0x1ffu
#define FLAG_CPU 1u

/* The interrupt itself, and the way back from it, order and serialize (SDM vol. 3, 8.2.2, 8.3). */
static void barrier(void *arg)
{
    (void)arg;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Also ends a sequence of rseq(2) that the thread of the program which runs here is in. */
static void restart(void *space)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (current->space == space) {
        thread_set_work(current, THREAD_WORK_MOVED);
    }
}

static void on_cpus_of(struct space *space, void (*fn)(void *arg))
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    smp_call(&space->mmu.cpus, fn, space);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static long rseq_barrier(struct space *space, unsigned flags, int cpu)
{
    struct cpumask one = {.word = {0}};
    if (!(flags & FLAG_CPU) || cpu < 0) {
        on_cpus_of(space, restart);
        return 0;
    }
    if ((unsigned)cpu < CPUS_MAX && cpumask_test(&space->mmu.cpus, (unsigned)cpu)) {
        cpumask_set(&one, (unsigned)cpu);
        smp_call(&one, restart, space);
    }
    return 0;
}

LINUX_CALL3(membarrier, int, command, unsigned, flags, int, cpu)
{
    struct space *space = current->space;
    unsigned *registered = &linux_space_of(space)->membarriers;
    if (command == PRIVATE_EXPEDITED_RSEQ ? (flags & ~FLAG_CPU) != 0 : flags != 0) {
        return -EINVAL;
    }
    if ((command == PRIVATE_EXPEDITED || command == PRIVATE_EXPEDITED_SYNC_CORE ||
         command == PRIVATE_EXPEDITED_RSEQ) &&
        !(__atomic_load_n(registered, __ATOMIC_RELAXED) & (unsigned)command)) {
        return -EPERM;
    }
    switch (command) {
    case QUERY:
        return COMMANDS;
    case GLOBAL:
    case GLOBAL_EXPEDITED:
    case PRIVATE_EXPEDITED_SYNC_CORE: /* also where its tables have stayed loaded, unused */
        smp_call_all(barrier, NULL);
        return 0;
    case PRIVATE_EXPEDITED:
        on_cpus_of(space, barrier);
        return 0;
    case PRIVATE_EXPEDITED_RSEQ:
        return rseq_barrier(space, flags, cpu);
    case REGISTER_GLOBAL_EXPEDITED:
        return 0; /* all programs get those */
    case REGISTER_PRIVATE_EXPEDITED:
    case REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
    case REGISTER_PRIVATE_EXPEDITED_RSEQ:
        __atomic_fetch_or(registered, (unsigned)command / 2, __ATOMIC_RELAXED);
        return 0;
    default:
        return -EINVAL;
    }
}
