/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who am I, process groups and sessions: getpid(2), getppid(2), gettid(2), setpgid(2), setsid(2)
 * and their like.
 */
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/tty/tty.h"

LINUX_CALL0(getpid)
{
    return current_process()->pid;
}

LINUX_CALL0(gettid)
{
    return linux_current()->tid;
}

LINUX_CALL0(getppid)
{
    return __atomic_load_n(&current_process()->parent_pid, __ATOMIC_RELAXED);
}

LINUX_CALL0(getpgrp)
{
    return current_process()->pgrp;
}

/* The process that a call with "0 means myself" names. REQUIRES the tree lock. */
static struct linux_process *named_locked(int pid)
{
    return pid == 0 ? current_process() : pid_process(pid);
}

LINUX_CALL1(getpgid, int, pid)
{
    unsigned long flags = process_tree_acquire();
    const struct linux_process *process = named_locked(pid);
    long result = process != NULL ? process->pgrp : -ESRCH;
    process_tree_release(flags);
    return result;
}

LINUX_CALL1(getsid, int, pid)
{
    unsigned long flags = process_tree_acquire();
    const struct linux_process *process = named_locked(pid);
    long result = process != NULL ? process->session : -ESRCH;
    process_tree_release(flags);
    return result;
}

/* POSIX setpgid's checks. REQUIRES the tree lock. */
static long setpgid_locked(struct linux_process *self, int pid, int pgrp)
{
    struct linux_process *process = pid_process(pid);
    if (process == NULL) {
        return -ESRCH;
    }
    if (process->parent == self) {
        if (process->session != self->session) {
            return -EPERM;
        }
        if (process->execed) {
            return -EACCES;
        }
    } else if (process != self) {
        return -ESRCH;
    }
    if (process->session == process->pid) {
        return -EPERM;
    }
    if (pgrp != pid) {
        struct list *group = pid_group(pgrp);
        if (group == NULL || list_empty(group) ||
            list_first(group, struct linux_process, pgrp_link)->session != self->session) {
            return -EPERM;
        }
    }
    if (process->pgrp != pgrp) {
        process_join_group_locked(process, pgrp);
    }
    return 0;
}

LINUX_CALL2(setpgid, int, pid, int, pgrp)
{
    struct linux_process *self = current_process();
    pid = pid == 0 ? self->pid : pid;
    pgrp = pgrp == 0 ? pid : pgrp;
    if (pgrp < 0) {
        return -EINVAL;
    }
    unsigned long flags = process_tree_acquire();
    long result = setpgid_locked(self, pid, pgrp);
    process_tree_release(flags);
    return result;
}

LINUX_CALL0(setsid)
{
    struct linux_process *self = current_process();
    struct tty *tty = NULL;
    long result = -EPERM;
    unsigned long flags = process_tree_acquire();
    struct list *group = pid_group(self->pid);
    /* Nobody may be in a group that the new session's first one would be. */
    if (self->session != self->pid && (group == NULL || list_empty(group))) {
        process_join_group_locked(self, self->pid);
        process_set_session_locked(self, self->pid);
        tty = self->tty;
        self->tty = NULL;
        result = self->pid;
    }
    process_tree_release(flags);
    if (tty != NULL) {
        tty_put(tty);
    }
    return result;
}

LINUX_CALL1(set_tid_address, vaddr_t, addr)
{
    struct linux_thread *self = linux_current();
    self->clear_child_tid = addr;
    return self->tid;
}
