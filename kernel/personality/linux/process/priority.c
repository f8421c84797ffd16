/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * getpriority(2), setpriority(2), ioprio_get(2), ioprio_set(2): values of one thread, of all
 * threads of a process group, or of all of a user. I/O priorities are kept; there is no queue of
 * requests that would look at them.
 */
#include "kernel/personality/linux/process/priority.h"
#include "kernel/core/sched.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/cred.h"

enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };

/* ioprio_set(2): a class, and 13 bits of data whose lowest 3 are a level. */
enum { IOPRIO_CLASS_NONE, IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE };
#define IOPRIO_CLASS_SHIFT 13

/* Whom a call means, and what it does to each. */
struct visit {
    int which, who; /* PRIO_*; never 0 for the caller */
    int value;      /* to be set */
    long result;    /* -ESRCH at first */
    /* True: that is enough. REQUIRES the tree lock. */
    bool (*each)(struct visit *visit, struct linux_thread *thread);
};

static bool visit_process_locked(struct visit *visit, struct linux_process *process)
{
    struct linux_thread *thread;
    list_for_each (thread, &process->threads, link) {
        bool meant = visit->which != PRIO_USER || thread->cred->uid == (uint32_t)visit->who;
        if (meant && visit->each(visit, thread)) {
            return true;
        }
    }
    return false;
}

static void visit_group_locked(struct visit *visit)
{
    struct list *group = pid_group(visit->who);
    struct linux_process *process;
    if (group == NULL) {
        return;
    }
    list_for_each (process, group, pgrp_link) {
        if (visit_process_locked(visit, process)) {
            return;
        }
    }
}

static long visit_threads(struct visit *visit)
{
    const struct linux_thread *self = linux_current();
    struct linux_process *process = NULL;
    visit->result = -ESRCH;
    unsigned long flags = process_tree_acquire();
    if (visit->which == PRIO_PROCESS) {
        struct linux_thread *thread = pid_thread(visit->who != 0 ? visit->who : self->tid);
        if (thread != NULL) {
            (void)visit->each(visit, thread);
        }
    } else if (visit->which == PRIO_PGRP) {
        visit->who = visit->who != 0 ? visit->who : self->process->pgrp;
        visit_group_locked(visit);
    } else {
        visit->who = visit->who != 0 ? visit->who : (int)self->cred->uid;
        do {
            process = process_next_locked(process != NULL ? process->pid + 1 : 1);
        } while (process != NULL && !visit_process_locked(visit, process));
    }
    process_tree_release(flags);
    return visit->result;
}

/* --- nice ----------------------------------------------------------------------------------- */

static int set_nice_locked(struct linux_thread *thread, int nice)
{
    const struct cred *mine = linux_current()->cred, *other = thread->cred;
    struct sched_params params;
    if (other->uid != mine->euid && other->euid != mine->euid && !linux_capable(CAP_SYS_NICE)) {
        return -EPERM;
    }
    sched_get_params(thread->thread, &params);
    if (nice < params.nice && !nice_allowed(thread, nice) && !linux_capable(CAP_SYS_NICE)) {
        return -EACCES;
    }
    params.nice = nice;
    sched_set_params(thread->thread, &params);
    return 0;
}

/* The last error stays. */
static bool set_nice(struct visit *visit, struct linux_thread *thread)
{
    int error = set_nice_locked(thread, visit->value);
    visit->result = error != 0 || visit->result == -ESRCH ? error : visit->result;
    return false;
}

/* The best one, as 40 to 1. */
static bool get_nice(struct visit *visit, struct linux_thread *thread)
{
    struct sched_params params;
    sched_get_params(thread->thread, &params);
    visit->result = MAX(visit->result, 20 - (long)params.nice);
    return false;
}

LINUX_CALL2(getpriority, int, which, int, who)
{
    struct visit visit = {.which = which, .who = who, .each = get_nice};
    return which < PRIO_PROCESS || which > PRIO_USER ? -EINVAL : visit_threads(&visit);
}

LINUX_CALL3(setpriority, int, which, int, who, int, nice)
{
    struct visit visit = {
        .which = which, .who = who, .value = MAX(MIN(nice, 19), -20), .each = set_nice};
    return which < PRIO_PROCESS || which > PRIO_USER ? -EINVAL : visit_threads(&visit);
}

/* --- I/O priority --------------------------------------------------------------------------- */

static bool set_ioprio(struct visit *visit, struct linux_thread *thread)
{
    const struct cred *mine = linux_current()->cred, *other = thread->cred;
    bool may = other->uid == mine->euid || other->uid == mine->uid || linux_capable(CAP_SYS_NICE);
    visit->result = may ? 0 : -EPERM;
    if (may) {
        __atomic_store_n(&thread->ioprio, visit->value, __ATOMIC_RELAXED);
    }
    return !may;
}

static bool get_own_ioprio(struct visit *visit, struct linux_thread *thread)
{
    visit->result = __atomic_load_n(&thread->ioprio, __ATOMIC_RELAXED);
    return true;
}

/* What counts for a thread: with nothing set, what follows from how it is scheduled. */
static long effective_ioprio(const struct linux_thread *thread)
{
    struct sched_params params;
    int ioprio = __atomic_load_n(&thread->ioprio, __ATOMIC_RELAXED);
    if (ioprio >> IOPRIO_CLASS_SHIFT != IOPRIO_CLASS_NONE) {
        return ioprio;
    }
    sched_get_params(thread->thread, &params);
    int class = params.policy == SCHED_IDLE                                ? IOPRIO_CLASS_IDLE
                : params.policy == SCHED_FIFO || params.policy == SCHED_RR ? IOPRIO_CLASS_RT
                                                                           : IOPRIO_CLASS_BE;
    return class << IOPRIO_CLASS_SHIFT | (params.nice + 20) / 5;
}

/* The best, which is the smallest. */
static bool get_best_ioprio(struct visit *visit, struct linux_thread *thread)
{
    long ioprio = effective_ioprio(thread);
    visit->result = visit->result == -ESRCH ? ioprio : MIN(visit->result, ioprio);
    return false;
}

LINUX_CALL2(ioprio_get, int, which, int, who)
{
    struct visit visit = {.which = which - 1, .who = who}; /* IOPRIO_WHO_* begin with 1 */
    visit.each = visit.which == PRIO_PROCESS ? get_own_ioprio : get_best_ioprio;
    return which < 1 || which > 3 ? -EINVAL : visit_threads(&visit);
}

LINUX_CALL3(ioprio_set, int, which, int, who, int, ioprio)
{
    struct visit visit = {.which = which - 1, .who = who, .value = ioprio, .each = set_ioprio};
    switch (ioprio >> IOPRIO_CLASS_SHIFT) {
    case IOPRIO_CLASS_RT:
        if (!linux_capable(CAP_SYS_ADMIN) && !linux_capable(CAP_SYS_NICE)) {
            return -EPERM;
        }
        break;
    case IOPRIO_CLASS_BE:
    case IOPRIO_CLASS_IDLE:
        break;
    case IOPRIO_CLASS_NONE:
        if (ioprio == 0) {
            break;
        }
        return -EINVAL;
    default:
        return -EINVAL;
    }
    return which < 1 || which > 3 ? -EINVAL : visit_threads(&visit);
}
