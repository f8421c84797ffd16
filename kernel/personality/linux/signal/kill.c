/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals to others: kill(2), tkill(2), tgkill(2), rt_sigqueueinfo(2), and who may send to whom.
 */
#include "kernel/arch/user.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/pidfd.h"
#include "kernel/personality/linux/signal/signal_state.h"

#define CAP_KILL 5

/* REQUIRES the tree lock (for the other's credentials). */
static int check_permission_locked(const struct linux_process *process, int signo)
{
    const struct linux_process *self = current_process();
    if (signo < 0 || signo > SIGRTMAX) {
        return -EINVAL;
    }
    if (process == self) {
        return 0;
    }
    const struct cred *mine = linux_current()->cred, *other = process->leader->cred;
    if (mine->euid == other->suid || mine->euid == other->uid || mine->uid == other->suid ||
        mine->uid == other->uid || linux_capable(CAP_KILL)) {
        return 0;
    }
    if (signo == SIGCONT && process->session == self->session) {
        return 0;
    }
    return -EPERM;
}

/* thread NULL: to the process. REQUIRES the tree lock. */
static int send_locked(struct linux_process *process, struct linux_thread *thread, int signo,
                       const struct linux_siginfo *info)
{
    int result = check_permission_locked(process, signo);
    if (result == 0 && signo != 0) {
        result = signal_send_locked(process, thread, info);
    }
    return result;
}

static struct linux_siginfo user_info(int signo, int code)
{
    return (struct linux_siginfo){.signo = signo,
                                  .code = code,
                                  .pid = current_process()->pid,
                                  .uid = linux_current()->cred->uid};
}

static int kill_group_locked(int pgrp, int signo, const struct linux_siginfo *info)
{
    struct list *group = pid_group(pgrp);
    struct linux_process *member;
    int result = -ESRCH;
    bool sent = false;
    if (group == NULL) {
        return -ESRCH;
    }
    list_for_each (member, group, pgrp_link) {
        result = send_locked(member, NULL, signo, info);
        sent = sent || result == 0;
    }
    return sent ? 0 : result;
}

/* Everybody but init, kernel threads and the caller. */
static int kill_all_locked(int signo, const struct linux_siginfo *info)
{
    int result = 0;
    bool any = false;
    struct linux_process *process = process_next_locked(2);
    for (; process != NULL; process = process_next_locked(process->pid + 1)) {
        if (process == current_process() || process->is_kernel) {
            continue;
        }
        int sent = send_locked(process, NULL, signo, info);
        any = true;
        if (sent != -EPERM) {
            result = sent;
        }
    }
    return any ? result : -ESRCH;
}

static int kill_locked(int pid, int signo, const struct linux_siginfo *info)
{
    if (pid > 0) {
        struct linux_process *process = pid_process(pid);
        return process != NULL ? send_locked(process, NULL, signo, info) : -ESRCH;
    }
    if (pid == -1) {
        return kill_all_locked(signo, info);
    }
    if (pid == INT_MIN) {
        return -ESRCH;
    }
    return kill_group_locked(pid == 0 ? current_process()->pgrp : -pid, signo, info);
}

LINUX_CALL2(kill, int, pid, int, signo)
{
    struct linux_siginfo info = user_info(signo, SI_USER);
    int result;
    if (pid == current_process()->pid && signo > 0 && signo <= SIGRTMAX &&
        signal_send_self(&info, true, &result)) {
        return result;
    }
    unsigned long flags = process_tree_acquire();
    result = kill_locked(pid, signo, &info);
    process_tree_release(flags);
    return result;
}

/* tgid 0: any process. */
static long send_to_thread(int tgid, int tid, int signo, const struct linux_siginfo *info)
{
    long result = -ESRCH;
    int sent;
    if (tid == linux_current()->tid && (tgid == 0 || tgid == current_process()->pid) && signo > 0 &&
        signo <= SIGRTMAX && signal_send_self(info, false, &sent)) {
        return sent;
    }
    unsigned long flags = process_tree_acquire();
    struct linux_thread *thread = pid_thread(tid);
    if (thread != NULL && (tgid == 0 || thread->process->pid == tgid)) {
        result = thread->exiting ? check_permission_locked(thread->process, signo)
                                 : send_locked(thread->process, thread, signo, info);
    }
    process_tree_release(flags);
    return result;
}

LINUX_CALL2(tkill, int, tid, int, signo)
{
    struct linux_siginfo info = user_info(signo, SI_TKILL);
    return tid <= 0 ? -EINVAL : send_to_thread(0, tid, signo, &info);
}

LINUX_CALL3(tgkill, int, tgid, int, tid, int, signo)
{
    struct linux_siginfo info = user_info(signo, SI_TKILL);
    return tid <= 0 || tgid <= 0 ? -EINVAL : send_to_thread(tgid, tid, signo, &info);
}

static int info_from_user(vaddr_t addr, int signo, struct linux_siginfo *info)
{
    unsigned char bytes[LINUX_SIGINFO_SIZE];
    if (copy_from_user(bytes, addr, sizeof(bytes)) != 0) {
        return -EFAULT;
    }
    siginfo_decode(bytes, info);
    info->signo = signo;
    return 0;
}

/* Only the kernel says how a signal of its own came about. */
static bool may_claim(const struct linux_siginfo *info, int pid)
{
    return (info->code < 0 && info->code != SI_TKILL) || pid == current_process()->pid;
}

LINUX_CALL3(rt_sigqueueinfo, int, pid, int, signo, vaddr_t, addr)
{
    struct linux_siginfo info;
    if (info_from_user(addr, signo, &info) != 0) {
        return -EFAULT;
    }
    if (!may_claim(&info, pid)) {
        return -EPERM;
    }
    unsigned long flags = process_tree_acquire();
    struct linux_process *process = pid_process(pid);
    long result = process != NULL ? send_locked(process, NULL, signo, &info) : -ESRCH;
    process_tree_release(flags);
    return result;
}

LINUX_CALL4(pidfd_send_signal, int, fd, int, signo, vaddr_t, addr, unsigned, flags)
{
    struct linux_siginfo info = user_info(signo, SI_USER);
    struct fd_ref ref;
    if (flags != 0) {
        return -EINVAL;
    }
    struct linux_process *process = pidfd_borrow(fd, &ref);
    long result = process == NULL ? -EBADF : 0;
    if (result == 0 && addr != 0) {
        result = info_from_user(addr, -1, &info);
        int said = 0;
        if (result == 0 && get_user(said, addr) == 0 && said != signo) {
            result = -EINVAL;
        }
        info.signo = signo;
        if (result == 0 && !may_claim(&info, process->pid)) {
            result = -EPERM;
        }
    }
    if (result == 0) {
        unsigned long irq = process_tree_acquire();
        bool there = pid_process(process->pid) == process;
        result = there ? send_locked(process, NULL, signo, &info) : -ESRCH;
        process_tree_release(irq);
    }
    fd_return(ref);
    return result;
}

LINUX_CALL4(rt_tgsigqueueinfo, int, tgid, int, tid, int, signo, vaddr_t, addr)
{
    struct linux_siginfo info;
    if (info_from_user(addr, signo, &info) != 0) {
        return -EFAULT;
    }
    if (tid <= 0 || tgid <= 0) {
        return -EINVAL;
    }
    if (!may_claim(&info, tgid)) {
        return -EPERM;
    }
    return send_to_thread(tgid, tid, signo, &info);
}
