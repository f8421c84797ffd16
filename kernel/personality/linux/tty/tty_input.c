/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Input of terminals: received bytes through c_iflag and c_lflag into the ring that reads take
 * from. In canonical mode the ring holds whole lines up to in_line, each ended by a byte whose
 * delimiter bit is set (an end-of-file is a 0 byte with that bit), and behind them the line being
 * edited. Runs where bytes arrive: in interrupts, under tty->lock; signals are sent after the lock
 * is let go.
 */
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/tty/tty.h"
#include "lib/string.h"

#define STOP_MARK  (TTY_RING - 128) /* IXOFF: VSTOP is sent at this, VSTART below the other */
#define START_MARK 128u

void tty_in_set_delimiter(struct tty *tty, unsigned at, bool on)
{
    uint8_t bit = (uint8_t)(1u << at % 8);
    uint8_t *byte = &tty->in_delimiter[at % TTY_RING / 8];
    *byte = (uint8_t)(on ? *byte | bit : *byte & ~bit);
}

/* One place is kept for a delimiter, and one for a byte that PARMRK doubles. */
static bool is_filled(const struct tty *tty)
{
    return tty_in_used(tty) + (tty_iflag(tty, PARMRK) ? 2 : 1) >= TTY_RING;
}

static void put(struct tty *tty, uint8_t byte)
{
    assert(tty_in_used(tty) < TTY_RING);
    tty_in_set_delimiter(tty, tty->in_head, false);
    tty->in[tty->in_head++ % TTY_RING] = byte;
}

void tty_discard_input_locked(struct tty *tty)
{
    tty->in_tail = tty->in_line = tty->in_head;
    tty->erasing = tty->literal_next = false;
    tty_event(tty, TIOCPKT_FLUSHREAD);
}

bool tty_input_ready_locked(const struct tty *tty, bool minimum)
{
    if (tty_lflag(tty, ICANON)) {
        return tty->in_line != tty->in_tail;
    }
    unsigned need = 1;
    if (minimum && tty->termios.c_cc[VTIME] == 0 && tty->termios.c_cc[VMIN] != 0) {
        need = tty->termios.c_cc[VMIN];
    }
    return tty_in_used(tty) >= need;
}

static void finish_erasing(struct tty *tty)
{
    if (tty->erasing) {
        tty_echo_raw(tty, "/");
        tty->erasing = false;
    }
}

/* Takes the last character (all bytes of it) off the line: its first byte; *size of them. */
static uint8_t take_back(struct tty *tty, unsigned *size)
{
    unsigned head = tty->in_head;
    do {
        head--;
    } while (tty_is_continuation(tty, tty_in_at(tty, head)) && head != tty->in_line);
    *size = tty->in_head - head;
    tty->in_head = head;
    return tty_in_at(tty, head);
}

/* The columns that the tab now at in_head took up when it was echoed. */
static unsigned tab_width(const struct tty *tty)
{
    unsigned column = tty->line_column;
    for (unsigned at = tty->in_line; at != tty->in_head; at++) {
        uint8_t byte = tty_in_at(tty, at);
        if (byte == '\t') {
            column = ALIGN_UP(column + 1, 8u);
        } else if (tty_is_control(byte)) {
            column += tty_lflag(tty, ECHOCTL) ? 2 : 0;
        } else if (!tty_is_continuation(tty, byte)) {
            column++;
        }
    }
    return 8 - column % 8;
}

/* Shows that the character at in_head, `size` bytes of it, is gone. */
static void echo_erased(struct tty *tty, uint8_t byte, unsigned size)
{
    if (tty_lflag(tty, ECHOPRT)) {
        if (!tty->erasing) {
            tty_echo_raw(tty, "\\");
            tty->erasing = true;
        }
        for (unsigned i = 0; i < size; i++) {
            tty_echo(tty, tty_in_at(tty, tty->in_head + i));
        }
        return;
    }
    if (byte == '\t') {
        for (unsigned width = tab_width(tty); width > 0; width--) {
            tty_echo_raw(tty, "\b");
        }
        return;
    }
    if (tty_is_control(byte)) {
        tty_echo_raw(tty, tty_lflag(tty, ECHOCTL) ? "\b \b\b \b" : "");
    } else {
        tty_echo_raw(tty, "\b \b");
    }
}

static void erase_character(struct tty *tty)
{
    unsigned size;

    if (tty->in_head == tty->in_line) {
        return;
    }
    uint8_t byte = take_back(tty, &size);
    if (tty_lflag(tty, ECHO)) {
        if (tty_lflag(tty, ECHOE | ECHOPRT)) {
            echo_erased(tty, byte, size);
        } else {
            tty_echo(tty, tty->termios.c_cc[VERASE]);
        }
    }
}

static bool is_word(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || byte == '_' || byte >= 0x80;
}

/* Trailing separators, then the word before them. */
static void erase_word(struct tty *tty)
{
    bool in_word = false;

    while (tty->in_head != tty->in_line) {
        unsigned size;
        uint8_t byte = take_back(tty, &size);
        if (in_word && !is_word(byte)) {
            tty->in_head += size;
            return;
        }
        in_word = is_word(byte);
        if (tty_lflag(tty, ECHO)) {
            echo_erased(tty, byte, size);
        }
    }
}

static void erase_line(struct tty *tty)
{
    if (tty->in_head == tty->in_line) {
        return;
    }
    if (!tty_lflag(tty, ECHO)) {
        tty->in_head = tty->in_line;
        return;
    }
    if (tty_lflag(tty, ECHOK) && tty_lflag(tty, ECHOKE) && tty_lflag(tty, ECHOE)) {
        while (tty->in_head != tty->in_line) {
            unsigned size;
            uint8_t byte = take_back(tty, &size);
            echo_erased(tty, byte, size);
        }
        return;
    }
    tty->in_head = tty->in_line;
    finish_erasing(tty);
    tty_echo(tty, tty->termios.c_cc[VKILL]);
    if (tty_lflag(tty, ECHOK)) {
        tty_echo_raw(tty, "\n");
    }
}

static void reprint_line(struct tty *tty, uint8_t byte)
{
    finish_erasing(tty);
    tty_echo(tty, byte);
    tty_echo_raw(tty, "\n");
    tty->line_column = tty->column;
    for (unsigned at = tty->in_line; at != tty->in_head; at++) {
        tty_echo(tty, tty_in_at(tty, at));
    }
}

/* Ends the line with this byte, so that it can be read. */
static void end_line(struct tty *tty, uint8_t byte)
{
    unsigned at = tty->in_head;
    put(tty, byte);
    tty_in_set_delimiter(tty, at, true);
    tty->in_line = tty->in_head;
}

/* A character for the reader, echoed. */
static void ordinary(struct tty *tty, uint8_t byte)
{
    if (is_filled(tty)) {
        if (tty_iflag(tty, IMAXBEL)) {
            tty_echo_raw(tty, "\a");
        }
        return;
    }
    if (tty_lflag(tty, ECHO)) {
        finish_erasing(tty);
        if (tty->in_head == tty->in_line) {
            tty->line_column = tty->column;
        }
        if (byte == '\n') {
            tty_echo_raw(tty, "\n");
        } else {
            tty_echo(tty, byte);
        }
    }
    if (byte == 0xff && tty_iflag(tty, PARMRK) && !tty_iflag(tty, ISTRIP)) {
        put(tty, 0xff);
    }
    put(tty, byte);
}

/* The editing characters of canonical mode; false: byte is none. */
static bool edit(struct tty *tty, uint8_t byte)
{
    bool extended = tty_lflag(tty, IEXTEN) != 0;

    if (tty_is_special(tty, VERASE, byte)) {
        erase_character(tty);
    } else if (tty_is_special(tty, VKILL, byte)) {
        erase_line(tty);
    } else if (extended && tty_is_special(tty, VWERASE, byte)) {
        erase_word(tty);
    } else if (extended && tty_is_special(tty, VLNEXT, byte)) {
        tty->literal_next = true;
        if (tty_lflag(tty, ECHO)) {
            finish_erasing(tty);
            tty_echo_raw(tty, tty_lflag(tty, ECHOCTL) ? "^\b" : "");
        }
        return true;
    } else if (extended && tty_lflag(tty, ECHO) && tty_is_special(tty, VREPRINT, byte)) {
        reprint_line(tty, byte);
    } else {
        return false;
    }
    if (tty->in_head == tty->in_line) {
        finish_erasing(tty);
    }
    return true;
}

/* The characters that end a line; false: byte is none. */
static bool delimit(struct tty *tty, uint8_t byte)
{
    if (byte == '\n') {
        if (tty_lflag(tty, ECHO | ECHONL)) {
            finish_erasing(tty);
            tty_echo_raw(tty, "\n");
        }
        end_line(tty, byte);
    } else if (tty_is_special(tty, VEOF, byte)) {
        end_line(tty, 0);
    } else if (tty_is_special(tty, VEOL, byte) ||
               (tty_lflag(tty, IEXTEN) && tty_is_special(tty, VEOL2, byte))) {
        if (tty_lflag(tty, ECHO)) {
            finish_erasing(tty);
            tty_echo(tty, byte);
        }
        end_line(tty, byte);
    } else {
        return false;
    }
    return true;
}

static int signal_of(const struct tty *tty, uint8_t byte)
{
    if (!tty_lflag(tty, ISIG)) {
        return 0;
    }
    if (tty_is_special(tty, VINTR, byte)) {
        return SIGINT;
    }
    if (tty_is_special(tty, VQUIT, byte)) {
        return SIGQUIT;
    }
    return tty_is_special(tty, VSUSP, byte) ? SIGTSTP : 0;
}

static void interrupt(struct tty *tty, uint8_t byte)
{
    if (!tty_lflag(tty, NOFLSH)) {
        tty_discard_input_locked(tty);
        tty_discard_output_locked(tty);
    }
    if (tty_iflag(tty, IXON)) {
        tty_set_stopped(tty, false);
    }
    if (tty_lflag(tty, ECHO)) {
        tty_echo(tty, byte);
    }
}

/* Output flow control by the user; true: byte was for that. */
static bool flow_control(struct tty *tty, uint8_t byte)
{
    if (!tty_iflag(tty, IXON)) {
        return false;
    }
    if (tty_is_special(tty, VSTART, byte) && (tty->stopped || !tty_is_special(tty, VSTOP, byte))) {
        tty_set_stopped(tty, false);
        return true;
    }
    if (tty_is_special(tty, VSTOP, byte)) {
        tty_set_stopped(tty, true);
        return true;
    }
    if (tty->stopped && tty_iflag(tty, IXANY) && signal_of(tty, byte) == 0) {
        tty_set_stopped(tty, false);
    }
    return false;
}

/* One received byte; returns the signal that it stands for, or 0. REQUIRES tty->lock. */
static int input_byte(struct tty *tty, uint8_t byte)
{
    if (tty_iflag(tty, ISTRIP)) {
        byte &= 0x7f;
    }
    if (tty_iflag(tty, IUCLC) && tty_lflag(tty, IEXTEN) && byte >= 'A' && byte <= 'Z') {
        byte = (uint8_t)(byte - 'A' + 'a');
    }
    if (tty->literal_next) {
        tty->literal_next = false;
        ordinary(tty, byte);
        return 0;
    }
    if (tty_lflag(tty, EXTPROC)) {
        ordinary(tty, byte);
        return 0;
    }
    if (flow_control(tty, byte)) {
        return 0;
    }
    int signo = signal_of(tty, byte);
    if (signo != 0) {
        interrupt(tty, byte);
        return signo;
    }
    if (byte == '\r') {
        if (tty_iflag(tty, IGNCR)) {
            return 0;
        }
        byte = tty_iflag(tty, ICRNL) ? '\n' : '\r';
    } else if (byte == '\n' && tty_iflag(tty, INLCR)) {
        byte = '\r';
    }
    if (tty_lflag(tty, ICANON) && (edit(tty, byte) || delimit(tty, byte))) {
        return 0;
    }
    ordinary(tty, byte);
    return 0;
}

/* No byte can be taken: a canonical line that is too long is not a reason, its rest is dropped. */
static bool is_full(const struct tty *tty)
{
    return is_filled(tty) && (!tty_lflag(tty, ICANON) || tty->in_line != tty->in_tail);
}

/* Takes bytes until one of them means a signal; *taken counts. REQUIRES tty->lock. */
static int receive_locked(struct tty *tty, const uint8_t *bytes, size_t size, size_t *taken)
{
    int signo = 0;

    while (*taken < size && signo == 0) {
        if (is_full(tty)) {
            tty->in_full = true;
            break;
        }
        signo = input_byte(tty, bytes[(*taken)++]);
    }
    if (tty_iflag(tty, IXOFF) && !tty->stop_sent && tty_in_used(tty) >= STOP_MARK) {
        tty->stop_sent = true;
        tty_send_now_locked(tty, tty->termios.c_cc[VSTOP]);
    }
    tty_flush_locked(tty);
    return signo;
}

size_t tty_receive(struct tty *tty, const void *bytes, size_t size)
{
    size_t taken = 0;
    bool full = false;

    /* Nobody has it open: like a line without a reader. */
    if (__atomic_load_n(&tty->in, __ATOMIC_ACQUIRE) == NULL ||
        !(__atomic_load_n(&tty->termios.c_cflag, __ATOMIC_RELAXED) & CREAD)) {
        return size;
    }
    while (taken < size && !full) {
        unsigned long flags = spin_lock_irqsave(&tty->lock);
        int signo = receive_locked(tty, bytes, size, &taken);
        bool ready = tty_input_ready_locked(tty, true);
        int pgrp = tty->pgrp;
        full = tty->in_full;
        spin_unlock_irqrestore(&tty->lock, flags);
        if (signo != 0 && pgrp > 0) {
            signal_send_pgrp(pgrp, signo);
        }
        if (signo != 0) {
            waitq_wake_all(&tty->write_wait);
        }
        if (ready) {
            waitq_wake_all(&tty->read_wait);
        }
    }
    return taken;
}

void tty_input_taken(struct tty *tty)
{
    bool go_on = false;

    unsigned long flags = spin_lock_irqsave(&tty->lock);
    if (tty->stop_sent && tty_in_used(tty) <= START_MARK) {
        tty->stop_sent = false;
        tty_send_now_locked(tty, tty->termios.c_cc[VSTART]);
    }
    if (tty->in_full && !is_full(tty)) {
        tty->in_full = false;
        go_on = true;
    }
    spin_unlock_irqrestore(&tty->lock, flags);
    if (go_on) {
        tty->driver->unthrottle(tty);
    }
}
