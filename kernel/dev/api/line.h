/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * A serial line as a terminal sees it: a device that takes bytes and hands bytes up. Drivers (uart,
 * virtio console) register lines; the terminal layer of a personality takes them.
 */
#include "lib/list.h"
#include "lib/types.h"

struct line;

struct line_config {
    unsigned baud;
    unsigned bits; /* 5-8 */
    bool two_stop_bits;
    char parity; /* 'n', 'o', 'e' */
};

struct line_ops {
    /* Hands over up to size bytes; returns how many were taken (0: full). Any context; when less
     * than all was taken, listener->writable is called later. */
    size_t (*write)(struct line *line, const void *bytes, size_t size);
    /* Turns hand-over of received bytes on (somebody opened it) or off. */
    void (*enable)(struct line *line, bool on);
    /* Flow: the listener has room again after it took less than offered. */
    void (*unthrottle)(struct line *line);
    /* All that was taken has left the device. NULL: it leaves at once. */
    bool (*idle)(struct line *line);
    /* The speed in bits per second, bits per character (5-8), extra stop bit, parity as 'n', 'o',
     * 'e'. NULL: there is no such thing. */
    void (*configure)(struct line *line, const struct line_config *config);
    /* The size in characters where the device knows it; false: it does not. NULL: never. */
    bool (*size)(struct line *line, unsigned *rows, unsigned *columns);
};

struct line_listener {
    /* Received bytes; returns how many were taken. Interrupt context. */
    size_t (*received)(void *arg, const void *bytes, size_t size);
    void (*writable)(void *arg);                                 /* interrupt context */
    void (*resized)(void *arg, unsigned rows, unsigned columns); /* interrupt context */
    void (*hangup)(void *arg);                                   /* interrupt context */
};

struct line {
    const char *name; /* "ttyS0", "hvc0"; constant */
    unsigned major, minor;
    const struct line_ops *ops;
    const struct line_config *config;     /* what it starts with; NULL: there is no such thing */
    const struct line_listener *listener; /* set once by line_attach */
    void *listener_arg;
    struct list link; /* of all lines */
};

/* NULL: nobody listens yet. */
static inline const struct line_listener *line_listener(const struct line *line)
{
    return __atomic_load_n(&line->listener, __ATOMIC_ACQUIRE);
}
/* Called by drivers while devices are probed. */
void line_register(struct line *line);
/* Called once by the terminal layer for each line. */
void line_attach(struct line *line, const struct line_listener *listener, void *arg);
struct line *line_find(const char *name);
/* Calls added for every line there is and every one that comes later. One watcher. */
void line_watch(void (*added)(struct line *line));
void line_for_each(void (*visit)(void *arg, struct line *line), void *arg);
