/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Job control: a process stops when all of its threads have come to rest in job_stop_here, and goes
 * on when SIGCONT (or SIGKILL) is sent, see signal.c. The parent hears of both.
 */
#include "kernel/personality/linux/signal/signal_state.h"

#define NSEC_PER_CLOCK_TICK (NSEC_PER_SEC / 100)

void job_notify_parent_locked(struct linux_process *process, int code, int signo)
{
    struct linux_process *parent = process->parent;
    if (parent == NULL || parent->handlers == NULL) {
        return;
    }
    const struct linux_action action = handlers_get(parent->handlers, SIGCHLD);
    if (action.handler != SIG_IGN && (action.flags & SA_NOCLDSTOP) == 0) {
        uint64_t user, system;
        process_cpu_time_locked(process, &user, &system);
        struct linux_siginfo info = {
            .signo = SIGCHLD,
            .code = code,
            .pid = process->pid,
            .uid = process->leader->cred->uid,
            .status = signo,
            .utime = user / NSEC_PER_CLOCK_TICK,
            .stime = system / NSEC_PER_CLOCK_TICK,
        };
        (void)signal_send_locked(parent, NULL, &info);
    }
    waitq_wake_all(&parent->child_wait);
}

/* REQUIRES signal_lock. True: this was the last thread to stop. */
static bool count_out_locked(struct linux_thread *thread)
{
    struct linux_process *process = thread->process;
    if (!process->stopped || thread->in_stop) {
        return false;
    }
    thread->in_stop = true;
    if (process->stop_left == 0) {
        return false;
    }
    process->stop_left--;
    return process->stop_left == 0;
}

bool job_thread_gone_locked(struct linux_thread *thread)
{
    return count_out_locked(thread);
}

void job_stop_here(struct linux_thread *self)
{
    struct linux_process *process = self->process;
    unsigned long flags = process_tree_acquire();
    spin_lock(&process->signal_lock);
    bool stopped = process->stopped;
    bool last = count_out_locked(self);
    int signo = process->stop_signal;
    spin_unlock(&process->signal_lock);
    if (last) {
        job_notify_parent_locked(process, CLD_STOPPED, signo);
    }
    process_tree_release(flags);
    if (!stopped) {
        return;
    }
    /* It may be continued and stopped again before this thread runs: that stop counts it anew. */
    (void)wait_event_mode(&process->stop_wait,
                          !__atomic_load_n(&process->stopped, __ATOMIC_RELAXED) ||
                              !__atomic_load_n(&self->in_stop, __ATOMIC_RELAXED),
                          WAIT_KILLABLE, WAIT_FOREVER);
    flags = spin_lock_irqsave(&process->signal_lock);
    self->in_stop = false;
    spin_unlock_irqrestore(&process->signal_lock, flags);
}

/* REQUIRES the tree lock and signal_lock. */
static void begin_stop_locked(struct linux_process *process, int signo)
{
    struct linux_thread *thread;
    process->stopped = true;
    process->stop_signal = signo;
    process->stop_reported = false;
    process->continued = false;
    process->stop_left = 0;
    list_for_each (thread, &process->threads, link) {
        if (!thread->exiting) {
            __atomic_store_n(&thread->in_stop, false, __ATOMIC_RELAXED);
            process->stop_left++;
            thread_interrupt(thread->thread, false);
        }
    }
    waitq_wake_all(&process->stop_wait);
}

void job_stop_signal(struct linux_thread *self, int signo)
{
    struct linux_process *process = self->process;
    unsigned long flags = process_tree_acquire();
    /* Nobody could continue a member of an orphaned group. */
    bool refused = signo != SIGSTOP && pgrp_orphaned_locked(process->pgrp, NULL);
    spin_lock(&process->signal_lock);
    if (!refused && self->stop_pending && !process->stopped && !process->group_exiting) {
        begin_stop_locked(process, signo);
    }
    self->stop_pending = false;
    spin_unlock(&process->signal_lock);
    process_tree_release(flags);
}
