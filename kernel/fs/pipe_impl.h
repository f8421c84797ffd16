/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The inside of a pipe, for pipe.c (reading, writing, opening) and pipe_splice.c. */
#include "kernel/fs/inode.h"
#include "kernel/fs/pipe.h"

#define PIPE_PAGES  16
#define PIPE_ATOMIC PAGE_SIZE /* POSIX asks for 512, Linux has 4096 */

struct pipe {
    struct mutex lock;
    struct refcount users;            /* open files */
    unsigned readers, writers;        /* [lock] to change; polls read them as they are */
    unsigned read_opens, write_opens; /* the same; ever: what an open of a fifo waits for */
    size_t used;                      /* the same: bytes in it */
    size_t read_at;                   /* [lock] place of the first of them */
    size_t capacity;                  /* [lock] to change: bytes, power of two */
    char **pages;                     /* [lock] capacity / PAGE_SIZE, made when first used */
    unsigned splicing;                /* [lock] to change: one reads in parts; the others wait */
    unsigned polled;                  /* atomic: somebody has waited by poll, select or epoll */
    struct waitq read_wait;           /* for data, or for the last writer to go */
    struct waitq write_wait;          /* for room, or for the last reader to go */
    struct waitq open_wait;           /* opens of a fifo, for the other side */
    char *own_pages[PIPE_PAGES];
};

static inline unsigned pipe_load(const unsigned *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static inline size_t pipe_used(const struct pipe *pipe)
{
    return __atomic_load_n(&pipe->used, __ATOMIC_RELAXED);
}

static inline size_t pipe_room(const struct pipe *pipe)
{
    return __atomic_load_n(&pipe->capacity, __ATOMIC_RELAXED) - pipe_used(pipe);
}

/* One number, so that nobody who looks without the lock sees bytes that are not there. */
static inline void pipe_set_used(struct pipe *pipe, size_t used)
{
    __atomic_store_n(&pipe->used, used, __ATOMIC_RELAXED);
}

/*
 * All of these REQUIRE pipe->lock.
 */
/* The bytes at `at`, up to the end of their page; NULL: no memory. */
char *pipe_page(struct pipe *pipe, size_t at, size_t *contiguous);
/* Takes bytes of io as long as there is room; counts them in *moved: 0, -EFAULT, -ENOMEM. */
int pipe_put(struct pipe *pipe, struct io *io, size_t *moved);
/* Sleep without the lock until there are bytes, and nobody else is at reading them: 0; -EAGAIN,
 * -ERESTARTSYS; 1: there will never be any. */
int pipe_wait_data(struct pipe *pipe, bool nonblock);
/* Sleeps without the lock until `wanted` bytes may fit, or nobody reads: 0, -EAGAIN, -ERESTARTSYS.
 */
int pipe_wait_room(struct pipe *pipe, size_t wanted, bool nonblock);
