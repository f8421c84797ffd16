/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pseudo terminals: making a pair, and the master's reads and writes. What the slave writes goes
 * through its output processing into the pair's ring; what the master writes is received by the
 * slave like input from a line.
 */
#include "kernel/personality/linux/tty/pty.h"
#include "abi/errno.h"
#include "kernel/mm/heap.h"
#include "lib/format.h"

#define DEV_PTMX DEV(5, 2)
#define CHUNK    256u

/* ---- The driver below the slave ---- */

static unsigned used(const struct pty *pty)
{
    return pty->head - pty->tail;
}

/* What was held back by flow control comes out at the end. */
static void set_slave_closed(struct pty *pty, bool closed)
{
    unsigned long flags = spin_lock_irqsave(&pty->tty->lock);
    tty_flush_locked(pty->tty);
    pty->slave_closed = closed;
    spin_unlock_irqrestore(&pty->tty->lock, flags);
}

static int driver_open(struct tty *tty)
{
    set_slave_closed(tty->device, false);
    return 0;
}

/* REQUIRES tty->open_lock. */
static void driver_close(struct tty *tty)
{
    struct pty *pty = tty->device;

    set_slave_closed(pty, true);
    waitq_wake_all(&pty->read_wait);
    if (__atomic_load_n(&tty->dead, __ATOMIC_RELAXED)) {
        devpts_free_index(pty->index);
    }
}

static size_t driver_write(struct tty *tty, const void *bytes, size_t size)
{
    struct pty *pty = tty->device;
    size_t taken = MIN(size, (size_t)(TTY_RING - used(pty)));

    for (size_t i = 0; i < taken; i++) {
        pty->ring[pty->head++ % TTY_RING] = ((const uint8_t *)bytes)[i];
    }
    if (taken > 0) {
        waitq_wake_all(&pty->read_wait);
    }
    return taken;
}

static void driver_unthrottle(struct tty *tty)
{
    struct pty *pty = tty->device;
    waitq_wake_all(&pty->write_wait);
}

static void driver_event(struct tty *tty, unsigned events)
{
    static const struct {
        uint8_t event, opposite;
    } pairs[] = {{TIOCPKT_STOP, TIOCPKT_START},
                 {TIOCPKT_START, TIOCPKT_STOP},
                 {TIOCPKT_NOSTOP, TIOCPKT_DOSTOP},
                 {TIOCPKT_DOSTOP, TIOCPKT_NOSTOP}};
    struct pty *pty = tty->device;

    if (!pty->packet) {
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++) {
        if (events & pairs[i].event) {
            pty->status &= (uint8_t)~pairs[i].opposite;
        }
    }
    pty->status |= (uint8_t)events;
    waitq_wake_all(&pty->read_wait);
}

/* There is no line whose format could be set; a program at the master may want to know who stops
 * and starts output (ioctl_tty(2), TIOCPKT_NOSTOP), and that the slave edits lines itself. */
static void driver_configure(struct tty *tty)
{
    struct pty *pty = tty->device;

    unsigned long flags = spin_lock_irqsave(&tty->lock);
    struct termios *now = &tty->termios;
    now->c_cflag = (now->c_cflag & ~(uint32_t)(CSIZE | PARENB)) | CS8 | CREAD;
    bool plain_flow = (now->c_iflag & IXON) &&
                      now->c_cc[VSTOP] == tty_default_termios.c_cc[VSTOP] &&
                      now->c_cc[VSTART] == tty_default_termios.c_cc[VSTART];
    unsigned external = now->c_lflag & EXTPROC ? TIOCPKT_IOCTL : 0;
    if (plain_flow != pty->plain_flow || external != 0) {
        tty_event(tty, (plain_flow ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP) | external);
    }
    pty->plain_flow = plain_flow;
    spin_unlock_irqrestore(&tty->lock, flags);
}

static void driver_destroy(struct tty *tty)
{
    struct pty *pty = tty->device;
    kfree(pty->ring);
    kfree(pty);
}

static const struct tty_driver pty_driver = {
    .open = driver_open,
    .close = driver_close,
    .write = driver_write,
    .unthrottle = driver_unthrottle,
    .configure = driver_configure,
    .event = driver_event,
    .destroy = driver_destroy,
    .keeps = true,
};

/* ---- The master ---- */

/* Up to `want` bytes for the master, in packet mode with what they are in front: how many,
 * -EAGAIN: there is nothing, or -EIO: and nothing will come. *status: the piece stands alone. */
static int take(struct pty *pty, uint8_t *bytes, size_t want, bool *status)
{
    struct tty *tty = pty->tty;
    int size = 0;

    unsigned long flags = spin_lock_irqsave(&tty->lock);
    *status = pty->packet && pty->status != 0;
    if (*status) {
        bytes[size++] = pty->status;
        pty->status = 0;
    } else if (used(pty) > 0) {
        while (used(pty) > 0 && (size_t)size < want) {
            bytes[size++] = pty->ring[pty->tail++ % TTY_RING];
        }
    } else {
        size = pty->slave_closed ? -EIO : -EAGAIN;
    }
    spin_unlock_irqrestore(&tty->lock, flags);
    return size;
}

/* A read would not sleep. */
static bool readable(struct pty *pty)
{
    unsigned long flags = spin_lock_irqsave(&pty->tty->lock);
    bool ready = used(pty) > 0 || pty->slave_closed || (pty->packet && pty->status != 0);
    spin_unlock_irqrestore(&pty->tty->lock, flags);
    return ready;
}

/* Hands out what there is; else as above. */
static ssize_type read_now(struct pty *pty, struct io *io, bool packet)
{
    uint8_t bytes[CHUNK];
    ssize_type total = 0;
    bool status = false;

    while (io->left > 0 && !status) {
        /* Room for the byte in front, whose place is taken before it is known that it is needed. */
        bool head = packet && total == 0;
        bytes[0] = TIOCPKT_DATA;
        int size = take(pty, bytes + head, MIN(io->left - head, CHUNK - 1), &status);
        if (size < 0) {
            return total > 0 ? total : size;
        }
        if (status && total > 0) {
            unsigned long flags = spin_lock_irqsave(&pty->tty->lock);
            pty->status |= bytes[0]; /* data comes first, once begun */
            spin_unlock_irqrestore(&pty->tty->lock, flags);
            return total;
        }
        size_t whole = (size_t)size + (head && !status);
        if (io_put(io, bytes + (head && status), whole) < whole) {
            return total > 0 ? total : -EFAULT;
        }
        total += (ssize_type)whole;
        tty_writable(pty->tty);
    }
    return total;
}

static ssize_type master_read(struct file *file, struct io *io, uint64_t *pos)
{
    struct pty *pty = file->priv;

    (void)pos;
    while (io->left > 0) {
        bool packet = __atomic_load_n(&pty->packet, __ATOMIC_RELAXED);
        ssize_type result = read_now(pty, io, packet);
        if (result != -EAGAIN || (file_flags(file) & O_NONBLOCK)) {
            return result;
        }
        if (wait_event_intr(&pty->read_wait, readable(pty)) != 0) {
            return -ERESTARTSYS;
        }
    }
    return 0;
}

static bool slave_full(const struct pty *pty)
{
    return __atomic_load_n(&pty->tty->in_full, __ATOMIC_RELAXED);
}

static ssize_type master_write(struct file *file, struct io *io, uint64_t *pos)
{
    struct pty *pty = file->priv;
    uint8_t bytes[CHUNK];
    ssize_type total = 0;

    (void)pos;
    while (io->left > 0) {
        size_t size = io_take(io, bytes, MIN(io->left, sizeof(bytes))), done = 0;
        if (size == 0) {
            return total > 0 ? total : -EFAULT;
        }
        for (;;) {
            size_t taken = tty_receive(pty->tty, bytes + done, size - done);
            done += taken;
            total += (ssize_type)taken;
            if (done == size) {
                break;
            }
            if (file_flags(file) & O_NONBLOCK) {
                return total > 0 ? total : -EAGAIN;
            }
            if (wait_event_intr(&pty->write_wait, !slave_full(pty)) != 0) {
                return total > 0 ? total : -ERESTARTSYS;
            }
        }
    }
    return total;
}

static unsigned master_poll(struct file *file, struct poll_table *table)
{
    struct pty *pty = file->priv;
    unsigned mask = 0;

    poll_wait(table, &pty->read_wait);
    poll_wait_for(table, &pty->write_wait, POLLOUT);
    unsigned long flags = spin_lock_irqsave(&pty->tty->lock);
    if (pty->packet && pty->status != 0) {
        mask |= POLLPRI | POLLIN | POLLRDNORM;
    }
    if (used(pty) > 0) {
        mask |= POLLIN | POLLRDNORM;
    }
    if (pty->slave_closed) {
        mask |= POLLHUP;
    }
    if (!pty->tty->in_full) {
        mask |= POLLOUT | POLLWRNORM;
    }
    spin_unlock_irqrestore(&pty->tty->lock, flags);
    return mask;
}

/* The slave is hung up; who has it open finds that out. */
static void master_release(struct file *file)
{
    struct pty *pty = file->priv;
    struct tty *tty = pty->tty;

    /* First the name: the number may be another pair's as soon as it is free. */
    devpts_remove(pty->node);
    mutex_lock(&tty->open_lock);
    __atomic_store_n(&tty->dead, true, __ATOMIC_RELAXED);
    bool last = tty->open_count == 0;
    mutex_unlock(&tty->open_lock);
    if (last) {
        devpts_free_index(pty->index);
    }
    tty_hangup(tty);
    tty_put(tty);
}

static const struct file_ops master_ops = {
    .read = master_read,
    .write = master_write,
    .poll = master_poll,
    .ioctl = pty_ioctl,
    .release = master_release,
};

/* A terminal without a name, whose device is a new pair: NULL: no memory. */
static struct tty *make_slave(unsigned index)
{
    char name[16];
    struct pty *pty = kzalloc(sizeof(*pty));
    uint8_t *ring = kmalloc(TTY_RING);

    snprintf(name, sizeof(name), "pts/%u", index);
    struct tty *tty = pty != NULL && ring != NULL
                          ? tty_create(&pty_driver, pty, name, DEV(PTY_MAJOR, index))
                          : NULL;
    if (tty == NULL) {
        kfree(pty);
        kfree(ring);
        return NULL;
    }
    pty->tty = tty;
    pty->index = index;
    pty->ring = ring;
    pty->locked = pty->plain_flow = true;
    waitq_init(&pty->read_wait);
    waitq_init(&pty->write_wait);
    tty->termios.c_cflag &= ~(uint32_t)HUPCL;
    return tty;
}

/* What the master writes before anybody has opened the slave is input already. */
static int make_pair(unsigned index, struct pty **out)
{
    struct tty *tty = make_slave(index);
    if (tty == NULL) {
        return -ENOMEM;
    }
    struct pty *pty = tty->device;
    if (tty_need_rings(tty) == 0) {
        pty->node = devpts_add(index, tty);
    }
    if (pty->node == NULL) {
        tty_put(tty);
        return -ENOMEM;
    }
    *out = pty;
    return 0;
}

static int ptmx_open(struct file *file, dev_number dev)
{
    struct path where;
    struct pty *pty;

    (void)dev;
    int error = devpts_find(file, &where);
    if (error != 0) {
        return error;
    }
    path_put(&where);
    int index = devpts_take_index();
    if (index < 0) {
        return index;
    }
    error = make_pair((unsigned)index, &pty);
    if (error != 0) {
        devpts_free_index((unsigned)index);
        return error;
    }
    file->priv = pty;
    return 0;
}

void pty_init(void)
{
    static const struct chrdev ptmx = {"ptmx", DEV_PTMX, 1, 0666, &master_ops, ptmx_open};
    /* Nodes of these are in devpts alone: here they are names in /proc/devices. */
    static const struct chrdev masters = {.name = "ptm", .first = DEV(128, 0)};
    static const struct chrdev slaves = {.name = "pts", .first = DEV(PTY_MAJOR, 0)};

    chrdev_register(&ptmx);
    chrdev_register(&masters);
    chrdev_register(&slaves);
    devpts_init();
}
