/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of byte streams to the host, and the one listener that is told of each. Streams are
 * never taken away: one whose device closes it stays and reads as ended.
 */
#include "kernel/dev/api/stream.h"

/* Written under streams_lock; streams stay once they are in. */
static struct spinlock streams_lock = SPINLOCK_INIT(LOCK_STREAMS);
static struct list streams = LIST_INIT(streams);
static void (*listener)(struct stream *stream); /* set once */

void stream_register(struct stream *stream)
{
    unsigned long flags = spin_lock_irqsave(&streams_lock);
    list_add_tail(&streams, &stream->link);
    void (*added)(struct stream *) = listener;
    spin_unlock_irqrestore(&streams_lock, flags);
    if (added != NULL) {
        added(stream);
    }
}

void stream_listen(void (*added)(struct stream *stream))
{
    unsigned long flags = spin_lock_irqsave(&streams_lock);
    assert(listener == NULL);
    listener = added;
    struct stream *last = list_empty(&streams) ? NULL : list_last(&streams, struct stream, link);
    spin_unlock_irqrestore(&streams_lock, flags);

    struct stream *stream;
    if (last == NULL) {
        return;
    }
    list_for_each (stream, &streams, link) {
        added(stream);
        if (stream == last) {
            break;
        }
    }
}
