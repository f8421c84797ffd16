/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets can be sent through sockets, so some can end in messages that nobody will receive: a
 * socket in its own queue, or two in each other's. When a socket is closed while others are in
 * flight, those are looked for that have no reference but from messages, and of them those that
 * cannot be reached from outside; their queues are emptied, which ends them.
 *
 * While unix_gc_lock is held no socket enters or leaves a message, so counts hold still where it
 * matters: a file that has no other reference can get one only by being received.
 */
#include "kernel/personality/linux/socket/unix.h"
#include <limits.h>

#define NOT_A_CANDIDATE UINT_MAX /* in `outside` */

struct spinlock unix_gc_lock = SPINLOCK_INIT(LOCK_UNIX_GC);
static struct list in_flight = LIST_INIT(in_flight); /* [unix_gc_lock] struct unix_socket */

static struct unix_socket *socket_in(struct file *file)
{
    struct socket *socket = socket_of_file(file);
    return socket != NULL && socket->family == AF_UNIX ? unix_of(socket) : NULL;
}

void unix_flight_begin_locked(const struct scm_files *files)
{
    for (unsigned i = 0; i < files->count; i++) {
        struct unix_socket *s = socket_in(files->files[i]);
        if (s != NULL && s->in_flight++ == 0) {
            list_add_tail(&in_flight, &s->flight_link);
            s->file = files->files[i];
        }
    }
}

void unix_flight_end_locked(const struct scm_files *files)
{
    for (unsigned i = 0; i < files->count; i++) {
        struct unix_socket *s = socket_in(files->files[i]);
        if (s != NULL && --s->in_flight == 0) {
            list_del(&s->flight_link);
        }
    }
}

/* Candidates have only references from messages; outside counts those not yet accounted for. */
static bool is_candidate(const struct unix_socket *s)
{
    return s->in_flight != 0 && ref_read(&s->file->refs) == s->in_flight;
}

static void visit_queue(struct unix_socket *s, void (*visit)(struct unix_socket *, struct list *),
                        struct list *arg)
{
    const struct unix_message *message;
    list_for_each (message, &s->queue, link) {
        for (unsigned i = 0; message->files != NULL && i < message->files->count; i++) {
            struct unix_socket *other = socket_in(message->files->files[i]);
            if (other != NULL) {
                visit(other, arg);
            }
        }
    }
}

/* Those in a socket's own queue, and in those of connections that it has yet to accept. */
static void visit_children(struct unix_socket *s,
                           void (*visit)(struct unix_socket *, struct list *), struct list *arg)
{
    struct unix_socket *pending;
    spin_lock(&s->lock);
    visit_queue(s, visit, arg);
    list_for_each (pending, &s->pending, accept_link) {
        spin_lock_nested(&pending->lock);
        visit_queue(pending, visit, arg);
        spin_unlock(&pending->lock);
    }
    spin_unlock(&s->lock);
}

static void account(struct unix_socket *s, struct list *arg)
{
    (void)arg;
    if (s->outside != NOT_A_CANDIDATE) {
        s->outside--;
    }
}

/* Reachable after all: to be visited itself. */
static void reach(struct unix_socket *s, struct list *reached)
{
    if (s->outside != NOT_A_CANDIDATE) {
        s->outside = NOT_A_CANDIDATE;
        list_del(&s->flight_link);
        list_add_tail(reached, &s->flight_link);
    }
}

/* Takes the messages with files out of a socket that nobody can reach. */
static void take_messages(struct unix_socket *s, struct list *taken)
{
    struct unix_message *message, *next;
    struct unix_socket *pending;
    spin_lock(&s->lock);
    list_for_each (pending, &s->pending, accept_link) {
        spin_lock_nested(&pending->lock);
        list_for_each_safe (message, next, &pending->queue, link) {
            if (message->files != NULL) {
                list_del(&message->link);
                list_add_tail(taken, &message->link);
            }
        }
        spin_unlock(&pending->lock);
    }
    list_for_each_safe (message, next, &s->queue, link) {
        if (message->files != NULL) {
            list_del(&message->link);
            list_add_tail(taken, &message->link);
        }
    }
    spin_unlock(&s->lock);
}

/* Candidates that are garbage stay in `candidates`; all others go back to in_flight. */
static void sort_out(struct list *candidates)
{
    struct unix_socket *s, *next;
    struct list reached;
    list_init(&reached);
    list_for_each (s, candidates, flight_link) {
        visit_children(s, account, NULL);
    }
    list_for_each_safe (s, next, candidates, flight_link) {
        if (s->outside != 0) {
            reach(s, &reached);
        }
    }
    while (!list_empty(&reached)) {
        s = list_first(&reached, struct unix_socket, flight_link);
        list_del(&s->flight_link);
        list_add_tail(&in_flight, &s->flight_link);
        visit_children(s, reach, &reached);
    }
}

void unix_collect_garbage(void)
{
    struct list candidates, taken;
    struct unix_socket *s, *next;
    list_init(&candidates);
    list_init(&taken);
    if (list_empty(&in_flight)) {
        return;
    }
    spin_lock(&unix_gc_lock);
    list_for_each_safe (s, next, &in_flight, flight_link) {
        s->outside = NOT_A_CANDIDATE;
        if (is_candidate(s)) {
            s->outside = s->in_flight;
            list_del(&s->flight_link);
            list_add_tail(&candidates, &s->flight_link);
        }
    }
    sort_out(&candidates);
    list_for_each (s, &candidates, flight_link) {
        take_messages(s, &taken);
    }
    list_splice_tail(&in_flight, &candidates);
    spin_unlock(&unix_gc_lock);
    while (!list_empty(&taken)) {
        struct unix_message *message = list_first(&taken, struct unix_message, link);
        list_del(&message->link);
        unix_message_free(message);
    }
}
