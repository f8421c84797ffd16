/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Terminals over serial lines (kernel/dev/api/line.h): passes calls down and events up.
 *
 * With console_join on the command line, the terminal behind /dev/console has all lines that
 * console= names: its own says how fast it writes, the others show the same, and all type to it.
 */
#include "abi/errno.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/log.h"
#include "kernel/dev/api/line.h"
#include "kernel/personality/linux/tty/tty.h"
#include "lib/string.h"

enum { JOINED_MAX = 3 };
static struct {
    bool claimed;        /* atomic: somebody fills it in */
    struct tty *console; /* atomic: NULL until the rest is there, which then stays */
    struct line *others[JOINED_MAX];
    unsigned count;
} joined;

/* The terminal that a line which is not its own belongs to, or NULL. */
static struct tty *joined_to(const struct line *line)
{
    struct tty *console = __atomic_load_n(&joined.console, __ATOMIC_ACQUIRE);

    for (unsigned i = 0; console != NULL && i < joined.count; i++) {
        if (joined.others[i] == line) {
            return console;
        }
    }
    return NULL;
}

/* How many other lines a terminal has. */
static unsigned others_of(const struct tty *tty)
{
    return __atomic_load_n(&joined.console, __ATOMIC_ACQUIRE) == tty ? joined.count : 0;
}

static int line_open(struct tty *tty)
{
    struct line *line = tty->device;
    unsigned rows, columns;

    if (line->ops->size != NULL && line->ops->size(line, &rows, &columns)) {
        tty_resize(tty, rows, columns);
    }
    line->ops->enable(line, true);
    return 0;
}

static void line_close(struct tty *tty)
{
    struct line *line = tty->device;
    if (joined_to(line) == NULL) {
        line->ops->enable(line, false);
    }
}

static size_t line_write(struct tty *tty, const void *bytes, size_t size)
{
    struct line *line = tty->device;
    size_t taken = line->ops->write(line, bytes, size);

    /* What another one cannot take at once it misses; a screen takes all. */
    for (unsigned i = 0; i < others_of(tty); i++) {
        joined.others[i]->ops->write(joined.others[i], bytes, taken);
    }
    return taken;
}

static void line_unthrottle(struct tty *tty)
{
    struct line *line = tty->device;
    line->ops->unthrottle(line);
    for (unsigned i = 0; i < others_of(tty); i++) {
        joined.others[i]->ops->unthrottle(joined.others[i]);
    }
}

static bool is_idle(struct line *line)
{
    return line->ops->idle == NULL || line->ops->idle(line);
}

static bool line_idle(struct tty *tty)
{
    bool idle = is_idle(tty->device);

    for (unsigned i = 0; i < others_of(tty); i++) {
        idle = idle && is_idle(joined.others[i]);
    }
    return idle;
}

static void line_configure(struct tty *tty)
{
    struct line *line = tty->device;
    unsigned long irq = spin_lock_irqsave(&tty->lock);
    uint32_t flags = tty->termios.c_cflag;
    unsigned baud = tty_baud(&tty->termios);
    spin_unlock_irqrestore(&tty->lock, irq);

    if (line->ops->configure == NULL || baud == 0) {
        return;
    }
    struct line_config config = {
        .baud = baud,
        .bits = 5 + (flags & CSIZE) / (CSIZE / 3),
        .two_stop_bits = (flags & CSTOPB) != 0,
        .parity = (flags & PARENB) == 0   ? 'n'
                  : (flags & PARODD) != 0 ? 'o'
                                          : 'e',
    };
    line->ops->configure(line, &config);
}

static const struct tty_driver line_driver = {
    .open = line_open,
    .close = line_close,
    .write = line_write,
    .unthrottle = line_unthrottle,
    .idle = line_idle,
    .configure = line_configure,
};

static size_t on_received(void *arg, const void *bytes, size_t size)
{
    struct tty *tty = arg, *console = joined_to(tty->device);
    return tty_receive(console != NULL ? console : tty, bytes, size);
}

static void on_writable(void *arg)
{
    tty_writable(arg);
}

static void on_resized(void *arg, unsigned rows, unsigned columns)
{
    tty_resize(arg, rows, columns);
}

static void on_hangup(void *arg)
{
    tty_hangup(arg);
}

/* One of the values of console=. */
static void join_line(void *arg, const char *value)
{
    char name[16];
    const char *comma = strchr(value, ',');
    size_t size = comma != NULL ? (size_t)(comma - value) : strlen(value);

    strlcpy(name, value, MIN(size + 1, sizeof(name)));
    /* The screen is tty1, and tty0 the one in front (Linux, admin-guide/serial-console). */
    struct line *line = line_find(strcmp(name, "tty0") == 0 || strcmp(name, "tty") == 0 ? "tty1"
                                                                                        : name);
    bool known = line == NULL || line == arg;
    for (unsigned i = 0; i < joined.count; i++) {
        known = known || joined.others[i] == line;
    }
    if (!known && joined.count < JOINED_MAX) {
        joined.others[joined.count++] = line;
    }
}

static const struct line_listener listener = {on_received, on_writable, on_resized, on_hangup};

/* Settings as the line starts with them. A line without a modem is what people have. */
static void take_config(struct tty *tty, const struct line_config *config)
{
    uint32_t flags = CREAD | HUPCL | CLOCAL;

    flags |= (config->bits - 5) * (CSIZE / 3);
    flags |= config->two_stop_bits ? CSTOPB : 0;
    flags |= config->parity == 'n' ? 0 : PARENB;
    flags |= config->parity == 'o' ? PARODD : 0;
    tty->termios.c_cflag = flags;
    tty_set_baud(&tty->termios, config->baud);
}

void tty_line_added(struct line *line)
{
    struct tty *tty = tty_create(&line_driver, line, line->name, DEV(line->major, line->minor));
    int error = -ENOMEM;

    if (tty != NULL) {
        if (line->config != NULL) {
            take_config(tty, line->config);
        }
        if (tty_is_screen(tty)) {
            tty->termios.c_iflag |= IUTF8;
        }
        line_attach(line, &listener, tty);
        error = tty_register(tty, line->name);
    }
    if (error != 0) {
        log_warn("tty: no terminal for %s: error %d", line->name, error);
    }
}

void tty_line_join(struct tty *tty)
{
    if (tty->driver != &line_driver || !cmdline_flag("console_join") ||
        __atomic_exchange_n(&joined.claimed, true, __ATOMIC_RELAXED)) {
        return;
    }
    cmdline_for_each("console", join_line, tty->device);
    __atomic_store_n(&joined.console, tty, __ATOMIC_RELEASE); /* lines stay, and so does it */
    for (unsigned i = 0; i < joined.count; i++) {
        joined.others[i]->ops->enable(joined.others[i], true);
    }
}
