/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes and threads as objects: making them, linking them into the tree, finding them, and
 * their end as memory. fork.c and exit.c hold what the calls mean.
 *
 * A process has one reference of the tree until it is reaped and one of each live thread. The
 * struct of the leader stays as long as the process, so that a zombie has a name and an owner; the
 * others go with their threads.
 */
#include "kernel/personality/linux/process/process.h"
#include "abi/errno.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/signal/signal_state.h"

struct spinlock process_tree_lock = SPINLOCK_INIT(LOCK_PROCESS_TREE);
struct linux_process *init_process;
unsigned process_thread_total;
uint64_t process_forks;

struct linux_process *process_create(void)
{
    struct linux_process *process = kzalloc(sizeof(*process));
    if (process == NULL) {
        return NULL;
    }
    ref_init(&process->refs, 1);
    list_init(&process->children);
    list_init(&process->sibling);
    list_init(&process->threads);
    list_init(&process->posix_timers);
    list_init(&process->pgrp_link);
    spin_init(&process->signal_lock, LOCK_SIGNAL);
    waitq_init(&process->child_wait);
    waitq_init(&process->end_wait);
    waitq_init(&process->stop_wait);
    waitq_init(&process->exec_wait);
    pending_init(&process->pending);
    process->state = PROCESS_ALIVE;
    process->exit_signal = SIGCHLD;
    process->dumpable = 1;
    process->start_ns = clock_monotonic_ns();
    return process;
}

void process_get(struct linux_process *process)
{
    ref_get(&process->refs);
}

void process_put(struct linux_process *process)
{
    if (!ref_put(&process->refs)) {
        return;
    }
    assert(list_empty(&process->children) && list_empty(&process->threads));
    /* A fork that failed half-way, or prlimit on a zombie, may have left one armed. */
    linux_itimers_cancel(process);
    if (process->leader != NULL) {
        linux_thread_free(process->leader);
    }
    pending_flush(process, &process->pending);
    if (process->handlers != NULL) {
        handlers_put(process->handlers);
    }
    kfree(process);
}

struct linux_thread *linux_thread_create(struct linux_process *process)
{
    struct linux_thread *thread = kzalloc(sizeof(*thread));
    if (thread == NULL) {
        return NULL;
    }
    process_get(process);
    thread->process = process;
    list_init(&thread->link);
    list_init(&thread->pi_waiters);
    thread->pi_boost = SCHED_NO_BOOST;
    pending_init(&thread->pending);
    thread->altstack_flags = SS_DISABLE;
    thread->timer_slack_ns = 50000;
    return thread;
}

/* Its process reference has been given up already, by the thread's exit or the failed fork. */
void linux_thread_free(struct linux_thread *thread)
{
    if (thread->cred != NULL) {
        linux_cred_put(thread->cred);
    }
    if (thread->thread != NULL) {
        thread_put(thread->thread);
    }
    kfree(thread);
}

void linux_thread_unlink_tid_locked(struct linux_thread *thread, int tid)
{
    pid_set_thread(tid, NULL);
    pid_drop(tid);
    process_thread_total--;
    __atomic_fetch_sub(&thread->cred->user->threads, 1, __ATOMIC_RELAXED);
}

void process_set_parent_locked(struct linux_process *process, struct linux_process *parent)
{
    process->parent = parent;
    __atomic_store_n(&process->parent_pid, parent != NULL ? parent->pid : 0, __ATOMIC_RELAXED);
}

void process_link_locked(struct linux_process *process, struct linux_process *parent)
{
    process_set_parent_locked(process, parent);
    if (parent != NULL) {
        list_add_tail(&parent->children, &process->sibling);
    }
    pid_use(process->pid);
    pid_set_process(process->pid, process);
}

void linux_thread_link_locked(struct linux_thread *thread, int tid)
{
    struct linux_process *process = thread->process;
    thread->tid = tid;
    pid_set_thread(tid, thread);
    list_add_tail(&process->threads, &thread->link);
    __atomic_store_n(&process->thread_count, process->thread_count + 1, __ATOMIC_RELAXED);
    process_thread_total++;
    process_forks++;
    __atomic_fetch_add(&thread->cred->user->threads, 1, __ATOMIC_RELAXED);
    if (process->leader == NULL) {
        process->leader = thread;
    }
}

void process_join_group_locked(struct linux_process *process, int pgrp)
{
    if (pgrp != 0) {
        pid_use(pgrp);
    }
    list_del_init(&process->pgrp_link);
    if (process->pgrp != 0) {
        pid_drop(process->pgrp);
    }
    process->pgrp = pgrp;
    if (pgrp != 0) {
        list_add_tail(pid_group(pgrp), &process->pgrp_link);
    }
}

void process_set_session_locked(struct linux_process *process, int session)
{
    if (session != 0) {
        pid_use(session);
    }
    if (process->session != 0) {
        pid_drop(process->session);
    }
    process->session = session;
}

struct linux_process *process_find(int pid)
{
    unsigned long flags = process_tree_acquire();
    struct linux_process *process = pid_process(pid);
    if (process != NULL) {
        process_get(process);
    }
    process_tree_release(flags);
    return process;
}

struct thread *process_thread_next(struct linux_process *process, int tid, int *found_tid)
{
    struct linux_thread *best = NULL, *thread;
    struct thread *result = NULL;
    unsigned long flags = process_tree_acquire();
    list_for_each (thread, &process->threads, link) {
        if (thread->tid >= tid && (best == NULL || thread->tid < best->tid)) {
            best = thread;
        }
    }
    /* A leader that ended before its threads, or a zombie, still shows its name. */
    if (process->leader != NULL && process->leader->exiting && process->pid >= tid &&
        (best == NULL || process->pid < best->tid)) {
        best = process->leader;
    }
    if (best != NULL) {
        *found_tid = best->tid;
        result = best->thread;
        thread_get(result);
    }
    process_tree_release(flags);
    return result;
}

struct space *process_space(struct linux_process *process)
{
    struct space *space = NULL;
    struct linux_thread *thread;
    unsigned long flags = process_tree_acquire();
    list_for_each (thread, &process->threads, link) {
        space = thread->exiting ? NULL : thread_space(thread->thread);
        if (space != NULL && ref_get_unless_zero(&space->refs)) {
            break;
        }
        space = NULL;
    }
    process_tree_release(flags);
    return space;
}

void process_cpu_time_locked(struct linux_process *process, uint64_t *user_ns, uint64_t *system_ns)
{
    struct linux_thread *thread;
    *user_ns = process->dead_user_ns;
    *system_ns = process->dead_system_ns;
    list_for_each (thread, &process->threads, link) {
        uint64_t user, system;
        (void)thread_cpu_ns(thread->thread, &user, &system);
        *user_ns += user;
        *system_ns += system;
    }
}

bool pgrp_orphaned_locked(int pgrp, const struct linux_process *ignored)
{
    struct list *group = pid_group(pgrp);
    struct linux_process *member;
    if (group == NULL) {
        return true;
    }
    list_for_each (member, group, pgrp_link) {
        if (member == ignored || member->state != PROCESS_ALIVE || member->parent == NULL ||
            member->parent == init_process) {
            continue;
        }
        if (member->parent->pgrp != pgrp && member->parent->session == member->session) {
            return false;
        }
    }
    return true;
}
