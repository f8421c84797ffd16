/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes through AF_UNIX sockets: streams in pieces of memory, of which a read may take a part;
 * datagrams and packets whole. Bytes are copied from the sender before, and to the receiver while
 * only its receive_lock is held.
 */
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/socket/unix.h"

#define PIECE_MAX (16384 - sizeof(struct unix_message)) /* of a stream */

struct waitq unix_room = WAITQ_INIT(unix_room);

static size_t sent_of(const struct unix_socket *s)
{
    return __atomic_load_n(&s->sent, __ATOMIC_RELAXED);
}

static uint32_t send_size(const struct unix_socket *s)
{
    return __atomic_load_n(&s->socket.send_size, __ATOMIC_RELAXED);
}

bool unix_may_write(const struct unix_socket *s)
{
    return sent_of(s) <= send_size(s) / 4;
}

bool unix_is_full(const struct unix_socket *s)
{
    return __atomic_load_n(&s->waiting, __ATOMIC_RELAXED) > s->backlog;
}

/* What a message costs its sender, so that many empty ones come to an end, too. */
static size_t cost(const struct unix_message *message)
{
    return message->size + sizeof(*message);
}

void unix_message_free(struct unix_message *message)
{
    struct unix_socket *sender = message->sender;
    if (message->files != NULL) {
        spin_lock(&unix_gc_lock);
        unix_flight_end_locked(message->files);
        spin_unlock(&unix_gc_lock);
        scm_files_put(message->files);
    }
    __atomic_fetch_sub(&sender->sent, cost(message), __ATOMIC_RELAXED);
    waitq_wake_all(&sender->write_wait);
    unix_put(sender);
    kfree(message);
}

/* --- sending -------------------------------------------------------------------------------- */

/* A message with bytes of the program; the files go with it. NULL: *error says why. */
static struct unix_message *make_message(struct unix_socket *s, struct message *from, size_t size,
                                         int *error)
{
    struct unix_message *message = kmalloc(sizeof(*message) + size);
    if (message == NULL) {
        *error = -ENOBUFS;
        return NULL;
    }
    if (io_take(&from->io, message->bytes, size) != size) {
        kfree(message);
        *error = -EFAULT;
        return NULL;
    }
    message->sender = s;
    unix_get(s);
    message->files = NULL;
    message->cred = from->has_cred ? from->cred : unix_current_cred();
    message->size = size;
    message->offset = 0;
    __atomic_fetch_add(&s->sent, cost(message), __ATOMIC_RELAXED);
    return message;
}

/* Why the target takes nothing from s: 0: it takes. REQUIRES to->lock. */
static int refuses_locked(const struct unix_socket *to, const struct unix_socket *s)
{
    bool stream = s->socket.type == SOCK_STREAM;
    if (to->state == UNIX_DEAD) {
        return stream ? -EPIPE : -ECONNREFUSED;
    }
    if ((to->shut & SHUT_RECEIVE) != 0) {
        return -EPIPE;
    }
    return s->socket.type == SOCK_DGRAM && to->peer != NULL && to->peer != s ? -EPERM : 0;
}

/* Into the target's queue, with the files: 0; -EAGAIN: there is no room; or why not. */
static int deliver(struct unix_socket *s, struct unix_socket *to, struct unix_message *message,
                   struct scm_files **files)
{
    bool has_files = *files != NULL;
    if (has_files) {
        spin_lock(&unix_gc_lock);
    }
    spin_lock(&to->lock);
    int error = refuses_locked(to, s);
    if (error == 0 && s->socket.type != SOCK_STREAM && to->peer != s && unix_is_full(to)) {
        error = -EAGAIN;
    }
    if (error == 0) {
        if (has_files) {
            message->files = *files;
            *files = NULL;
            unix_flight_begin_locked(message->files);
        }
        list_add_tail(&to->queue, &message->link);
        __atomic_store_n(&to->waiting, to->waiting + 1, __ATOMIC_RELAXED);
        __atomic_store_n(&to->queued, to->queued + message->size, __ATOMIC_RELAXED);
    }
    spin_unlock(&to->lock);
    if (has_files) {
        spin_unlock(&unix_gc_lock);
    }
    if (error == 0) {
        waitq_wake_all(&to->read_wait);
    }
    return error;
}

/* Until less than a buffer of s is on its way. The target may end meanwhile: that is seen later. */
static int wait_for_space(struct unix_socket *s, const struct unix_socket *to, unsigned flags)
{
    if (sent_of(s) < send_size(s)) {
        return 0;
    }
    if ((flags & MSG_DONTWAIT) != 0) {
        return -EAGAIN;
    }
    uint64_t deadline = socket_deadline(&s->socket.send_timeout_ns);
    return socket_waited(wait_event_mode(&s->write_wait,
                                         sent_of(s) < send_size(s) ||
                                             (unix_shut(s) & SHUT_SEND) != 0 ||
                                             (unix_shut(to) & SHUT_RECEIVE) != 0,
                                         WAIT_INTERRUPTIBLE, deadline),
                         deadline);
}

static int wait_for_room(struct unix_socket *s, struct unix_socket *to, unsigned flags)
{
    if ((flags & MSG_DONTWAIT) != 0) {
        return -EAGAIN;
    }
    uint64_t deadline = socket_deadline(&s->socket.send_timeout_ns);
    return socket_waited(wait_event_mode(&to->room_wait,
                                         !unix_is_full(to) || (unix_shut(to) & SHUT_RECEIVE) != 0,
                                         WAIT_INTERRUPTIBLE, deadline),
                         deadline);
}

/* All of it, in pieces; the files go with the first. Sent bytes, or why there are none. */
static ssize_type send_stream(struct unix_socket *s, struct unix_socket *to, struct message *m)
{
    ssize_type done = 0;
    int error = 0;
    while (error == 0 && m->io.left > 0) {
        error = (unix_shut(s) & SHUT_SEND) != 0 ? -EPIPE : wait_for_space(s, to, m->flags);
        if (error != 0) {
            break;
        }
        size_t size = MIN(m->io.left, PIECE_MAX);
        struct unix_message *message = make_message(s, m, size, &error);
        if (message != NULL) {
            error = deliver(s, to, message, &m->files);
            if (error != 0) {
                unix_message_free(message);
            } else {
                done += (ssize_type)size;
            }
        }
    }
    if (done > 0) {
        return done;
    }
    if (error == -EPIPE && (m->flags & MSG_NOSIGNAL) == 0) {
        linux_signal_self(SIGPIPE);
    }
    return error;
}

/* Nobody is there any more: a datagram socket forgets its peer. */
static void forget_peer(struct unix_socket *s, const struct unix_socket *to)
{
    struct unix_socket *old = NULL;
    spin_lock(&s->lock);
    if (s->peer == to && s->socket.type == SOCK_DGRAM) {
        old = s->peer;
        s->peer = NULL;
        s->state = UNIX_NEW;
    }
    spin_unlock(&s->lock);
    if (old != NULL) {
        unix_put(old);
    }
}

static ssize_type send_whole(struct unix_socket *s, struct unix_socket *to, struct message *m)
{
    size_t size = m->io.left;
    int error;
    if (size > send_size(s) - 32) {
        return -EMSGSIZE;
    }
    if ((unix_shut(s) & SHUT_SEND) != 0) {
        return -EPIPE;
    }
    error = wait_for_space(s, to, m->flags);
    if (error != 0) {
        return error;
    }
    struct unix_message *message = make_message(s, m, size, &error);
    if (message == NULL) {
        return error;
    }
    while ((error = deliver(s, to, message, &m->files)) == -EAGAIN) {
        error = wait_for_room(s, to, m->flags);
        if (error != 0) {
            break;
        }
    }
    if (error == 0) {
        return (ssize_type)size;
    }
    unix_message_free(message);
    if (error == -ECONNREFUSED) {
        forget_peer(s, to);
    }
    return error;
}

/* Whom a message goes to, counted. */
static int find_target(struct unix_socket *s, const struct message *m, struct unix_socket **to)
{
    if (m->name.size != 0) {
        if (s->socket.type != SOCK_DGRAM) {
            bool connected = __atomic_load_n(&s->state, __ATOMIC_RELAXED) == UNIX_CONNECTED;
            return connected ? -EISCONN : -EOPNOTSUPP;
        }
        return unix_find(&m->name, SOCK_DGRAM, to);
    }
    *to = unix_peer(s);
    return *to != NULL ? 0 : -ENOTCONN;
}

ssize_type unix_send(struct socket *socket, struct message *m)
{
    struct unix_socket *s = unix_of(socket), *to;
    if ((m->flags & MSG_OOB) != 0) {
        return -EOPNOTSUPP;
    }
    if (socket->type == SOCK_SEQPACKET) {
        m->name.size = 0;
    }
    int error = socket_take_error(socket);
    if (error == 0) {
        error = find_target(s, m, &to);
    }
    if (error == 0 && socket->type == SOCK_DGRAM && socket_flag(socket, SOCKET_PASSCRED)) {
        error = unix_autobind(s);
        if (error != 0) {
            unix_put(to);
        }
    }
    if (error != 0) {
        return error;
    }
    ssize_type result = socket->type == SOCK_STREAM ? send_stream(s, to, m) : send_whole(s, to, m);
    unix_put(to);
    return result;
}

/* --- receiving ------------------------------------------------------------------------------ */

static struct unix_message *first(struct unix_socket *s)
{
    spin_lock(&s->lock);
    struct unix_message *message = list_empty(&s->queue)
                                       ? NULL
                                       : list_first(&s->queue, struct unix_message, link);
    spin_unlock(&s->lock);
    return message;
}

/* Out of the queue. REQUIRES receive_lock. */
static void take(struct unix_socket *s, struct unix_message *message)
{
    spin_lock(&s->lock);
    list_del(&message->link);
    __atomic_store_n(&s->waiting, s->waiting - 1, __ATOMIC_RELAXED);
    spin_unlock(&s->lock);
    waitq_wake_all(&s->room_wait);
    waitq_wake_all(&unix_room);
}

static void count_out(struct unix_socket *s, size_t size)
{
    spin_lock(&s->lock);
    __atomic_store_n(&s->queued, s->queued - size, __ATOMIC_RELAXED);
    spin_unlock(&s->lock);
}

/* The files of a message go to who receives it: for good, or a copy when he only peeks. */
static int take_files(struct unix_socket *s, struct unix_message *message, struct message *m)
{
    if (message->files == NULL) {
        return 0;
    }
    if ((m->flags & MSG_PEEK) != 0) {
        m->files = scm_files_copy(message->files);
        return m->files != NULL ? 0 : -ENOMEM;
    }
    spin_lock(&unix_gc_lock);
    spin_lock(&s->lock);
    m->files = message->files;
    message->files = NULL;
    unix_flight_end_locked(m->files);
    spin_unlock(&s->lock);
    spin_unlock(&unix_gc_lock);
    return 0;
}

static void take_sender(const struct unix_message *message, struct message *m)
{
    unix_name_of(message->sender, &m->name);
    if (__atomic_load_n(&message->sender->name.size, __ATOMIC_ACQUIRE) == 0) {
        m->name.size = 0;
    }
    m->cred = message->cred;
    m->has_cred = true;
}

/* Why there is nothing to wait for: 0: there is. *end: the end of the stream. */
static int nothing_comes(struct unix_socket *s, bool *end)
{
    int error = socket_take_error(&s->socket);
    *end = error == 0 && (unix_shut(s) & SHUT_RECEIVE) != 0;
    return error;
}

/* Sleeps without receive_lock until something may have come. */
static int wait_for_message(struct unix_socket *s, unsigned flags)
{
    if ((flags & MSG_DONTWAIT) != 0) {
        return -EAGAIN;
    }
    uint64_t deadline = socket_deadline(&s->socket.receive_timeout_ns);
    mutex_unlock(&s->receive_lock);
    int result = wait_event_mode(&s->read_wait,
                                 __atomic_load_n(&s->waiting, __ATOMIC_RELAXED) != 0 ||
                                     (unix_shut(s) & SHUT_RECEIVE) != 0 ||
                                     __atomic_load_n(&s->socket.error, __ATOMIC_RELAXED) != 0,
                                 WAIT_INTERRUPTIBLE, deadline);
    mutex_lock(&s->receive_lock);
    return socket_waited(result, deadline);
}

static bool same_sender(const struct message *m, const struct unix_message *message)
{
    return m->cred.pid == message->cred.pid && m->cred.uid == message->cred.uid &&
           m->cred.gid == message->cred.gid;
}

/* Bytes of one message, which goes when all are taken. REQUIRES receive_lock. */
static ssize_type take_bytes(struct unix_socket *s, struct unix_message *message, struct message *m,
                             size_t *peeked)
{
    bool peek = (m->flags & MSG_PEEK) != 0;
    size_t from = message->offset + (peek ? *peeked : 0);
    size_t size = MIN(message->size - from, m->io.left);
    size_t moved = io_put(&m->io, message->bytes + from, size);
    if (moved == 0 && size > 0) {
        return -EFAULT;
    }
    int error = take_files(s, message, m);
    if (error != 0) {
        return error;
    }
    if (peek) {
        *peeked += moved;
        return (ssize_type)moved;
    }
    message->offset += moved;
    count_out(s, moved);
    if (message->offset == message->size) {
        take(s, message);
        unix_message_free(message);
    }
    return (ssize_type)moved;
}

/* Bytes of as many messages as there are; not of two senders, where somebody wants to know them,
 * and not beyond files. REQUIRES receive_lock. */
static ssize_type receive_stream(struct unix_socket *s, struct message *m)
{
    ssize_type done = 0;
    size_t peeked = 0;
    while (m->io.left > 0) {
        struct unix_message *message = first(s);
        bool end = false;
        int error = 0;
        if (message != NULL && done > 0 &&
            ((m->flags & MSG_PEEK) != 0 ||
             (socket_flag(&s->socket, SOCKET_PASSCRED) && !same_sender(m, message)))) {
            break;
        }
        if (message == NULL) {
            if (done > 0 && (m->flags & MSG_WAITALL) == 0) {
                break;
            }
            error = nothing_comes(s, &end);
            if (error == 0 && !end) {
                error = wait_for_message(s, m->flags);
            }
            if (error != 0 || end) {
                return done > 0 ? done : error;
            }
            continue;
        }
        if (done == 0) {
            take_sender(message, m);
        }
        ssize_type moved = take_bytes(s, message, m, &peeked);
        if (moved < 0) {
            return done > 0 ? done : moved;
        }
        done += moved;
        if (m->files != NULL) {
            break;
        }
    }
    return done;
}

/* One datagram or packet; what does not fit is lost. REQUIRES receive_lock. */
static ssize_type receive_whole(struct unix_socket *s, struct message *m)
{
    unsigned asked = m->flags;
    struct unix_message *message;
    while ((message = first(s)) == NULL) {
        bool end = false;
        int error = nothing_comes(s, &end);
        if (end) {
            /* A datagram socket has no end: who does not wait is told that nothing is there. */
            return s->socket.type == SOCK_DGRAM && (asked & MSG_DONTWAIT) != 0 ? -EAGAIN : 0;
        }
        if (error == 0) {
            error = wait_for_message(s, asked);
        }
        if (error != 0) {
            return error;
        }
    }
    size_t size = MIN(message->size, m->io.left);
    take_sender(message, m);
    if (io_put(&m->io, message->bytes, size) != size) {
        return -EFAULT;
    }
    int error = take_files(s, message, m);
    if (error != 0) {
        return error;
    }
    ssize_type result = (ssize_type)((asked & MSG_TRUNC) != 0 ? message->size : size);
    m->flags = size < message->size ? MSG_TRUNC : 0u;
    if ((asked & MSG_PEEK) == 0) {
        take(s, message);
        count_out(s, message->size);
        unix_message_free(message);
    }
    return result;
}

ssize_type unix_receive(struct socket *socket, struct message *m)
{
    struct unix_socket *s = unix_of(socket);
    bool connected = __atomic_load_n(&s->state, __ATOMIC_RELAXED) == UNIX_CONNECTED;
    ssize_type result;
    if (socket->type != SOCK_DGRAM && !connected) {
        return socket->type == SOCK_STREAM ? -EINVAL : -ENOTCONN;
    }
    if ((m->flags & MSG_OOB) != 0) {
        return -EOPNOTSUPP;
    }
    mutex_lock(&s->receive_lock);
    if (socket->type == SOCK_STREAM) {
        result = receive_stream(s, m);
        m->flags = 0;
    } else {
        result = receive_whole(s, m);
    }
    mutex_unlock(&s->receive_lock);
    return result;
}
