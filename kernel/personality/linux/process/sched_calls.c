/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched_*(2), getcpu(2): how threads are scheduled and on which CPUs. The parameters are core's
 * (kernel/core/sched.h); what is here is who may change them, and Linux's forms of them. There is
 * no SCHED_DEADLINE. getpriority(2) and the like are in priority.c.
 */
#include "kernel/arch/user.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/process/priority.h"
#include "lib/string.h"

#define SCHED_DEADLINE      6
#define SCHED_RESET_ON_FORK 0x40000000
#define KEEP_POLICY         (-1) /* instead of a policy */
#define RT_PRIORITY_MAX     99

enum sched_flag { /* of struct sched_attr */
                  SCHED_FLAG_RESET_ON_FORK = 0x01,
                  SCHED_FLAG_KEEP_POLICY = 0x08,
                  SCHED_FLAG_KEEP_PARAMS = 0x10,
                  SCHED_FLAG_UTIL_CLAMP = 0x60,
                  SCHED_FLAG_ALL = 0x7f,
};

/* sched_setattr(2); version 1, which has the last two. */
struct linux_sched_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max;
};
static_assert(sizeof(struct linux_sched_attr) == 56, "ABI");
#define SCHED_ATTR_SIZE_FIRST 48u

LINUX_CALL0(sched_yield)
{
    sched_yield();
    return 0;
}

static bool is_real_time(int policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_fair(int policy)
{
    return policy == SCHED_OTHER || policy == SCHED_BATCH;
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

/* --- policy and priority -------------------------------------------------------------------- */

/* What is asked for: a struct linux_sched_attr in our words. */
struct sched_request {
    int policy; /* or KEEP_POLICY */
    bool reset_on_fork, keep_params, keep_nice;
    int nice;
    unsigned priority;
    uint64_t flags;
};

/* sched(7), "Privileges and resource limits". REQUIRES the tree lock. */
static bool may_without_capability(const struct linux_thread *thread,
                                   const struct sched_params *old,
                                   const struct sched_request *request)
{
    uint64_t rt_limit = thread->process->limits[RLIMIT_RTPRIO].soft;
    int policy = request->policy;
    if (is_fair(policy) && request->nice < old->nice && !nice_allowed(thread, request->nice)) {
        return false;
    }
    if (is_real_time(policy) &&
        ((policy != (int)old->policy && rt_limit == 0) ||
         ((int)request->priority > old->rt_priority && request->priority > rt_limit))) {
        return false;
    }
    /* SCHED_IDLE is left only by those who could have their nice value. */
    if (old->policy == SCHED_IDLE && policy != SCHED_IDLE && !nice_allowed(thread, old->nice)) {
        return false;
    }
    return same_owner(thread) && (!thread->reset_on_fork || request->reset_on_fork);
}

/* REQUIRES the tree lock. */
static int set_locked(struct linux_thread *thread, struct sched_request *request)
{
    struct sched_params old;
    sched_get_params(thread->thread, &old);
    if (request->policy == KEEP_POLICY) {
        request->policy = old.policy;
        request->reset_on_fork = thread->reset_on_fork;
    }
    if (request->keep_params) {
        request->priority = is_real_time(old.policy) ? (unsigned)old.rt_priority : 0;
    }
    if (request->keep_params || request->keep_nice) {
        request->nice = old.nice;
    }
    int policy = request->policy;
    if ((!is_fair(policy) && !is_real_time(policy) && policy != SCHED_IDLE) ||
        (request->flags & ~(uint64_t)SCHED_FLAG_ALL) != 0 || request->priority > RT_PRIORITY_MAX ||
        is_real_time(policy) != (request->priority != 0)) {
        return -EINVAL;
    }
    if (!may_without_capability(thread, &old, request) && !linux_capable(CAP_SYS_NICE)) {
        return -EPERM;
    }
    if ((request->flags & SCHED_FLAG_UTIL_CLAMP) != 0) {
        return -EOPNOTSUPP;
    }
    const struct sched_params new = {
        .policy = (enum sched_policy)policy,
        .nice = is_fair(policy) ? request->nice : old.nice,
        .rt_priority = (int)request->priority,
    };
    thread->reset_on_fork = request->reset_on_fork;
    if (!request->keep_params) { /* which keeps the policy as well */
        sched_set_params(thread->thread, &new);
    }
    return 0;
}

static int set_policy(int tid, struct sched_request *request)
{
    unsigned long flags = process_tree_acquire();
    struct linux_thread *thread = named_locked(tid);
    int result = thread != NULL ? set_locked(thread, request) : -ESRCH;
    process_tree_release(flags);
    return result;
}

LINUX_CALL2(sched_setparam, int, tid, vaddr_t, addr)
{
    struct sched_request request = {.policy = KEEP_POLICY, .keep_nice = true};
    if (tid < 0 || addr == 0) {
        return -EINVAL;
    }
    return get_user(request.priority, addr) != 0 ? -EFAULT : set_policy(tid, &request);
}

LINUX_CALL3(sched_setscheduler, int, tid, int, policy, vaddr_t, addr)
{
    struct sched_request request = {
        .policy = policy & ~SCHED_RESET_ON_FORK,
        .reset_on_fork = (policy & SCHED_RESET_ON_FORK) != 0,
        .keep_nice = true,
    };
    if (tid < 0 || policy < 0 || addr == 0) {
        return -EINVAL;
    }
    return get_user(request.priority, addr) != 0 ? -EFAULT : set_policy(tid, &request);
}

/* Copies a struct sched_attr of any version. */
static int get_attr(struct linux_sched_attr *attr, vaddr_t addr)
{
    uint32_t size, known = sizeof(*attr);
    if (get_user(size, addr) != 0) {
        return -EFAULT;
    }
    size = size != 0 ? size : SCHED_ATTR_SIZE_FIRST;
    int result = size < SCHED_ATTR_SIZE_FIRST ? -E2BIG
                                              : linux_copy_struct(attr, sizeof(*attr), addr, size);
    if (result == -E2BIG) {
        (void)put_user(known, addr);
    }
    if (result == 0 && (attr->flags & SCHED_FLAG_UTIL_CLAMP) != 0 && size < sizeof(*attr)) {
        result = -EINVAL;
    }
    return result;
}

LINUX_CALL3(sched_setattr, int, tid, vaddr_t, addr, unsigned, flags)
{
    struct linux_sched_attr attr;
    if (addr == 0 || tid < 0 || flags != 0) {
        return -EINVAL;
    }
    int result = get_attr(&attr, addr);
    if (result != 0) {
        return result;
    }
    if ((int)attr.policy < 0) {
        return -EINVAL;
    }
    struct sched_request request = {
        .policy = (attr.flags & SCHED_FLAG_KEEP_POLICY) != 0 ? KEEP_POLICY : (int)attr.policy,
        .reset_on_fork = (attr.flags & SCHED_FLAG_RESET_ON_FORK) != 0,
        .keep_params = (attr.flags & SCHED_FLAG_KEEP_PARAMS) != 0,
        .nice = MAX(MIN(attr.nice, 19), -20),
        .priority = attr.priority,
        .flags = attr.flags,
    };
    return set_policy(tid, &request);
}

/* Any pointer may be NULL. */
static int get_policy(int tid, struct sched_params *params, bool *reset_on_fork, uint64_t *slice_ns)
{
    int result = -ESRCH;
    if (tid < 0) {
        return -EINVAL;
    }
    unsigned long flags = process_tree_acquire();
    const struct linux_thread *thread = named_locked(tid);
    if (thread != NULL) {
        sched_get_params(thread->thread, params);
        *reset_on_fork = thread->reset_on_fork;
        *slice_ns = sched_slice_ns(thread->thread);
        result = 0;
    }
    process_tree_release(flags);
    return result;
}

LINUX_CALL2(sched_getparam, int, tid, vaddr_t, addr)
{
    struct sched_params params;
    bool reset;
    uint64_t slice;
    if (addr == 0) {
        return -EINVAL;
    }
    int result = get_policy(tid, &params, &reset, &slice);
    return result != 0 ? result : put_user(params.rt_priority, addr);
}

LINUX_CALL1(sched_getscheduler, int, tid)
{
    struct sched_params params;
    bool reset;
    uint64_t slice;
    int result = get_policy(tid, &params, &reset, &slice);
    return result != 0 ? result : (int)params.policy | (reset ? SCHED_RESET_ON_FORK : 0);
}

LINUX_CALL4(sched_getattr, int, tid, vaddr_t, addr, unsigned, size, unsigned, flags)
{
    struct sched_params params;
    bool reset;
    uint64_t slice;
    if (addr == 0 || size > PAGE_SIZE || size < SCHED_ATTR_SIZE_FIRST || flags != 0) {
        return -EINVAL;
    }
    int result = get_policy(tid, &params, &reset, &slice);
    if (result != 0) {
        return result;
    }
    struct linux_sched_attr attr = {
        .size = (uint32_t)MIN((size_t)size, sizeof(attr)),
        .policy = params.policy,
        .flags = reset ? SCHED_FLAG_RESET_ON_FORK : 0,
        .nice = is_real_time(params.policy) ? 0 : params.nice,
        .priority = (uint32_t)params.rt_priority,
    };
    return copy_to_user(addr, &attr, attr.size);
}

static long priority_bound(int policy, int real_time)
{
    if (is_real_time(policy)) {
        return real_time;
    }
    return is_fair(policy) || policy == SCHED_IDLE || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

LINUX_CALL1(sched_get_priority_max, int, policy)
{
    return priority_bound(policy, RT_PRIORITY_MAX);
}

LINUX_CALL1(sched_get_priority_min, int, policy)
{
    return priority_bound(policy, 1);
}

LINUX_CALL2(sched_rr_get_interval, int, tid, vaddr_t, addr)
{
    struct sched_params params;
    bool reset;
    uint64_t slice;
    int result = get_policy(tid, &params, &reset, &slice);
    if (result != 0) {
        return result;
    }
    struct {
        uint64_t sec, nsec;
    } interval = {slice / NSEC_PER_SEC, slice % NSEC_PER_SEC};
    if (params.policy == SCHED_FIFO) {
        interval.sec = interval.nsec = 0;
    }
    return put_user(interval, addr);
}

/* --- affinity ------------------------------------------------------------------------------- */

/* Bytes of a set of CPUs: Linux's cpumask_size(), with as many bits as there are CPUs. */
static size_t cpu_set_size(void)
{
    return (cpu_present_count() + 63) / 64 * sizeof(uint64_t);
}

LINUX_CALL3(sched_setaffinity, int, tid, unsigned, size, vaddr_t, addr)
{
    struct cpumask mask = {{0}};
    if (copy_from_user(&mask, addr, MIN((size_t)size, cpu_set_size())) != 0) {
        return -EFAULT;
    }
    struct thread *core = NULL;
    int result = -ESRCH;
    unsigned long flags = process_tree_acquire();
    struct linux_thread *thread = named_locked(tid);
    if (thread != NULL) {
        if (thread->process->is_kernel && thread->process->parent != NULL) {
            result = -EINVAL; /* workers belong to their CPUs */
        } else if (!same_owner(thread) && !linux_capable(CAP_SYS_NICE)) {
            result = -EPERM;
        } else {
            core = thread->thread;
            thread_get(core);
        }
    }
    process_tree_release(flags);
    if (core != NULL) {
        result = sched_set_affinity(core, &mask); /* the caller may move right away */
        thread_put(core);
    }
    return result;
}

LINUX_CALL3(sched_getaffinity, int, tid, unsigned, size, vaddr_t, addr)
{
    struct cpumask mask;
    if (size * 8ull < cpu_present_count() || (size & 7) != 0) {
        return -EINVAL;
    }
    unsigned long flags = process_tree_acquire();
    const struct linux_thread *thread = named_locked(tid);
    if (thread != NULL) {
        sched_get_affinity(thread->thread, &mask);
    }
    process_tree_release(flags);
    if (thread == NULL) {
        return -ESRCH;
    }
    for (unsigned i = 0; i < CPUMASK_WORDS; i++) {
        mask.word[i] &= __atomic_load_n(&cpu_online_mask()->word[i], __ATOMIC_RELAXED);
    }
    size_t copied = MIN((size_t)size, cpu_set_size());
    return copy_to_user(addr, &mask, copied) != 0 ? -EFAULT : (long)copied;
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
