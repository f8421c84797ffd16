/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading from terminals: one line in canonical mode; by VMIN and VTIME else (termios(3),
 * "Canonical and noncanonical mode").
 */
#include "abi/errno.h"
#include "kernel/core/timer.h"
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/tty/tty.h"

#define READ_CHUNK 256u
#define DECISECOND (100 * NSEC_PER_MSEC)

/* A piece of input; `end`: a line ended behind it. */
struct piece {
    uint8_t bytes[READ_CHUNK];
    size_t size;
    bool end;
};

/* Takes up to `want` bytes of the first line. An end-of-file mark is consumed but not handed out,
 * also when it comes right after the last byte wanted. REQUIRES tty->lock. */
static void take_line_locked(struct tty *tty, size_t want, struct piece *piece)
{
    while (tty->in_tail != tty->in_line && !piece->end) {
        unsigned at = tty->in_tail;
        bool ends = tty_in_ends_line(tty, at);
        bool is_eof = ends && tty_in_at(tty, at) == 0;
        if (piece->size == want && !is_eof) {
            return;
        }
        if (!is_eof) {
            piece->bytes[piece->size++] = tty_in_at(tty, at);
        }
        tty->in_tail++;
        piece->end = ends;
    }
}

static void take_raw_locked(struct tty *tty, size_t want, struct piece *piece)
{
    while (tty_in_used(tty) > 0 && piece->size < want) {
        piece->bytes[piece->size++] = tty_in_at(tty, tty->in_tail++);
    }
    /* Nothing is being edited in this mode. */
    tty->in_line = tty->in_tail;
}

/* What there is, at most want bytes: false: nothing. */
static bool take(struct tty *tty, size_t want, struct piece *piece)
{
    piece->size = 0;
    piece->end = false;
    want = MIN(want, READ_CHUNK);

    unsigned long flags = spin_lock_irqsave(&tty->lock);
    bool ready = tty_input_ready_locked(tty, false);
    if (ready && tty_lflag(tty, ICANON)) {
        take_line_locked(tty, want, piece);
    } else if (ready) {
        take_raw_locked(tty, want, piece);
    }
    spin_unlock_irqrestore(&tty->lock, flags);
    return ready;
}

static bool hung_up(const struct tty_file *tf)
{
    return __atomic_load_n(&tf->hung_up, __ATOMIC_RELAXED);
}

static bool may_be_ready(const struct tty *tty)
{
    if (tty_lflag(tty, ICANON)) {
        return __atomic_load_n(&tty->in_line, __ATOMIC_RELAXED) !=
               __atomic_load_n(&tty->in_tail, __ATOMIC_RELAXED);
    }
    return tty_in_used(tty) != 0;
}

/* Sleeps until there may be input: 0, -ERESTARTSYS, -ETIMEDOUT. */
static int wait_input(struct tty_file *tf, uint64_t deadline_ns)
{
    struct tty *tty = tf->tty;
    int error = wait_event_mode(&tty->read_wait, may_be_ready(tty) || hung_up(tf),
                                WAIT_INTERRUPTIBLE, deadline_ns);
    return error == -EINTR ? -ERESTARTSYS : error;
}

/* How long a read goes on, from c_cc when it began. */
struct read_rule {
    size_t minimum;       /* bytes that end it */
    uint64_t deadline_ns; /* of the next sleep */
    uint64_t gap_ns;      /* after each byte a new deadline; 0: none */
};

static struct read_rule read_rule(struct tty *tty)
{
    struct read_rule rule = {.minimum = 1, .deadline_ns = WAIT_FOREVER};

    unsigned long flags = spin_lock_irqsave(&tty->lock);
    bool canonical = tty_lflag(tty, ICANON) != 0;
    size_t minimum = tty->termios.c_cc[VMIN];
    uint64_t time_ns = tty->termios.c_cc[VTIME] * DECISECOND;
    spin_unlock_irqrestore(&tty->lock, flags);
    if (canonical) {
        return rule;
    }
    rule.minimum = minimum;
    if (rule.minimum > 0) {
        rule.gap_ns = time_ns;
    } else {
        rule.minimum = 1;
        /* Both 0: what is there now. A deadline that has passed ends the wait at once. */
        rule.deadline_ns = time_ns == 0 ? 0 : clock_monotonic_ns() + time_ns;
    }
    return rule;
}

/* Waits for input by the rule; 0: look again. Positive: the read ends with what it has. */
static int wait_by_rule(struct tty_file *tf, const struct read_rule *rule, bool nonblock)
{
    if (tf->tty->driver->keeps && __atomic_load_n(&tf->tty->dead, __ATOMIC_RELAXED)) {
        return -EIO; /* the master was closed meanwhile */
    }
    if (hung_up(tf) || rule->deadline_ns == 0) {
        return 1;
    }
    if (nonblock) {
        return -EAGAIN;
    }
    int error = wait_input(tf, rule->deadline_ns);
    return error == -ETIMEDOUT ? 1 : error;
}

static ssize_type read_claimed(struct tty_file *tf, struct io *io, bool nonblock)
{
    struct tty *tty = tf->tty;
    struct read_rule rule = read_rule(tty);
    struct piece piece;
    ssize_type total = 0;

    while (io->left > 0) {
        if (!take(tty, io->left, &piece)) {
            int stop = wait_by_rule(tf, &rule, nonblock);
            if (stop != 0) {
                return total > 0 || stop > 0 ? total : stop;
            }
            continue;
        }
        if (io_put(io, piece.bytes, piece.size) < piece.size) {
            return total > 0 ? total : -EFAULT;
        }
        total += (ssize_type)piece.size;
        bool canonical = tty_lflag(tty, ICANON) != 0;
        if (piece.end || (!canonical && (size_t)total >= rule.minimum && !may_be_ready(tty))) {
            break;
        }
        if (rule.gap_ns != 0) {
            rule.deadline_ns = clock_monotonic_ns() + rule.gap_ns;
        }
    }
    return total;
}

static bool claim(bool *flag)
{
    return !__atomic_exchange_n(flag, true, __ATOMIC_ACQUIRE);
}

ssize_type tty_read(struct tty_file *tf, struct io *io, bool nonblock)
{
    struct tty *tty = tf->tty;

    if (hung_up(tf)) {
        return 0;
    }
    if (!tf->is_console) {
        int error = tty_check_background(tty, SIGTTIN);
        if (error != 0) {
            return error;
        }
    }
    if (!claim(&tty->reading)) {
        if (nonblock) {
            return -EAGAIN;
        }
        if (wait_event_intr(&tty->read_wait, claim(&tty->reading)) != 0) {
            return -ERESTARTSYS;
        }
    }
    ssize_type result = read_claimed(tf, io, nonblock);
    __atomic_store_n(&tty->reading, false, __ATOMIC_RELEASE);
    tty_input_taken(tty);
    waitq_wake_all(&tty->read_wait);
    return result;
}
