/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * A serial line as a terminal sees it: a device that takes bytes and hands bytes up. Drivers (uart,
 * virtio console) register lines; the terminal layer of a personality takes them.
 */
#include "lib/list.h"
#include "lib/types.h"

struct line;

struct line_ops {
    /* Hands over up to size bytes; returns how many were taken (0: full). Any context; when less
     * than all was taken, listener->writable is called later. */
    size_t (*write)(struct line *line, const void *bytes, size_t size);
    /* Turns hand-over of received bytes on (somebody opened it) or off. */
    void (*enable)(struct line *line, bool on);
    /* Flow: the listener has room again after it took less than offered. */
    void (*unthrottle)(struct line *line);
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
    const struct line_listener *listener; /* set once by line_attach */
    void *listener_arg;
    struct list link; /* of all lines */
};

/* Called by drivers while devices are probed. */
void line_register(struct line *line);
/* Called once by the terminal layer for each line. */
void line_attach(struct line *line, const struct line_listener *listener, void *arg);
struct line *line_find(const char *name);
void line_for_each(void (*visit)(void *arg, struct line *line), void *arg);
