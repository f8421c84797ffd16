/* SPDX-License-Identifier: BSD-2-Clause */
/* Terminals over serial lines (kernel/dev/api/line.h): passes calls down and events up. */
#include "abi/errno.h"
#include "kernel/base/log.h"
#include "kernel/dev/api/line.h"
#include "kernel/personality/linux/tty/tty.h"

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
    line->ops->enable(line, false);
}

static size_t line_write(struct tty *tty, const void *bytes, size_t size)
{
    struct line *line = tty->device;
    return line->ops->write(line, bytes, size);
}

static void line_unthrottle(struct tty *tty)
{
    struct line *line = tty->device;
    line->ops->unthrottle(line);
}

static bool line_idle(struct tty *tty)
{
    struct line *line = tty->device;
    return line->ops->idle == NULL || line->ops->idle(line);
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
    return tty_receive(arg, bytes, size);
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
