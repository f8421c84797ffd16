/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading and changing terminal settings: the TCGETS and TCSETS families, in the layouts of System
 * V (termio), of Linux (termios) and with free speeds (termios2).
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/tty/tty.h"
#include "lib/string.h"

#define IBSHIFT 16 /* the input speed's place in c_cflag */

const struct termios tty_default_termios = {
    .c_iflag = ICRNL | IXON,
    .c_oflag = OPOST | ONLCR,
    .c_cflag = B38400 | CS8 | CREAD | HUPCL,
    .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    .c_cc = {[VINTR] = 3,
             [VQUIT] = 28,
             [VERASE] = 127,
             [VKILL] = 21,
             [VEOF] = 4,
             [VMIN] = 1,
             [VSTART] = 17,
             [VSTOP] = 19,
             [VSUSP] = 26,
             [VREPRINT] = 18,
             [VDISCARD] = 15,
             [VWERASE] = 23,
             [VLNEXT] = 22},
    .c_ispeed = 38400,
    .c_ospeed = 38400,
};

/* Speeds of the codes B0 to B38400, and of those from BOTHER + 1 (B57600) on. */
static const unsigned low_speeds[16] = {0,   50,   75,   110,  134,  150,  200,   300,
                                        600, 1200, 1800, 2400, 4800, 9600, 19200, 38400};
static const unsigned high_speeds[16] = {0,       57600,   115200,  230400,  460800,  500000,
                                         576000,  921600,  1000000, 1152000, 1500000, 2000000,
                                         2500000, 3000000, 3500000, 4000000};

static unsigned speed_of(uint32_t code, uint32_t other)
{
    if ((code & CBAUD) == BOTHER) {
        return other;
    }
    return (code & BOTHER) != 0 ? high_speeds[code & 15] : low_speeds[code & 15];
}

unsigned tty_baud(const struct termios *termios)
{
    return speed_of(termios->c_cflag, termios->c_ospeed);
}

void tty_set_baud(struct termios *termios, unsigned baud)
{
    uint32_t code = BOTHER;

    for (uint32_t i = 1; i < 16; i++) {
        code = low_speeds[i] == baud ? i : high_speeds[i] == baud ? BOTHER | i : code;
    }
    termios->c_cflag = (termios->c_cflag & ~(uint32_t)CBAUD) | code;
    termios->c_ispeed = termios->c_ospeed = baud;
}

static void fill_speeds(struct termios *termios)
{
    uint32_t input = termios->c_cflag >> IBSHIFT;

    termios->c_ospeed = speed_of(termios->c_cflag, termios->c_ospeed);
    termios->c_ispeed = (input & CBAUD) == B0 ? termios->c_ospeed
                                              : speed_of(input, termios->c_ispeed);
}

/* Input that was typed in the other mode: into canonical, all of it is one line without an end
 * mark; out of it, all of it can be read as it is. REQUIRES tty->lock. */
static void change_mode_locked(struct tty *tty, bool canonical)
{
    memset(tty->in_delimiter, 0, sizeof(tty->in_delimiter));
    tty->in_line = tty->in_tail;
    if (canonical && tty_in_used(tty) > 0) {
        tty->in_line = tty->in_head;
        if (tty_in_at(tty, tty->in_head - 1) != 0) {
            tty_in_set_delimiter(tty, tty->in_head - 1, true);
        }
    }
    tty->erasing = tty->literal_next = false;
}

void tty_set_termios(struct tty *tty, const struct termios *termios)
{
    unsigned long flags = spin_lock_irqsave(&tty->lock);
    bool canonical = (termios->c_lflag & ICANON) != 0;
    bool was_canonical = tty_lflag(tty, ICANON) != 0;
    if (canonical != was_canonical) {
        change_mode_locked(tty, canonical);
    }
    /* Who turns flow control off can no longer type the character that goes on. */
    if (!(termios->c_iflag & IXON) && tty_iflag(tty, IXON) && tty->stopped) {
        tty_set_stopped(tty, false);
    }
    tty->termios = *termios;
    tty_flush_locked(tty);
    spin_unlock_irqrestore(&tty->lock, flags);

    if (tty->driver->configure != NULL) {
        tty->driver->configure(tty);
    }
    tty_input_taken(tty);
    waitq_wake_all(&tty->read_wait);
    waitq_wake_all(&tty->write_wait);
}

static struct termios snapshot(struct tty *tty)
{
    unsigned long flags = spin_lock_irqsave(&tty->lock);
    struct termios termios = tty->termios;
    spin_unlock_irqrestore(&tty->lock, flags);
    return termios;
}

static int get_termio(struct tty *tty, vaddr_t arg)
{
    struct termios termios = snapshot(tty);
    struct termio old = {
        .c_iflag = (uint16_t)termios.c_iflag,
        .c_oflag = (uint16_t)termios.c_oflag,
        .c_cflag = (uint16_t)termios.c_cflag,
        .c_lflag = (uint16_t)termios.c_lflag,
        .c_line = termios.c_line,
    };
    memcpy(old.c_cc, termios.c_cc, sizeof(old.c_cc));
    return copy_to_user(arg, &old, sizeof(old));
}

static int read_termio(vaddr_t arg, struct termios *termios)
{
    struct termio old;
    int error = copy_from_user(&old, arg, sizeof(old));

    if (error != 0) {
        return error;
    }
    termios->c_iflag = (termios->c_iflag & 0xffff0000) | old.c_iflag;
    termios->c_oflag = (termios->c_oflag & 0xffff0000) | old.c_oflag;
    termios->c_cflag = (termios->c_cflag & 0xffff0000) | old.c_cflag;
    termios->c_lflag = (termios->c_lflag & 0xffff0000) | old.c_lflag;
    termios->c_line = old.c_line;
    memcpy(termios->c_cc, old.c_cc, sizeof(old.c_cc));
    return 0;
}

enum set_when { SET_NOW, SET_AFTER_OUTPUT, SET_AFTER_FLUSH };

static long set_termios_call(struct tty_file *tf, const struct termios *termios, enum set_when when)
{
    struct tty *tty = tf->tty;
    struct termios wanted = *termios;

    fill_speeds(&wanted);
    if (when == SET_AFTER_FLUSH) {
        unsigned long flags = spin_lock_irqsave(&tty->lock);
        tty_discard_input_locked(tty);
        spin_unlock_irqrestore(&tty->lock, flags);
    }
    if (when != SET_NOW && tty_drain(tty, WAIT_FOREVER) != 0) {
        return -ERESTARTSYS;
    }
    tty_set_termios(tty, &wanted);
    return 0;
}

/* The background rule, the layout's size, then the change. */
static long set_call(struct tty_file *tf, vaddr_t arg, size_t size, enum set_when when)
{
    int error = tty_check_background(tf->tty, SIGTTOU);
    if (error != 0) {
        return error;
    }
    struct termios termios = snapshot(tf->tty);
    error = size == sizeof(struct termio) ? read_termio(arg, &termios)
                                          : copy_from_user(&termios, arg, size);
    return error != 0 ? error : set_termios_call(tf, &termios, when);
}

long tty_termios_ioctl(struct tty_file *tf, unsigned request, vaddr_t arg)
{
    struct termios termios;

    switch (request) {
    case TCGETS:
    case TCGETS2:
        termios = snapshot(tf->tty);
        return copy_to_user(arg, &termios, request == TCGETS ? TERMIOS_SIZE_OLD : sizeof(termios));
    case TCGETA:
        return get_termio(tf->tty, arg);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return set_call(tf, arg, TERMIOS_SIZE_OLD, (enum set_when)(request - TCSETS));
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return set_call(tf, arg, sizeof(termios), (enum set_when)(request - TCSETS2));
    case TCSETA:
    case TCSETAW:
    case TCSETAF:
        return set_call(tf, arg, sizeof(struct termio), (enum set_when)(request - TCSETA));
    default:
        return -ENOTTY;
    }
}
