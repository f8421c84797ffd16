/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Standard streams are shared with other processes, so they are not made non-blocking: at most
 * PIPE_BUF bytes are written at a time, for which a pipe that polls as writable has room (pipe(7)).
 * A socket to QEMU is only shut down for writing when standard input ends: QEMU takes a closed one
 * for a hang-up and would drop what it has not read.
 */
#include "host/flow.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void flow_from_host(struct flow *flow, int host, int socket)
{
    memset(flow, 0, offsetof(struct flow, buffer));
    flow->from = host;
    flow->to = socket;
    flow->to_ours = true;
}

void flow_to_host(struct flow *flow, int socket, int host)
{
    memset(flow, 0, offsetof(struct flow, buffer));
    flow->from = socket;
    flow->to = host;
    flow->from_ours = true;
}

void flow_prepare(const struct flow *flow, struct pollfd poll[2])
{
    bool room = flow->end < sizeof(flow->buffer) || flow->start > 0;
    bool full = flow->end > flow->start;
    poll[0] = (struct pollfd){.fd = room ? flow->from : -1, .events = POLLIN};
    /* Even when there is nothing to write one wants to hear that the reader is gone; a socket of
     * ours says that only by an error, a terminal by hanging up. */
    poll[1] = (struct pollfd){.fd = flow->to, .events = full ? POLLOUT : 0};
}

static void end_source(struct flow *flow)
{
    if (flow->from_ours && flow->from >= 0) {
        close(flow->from);
    }
    flow->from = -1;
}

static void end_destination(struct flow *flow)
{
    if (flow->to_ours && flow->to >= 0) {
        shutdown(flow->to, SHUT_WR);
    }
    flow->to = -1;
}

static void take(struct flow *flow)
{
    if (flow->start > 0 && flow->end == sizeof(flow->buffer)) {
        memmove(flow->buffer, flow->buffer + flow->start, flow->end - flow->start);
        flow->end -= flow->start;
        flow->start = 0;
    }
    size_t room = sizeof(flow->buffer) - flow->end;
    ssize_t got = room == 0 ? 0 : read(flow->from, flow->buffer + flow->end, room);
    if (got > 0) {
        if (flow->seen != NULL) {
            flow->seen(flow->seen_arg, flow->buffer + flow->end, (size_t)got);
        }
        flow->end += (size_t)got;
    } else if (room > 0 && (got == 0 || (errno != EAGAIN && errno != EINTR))) {
        if (got < 0 && !flow->from_ours) {
            flow->error = errno;
        }
        end_source(flow);
        size_t words = flow->last_word == NULL ? 0 : strlen(flow->last_word);
        if (words > 0 && words <= room) {
            memcpy(flow->buffer + flow->end, flow->last_word, words);
            flow->end += words;
        }
    }
}

static void give(struct flow *flow)
{
    size_t size = flow->end - flow->start;
    size_t most = flow->to_ours || size < PIPE_BUF ? size : PIPE_BUF;
    ssize_t given = write(flow->to, flow->buffer + flow->start, most);
    if (given >= 0) {
        flow->start += (size_t)given;
    } else if (errno != EAGAIN && errno != EINTR) {
        if (errno != EPIPE && !flow->to_ours) {
            flow->error = errno;
        }
        end_destination(flow);
    }
    if (flow->start == flow->end) {
        flow->start = flow->end = 0;
    }
}

bool flow_move(struct flow *flow, const struct pollfd poll[2])
{
    bool moved = false;
    if (poll[0].fd >= 0 && poll[0].revents != 0) {
        take(flow);
        moved = true;
    }
    if (poll[1].fd >= 0 && poll[1].revents != 0) {
        if (flow->end > flow->start) {
            give(flow);
        } else {
            end_destination(flow); /* POLLERR or POLLHUP: nobody reads any more */
        }
        moved = true;
    }
    if (flow->to < 0) {
        end_source(flow);
        flow->start = flow->end = 0;
    } else if (flow->from < 0 && flow->start == flow->end) {
        end_destination(flow);
    }
    return moved;
}

bool flow_done(const struct flow *flow)
{
    return flow->from < 0 && flow->start == flow->end;
}
