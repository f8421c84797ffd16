/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ioctl(2) on terminals (ioctl_tty(2)): settings go to tty_termios.c, job control to tty_job.c;
 * here are window size, queues, flow and the rest.
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/tty/tty.h"

/* The upper bytes of VT_* and of KD* and K*. */
#define SCREEN_IOCTLS   'V'
#define KEYBOARD_IOCTLS 'K'

#define N_TTY           0 /* the number of the only line discipline */

/* Bytes a read could get now, end-of-file marks not counted. */
static int readable_bytes(struct tty *tty)
{
    unsigned count = 0;

    unsigned long flags = spin_lock_irqsave(&tty->lock);
    if (tty_lflag(tty, ICANON)) {
        for (unsigned at = tty->in_tail; at != tty->in_line; at++) {
            count += tty_in_ends_line(tty, at) && tty_in_at(tty, at) == 0 ? 0 : 1;
        }
    } else {
        count = tty_in_used(tty);
    }
    spin_unlock_irqrestore(&tty->lock, flags);
    return (int)count;
}

/* Takes the new size over; true when it differs. */
static bool change_size(struct tty *tty, const struct winsize *size)
{
    unsigned long flags = spin_lock_irqsave(&tty->lock);
    bool changed = tty->size.ws_row != size->ws_row || tty->size.ws_col != size->ws_col ||
                   tty->size.ws_xpixel != size->ws_xpixel || tty->size.ws_ypixel != size->ws_ypixel;
    tty->size = *size;
    spin_unlock_irqrestore(&tty->lock, flags);
    return changed;
}

void tty_resize(struct tty *tty, unsigned rows, unsigned columns)
{
    struct winsize size = {.ws_row = (uint16_t)rows, .ws_col = (uint16_t)columns};
    if (change_size(tty, &size)) {
        tty_signal_foreground(tty, SIGWINCH);
    }
}

static long size_ioctl(struct tty *tty, unsigned request, vaddr_t arg)
{
    struct winsize size;

    if (request == TIOCGWINSZ) {
        unsigned long flags = spin_lock_irqsave(&tty->lock);
        size = tty->size;
        spin_unlock_irqrestore(&tty->lock, flags);
        return put_user(size, arg);
    }
    int error = get_user(size, arg);
    if (error == 0 && change_size(tty, &size)) {
        tty_signal_foreground(tty, SIGWINCH);
    }
    return error;
}

static long flush_queues(struct tty *tty, vaddr_t which)
{
    if (which > TCIOFLUSH) {
        return -EINVAL;
    }
    int error = tty_check_background(tty, SIGTTOU);
    if (error != 0) {
        return error;
    }
    unsigned long flags = spin_lock_irqsave(&tty->lock);
    if (which != TCOFLUSH) {
        tty_discard_input_locked(tty);
    }
    if (which != TCIFLUSH) {
        tty_discard_output_locked(tty);
    }
    spin_unlock_irqrestore(&tty->lock, flags);
    tty_input_taken(tty);
    waitq_wake_all(&tty->write_wait);
    return 0;
}

static long flow(struct tty *tty, vaddr_t action)
{
    if (action > TCION) {
        return -EINVAL;
    }
    int error = tty_check_background(tty, SIGTTOU);
    if (error != 0) {
        return error;
    }
    unsigned long flags = spin_lock_irqsave(&tty->lock);
    switch (action) {
    case TCOOFF:
    case TCOON:
        tty_set_stopped(tty, action == TCOOFF);
        tty_flush_locked(tty);
        break;
    default:
        tty_send_now_locked(tty, tty->termios.c_cc[action == TCIOFF ? VSTOP : VSTART]);
        break;
    }
    spin_unlock_irqrestore(&tty->lock, flags);
    waitq_wake_all(&tty->write_wait);
    return 0;
}

/* tcdrain(3), and tcsendbreak(3) whose break no device of ours can make. */
static long drain_or_break(struct tty *tty)
{
    int error = tty_check_background(tty, SIGTTOU);
    if (error != 0) {
        return error;
    }
    return tty_drain(tty, WAIT_FOREVER) == 0 ? 0 : -ERESTARTSYS;
}

static long small_ioctl(struct tty *tty, unsigned request, vaddr_t arg)
{
    int32_t value;

    switch (request) {
    case FIONREAD:
        value = readable_bytes(tty);
        return put_user(value, arg);
    case TIOCOUTQ:
        value = (int32_t)tty_out_used(tty);
        return put_user(value, arg);
    case TIOCEXCL:
    case TIOCNXCL:
        __atomic_store_n(&tty->exclusive, request == TIOCEXCL, __ATOMIC_RELAXED);
        return 0;
    case TIOCGEXCL:
        value = __atomic_load_n(&tty->exclusive, __ATOMIC_RELAXED) ? 1 : 0;
        return put_user(value, arg);
    case TIOCGETD:
        value = N_TTY;
        return put_user(value, arg);
    case TIOCSETD:
        if (get_user(value, arg) != 0) {
            return -EFAULT;
        }
        return value == N_TTY ? 0 : -EINVAL;
    case TIOCSTI:
        /* Typing for others is what Linux turns off by default, too (dev.tty.legacy_tiocsti). */
        return -EIO;
    default:
        return -ENOTTY;
    }
}

long tty_ioctl(struct file *file, unsigned request, vaddr_t arg)
{
    struct tty_file *tf = file->priv;

    if (__atomic_load_n(&tf->hung_up, __ATOMIC_RELAXED)) {
        return request == TIOCSPGRP ? -ENOTTY : -EIO;
    }
    return tty_ioctl_of(tf, file, request, arg);
}

long tty_ioctl_of(struct tty_file *tf, struct file *file, unsigned request, vaddr_t arg)
{
    switch (request) {
    case TIOCGWINSZ:
    case TIOCSWINSZ:
        return size_ioctl(tf->tty, request, arg);
    case TCFLSH:
        return flush_queues(tf->tty, arg);
    case TCXONC:
        return flow(tf->tty, arg);
    case TCSBRK:
    case TCSBRKP:
    case TIOCSBRK:
    case TIOCCBRK:
        return drain_or_break(tf->tty);
    case TIOCGPTPEER:
        return -EIO; /* no master */
    case TIOCSCTTY:
    case TIOCNOTTY:
    case TIOCSPGRP:
    case TIOCGPGRP:
    case TIOCGSID:
    case TIOCVHANGUP:
        return tty_job_ioctl(tf, file, request, arg);
    case FIONREAD:
    case TIOCOUTQ:
    case TIOCEXCL:
    case TIOCNXCL:
    case TIOCGEXCL:
    case TIOCGETD:
    case TIOCSETD:
    case TIOCSTI:
        return small_ioctl(tf->tty, request, arg);
    default:
        if (request >> 8 == SCREEN_IOCTLS || request >> 8 == KEYBOARD_IOCTLS) {
            return tty_is_screen(tf->tty) ? tty_screen_ioctl(tf->tty, request, arg) : -ENOTTY;
        }
        return tty_termios_ioctl(tf, request, arg);
    }
}
