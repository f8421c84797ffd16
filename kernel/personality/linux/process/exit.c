/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of threads and processes: exit(2), exit_group(2), death by signal. A thread gives back
 * what it holds, then leaves the tree in one step under its lock; the last one makes the process a
 * zombie, gives its children away and tells the parent.
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/base/log.h"
#include "kernel/core/sched.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/ipc/sem.h"
#include "kernel/personality/linux/signal/signal_state.h"
#include "kernel/personality/linux/tty/tty.h"
#include "lib/string.h"

#define NSEC_PER_CLOCK_TICK (NSEC_PER_SEC / 100)

/* Threads that wait in futexes of this space learn that the thread has ended (pthread_join). */
static void clear_tid(struct linux_thread *self)
{
    vaddr_t addr = self->clear_child_tid;
    self->clear_child_tid = 0;
    if (addr != 0 && current->space != NULL && ref_read(&current->space->refs) > 1) {
        const uint32_t zero = 0;
        if (put_user(zero, addr) == 0) {
            (void)linux_futex_wake(addr, 1);
        }
    }
}

void linux_memory_done(struct linux_thread *self, enum futex_state after)
{
    linux_futex_exit(self, after);
    clear_tid(self);
    linux_vfork_release(self);
}

static void release_memory(struct linux_thread *self, struct linux_process *process)
{
    linux_memory_done(self, FUTEX_GONE);
    struct space *space = thread_switch_space(NULL);
    if (space == NULL) {
        return;
    }
    unsigned long flags = process_tree_acquire();
    process->peak_resident_pages = MAX(process->peak_resident_pages, space_peak_pages(space));
    if (ref_read(&space->refs) == 1) {
        process->minor_faults += space->minor_faults;
    }
    process_tree_release(flags);
    space_put(space);
}

static void release_files(struct linux_thread *self)
{
    struct fd_table *files = self->files;
    struct fs_context *fs = self->fs;
    unsigned long flags = process_tree_acquire();
    self->files = NULL;
    self->fs = NULL;
    process_tree_release(flags);
    if (files != NULL) {
        fd_table_put(files);
    }
    if (fs != NULL) {
        fs_context_put(fs);
    }
}

/* The nearest ancestor that asked for orphans, else init. REQUIRES the tree lock. */
static struct linux_process *find_reaper_locked(struct linux_process *process)
{
    for (struct linux_process *p = process->parent; p != NULL; p = p->parent) {
        if (p->is_child_subreaper && p->state == PROCESS_ALIVE) {
            return p;
        }
    }
    return init_process;
}

static bool has_stopped_member_locked(int pgrp)
{
    struct list *group = pid_group(pgrp);
    struct linux_process *member;
    if (group == NULL) {
        return false;
    }
    list_for_each (member, group, pgrp_link) {
        if (member->stopped && member->state == PROCESS_ALIVE) {
            return true;
        }
    }
    return false;
}

/* POSIX exit, "Consequences of Process Termination": a group that becomes orphaned with a stopped
 * member gets SIGHUP and SIGCONT. REQUIRES the tree lock. */
static void hang_up_orphans_locked(int pgrp, const struct linux_process *ignored)
{
    if (pgrp_orphaned_locked(pgrp, ignored) && has_stopped_member_locked(pgrp)) {
        (void)signal_send_pgrp_locked(pgrp,
                                      &(struct linux_siginfo){.signo = SIGHUP, .code = SI_KERNEL});
        (void)signal_send_pgrp_locked(pgrp,
                                      &(struct linux_siginfo){.signo = SIGCONT, .code = SI_KERNEL});
    }
}

void process_reap_locked(struct linux_process *process)
{
    assert(process->state != PROCESS_ALIVE && list_empty(&process->children));
    process->state = PROCESS_DEAD;
    list_del_init(&process->sibling);
    process_join_group_locked(process, 0);
    process_set_session_locked(process, 0);
    pid_set_process(process->pid, NULL);
    pid_drop(process->pid);
    if (pid_thread(process->pid) == process->leader) {
        linux_thread_unlink_tid_locked(process->leader, process->pid);
    }
}

bool process_notify_exit_locked(struct linux_process *process)
{
    struct linux_process *parent = process->parent;
    int signo = process->exit_signal;
    bool unwanted = false;
    if (parent == NULL) {
        return false;
    }
    if (parent->handlers == NULL) {
        /* A kernel thread's child: nobody will wait for it. */
        return true;
    }
    const struct linux_action action = handlers_get(parent->handlers, SIGCHLD);
    if (signo == SIGCHLD && (action.handler == SIG_IGN || (action.flags & SA_NOCLDWAIT))) {
        unwanted = true;
        if (action.handler == SIG_IGN) {
            signo = 0;
        }
    }
    if (signo != 0) {
        int status = process->exit_status;
        struct linux_siginfo info = {
            .signo = signo,
            .code = status & 0x7f ? CLD_KILLED : CLD_EXITED,
            .status = status & 0x7f ? status & 0x7f : status >> 8 & 0xff,
            .pid = process->pid,
            .uid = process->leader->cred->uid,
            .utime = process->dead_user_ns / NSEC_PER_CLOCK_TICK,
            .stime = process->dead_system_ns / NSEC_PER_CLOCK_TICK,
        };
        (void)signal_send_locked(parent, NULL, &info);
    }
    waitq_wake_all(&parent->child_wait);
    return unwanted;
}

/* Children go to the reaper; those that have ended already are shown to it. Who nobody wants is put
 * on the list `reaped`, by `sibling`. REQUIRES the tree lock. */
static void give_children_away_locked(struct linux_process *process, struct list *reaped)
{
    struct linux_process *child, *next;
    if (list_empty(&process->children)) {
        return;
    }
    struct linux_process *reaper = find_reaper_locked(process);
    assert(reaper != process);
    list_for_each_safe (child, next, &process->children, sibling) {
        list_del(&child->sibling);
        process_set_parent_locked(child, reaper);
        list_add_tail(&reaper->children, &child->sibling);
        child->exit_signal = SIGCHLD;
        if (child->state == PROCESS_ALIVE) {
            if (child->leader->pdeath_signal != 0) {
                (void)signal_send_locked(
                    child, NULL,
                    &(struct linux_siginfo){.signo = child->leader->pdeath_signal,
                                            .code = SI_USER,
                                            .pid = process->pid});
            }
        } else if (process_notify_exit_locked(child)) {
            process_reap_locked(child);
            list_add_tail(reaped, &child->sibling);
            continue;
        }
        if (child->pgrp != process->pgrp && child->session == process->session) {
            hang_up_orphans_locked(child->pgrp, process);
        }
    }
}

/* The last thread has gone. REQUIRES the tree lock. */
static void become_zombie_locked(struct linux_process *process, struct list *reaped)
{
    int pgrp = process->pgrp;
    struct linux_process *parent = process->parent;
    if (process->group_exiting) {
        process->exit_status = process->group_exit_status;
    }
    process->state = PROCESS_ZOMBIE;
    waitq_wake_all(&process->end_wait);
    process->stopped = false;
    if (parent != NULL && parent->pgrp != pgrp && parent->session == process->session) {
        hang_up_orphans_locked(pgrp, process);
    }
    give_children_away_locked(process, reaped);
    if (process_notify_exit_locked(process)) {
        process_reap_locked(process);
        list_add_tail(reaped, &process->sibling);
    }
}

/* The thread leaves the tree: its use of the struct ends here unless it is the leader. */
static void leave_tree(struct linux_thread *self, struct linux_process *process)
{
    struct list reaped = LIST_INIT(reaped);
    struct linux_process *gone, *next;
    uint64_t user, system;
    unsigned long flags = process_tree_acquire();
    (void)thread_cpu_ns(current, &user, &system);
    process->dead_user_ns += user;
    process->dead_system_ns += system;
    process->dead_switches[0] += current->switches_voluntary;
    process->dead_switches[1] += current->switches_forced;
    list_del_init(&self->link);
    __atomic_store_n(&process->thread_count, process->thread_count - 1, __ATOMIC_RELEASE);
    spin_lock(&process->signal_lock);
    self->exiting = true;
    pending_remove_locked(&self->pending, SIGNALS_ALL);
    bool stop_complete = job_thread_gone_locked(self);
    spin_unlock(&process->signal_lock);
    bool is_leader = process->leader == self;
    if (!is_leader) {
        linux_thread_unlink_tid_locked(self, self->tid);
    }
    if (process->thread_count == 0) {
        become_zombie_locked(process, &reaped);
    } else if (stop_complete) {
        job_notify_parent_locked(process, CLD_STOPPED, process->stop_signal);
    }
    current->personal = NULL;
    waitq_wake_all(&process->exec_wait);
    process_tree_release(flags);
    if (!is_leader) {
        linux_thread_free(self);
    }
    list_for_each_safe (gone, next, &reaped, sibling) {
        list_del_init(&gone->sibling);
        process_put(gone);
    }
    process_put(process);
}

/* True in exactly one thread: the one after which the process has none. Who stays is told of
 * signals that this one might have been woken for. */
static bool begin_exit(struct linux_thread *self, struct linux_process *process, int status)
{
    unsigned long flags = process_tree_acquire();
    spin_lock(&process->signal_lock);
    self->exiting = true;
    bool last = true;
    struct linux_thread *thread;
    list_for_each (thread, &process->threads, link) {
        last = last && thread->exiting;
    }
    if (last) {
        /* As on Linux since 5.19: the status of the last one to end. */
        process->exit_status = status;
    }
    signal_retarget_locked(process, SIGNALS_ALL);
    spin_unlock(&process->signal_lock);
    process_tree_release(flags);
    return last;
}

void linux_exit_thread(int status)
{
    struct linux_thread *self = linux_current();
    struct linux_process *process = self->process;
    bool last = begin_exit(self, process, status);
    if (last && process == init_process) {
        boot_fail("Attempted to kill init! exitcode=0x%08x",
                  (unsigned)(process->group_exiting ? process->group_exit_status : status));
    }
    if (last) {
        linux_itimers_cancel(process);
    }
    release_memory(self, process);
    linux_sem_exit(self);
    release_files(self);
    if (last) {
        tty_session_leader_exit(process);
        struct tty *tty = NULL;
        unsigned long flags = process_tree_acquire();
        tty = process->tty;
        process->tty = NULL;
        process_tree_release(flags);
        if (tty != NULL) {
            tty_put(tty);
        }
    }
    leave_tree(self, process);
    thread_exit();
}

void linux_exit_process(int status)
{
    struct linux_thread *self = linux_current(), *thread;
    struct linux_process *process = self->process;
    unsigned long flags = process_tree_acquire();
    spin_lock(&process->signal_lock);
    if (!process->group_exiting) {
        process->group_exiting = true;
        process->group_exit_status = status;
        process->stopped = false;
        waitq_wake_all(&process->stop_wait);
        list_for_each (thread, &process->threads, link) {
            if (thread != self) {
                thread_interrupt(thread->thread, true);
            }
        }
    }
    spin_unlock(&process->signal_lock);
    process_tree_release(flags);
    linux_exit_thread(status);
}

LINUX_CALL1(exit, int, status)
{
    linux_exit_thread((status & 0xff) << 8);
}

LINUX_CALL1(exit_group, int, status)
{
    linux_exit_process((status & 0xff) << 8);
}

/* Resident pages of a process that may be chosen; 0: it may not. Takes no sleeping lock: an old
 * value is good enough. REQUIRES the tree lock. */
static uint64_t badness_locked(struct linux_process *process)
{
    struct linux_thread *thread;
    if (process->is_kernel || process == init_process || process->state != PROCESS_ALIVE ||
        process->oom_score_adj == -1000) {
        return 0;
    }
    list_for_each (thread, &process->threads, link) {
        const struct space *space = thread_space(thread->thread);
        if (space != NULL) {
            return __atomic_load_n(&space->resident_pages, __ATOMIC_RELAXED) + 1;
        }
    }
    return 0;
}

void linux_out_of_memory(void)
{
    struct linux_process *victim = NULL, *process;
    uint64_t worst = 0;
    char name[16] = "";
    unsigned long flags = process_tree_acquire();
    for (process = process_next_locked(1); process != NULL;
         process = process_next_locked(process->pid + 1)) {
        uint64_t pages = badness_locked(process);
        if (pages > worst) {
            worst = pages;
            victim = process;
        }
    }
    if (victim == NULL) {
        /* Only init is left: it goes, and the machine with it. */
        victim = current_process();
        spin_lock(&victim->signal_lock);
        victim->unkillable = false;
        spin_unlock(&victim->signal_lock);
    }
    int pid = victim->pid;
    bool already = victim->group_exiting || (victim->pending.set & SIGNAL_BIT(SIGKILL)) != 0;
    strlcpy(name, victim->leader->thread->name, sizeof(name));
    (void)signal_send_locked(victim, NULL,
                             &(struct linux_siginfo){.signo = SIGKILL, .code = SI_KERNEL});
    process_tree_release(flags);
    if (!already) {
        log_err("Out of memory: Killed process %d (%s)", pid, name);
    }
    /* The victim needs the CPU to give its memory back. */
    sched_yield();
}
