/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Terminals as files: the list of them, open and close, and the special names /dev/tty (the
 * caller's controlling terminal) and /dev/console (the terminal that the last console= names; else,
 * without any console=, the screen; else ttyS0; else hvc0; else a sink that swallows what is
 * written). /dev/tty0 is the screen's terminal in use, of which there is one.
 */
#include "kernel/personality/linux/tty/tty.h"
#include "abi/errno.h"
#include "kernel/base/cmdline.h"
#include "kernel/dev/api/line.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/process/process.h"
#include "lib/string.h"

#define DEV_TTY       DEV(5, 0)
#define DEV_CONSOLE   DEV(5, 1)
#define DEV_TTY0      DEV(4, 0)
#define DEV_TTY1      DEV(4, 1)
#define CAP_SYS_ADMIN 21u

/* Linux waits this long for a last close's output (closing_wait). */
#define CLOSE_LIMIT_NS (30ull * 1000000000)

static struct spinlock ttys_lock = SPINLOCK_INIT(LOCK_TTYS);
static struct list ttys = LIST_INIT(ttys); /* [ttys_lock] */

struct tty *tty_create(const struct tty_driver *driver, void *device, const char *name,
                       dev_number dev)
{
    struct tty *tty = kzalloc(sizeof(*tty));
    if (tty == NULL) {
        return NULL;
    }
    ref_init(&tty->refs, 1);
    tty->driver = driver;
    tty->device = device;
    strlcpy(tty->name, name, sizeof(tty->name));
    tty->dev = dev;
    list_init(&tty->link);
    mutex_init(&tty->open_lock, LOCK_TTY_OPEN);
    spin_init(&tty->lock, LOCK_TTY);
    tty->termios = tty_default_termios;
    list_init(&tty->files);
    waitq_init(&tty->read_wait);
    waitq_init(&tty->write_wait);
    return tty;
}

void tty_get(struct tty *tty)
{
    ref_get(&tty->refs);
}

void tty_put(struct tty *tty)
{
    if (ref_put(&tty->refs)) {
        if (tty->driver->destroy != NULL) {
            tty->driver->destroy(tty);
        }
        kfree(tty->in);
        kfree(tty);
    }
}

static struct tty *find(dev_number dev)
{
    struct tty *tty, *found = NULL;

    unsigned long flags = spin_lock_irqsave(&ttys_lock);
    list_for_each (tty, &ttys, link) {
        if (tty->dev == dev && ref_get_unless_zero(&tty->refs)) {
            found = tty;
            break;
        }
    }
    spin_unlock_irqrestore(&ttys_lock, flags);
    return found;
}

static struct tty *find_name(const char *name, size_t size)
{
    struct tty *tty, *found = NULL;

    unsigned long flags = spin_lock_irqsave(&ttys_lock);
    list_for_each (tty, &ttys, link) {
        if (strlen(tty->name) == size && memcmp(tty->name, name, size) == 0 &&
            ref_get_unless_zero(&tty->refs)) {
            found = tty;
            break;
        }
    }
    spin_unlock_irqrestore(&ttys_lock, flags);
    return found;
}

int tty_device_number(const struct tty *tty)
{
    if (tty == NULL) {
        return 0;
    }
    unsigned major = DEV_MAJOR(tty->dev), minor = DEV_MINOR(tty->dev);
    return (int)((minor & 0xff) | major << 8 | (minor & ~0xffu) << 12);
}

/* What console= calls it: "tty" and "tty0" are the screen's. */
static struct tty *find_named(const char *name, size_t size)
{
    bool screen = size >= 3 && size <= 4 && memcmp(name, "tty0", size) == 0;
    return screen ? find_name("tty1", 4) : find_name(name, size);
}

/* Keeps the last console= that names a terminal there is. */
static void take_console(void *arg, const char *value)
{
    struct tty **best = arg;
    const char *comma = strchr(value, ',');
    struct tty *tty = find_named(value, comma != NULL ? (size_t)(comma - value) : strlen(value));

    if (tty != NULL) {
        if (*best != NULL) {
            tty_put(*best);
        }
        *best = tty;
    }
}

static struct tty *find_console(void)
{
    struct tty *tty = NULL;

    cmdline_for_each("console", take_console, &tty);
    static const char *const others[] = {"tty1", "ttyS0", "hvc0"};
    /* A console= that names no terminal there is does not mean the screen. */
    for (size_t i = cmdline_get("console") != NULL; tty == NULL && i < ARRAY_SIZE(others); i++) {
        tty = find_name(others[i], strlen(others[i]));
    }
    return tty;
}

int tty_need_rings(struct tty *tty)
{
    if (tty->in == NULL) {
        uint8_t *rings = kmalloc(2 * TTY_RING);
        if (rings == NULL) {
            return -ENOMEM;
        }
        tty->out = rings + TTY_RING;
        __atomic_store_n(&tty->in, rings, __ATOMIC_RELEASE);
    }
    return 0;
}

/* First open: rings and device. REQUIRES open_lock. */
static int start(struct tty *tty)
{
    int error = tty_need_rings(tty);
    return error != 0 ? error : tty->driver->open(tty);
}

static int attach_file(struct tty *tty, struct tty_file *tf)
{
    int error = 0;

    mutex_lock(&tty->open_lock);
    if (__atomic_load_n(&tty->dead, __ATOMIC_RELAXED)) {
        error = -EIO;
    } else if (__atomic_load_n(&tty->exclusive, __ATOMIC_RELAXED) && tty->open_count > 0 &&
               !linux_capable(CAP_SYS_ADMIN)) {
        error = -EBUSY;
    } else if (tty->open_count == 0) {
        error = start(tty);
    }
    if (error == 0) {
        tty->open_count++;
        unsigned long flags = spin_lock_irqsave(&tty->lock);
        list_add_tail(&tty->files, &tf->link);
        spin_unlock_irqrestore(&tty->lock, flags);
    }
    mutex_unlock(&tty->open_lock);
    return error;
}

/* Opens file as tty; takes over the reference to it. */
static int open_tty(struct file *file, struct tty *tty, bool is_console)
{
    struct tty_file *tf = kzalloc(sizeof(*tf));
    int error = -ENOMEM;

    if (tf != NULL) {
        tf->tty = tty;
        tf->is_console = is_console;
        error = attach_file(tty, tf);
    }
    if (error != 0) {
        kfree(tf);
        tty_put(tty);
        return error;
    }
    file->priv = tf;
    return 0;
}

static const struct file_ops tty_file_ops;

int tty_open(struct file *file, struct tty *tty)
{
    int error = open_tty(file, tty, false);
    if (error == 0 && !(file_flags(file) & O_NOCTTY) &&
        (file_flags(file) & O_ACCMODE) != O_WRONLY) {
        tty_open_as_controlling(tty);
    }
    file->ops = error == 0 ? &tty_file_ops : file->ops;
    return error;
}

static int tty_node_open(struct file *file, dev_number dev)
{
    struct tty *tty = find(dev);
    return tty != NULL ? tty_open(file, tty) : -ENXIO;
}

static int dev_tty0_open(struct file *file, dev_number dev)
{
    (void)dev;
    return tty_node_open(file, DEV_TTY1);
}

static int dev_tty_open(struct file *file, dev_number dev)
{
    (void)dev;
    struct tty *tty = process_tty(current_process());
    return tty == NULL ? -ENXIO : open_tty(file, tty, false);
}

static ssize_type sink_read(struct file *file, struct io *io, uint64_t *pos)
{
    (void)file, (void)io, (void)pos;
    return 0;
}

static ssize_type sink_write(struct file *file, struct io *io, uint64_t *pos)
{
    (void)file, (void)pos;
    size_t size = io->left;
    return (ssize_type)size;
}

static const struct file_ops sink_ops = {.read = sink_read, .write = sink_write};

static int dev_console_open(struct file *file, dev_number dev)
{
    (void)dev;
    struct tty *tty = find_console();
    if (tty == NULL) {
        file->ops = &sink_ops;
        return 0;
    }
    tty_line_join(tty);
    return open_tty(file, tty, true);
}

static ssize_type file_read_tty(struct file *file, struct io *io, uint64_t *pos)
{
    (void)pos;
    return tty_read(file->priv, io, (file_flags(file) & O_NONBLOCK) != 0);
}

static ssize_type file_write_tty(struct file *file, struct io *io, uint64_t *pos)
{
    (void)pos;
    return tty_write(file->priv, io, (file_flags(file) & O_NONBLOCK) != 0);
}

static unsigned file_poll_tty(struct file *file, struct poll_table *table)
{
    struct tty_file *tf = file->priv;
    struct tty *tty = tf->tty;
    unsigned mask = 0;

    poll_wait(table, &tty->read_wait);
    poll_wait_for(table, &tty->write_wait, POLLOUT);
    if (__atomic_load_n(&tf->hung_up, __ATOMIC_RELAXED)) {
        return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
    }
    unsigned long flags = spin_lock_irqsave(&tty->lock);
    if (tty_input_ready_locked(tty, true)) {
        mask |= POLLIN | POLLRDNORM;
    }
    spin_unlock_irqrestore(&tty->lock, flags);
    if (tty_output_has_room(tty)) {
        mask |= POLLOUT | POLLWRNORM;
    }
    return mask;
}

/* The next open finds it as nobody's. REQUIRES open_lock. */
static void stop(struct tty *tty)
{
    unsigned long flags = spin_lock_irqsave(&tty->lock);
    if (!tty->driver->keeps) {
        tty_discard_input_locked(tty);
        tty_discard_output_locked(tty);
    }
    tty->in_full = tty->in_full && tty->driver->keeps;
    tty->session = tty->pgrp = 0;
    tty->exclusive = tty->stopped = tty->stop_sent = false;
    spin_unlock_irqrestore(&tty->lock, flags);
    tty->driver->close(tty);
}

/* Nothing is left that waiting would bring out. */
static bool is_flushed(struct tty *tty)
{
    return tty_all_sent(tty) || __atomic_load_n(&tty->stopped, __ATOMIC_RELAXED) ||
           __atomic_load_n(&tty->dead, __ATOMIC_RELAXED);
}

static void file_release_tty(struct file *file)
{
    struct tty_file *tf = file->priv;
    struct tty *tty = tf->tty;

    bool waited = false;

    /* Two that close at once: whoever is the last one waits. */
    mutex_lock(&tty->open_lock);
    while (tty->open_count == 1 && !waited && !is_flushed(tty)) {
        mutex_unlock(&tty->open_lock);
        waited = tty_drain(tty, CLOSE_LIMIT_NS) != 0 || !is_flushed(tty);
        mutex_lock(&tty->open_lock);
    }
    unsigned long flags = spin_lock_irqsave(&tty->lock);
    list_del(&tf->link);
    spin_unlock_irqrestore(&tty->lock, flags);
    if (--tty->open_count == 0) {
        stop(tty);
    }
    mutex_unlock(&tty->open_lock);
    kfree(tf);
    tty_put(tty);
}

static const struct file_ops tty_file_ops = {
    .read = file_read_tty,
    .write = file_write_tty,
    .poll = file_poll_tty,
    .ioctl = tty_ioctl,
    .release = file_release_tty,
};

static const struct chrdev dev_tty0 = {"tty0", DEV_TTY0, 1, 0620, &tty_file_ops, dev_tty0_open};

int tty_register(struct tty *tty, const char *node)
{
    tty->node = (struct chrdev){
        .name = node,
        .first = tty->dev,
        .count = 1,
        .mode = 0620,
        .ops = &tty_file_ops,
        .open = tty_node_open,
    };
    unsigned long flags = spin_lock_irqsave(&ttys_lock);
    list_add_tail(&ttys, &tty->link);
    spin_unlock_irqrestore(&ttys_lock, flags);
    if (tty->dev == DEV_TTY1) {
        chrdev_register(&dev_tty0);
    }
    return chrdev_register(&tty->node);
}

static const struct chrdev dev_tty = {"tty", DEV_TTY, 1, 0666, &tty_file_ops, dev_tty_open};
static const struct chrdev dev_console = {"console", DEV_CONSOLE,   1,
                                          0600,      &tty_file_ops, dev_console_open};

void linux_tty_init(void)
{
    chrdev_register(&dev_tty);
    chrdev_register(&dev_console);
    line_watch(tty_line_added);
    pty_init();
}
