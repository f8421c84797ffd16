/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * A byte stream to the host (a port of a virtio serial device): two directions, each of which the
 * host may close. The Linux personality shows it as /dev/vportNpM and /dev/virtio-ports/NAME.
 */
#include "kernel/core/io.h"
#include "kernel/core/wait.h"

struct stream;
struct stream_ops {
    /* Bytes moved; 0: closed by the host and drained; -EAGAIN: nothing now. May sleep only on io.
     */
    ssize_type (*read)(struct stream *stream, struct io *io);
    /* Bytes moved; -EAGAIN: full; -EPIPE: the host has closed it. */
    ssize_type (*write)(struct stream *stream, struct io *io);
    bool (*readable)(struct stream *stream);
    bool (*writable)(struct stream *stream);
    bool (*host_open)(struct stream *stream);
    /* The guest side is opened or closed. */
    void (*set_open)(struct stream *stream, bool open);
    /* Waits until all that was written has been taken by the host: 0 or -EINTR. */
    int (*drain)(struct stream *stream);
};
struct stream {
    const struct stream_ops *ops;
    char name[64]; /* given by the host; may be empty */
    unsigned device, port;
    struct waitq readers; /* woken when readable or closed */
    struct waitq writers; /* woken when writable or closed */
    struct list link;
};
void stream_register(struct stream *stream);
/* Calls added for every stream there is and every one that comes later. One listener. */
void stream_listen(void (*added)(struct stream *stream));
