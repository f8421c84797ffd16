/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ioctl(2) on the master of a pseudo terminal (ioctl_tty(2)): what only masters have; settings,
 * size and sessions are the slave's.
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/fs/inode.h"
#include "kernel/personality/linux/file/files.h"
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/tty/pty.h"
#include "lib/format.h"

#define PEER_FLAGS (O_ACCMODE | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_LARGEFILE | O_APPEND | O_SYNC)

/* Opens the slave without a name's help: whoever has the master may. */
static long open_peer(struct pty *pty, struct file *master, unsigned flags)
{
    struct path root, node;
    struct file *file;
    char name[12];

    if ((flags & ~(unsigned)PEER_FLAGS) || (flags & O_ACCMODE) == O_ACCMODE) {
        return -EINVAL;
    }
    int error = devpts_find(master, &root);
    if (error != 0) {
        return error;
    }
    snprintf(name, sizeof(name), "%u", pty->index);
    struct walk walk = {.cred = &kernel_cred, .root = root, .base = root};
    error = vfs_walk(&walk, name, 0, &node);
    path_put(&root);
    if (error != 0) {
        return error;
    }
    error = vfs_open_path(&kernel_cred, &node, flags, &file);
    path_put(&node);
    return error != 0 ? error : fd_install_new(file, (flags & O_CLOEXEC) != 0);
}

static long set_packet(struct pty *pty, vaddr_t arg)
{
    int32_t on;

    if (get_user(on, arg) != 0) {
        return -EFAULT;
    }
    unsigned long flags = spin_lock_irqsave(&pty->tty->lock);
    if (on != 0 && !pty->packet) {
        pty->status = 0;
    }
    __atomic_store_n(&pty->packet, on != 0, __ATOMIC_RELAXED);
    spin_unlock_irqrestore(&pty->tty->lock, flags);
    return 0;
}

static long set_lock(struct pty *pty, vaddr_t arg)
{
    int32_t on;

    if (get_user(on, arg) != 0) {
        return -EFAULT;
    }
    __atomic_store_n(&pty->locked, on != 0, __ATOMIC_RELAXED);
    return 0;
}

/* Only the side that the master reads is its own to throw away. */
static long flush(struct pty *pty, vaddr_t which)
{
    if (which > TCIOFLUSH) {
        return -EINVAL;
    }
    if (which != TCOFLUSH) {
        unsigned long flags = spin_lock_irqsave(&pty->tty->lock);
        pty->tail = pty->head;
        spin_unlock_irqrestore(&pty->tty->lock, flags);
        tty_writable(pty->tty);
    }
    return 0;
}

static long send_signal(struct pty *pty, vaddr_t signo)
{
    if (signo != SIGINT && signo != SIGQUIT && signo != SIGTSTP) {
        return -EINVAL;
    }
    tty_signal_foreground(pty->tty, (int)signo);
    return 0;
}

static unsigned unread(struct pty *pty)
{
    unsigned long flags = spin_lock_irqsave(&pty->tty->lock);
    unsigned size = pty->head - pty->tail;
    spin_unlock_irqrestore(&pty->tty->lock, flags);
    return size;
}

/* Requests that ask for a number; false: it is none of these. */
static bool number_of(struct pty *pty, unsigned request, int32_t *out)
{
    switch (request) {
    case TIOCGPTN:
        *out = (int32_t)pty->index;
        return true;
    case TIOCGPTLCK:
        *out = __atomic_load_n(&pty->locked, __ATOMIC_RELAXED);
        return true;
    case TIOCGPKT:
        *out = __atomic_load_n(&pty->packet, __ATOMIC_RELAXED);
        return true;
    case TIOCGEXCL:
        *out = __atomic_load_n(&pty->exclusive, __ATOMIC_RELAXED);
        return true;
    case TIOCGPGRP: /* whoever has the master may know: it need not be his terminal */
        *out = tty_foreground_pgrp(pty->tty);
        return true;
    case TIOCOUTQ:
        *out = 0;
        return true;
    case FIONREAD:
        *out = (int32_t)unread(pty);
        return true;
    default:
        return false;
    }
}

static long session_of(struct pty *pty, vaddr_t arg)
{
    int32_t session = __atomic_load_n(&pty->tty->session, __ATOMIC_RELAXED);
    return session == 0 ? -ENOTTY : put_user(session, arg);
}

long pty_ioctl(struct file *file, unsigned request, vaddr_t arg)
{
    struct pty *pty = file->priv;
    struct tty_file slave = {.tty = pty->tty};
    int32_t number;

    if (number_of(pty, request, &number)) {
        return put_user(number, arg);
    }
    switch (request) {
    case TIOCSPTLCK:
        return set_lock(pty, arg);
    case TIOCPKT:
        return set_packet(pty, arg);
    case TIOCGPTPEER:
        return open_peer(pty, file, (unsigned)arg);
    case TIOCSIG:
        return send_signal(pty, arg);
    case TIOCEXCL:
    case TIOCNXCL:
        __atomic_store_n(&pty->exclusive, request == TIOCEXCL, __ATOMIC_RELAXED);
        return 0;
    case TCFLSH:
        return flush(pty, arg);
    case TIOCGSID:
        return session_of(pty, arg);
    case TIOCNOTTY: /* nobody's controlling terminal is a master */
        return -ENOTTY;
    case TCXONC: /* of the master alone; it never waits for the slave's flow */
    case TIOCVHANGUP:
        return -EINVAL;
    default:
        return tty_ioctl_of(&slave, file, request, arg);
    }
}
