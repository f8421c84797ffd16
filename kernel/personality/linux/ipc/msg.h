/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Message queues. Who sends to a full one or finds nothing to receive holds a reference and sleeps
 * until something has changed, then looks again.
 */
#include "kernel/base/refcount.h"
#include "kernel/personality/linux/ipc/ipc.h"

struct msg {
    struct list link;
    int64_t type;
    size_t size;
    char text[];
};

struct msg_queue {
    struct ipc_object object; /* first */
    struct refcount refs;
    struct waitq wait; /* senders and receivers */
    unsigned changes;  /* atomic; [msg_table.lock] to change, as those below */
    bool removed;
    struct list messages;
    uint64_t bytes, count, bytes_max;
    int64_t send_time, receive_time;
    int sender, receiver; /* the last */
};

extern struct ipc_table msg_table;

static inline struct msg_queue *msg_queue_of(struct ipc_object *object)
{
    return (struct msg_queue *)object;
}
/* A message with the text at addr: 0, -EFAULT, -ENOMEM. */
int msg_from_user(vaddr_t addr, int64_t type, size_t size, struct msg **out);
void msg_queue_put(struct msg_queue *queue);
/* Who sleeps is to look again. REQUIRES the lock. */
void msg_queue_changed(struct msg_queue *queue);
