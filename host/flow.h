/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * One direction of one stream: bytes from a descriptor to another, through a buffer that makes the
 * source wait when the destination is slow. The end of the source becomes the end of the
 * destination, and a destination that closes ends the source. Used with poll. A reader that is gone
 * is no error, as it is none for a program in a pipeline; anything else that fails is kept.
 */
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

struct flow {
    int from, to;   /* -1: that side has ended */
    bool from_ours; /* a socket that is closed when this ends; other sources are left alone */
    bool to_ours;   /* a socket that is shut down when the source ends */
    const char *last_word; /* sent when the source ends; NULL: nothing */
    void (*seen)(void *arg, const char *bytes, size_t size); /* told what comes; may be NULL */
    void *seen_arg;
    int error;         /* errno of the read or write of ours that failed; 0: none did */
    size_t start, end; /* what the buffer holds */
    char buffer[1 << 16];
};

/* A flow between a descriptor of ours (standard stream) and a socket of QEMU. */
void flow_from_host(struct flow *flow, int host, int socket);
void flow_to_host(struct flow *flow, int socket, int host);

/* What to wait for: sets two entries of poll (descriptor -1 where nothing is to be waited for). */
void flow_prepare(const struct flow *flow, struct pollfd poll[2]);
/* Moves what can be moved; returns whether anything happened. */
bool flow_move(struct flow *flow, const struct pollfd poll[2]);
/* Nothing will come any more and nothing is left. */
bool flow_done(const struct flow *flow);
