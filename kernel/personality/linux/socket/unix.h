/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Sockets of the AF_UNIX family, between its files: unix.c connects, unix_name.c names,
 * unix_message.c moves bytes, unix_gc.c finds files that nobody can receive any more.
 * A socket lives as long as its file, its peers, and messages that it sent.
 */
#include "kernel/personality/linux/socket/socket.h"

#define UNIX_BACKLOG 10 /* datagrams that wait at a socket: net.unix.max_dgram_qlen */

enum unix_state { UNIX_NEW, UNIX_LISTENING, UNIX_CONNECTED, UNIX_DEAD };

/* Bytes on their way, and what goes with them. */
struct unix_message {
    struct list link;           /* [lock of the receiver] */
    struct unix_socket *sender; /* counted */
    struct scm_files *files;    /* [receiver's lock, unix_gc_lock] to change, or NULL */
    struct linux_ucred cred;
    size_t size, offset; /* offset: [receive_lock] bytes taken */
    unsigned char bytes[];
};

struct unix_socket {
    struct socket socket; /* first */
    struct refcount refs;
    struct mutex receive_lock; /* one reader at a time */
    struct spinlock lock;
    enum unix_state state;    /* [lock] */
    unsigned shut;            /* [lock] to change: SHUT_RECEIVE, SHUT_SEND */
    struct unix_socket *peer; /* [lock] counted */
    struct list queue;        /* [lock] struct unix_message */
    struct list pending;      /* [lock] of a listening socket: accept_link of those to accept */
    struct list accept_link;  /* [lock of the listening one] */
    unsigned waiting;         /* [lock] messages in queue, or sockets in pending; atomic to read */
    size_t queued;            /* [lock] bytes in queue; atomic to read */
    unsigned backlog;         /* [lock] */
    size_t sent;              /* atomic: bytes that nobody has read yet */
    struct waitq read_wait;   /* for something in queue or pending */
    struct waitq write_wait;  /* for `sent` to become less */
    struct waitq room_wait;   /* others, for room in queue or pending */
    struct linux_ucred cred;  /* [lock] whoever listened, or made the pair */
    struct linux_ucred peer_cred; /* [lock] pid 0: none */

    /* unix_name.c */
    struct socket_name name; /* [unix_names_lock] set once; size is atomic to read, 0: none */
    struct inode *inode;     /* constant once bound to a file's name, counted by path */
    struct path path;        /* that name's */
    struct list name_link;   /* [unix_names_lock] */

    /* unix_gc.c */
    struct file *file;       /* [unix_gc_lock] NULL: none yet, or gone */
    unsigned in_flight;      /* [unix_gc_lock] messages that its file is in */
    unsigned outside;        /* [unix_gc_lock] while garbage is looked for */
    struct list flight_link; /* [unix_gc_lock] while in flight */
};

static inline struct unix_socket *unix_of(struct socket *socket)
{
    return container_of(socket, struct unix_socket, socket);
}
static inline unsigned unix_shut(const struct unix_socket *s)
{
    return __atomic_load_n(&s->shut, __ATOMIC_RELAXED);
}
void unix_get(struct unix_socket *s);
void unix_put(struct unix_socket *s);
/* The peer, counted, or NULL. */
struct unix_socket *unix_peer(struct unix_socket *s);
struct linux_ucred unix_current_cred(void);
/* Everybody who waits for the socket looks again. */
void unix_wake_all(struct unix_socket *s);

/* unix_name.c */
int unix_bind(struct socket *socket, const struct socket_name *name);
/* A name of its own choice, if it has none. */
int unix_autobind(struct unix_socket *s);
/* Who has the name, counted: 0, -EINVAL, -ECONNREFUSED, -EPROTOTYPE, -EACCES, -ENOENT, ... */
int unix_find(const struct socket_name *name, unsigned type, struct unix_socket **out);
void unix_unbind(struct unix_socket *s);
void unix_name_of(const struct unix_socket *s, struct socket_name *name);

/* unix_message.c */
ssize_type unix_send(struct socket *socket, struct message *message);
ssize_type unix_receive(struct socket *socket, struct message *message);
void unix_message_free(struct unix_message *message);
/* Can more be written to a stream, or sent as a datagram? */
bool unix_may_write(const struct unix_socket *s);
bool unix_is_full(const struct unix_socket *s);
/* Who polls for room in the queue of another socket, which may go meanwhile: one for all. */
extern struct waitq unix_room;

/* unix_gc.c: files that enter and leave messages. REQUIRE unix_gc_lock. */
extern struct spinlock unix_gc_lock;
void unix_flight_begin_locked(const struct scm_files *files);
void unix_flight_end_locked(const struct scm_files *files);
