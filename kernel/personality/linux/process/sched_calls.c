/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched_*(2), getpriority(2), setpriority(2), getcpu(2). Policies, priorities and affinity are kept
 * and shown; the scheduler gives everybody the same slices.
 */
#include "kernel/arch/user.h"
#include "kernel/core/sched.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/cred.h"
#include "lib/string.h"

#define SCHED_DEADLINE 6
#define SCHED_RESET_ON_FORK 0x40000000
enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };

LINUX_CALL0(sched_yield)
{
    sched_yield();
    return 0;
}

static bool is_real_time(int policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

/* The thread with this TID (0: the caller). REQUIRES the tree lock. */
static struct linux_thread *named_locked(int tid)
{
    return tid == 0 ? linux_current() : pid_thread(tid);
}

static bool same_owner(const struct linux_thread *thread)
{
    const struct cred *mine = linux_current()->cred, *other = thread->cred;
    return mine->euid == other->euid || mine->euid == other->uid;
}

static long set_policy(int tid, int policy, vaddr_t param_addr, bool keep_policy)
{
    int priority;
    if (tid < 0 || param_addr == 0 || (!keep_policy && policy < 0)) {
        return -EINVAL;
    }
    if (get_user(priority, param_addr) != 0) {
        return -EFAULT;
    }
    long result = -ESRCH;
    unsigned long flags = process_tree_acquire();
    struct linux_thread *thread = named_locked(tid);
    if (thread != NULL) {
        policy = keep_policy ? thread->policy : policy & ~SCHED_RESET_ON_FORK;
        bool known = is_real_time(policy) || policy == SCHED_OTHER || policy == SCHED_BATCH ||
                     policy == SCHED_IDLE;
        if (!known || priority < 0 || priority > 99 || is_real_time(policy) != (priority != 0)) {
            result = -EINVAL;
        } else if (!linux_capable(CAP_SYS_NICE) &&
                   (!same_owner(thread) ||
                    (uint64_t)priority > thread->process->limits[RLIMIT_RTPRIO].soft)) {
            result = -EPERM;
        } else {
            thread->policy = policy;
            thread->rt_priority = priority;
            result = 0;
        }
    }
    process_tree_release(flags);
    return result;
}

LINUX_CALL2(sched_setparam, int, tid, vaddr_t, addr)
{
    return set_policy(tid, 0, addr, true);
}

LINUX_CALL3(sched_setscheduler, int, tid, int, policy, vaddr_t, addr)
{
    return set_policy(tid, policy, addr, false);
}

static int get_policy(int tid, int *policy, int *priority)
{
    int result = -ESRCH;
    if (tid < 0) {
        return -EINVAL;
    }
    unsigned long flags = process_tree_acquire();
    const struct linux_thread *thread = named_locked(tid);
    if (thread != NULL) {
        *policy = thread->policy;
        *priority = thread->rt_priority;
        result = 0;
    }
    process_tree_release(flags);
    return result;
}

LINUX_CALL2(sched_getparam, int, tid, vaddr_t, addr)
{
    int policy, priority;
    if (addr == 0) {
        return -EINVAL;
    }
    int result = get_policy(tid, &policy, &priority);
    return result != 0 ? result : put_user(priority, addr);
}

LINUX_CALL1(sched_getscheduler, int, tid)
{
    int policy, priority;
    int result = get_policy(tid, &policy, &priority);
    return result != 0 ? result : policy;
}

static long priority_bound(int policy, int real_time)
{
    if (is_real_time(policy)) {
        return real_time;
    }
    return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE ||
                   policy == SCHED_DEADLINE
               ? 0
               : -EINVAL;
}

LINUX_CALL1(sched_get_priority_max, int, policy)
{
    return priority_bound(policy, 99);
}

LINUX_CALL1(sched_get_priority_min, int, policy)
{
    return priority_bound(policy, 1);
}

LINUX_CALL2(sched_rr_get_interval, int, tid, vaddr_t, addr)
{
    int policy, priority;
    int result = get_policy(tid, &policy, &priority);
    if (result != 0) {
        return result;
    }
    struct {
        int64_t sec, nsec;
    } interval = {0, policy == SCHED_FIFO ? 0 : 10000000};
    return put_user(interval, addr);
}

/* Bits of the CPUs that run threads. */
static uint64_t online_mask(void)
{
    unsigned count = cpu_online_count();
    return count >= 64 ? ~0ull : (1ull << count) - 1;
}

LINUX_CALL3(sched_setaffinity, int, tid, unsigned, size, vaddr_t, addr)
{
    uint64_t mask = 0;
    if (copy_from_user(&mask, addr, MIN((size_t)size, sizeof(mask))) != 0) {
        return -EFAULT;
    }
    long result = -ESRCH;
    unsigned long flags = process_tree_acquire();
    struct linux_thread *thread = named_locked(tid);
    if (thread != NULL) {
        result = !same_owner(thread) && !linux_capable(CAP_SYS_NICE) ? -EPERM
                 : (mask & online_mask()) == 0                       ? -EINVAL
                                                                     : 0;
        if (result == 0) {
            thread->affinity = mask;
        }
    }
    process_tree_release(flags);
    return result;
}

LINUX_CALL3(sched_getaffinity, int, tid, unsigned, size, vaddr_t, addr)
{
    uint64_t mask = 0;
    if (size * 8ull < cpu_present_count() || (size & 7) != 0) {
        return -EINVAL;
    }
    unsigned long flags = process_tree_acquire();
    const struct linux_thread *thread = named_locked(tid);
    if (thread != NULL) {
        mask = thread->affinity & online_mask();
    }
    process_tree_release(flags);
    if (thread == NULL) {
        return -ESRCH;
    }
    return put_user(mask, addr) != 0 ? -EFAULT : (long)sizeof(mask);
}

LINUX_CALL3(getcpu, vaddr_t, cpu_addr, vaddr_t, node_addr, vaddr_t, unused)
{
    const uint32_t cpu = arch_cpu_number(), node = 0;
    (void)unused;
    if ((cpu_addr != 0 && put_user(cpu, cpu_addr) != 0) ||
        (node_addr != 0 && put_user(node, node_addr) != 0)) {
        return -EFAULT;
    }
    return 0;
}

/* One thread of getpriority and setpriority. */
static int set_nice_locked(struct linux_thread *thread, int nice)
{
    const struct cred *mine = linux_current()->cred, *other = thread->cred;
    if (other->uid != mine->euid && other->euid != mine->euid && !linux_capable(CAP_SYS_NICE)) {
        return -EPERM;
    }
    if (nice < thread->nice && !linux_capable(CAP_SYS_NICE) &&
        (uint64_t)(20 - nice) > thread->process->limits[RLIMIT_NICE].soft) {
        return -EACCES;
    }
    thread->nice = nice;
    return 0;
}

struct priority_request {
    int which, who, nice;
    bool set;
};

static bool names(const struct priority_request *request, const struct linux_thread *thread)
{
    switch (request->which) {
    case PRIO_PROCESS:
        return thread->tid == request->who;
    case PRIO_PGRP:
        return thread->process->pgrp == request->who;
    default:
        return thread->cred->uid == (uint32_t)request->who;
    }
}

/* All threads that are named: the last error of setting, or the best priority as 40 to 1. */
static long visit_threads(const struct priority_request *request)
{
    long result = -ESRCH;
    unsigned long flags = process_tree_acquire();
    for (int tid = 1; tid < LINUX_PID_MAX; tid++) {
        struct linux_thread *thread = pid_thread(tid);
        if (thread == NULL || !names(request, thread)) {
            continue;
        }
        if (request->set) {
            int set = set_nice_locked(thread, request->nice);
            result = set != 0 || result == -ESRCH ? set : result;
        } else {
            result = MAX(result, 20 - (long)thread->nice);
        }
        if (request->which == PRIO_PROCESS) {
            break;
        }
    }
    process_tree_release(flags);
    return result;
}

static long priority_call(struct priority_request *request)
{
    if (request->which < PRIO_PROCESS || request->which > PRIO_USER) {
        return -EINVAL;
    }
    if (request->who == 0) {
        const struct linux_thread *self = linux_current();
        request->who = request->which == PRIO_PROCESS ? self->tid
                       : request->which == PRIO_PGRP  ? self->process->pgrp
                                                      : (int)self->cred->uid;
    }
    return visit_threads(request);
}

LINUX_CALL2(getpriority, int, which, int, who)
{
    return priority_call(&(struct priority_request){.which = which, .who = who});
}

LINUX_CALL3(setpriority, int, which, int, who, int, nice)
{
    return priority_call(&(struct priority_request){
        .which = which, .who = who, .nice = MAX(MIN(nice, 19), -20), .set = true});
}
