/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output of terminals: processing by c_oflag into a ring, which is pushed to the device as far as
 * it takes it; writers sleep while the ring is full. Echo goes the same way and is dropped when
 * there is no room, since it is made where nobody can sleep.
 */
#include "abi/errno.h"
#include "kernel/core/timer.h"
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/tty/tty.h"

#define TAB_WIDTH   8u
#define WAKE_ROOM   256u /* writers sleep until there is this much room */
#define WRITE_CHUNK 256u

static unsigned out_room(const struct tty *tty)
{
    return TTY_RING - tty_out_used(tty);
}

static void put(struct tty *tty, uint8_t byte)
{
    tty->out[tty->out_head++ % TTY_RING] = byte;
}

/* One character through c_oflag. The caller has seen to TAB_WIDTH bytes of room. */
static void process_special(struct tty *tty, uint8_t byte)
{
    unsigned spaces;

    switch (byte) {
    case '\n':
        if (tty_oflag(tty, ONLCR)) {
            put(tty, '\r');
        }
        if (tty_oflag(tty, ONLCR | ONLRET)) {
            tty->column = 0;
        }
        put(tty, '\n');
        return;
    case '\r':
        if (tty_oflag(tty, ONOCR) && tty->column == 0) {
            return;
        }
        if (!tty_oflag(tty, OCRNL)) {
            tty->column = 0;
            put(tty, '\r');
            return;
        }
        if (tty_oflag(tty, ONLRET)) {
            tty->column = 0;
        }
        put(tty, '\n');
        return;
    case '\t':
        spaces = TAB_WIDTH - tty->column % TAB_WIDTH;
        tty->column += spaces;
        if (tty_oflag(tty, TABDLY) != XTABS) {
            put(tty, '\t');
            return;
        }
        while (spaces-- > 0) {
            put(tty, ' ');
        }
        return;
    case '\b':
        if (tty->column > 0) {
            tty->column--;
        }
        put(tty, '\b');
        return;
    default:
        if (!tty_is_control(byte) && !tty_is_continuation(tty, byte)) {
            tty->column++;
        }
        if (tty_oflag(tty, OLCUC) && byte >= 'a' && byte <= 'z') {
            byte = (uint8_t)(byte - 'a' + 'A');
        }
        put(tty, byte);
        return;
    }
}

/* Takes bytes into the ring, processed; returns how many. REQUIRES tty->lock. */
static size_t process_locked(struct tty *tty, const uint8_t *bytes, size_t size)
{
    bool plain = !tty_oflag(tty, OPOST);
    bool utf8 = tty_iflag(tty, IUTF8) != 0;
    size_t i = 0;

    for (; i < size && out_room(tty) >= TAB_WIDTH; i++) {
        uint8_t byte = bytes[i];
        if (plain) {
            put(tty, byte);
        } else if (byte >= 0x20 && byte < 0x7f && !tty_oflag(tty, OLCUC)) {
            put(tty, byte);
            tty->column++;
        } else if (byte >= 0x80) {
            put(tty, byte);
            tty->column += utf8 && (byte & 0xc0) == 0x80 ? 0 : 1;
        } else {
            process_special(tty, byte);
        }
    }
    return i;
}

void tty_flush_locked(struct tty *tty)
{
    while (!tty->stopped && tty_out_used(tty) > 0) {
        unsigned at = tty->out_tail % TTY_RING;
        unsigned size = MIN(tty_out_used(tty), TTY_RING - at);
        size_t taken = tty->driver->write(tty, tty->out + at, size);
        assert(taken <= size);
        tty->out_tail += (unsigned)taken;
        if (taken < size) {
            return;
        }
    }
}

void tty_discard_output_locked(struct tty *tty)
{
    tty->out_tail = tty->out_head;
    tty_event(tty, TIOCPKT_FLUSHWRITE);
}

void tty_send_now_locked(struct tty *tty, uint8_t byte)
{
    if (byte != 0 && tty->out != NULL && tty->driver->write(tty, &byte, 1) == 0 &&
        out_room(tty) > 0) {
        put(tty, byte);
    }
}

void tty_echo_raw(struct tty *tty, const char *string)
{
    for (; *string != '\0'; string++) {
        uint8_t byte = (uint8_t)*string;
        process_locked(tty, &byte, 1);
    }
}

void tty_echo(struct tty *tty, uint8_t byte)
{
    if (tty_lflag(tty, ECHOCTL) && tty_is_control(byte) && byte != '\t') {
        uint8_t caret[2] = {'^', byte ^ 0x40};
        process_locked(tty, caret, 2);
    } else {
        process_locked(tty, &byte, 1);
    }
}

void tty_writable(struct tty *tty)
{
    unsigned long flags = spin_lock_irqsave(&tty->lock);
    tty_flush_locked(tty);
    bool wake = out_room(tty) >= WAKE_ROOM;
    spin_unlock_irqrestore(&tty->lock, flags);
    if (wake) {
        waitq_wake_all(&tty->write_wait);
    }
}

/* Processes a chunk and pushes it on unless more follows and fits; returns how much of it. */
static size_t write_chunk(struct tty *tty, const uint8_t *bytes, size_t size, bool more)
{
    unsigned long flags = spin_lock_irqsave(&tty->lock);
    size_t used = process_locked(tty, bytes, size);
    if (used < size || !more || out_room(tty) < 2 * WRITE_CHUNK) {
        tty_flush_locked(tty);
    }
    spin_unlock_irqrestore(&tty->lock, flags);
    return used;
}

static bool hung_up(const struct tty_file *tf)
{
    return __atomic_load_n(&tf->hung_up, __ATOMIC_RELAXED);
}

static bool has_room(const struct tty *tty)
{
    return out_room(tty) >= WAKE_ROOM;
}

/* A write call. */
struct tty_write {
    struct tty_file *tf;
    bool nonblock;
    bool more; /* another chunk follows */
};

/* Writes a chunk of kernel bytes whole: 0, or why it stopped; *done counts. */
static int write_all(const struct tty_write *call, const uint8_t *bytes, size_t size, size_t *done)
{
    struct tty_file *tf = call->tf;
    struct tty *tty = tf->tty;

    for (*done = 0; *done < size;) {
        /* Ctrl-C made room by throwing output away: nothing of this call comes after its echo. */
        if (thread_interrupted()) {
            return -ERESTARTSYS;
        }
        if (hung_up(tf)) {
            return -EIO;
        }
        *done += write_chunk(tty, bytes + *done, size - *done, call->more);
        if (*done == size || has_room(tty)) {
            continue;
        }
        if (call->nonblock) {
            return -EAGAIN;
        }
        if (wait_event_intr(&tty->write_wait, has_room(tty) || hung_up(tf)) != 0) {
            return -ERESTARTSYS;
        }
    }
    return 0;
}

static ssize_type write_claimed(struct tty_file *tf, struct io *io, bool nonblock)
{
    struct tty_write call = {.tf = tf, .nonblock = nonblock};
    uint8_t chunk[WRITE_CHUNK];
    ssize_type total = 0;

    while (io->left > 0) {
        size_t size = io_take(io, chunk, MIN(io->left, sizeof(chunk)));
        if (size == 0) {
            return total > 0 ? total : -EFAULT;
        }
        size_t done;
        call.more = io->left > 0;
        int error = write_all(&call, chunk, size, &done);
        total += (ssize_type)done;
        if (error != 0) {
            return total > 0 ? total : error;
        }
    }
    return total;
}

static bool claim(bool *flag)
{
    return !__atomic_exchange_n(flag, true, __ATOMIC_ACQUIRE);
}

ssize_type tty_write(struct tty_file *tf, struct io *io, bool nonblock)
{
    struct tty *tty = tf->tty;

    if (hung_up(tf)) {
        return -EIO;
    }
    if (tty_lflag(tty, TOSTOP) && !tf->is_console) {
        int error = tty_check_background(tty, SIGTTOU);
        if (error != 0) {
            return error;
        }
    }
    /* One write at a time, so that lines of different writers do not mix. */
    if (!claim(&tty->writing)) {
        if (nonblock) {
            return -EAGAIN;
        }
        if (wait_event_intr(&tty->write_wait, claim(&tty->writing)) != 0) {
            return -ERESTARTSYS;
        }
    }
    ssize_type result = write_claimed(tf, io, nonblock);
    __atomic_store_n(&tty->writing, false, __ATOMIC_RELEASE);
    waitq_wake_all(&tty->write_wait);
    return result;
}

bool tty_output_has_room(struct tty *tty)
{
    return has_room(tty) && !__atomic_load_n(&tty->writing, __ATOMIC_RELAXED);
}

bool tty_all_sent(struct tty *tty)
{
    if (tty->driver->keeps) {
        return true;
    }
    return tty_out_used(tty) == 0 && (tty->driver->idle == NULL || tty->driver->idle(tty));
}

static bool is_dead(const struct tty *tty)
{
    return __atomic_load_n(&tty->dead, __ATOMIC_RELAXED);
}

int tty_drain(struct tty *tty, uint64_t limit_ns)
{
    if (tty_all_sent(tty)) {
        return 0;
    }
    uint64_t now = clock_monotonic_ns();
    uint64_t end = limit_ns == WAIT_FOREVER ? WAIT_FOREVER : now + limit_ns;

    /* No interrupt tells that the last bit is out: look every few milliseconds. */
    while (!tty_all_sent(tty) && !is_dead(tty) && now < end) {
        int error = wait_event_mode(&tty->write_wait, tty_all_sent(tty) || is_dead(tty),
                                    WAIT_INTERRUPTIBLE, now + 2 * NSEC_PER_MSEC);
        if (error == -EINTR) {
            return -EINTR;
        }
        now = clock_monotonic_ns();
    }
    return 0;
}
