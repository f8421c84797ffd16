/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * POSIX message queues (mq_overview(7)). A queue lives while it has a name or is open; its files
 * are what descriptors of it lead to. All is guarded by mq_lock, under which user memory is not
 * touched.
 */
#include "kernel/fs/file.h"
#include "kernel/personality/linux/file/files.h"
#include "kernel/personality/linux/ipc/msg.h"

struct mqueue {
    struct list link;               /* [mq_lock] among all queues */
    bool named;                     /* [mq_lock] */
    unsigned refs;                  /* [mq_lock] its files, and its name */
    uint32_t uid, gid, mode, owner; /* constant; owner: the user whose limit it counts for */
    unsigned max, size;             /* constant: messages, bytes of each */
    uint64_t charge;                /* constant: bytes, for RLIMIT_MSGQUEUE */
    struct list messages;           /* [mq_lock] struct msg, type: priority, highest first */
    unsigned count;                 /* [mq_lock] to change; atomic to read */
    unsigned receivers;             /* [mq_lock] who sleep */
    struct waitq receive_wait, send_wait;
    /* [mq_lock] Who is to be told of the next message to the empty queue: counted, or NULL. */
    struct linux_process *notified;
    int notify, signo;
    uint64_t value;
    char name[]; /* constant */
};

extern struct mutex mq_lock;

enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD };

static inline unsigned mqueue_count(const struct mqueue *queue)
{
    return __atomic_load_n(&queue->count, __ATOMIC_RELAXED);
}

/* The queue of an open descriptor while `ref` is held, which fd_return ends; NULL: EBADF. */
struct mqueue *mqueue_borrow(int fd, struct fd_ref *ref);
/* A message came to the empty queue, and nobody waited for it. REQUIRES mq_lock. */
void mqueue_notify(struct mqueue *queue);
