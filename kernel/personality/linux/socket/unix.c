/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets of this machine, AF_UNIX: unix(7). Connections, and the ends of them. Two sockets are
 * locked by address, but a listening one before those that it has yet to accept.
 */
#include "kernel/personality/linux/socket/unix.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"

static const struct socket_ops unix_ops;

void unix_get(struct unix_socket *s)
{
    ref_get(&s->refs);
}

void unix_put(struct unix_socket *s)
{
    if (ref_put(&s->refs)) {
        kfree(s);
    }
}

static struct unix_socket *unix_alloc(unsigned type)
{
    struct unix_socket *s = kzalloc(sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    socket_init(&s->socket, &unix_ops, AF_UNIX, type);
    ref_init(&s->refs, 1);
    mutex_init(&s->receive_lock, LOCK_UNIX_RECEIVE);
    spin_init(&s->lock, LOCK_UNIX);
    list_init(&s->queue);
    list_init(&s->pending);
    list_init(&s->accept_link);
    list_init(&s->name_link);
    waitq_init(&s->read_wait);
    waitq_init(&s->write_wait);
    waitq_init(&s->room_wait);
    s->backlog = UNIX_BACKLOG;
    return s;
}

int unix_socket_create(unsigned type, int protocol, struct socket **out)
{
    if (protocol != 0 && protocol != AF_UNIX) {
        return -EPROTONOSUPPORT;
    }
    type = type == SOCK_RAW ? SOCK_DGRAM : type; /* as Linux takes it */
    if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET) {
        return -ESOCKTNOSUPPORT;
    }
    struct unix_socket *s = unix_alloc(type);
    *out = &s->socket;
    return s != NULL ? 0 : -ENOMEM;
}

struct linux_ucred unix_current_cred(void)
{
    const struct cred *cred = linux_current()->cred;
    return (struct linux_ucred){current_process()->pid, cred->euid, cred->egid};
}

struct unix_socket *unix_peer(struct unix_socket *s)
{
    spin_lock(&s->lock);
    struct unix_socket *peer = s->peer;
    if (peer != NULL) {
        unix_get(peer);
    }
    spin_unlock(&s->lock);
    return peer;
}

void unix_wake_all(struct unix_socket *s)
{
    waitq_wake_all(&s->read_wait);
    waitq_wake_all(&s->write_wait);
    waitq_wake_all(&s->room_wait);
    waitq_wake_all(&unix_room);
}

static void lock_both(struct unix_socket *a, struct unix_socket *b)
{
    spin_lock(a < b ? &a->lock : &b->lock);
    if (a != b) {
        spin_lock_nested(a < b ? &b->lock : &a->lock);
    }
}
static void unlock_both(struct unix_socket *a, struct unix_socket *b)
{
    if (a != b) {
        spin_unlock(&a->lock);
    }
    spin_unlock(&b->lock);
}

/* REQUIRES s->lock. */
static void shut_locked(struct unix_socket *s, unsigned what)
{
    __atomic_store_n(&s->shut, s->shut | what, __ATOMIC_RELAXED);
}
static void set_state(struct unix_socket *s, enum unix_state state)
{
    __atomic_store_n(&s->state, state, __ATOMIC_RELAXED);
}

/* --- connections ---------------------------------------------------------------------------- */

/* Each is the other's peer. REQUIRES both locks. */
static void join_locked(struct unix_socket *a, struct unix_socket *b)
{
    unix_get(a);
    unix_get(b);
    a->peer = b;
    b->peer = a;
    set_state(a, UNIX_CONNECTED);
    set_state(b, UNIX_CONNECTED);
}

static int unix_pair(struct socket *first, struct socket *second)
{
    struct unix_socket *a = unix_of(first), *b = unix_of(second);
    a->peer_cred = b->peer_cred = unix_current_cred();
    lock_both(a, b);
    join_locked(a, b);
    unlock_both(a, b);
    return 0;
}

static int unix_listen(struct socket *socket, int backlog)
{
    struct unix_socket *s = unix_of(socket);
    if (socket->type == SOCK_DGRAM) {
        return -EOPNOTSUPP;
    }
    if (__atomic_load_n(&s->name.size, __ATOMIC_RELAXED) == 0) {
        return -EINVAL;
    }
    int error = 0;
    spin_lock(&s->lock);
    if (s->state != UNIX_NEW && s->state != UNIX_LISTENING) {
        error = -EINVAL;
    } else {
        set_state(s, UNIX_LISTENING);
        s->backlog = (unsigned)backlog > 4096 ? 4096 : (unsigned)backlog; /* net.core.somaxconn */
        s->cred = unix_current_cred();
    }
    spin_unlock(&s->lock);
    waitq_wake_all(&s->room_wait);
    return error;
}

/* The new end goes to those that the listening socket has yet to accept. -EAGAIN: they are too
 * many. REQUIRES the locks of s and listener. */
static int join_listener_locked(struct unix_socket *s, struct unix_socket *listener,
                                struct unix_socket *new)
{
    if (listener->state != UNIX_LISTENING || (listener->shut & SHUT_RECEIVE) != 0) {
        return -ECONNREFUSED;
    }
    if (s->state != UNIX_NEW) {
        return s->state == UNIX_CONNECTED ? -EISCONN : -EINVAL;
    }
    if (unix_is_full(listener)) {
        return -EAGAIN;
    }
    new->peer_cred = unix_current_cred();
    s->peer_cred = listener->cred;
    new->name = listener->name;
    new->socket.flags = listener->socket.flags &SOCKET_PASSCRED;
    join_locked(s, new);
    list_add_tail(&listener->pending, &new->accept_link);
    __atomic_store_n(&listener->waiting, listener->waiting + 1, __ATOMIC_RELAXED);
    return 0;
}

static int connect_to(struct unix_socket *s, struct unix_socket *listener, bool nonblock)
{
    struct unix_socket *new = unix_alloc(s->socket.type);
    uint64_t deadline = socket_deadline(&s->socket.send_timeout_ns);
    int error;
    if (new == NULL) {
        return -ENOMEM;
    }
    for (;;) {
        lock_both(s, listener);
        error = s == listener ? -ECONNREFUSED : join_listener_locked(s, listener, new);
        unlock_both(s, listener);
        if (error != -EAGAIN || nonblock) {
            break;
        }
        error = socket_waited(
            wait_event_mode(&listener->room_wait,
                            !unix_is_full(listener) || (unix_shut(listener) & SHUT_RECEIVE) != 0,
                            WAIT_INTERRUPTIBLE, deadline),
            deadline);
        if (error != 0) {
            break;
        }
    }
    if (error == 0) {
        waitq_wake_all(&listener->read_wait);
    } else {
        unix_put(new);
    }
    return error;
}

/* Datagrams go there from now on; `to` NULL: nowhere. Takes over the reference. */
static int aim_at(struct unix_socket *s, struct unix_socket *to)
{
    struct unix_socket *old;
    int error = 0;
    if (to != NULL) {
        struct unix_socket *theirs = unix_peer(to);
        error = theirs != NULL && theirs != s ? -EPERM : 0;
        if (theirs != NULL) {
            unix_put(theirs);
        }
    }
    spin_lock(&s->lock);
    old = error == 0 ? s->peer : to;
    if (error == 0) {
        s->peer = to;
        set_state(s, to != NULL ? UNIX_CONNECTED : UNIX_NEW);
    }
    spin_unlock(&s->lock);
    if (old != NULL) {
        unix_put(old);
    }
    return error;
}

static int unix_connect(struct socket *socket, const struct socket_name *name, bool nonblock)
{
    struct unix_socket *s = unix_of(socket), *to;
    if (name->size < sizeof(name->family)) {
        return -EINVAL;
    }
    if (socket->type == SOCK_DGRAM && name->family == AF_UNSPEC) {
        return aim_at(s, NULL);
    }
    int error = unix_find(name, socket->type, &to);
    if (error == 0 && socket_flag(socket, SOCKET_PASSCRED)) {
        error = unix_autobind(s);
        if (error != 0) {
            unix_put(to);
        }
    }
    if (error != 0) {
        return error;
    }
    if (socket->type == SOCK_DGRAM) {
        return aim_at(s, to);
    }
    error = connect_to(s, to, nonblock);
    unix_put(to);
    return error;
}

static struct unix_socket *next_pending(struct unix_socket *s, int *error)
{
    struct unix_socket *new = NULL;
    spin_lock(&s->lock);
    *error = s->state == UNIX_LISTENING ? 0 : -EINVAL;
    if (*error == 0 && !list_empty(&s->pending)) {
        new = list_first(&s->pending, struct unix_socket, accept_link);
        list_del_init(&new->accept_link);
        __atomic_store_n(&s->waiting, s->waiting - 1, __ATOMIC_RELAXED);
    } else if (*error == 0 && (s->shut & SHUT_RECEIVE) != 0) {
        *error = -EINVAL;
    }
    spin_unlock(&s->lock);
    return new;
}

static int unix_accept(struct socket *socket, bool nonblock, struct socket **out)
{
    struct unix_socket *s = unix_of(socket), *new;
    uint64_t deadline = socket_deadline(&socket->receive_timeout_ns);
    int error;
    if (socket->type == SOCK_DGRAM) {
        return -EOPNOTSUPP;
    }
    while ((new = next_pending(s, &error)) == NULL && error == 0) {
        if (nonblock) {
            return -EAGAIN;
        }
        error = socket_waited(wait_event_mode(&s->read_wait,
                                              __atomic_load_n(&s->waiting, __ATOMIC_RELAXED) != 0 ||
                                                  (unix_shut(s) & SHUT_RECEIVE) != 0,
                                              WAIT_INTERRUPTIBLE, deadline),
                              deadline);
        if (error != 0) {
            return error;
        }
    }
    if (new == NULL) {
        return error;
    }
    waitq_wake_all(&s->room_wait);
    *out = &new->socket;
    return 0;
}

/* --- ends ----------------------------------------------------------------------------------- */

static int unix_shutdown(struct socket *socket, int how)
{
    struct unix_socket *s = unix_of(socket), *peer = unix_peer(s);
    unsigned what = (unsigned)how + 1; /* SHUT_RECEIVE, SHUT_SEND, or both */
    spin_lock(&s->lock);
    shut_locked(s, what);
    spin_unlock(&s->lock);
    unix_wake_all(s);
    if (peer != NULL && socket->type != SOCK_DGRAM) {
        spin_lock(&peer->lock);
        shut_locked(peer, (what & SHUT_RECEIVE ? SHUT_SEND : 0u) |
                              (what & SHUT_SEND ? SHUT_RECEIVE : 0u));
        spin_unlock(&peer->lock);
        unix_wake_all(peer);
    }
    if (peer != NULL) {
        unix_put(peer);
    }
    return 0;
}

/* The other end of a connection hears that this one is gone. */
static void end_peer(struct unix_socket *s, struct unix_socket *peer, bool lost)
{
    if (s->socket.type != SOCK_DGRAM) {
        spin_lock(&peer->lock);
        shut_locked(peer, SHUT_RECEIVE | SHUT_SEND);
        spin_unlock(&peer->lock);
        if (lost) {
            __atomic_store_n(&peer->socket.error, ECONNRESET, __ATOMIC_RELAXED);
        }
    }
    unix_wake_all(peer);
    unix_put(peer);
}

/* Nobody uses the socket any more: neither a file, nor a listening one for a file to come. */
static void end(struct unix_socket *s, bool never_accepted)
{
    struct list queue, pending;
    list_init(&queue);
    list_init(&pending);
    unix_unbind(s);
    spin_lock(&s->lock);
    set_state(s, UNIX_DEAD);
    shut_locked(s, SHUT_RECEIVE | SHUT_SEND);
    struct unix_socket *peer = s->peer;
    s->peer = NULL;
    list_splice_tail(&pending, &s->pending);
    spin_unlock(&s->lock);

    /* Messages with files leave the queue where who looks for garbage sees it. */
    spin_lock(&unix_gc_lock);
    spin_lock(&s->lock);
    list_splice_tail(&queue, &s->queue);
    spin_unlock(&s->lock);
    spin_unlock(&unix_gc_lock);
    unix_wake_all(s);
    if (peer != NULL) {
        end_peer(s, peer, never_accepted || !list_empty(&queue));
    }
    while (!list_empty(&queue)) {
        struct unix_message *message = list_first(&queue, struct unix_message, link);
        list_del(&message->link);
        unix_message_free(message);
    }
    while (!list_empty(&pending)) {
        struct unix_socket *new = list_first(&pending, struct unix_socket, accept_link);
        list_del_init(&new->accept_link);
        end(new, true); /* which has no pending ones */
    }
    unix_put(s);
}

static void unix_release(struct socket *socket)
{
    end(unix_of(socket), false);
    if (!linux_current()->dropping) {
        unix_collect_garbage(); /* else when all are let go that are to be */
    }
}

/* --- looking -------------------------------------------------------------------------------- */

static int unix_get_name(struct socket *socket, bool peer, struct socket_name *name)
{
    struct unix_socket *s = unix_of(socket);
    if (!peer) {
        unix_name_of(s, name);
        return 0;
    }
    struct unix_socket *other = unix_peer(s);
    if (other == NULL) {
        return -ENOTCONN;
    }
    unix_name_of(other, name);
    unix_put(other);
    return 0;
}

static unsigned poll_write(struct unix_socket *s, struct poll_table *table)
{
    const unsigned writable = POLLOUT | POLLWRNORM | POLLWRBAND;
    poll_wait_for(table, &s->write_wait, POLLOUT | POLLERR | POLLHUP);
    bool may = unix_may_write(s);
    if (s->socket.type == SOCK_DGRAM) {
        struct unix_socket *peer = unix_peer(s);
        poll_wait_for(table, &unix_room, POLLOUT);
        if (peer != NULL && may) {
            /* One that sends to this one has no limit. */
            struct unix_socket *theirs = unix_peer(peer);
            may = theirs == s || !unix_is_full(peer);
            if (theirs != NULL) {
                unix_put(theirs);
            }
        }
        if (peer != NULL) {
            unix_put(peer);
        }
    }
    return may ? writable : 0u;
}

static unsigned unix_poll(struct socket *socket, struct poll_table *table)
{
    struct unix_socket *s = unix_of(socket);
    unsigned events = 0;
    poll_wait_for(table, &s->read_wait, POLLIN | POLLRDHUP | POLLERR | POLLHUP);
    unsigned shut = unix_shut(s);
    enum unix_state state = __atomic_load_n(&s->state, __ATOMIC_RELAXED);
    if (__atomic_load_n(&socket->error, __ATOMIC_RELAXED) != 0) {
        events |= POLLERR;
    }
    if (shut == (SHUT_RECEIVE | SHUT_SEND)) {
        events |= POLLHUP;
    }
    if ((shut & SHUT_RECEIVE) != 0) {
        events |= POLLRDHUP | POLLIN | POLLRDNORM;
    }
    if (__atomic_load_n(&s->waiting, __ATOMIC_RELAXED) != 0) {
        events |= POLLIN | POLLRDNORM;
    }
    if (socket->type != SOCK_DGRAM && state == UNIX_NEW) {
        events |= POLLHUP;
    }
    return state == UNIX_LISTENING ? events : events | poll_write(s, table);
}

static long unix_queued(struct socket *socket, bool sent)
{
    struct unix_socket *s = unix_of(socket);
    if (__atomic_load_n(&s->state, __ATOMIC_RELAXED) == UNIX_LISTENING) {
        return -EINVAL;
    }
    if (sent) {
        return (long)__atomic_load_n(&s->sent, __ATOMIC_RELAXED);
    }
    spin_lock(&s->lock);
    long size = (long)s->queued;
    if (socket->type == SOCK_DGRAM && !list_empty(&s->queue)) {
        size = (long)list_first(&s->queue, struct unix_message, link)->size;
    }
    spin_unlock(&s->lock);
    return size;
}

static bool unix_is_listening(struct socket *socket)
{
    return __atomic_load_n(&unix_of(socket)->state, __ATOMIC_RELAXED) == UNIX_LISTENING;
}

static int unix_peer_cred(struct socket *socket, struct linux_ucred *cred)
{
    struct unix_socket *s = unix_of(socket);
    spin_lock(&s->lock);
    *cred = s->peer_cred.pid != 0 ? s->peer_cred
            : s->cred.pid != 0    ? s->cred
                                  : (struct linux_ucred){0, UINT32_MAX, UINT32_MAX};
    spin_unlock(&s->lock);
    return 0;
}

static const struct socket_ops unix_ops = {
    .bind = unix_bind,
    .connect = unix_connect,
    .listen = unix_listen,
    .accept = unix_accept,
    .pair = unix_pair,
    .get_name = unix_get_name,
    .shutdown = unix_shutdown,
    .send = unix_send,
    .receive = unix_receive,
    .poll = unix_poll,
    .queued = unix_queued,
    .is_listening = unix_is_listening,
    .peer_cred = unix_peer_cred,
    .release = unix_release,
};
