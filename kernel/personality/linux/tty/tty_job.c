/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Job control: sessions and their controlling terminals, the foreground process group, what happens
 * to processes in the background, and hang-ups (POSIX.1-2017, chapter 11; credentials(7)).
 * A process holds a reference to its terminal; it counts only while the terminal is its session's,
 * so that taking a terminal from a session is one assignment.
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/tty/tty.h"

#define CAP_SYS_ADMIN 21u

struct tty *process_tty(struct linux_process *process)
{
    unsigned long flags = process_tree_acquire();
    struct tty *tty = process->tty;
    if (tty != NULL && __atomic_load_n(&tty->session, __ATOMIC_RELAXED) == process->session) {
        tty_get(tty);
    } else {
        tty = NULL;
    }
    process_tree_release(flags);
    return tty;
}

/* True for a moment: who acts on it looks again under process_tree_lock. */
static bool is_controlling(const struct tty *tty, const struct linux_process *process)
{
    return __atomic_load_n(&process->tty, __ATOMIC_RELAXED) == tty &&
           __atomic_load_n(&tty->session, __ATOMIC_RELAXED) ==
               __atomic_load_n(&process->session, __ATOMIC_RELAXED);
}

int tty_foreground_pgrp(struct tty *tty)
{
    return __atomic_load_n(&tty->pgrp, __ATOMIC_RELAXED);
}

int tty_check_background(struct tty *tty, int signo)
{
    struct linux_process *self = current_process();
    int pgrp = __atomic_load_n(&self->pgrp, __ATOMIC_RELAXED);
    int foreground = tty_foreground_pgrp(tty);

    if (!is_controlling(tty, self) || foreground == 0 || foreground == pgrp) {
        return 0;
    }
    if (signal_ignored_or_blocked(signo)) {
        return signo == SIGTTIN ? -EIO : 0;
    }
    unsigned long flags = process_tree_acquire();
    bool orphaned = pgrp_orphaned_locked(pgrp, NULL);
    process_tree_release(flags);
    if (orphaned) {
        return -EIO;
    }
    signal_send_pgrp(pgrp, signo);
    return -ERESTARTSYS;
}

void tty_signal_foreground(struct tty *tty, int signo)
{
    int pgrp = tty_foreground_pgrp(tty);
    if (pgrp > 0) {
        signal_send_pgrp(pgrp, signo);
    }
}

/*
 * Makes it the terminal of the caller, who leads its session and has none: 0 or -EPERM. Decided and
 * done under the locks: two leaders may want one terminal, and two threads of one leader two.
 */
static long attach(struct tty *tty, bool steal)
{
    struct linux_process *self = current_process();
    long error = -EPERM;

    tty_get(tty);
    unsigned long flags = process_tree_acquire();
    struct tty *old = self->tty;
    bool has_one = old != NULL && __atomic_load_n(&old->session, __ATOMIC_RELAXED) == self->session;
    if (self->session == self->pid && !has_one) {
        spin_lock(&tty->lock);
        if (tty->session == 0 || steal) {
            __atomic_store_n(&self->tty, tty, __ATOMIC_RELAXED);
            __atomic_store_n(&self->left_pgrp, 0, __ATOMIC_RELAXED);
            __atomic_store_n(&tty->session, self->session, __ATOMIC_RELAXED);
            __atomic_store_n(&tty->pgrp, self->pgrp, __ATOMIC_RELAXED);
            error = 0;
        }
        spin_unlock(&tty->lock);
    }
    process_tree_release(flags);
    if (error != 0) {
        tty_put(tty);
    } else if (old != NULL) {
        tty_put(old);
    }
    return error;
}

void tty_open_as_controlling(struct tty *tty)
{
    struct linux_process *self = current_process();

    if (self->session == self->pid && __atomic_load_n(&tty->session, __ATOMIC_RELAXED) == 0) {
        (void)attach(tty, false);
    }
}

static long set_controlling(struct tty *tty, struct file *file, bool steal)
{
    struct linux_process *self = current_process();
    int session = __atomic_load_n(&tty->session, __ATOMIC_RELAXED);

    if (self->session == self->pid && session == self->session) {
        return 0;
    }
    if (session != 0 && !(steal && linux_capable(CAP_SYS_ADMIN))) {
        return -EPERM;
    }
    if ((file_flags(file) & O_ACCMODE) == O_WRONLY && !linux_capable(CAP_SYS_ADMIN)) {
        return -EPERM;
    }
    return attach(tty, session != 0);
}

/* Lets go of the session (any: 0), if it is still that one's: whose it was, or 0; *group is the
 * foreground group then, or 0. */
static int leave_session(struct tty *tty, int session, int *group)
{
    unsigned long flags = spin_lock_irqsave(&tty->lock);
    int pgrp = 0, left = 0;
    if (session == 0 || tty->session == session) {
        left = tty->session;
        pgrp = tty->pgrp;
        __atomic_store_n(&tty->session, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&tty->pgrp, 0, __ATOMIC_RELAXED);
    }
    spin_unlock_irqrestore(&tty->lock, flags);
    *group = pgrp;
    return left;
}

static void tell_group(int pgrp)
{
    if (pgrp > 0) {
        signal_send_pgrp(pgrp, SIGHUP);
        signal_send_pgrp(pgrp, SIGCONT);
    }
}

static long give_up_controlling(struct tty *tty)
{
    struct linux_process *self = current_process();

    unsigned long flags = process_tree_acquire();
    bool had = is_controlling(tty, self), leads = self->session == self->pid;
    int session = self->session;
    if (had) { /* only one thread finds it so: the reference is its to drop */
        __atomic_store_n(&self->tty, NULL, __ATOMIC_RELAXED);
    }
    process_tree_release(flags);
    if (!had) {
        return -ENOTTY;
    }
    if (leads) {
        int pgrp;
        (void)leave_session(tty, session, &pgrp);
        tell_group(pgrp);
    }
    tty_put(tty);
    return 0;
}

/* The session of a group, or 0 when there is no such group. */
static int session_of_group(int pgrp)
{
    int session = 0;

    unsigned long flags = process_tree_acquire();
    struct list *group = pid_group(pgrp);
    if (group != NULL && !list_empty(group)) {
        session = list_first(group, struct linux_process, pgrp_link)->session;
    }
    process_tree_release(flags);
    return session;
}

static long set_foreground(struct tty *tty, vaddr_t arg)
{
    struct linux_process *self = current_process();
    int32_t pgrp;

    int error = tty_check_background(tty, SIGTTOU);
    if (error != 0) {
        return error == -EIO ? -ENOTTY : error;
    }
    if (!is_controlling(tty, self)) {
        return -ENOTTY;
    }
    error = get_user(pgrp, arg);
    if (error != 0) {
        return error;
    }
    if (pgrp < 0) {
        return -EINVAL;
    }
    int session = session_of_group(pgrp);
    if (session == 0) {
        return -ESRCH;
    }
    if (session != self->session) {
        return -EPERM;
    }
    unsigned long flags = spin_lock_irqsave(&tty->lock);
    if (tty->session == session) { /* else it has gone meanwhile */
        __atomic_store_n(&tty->pgrp, pgrp, __ATOMIC_RELAXED);
    }
    spin_unlock_irqrestore(&tty->lock, flags);
    return 0;
}

long tty_job_ioctl(struct tty_file *tf, struct file *file, unsigned request, vaddr_t arg)
{
    struct tty *tty = tf->tty;
    int32_t value;

    switch (request) {
    case TIOCSCTTY:
        return set_controlling(tty, file, arg == 1);
    case TIOCNOTTY:
        return give_up_controlling(tty);
    case TIOCSPGRP:
        return set_foreground(tty, arg);
    case TIOCGPGRP:
        if (!is_controlling(tty, current_process())) {
            return -ENOTTY;
        }
        value = tty_foreground_pgrp(tty);
        return put_user(value, arg);
    case TIOCGSID:
        value = __atomic_load_n(&tty->session, __ATOMIC_RELAXED);
        if (!is_controlling(tty, current_process()) || value == 0) {
            return -ENOTTY;
        }
        return put_user(value, arg);
    case TIOCVHANGUP:
        if (!linux_capable(CAP_SYS_ADMIN)) {
            return -EPERM;
        }
        tty_hangup(tty);
        return 0;
    default:
        return -ENOTTY;
    }
}

/* All files end, but those of /dev/console, which is there for who has nothing else. */
static void hang_up_files(struct tty *tty)
{
    struct tty_file *tf;

    unsigned long flags = spin_lock_irqsave(&tty->lock);
    list_for_each (tf, &tty->files, link) {
        if (!tf->is_console) {
            __atomic_store_n(&tf->hung_up, true, __ATOMIC_RELAXED);
        }
    }
    tty_discard_input_locked(tty);
    tty_set_stopped(tty, false);
    tty_flush_locked(tty);
    spin_unlock_irqrestore(&tty->lock, flags);
    tty_input_taken(tty);
    waitq_wake_all(&tty->read_wait);
    waitq_wake_all(&tty->write_wait);
}

/* The session's leader is told; the group that was in front, when the leader ends. */
void tty_hangup(struct tty *tty)
{
    int pgrp;

    hang_up_files(tty);
    int session = leave_session(tty, 0, &pgrp);
    struct linux_process *leader = session > 0 ? process_find(session) : NULL;
    if (leader != NULL) {
        __atomic_store_n(&leader->left_pgrp, pgrp, __ATOMIC_RELAXED);
        struct linux_siginfo info = {.signo = SIGHUP, .code = SI_KERNEL};
        signal_send_process(leader, &info);
        info.signo = SIGCONT;
        signal_send_process(leader, &info);
        process_put(leader);
    }
}

void tty_session_leader_exit(struct linux_process *process)
{
    if (process->session != process->pid) {
        return;
    }
    struct tty *tty = process_tty(process);
    if (tty != NULL) {
        /* A pseudo terminal goes on for who has it open. */
        if (!tty->driver->keeps) {
            hang_up_files(tty);
        }
        int pgrp;
        (void)leave_session(tty, process->pid, &pgrp);
        tell_group(pgrp);
        tty_put(tty);
    } else {
        /* The number may be another group's by now. */
        int pgrp = __atomic_load_n(&process->left_pgrp, __ATOMIC_RELAXED);
        tell_group(pgrp > 0 && session_of_group(pgrp) == process->session ? pgrp : 0);
    }
}

void tty_vhangup_current(void)
{
    struct tty *tty = process_tty(current_process());
    if (tty != NULL) {
        tty_hangup(tty);
        tty_put(tty);
    }
}
