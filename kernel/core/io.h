/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * One end of a transfer: where the bytes of a read go to, or those of a write come from: kernel
 * memory, or user memory, in one piece or several (readv). A struct io is consumed from the front.
 */
#include "lib/types.h"

struct io_vec {
    vaddr_t base;
    size_t size;
};

struct io {
    const struct io_vec *vec; /* current piece */
    size_t vec_left;          /* pieces from vec on */
    size_t offset;            /* used of *vec */
    size_t left;              /* bytes in all */
    bool user;                /* pieces are user addresses (may fault), else kernel's */
    bool append;              /* to the end of the file, wherever its position is (RWF_APPEND) */
    bool nonblock;            /* sockets do not wait, as with O_NONBLOCK (splice) */
    struct io_vec one;        /* storage for a single piece */
};

static inline void io_init_user(struct io *io, vaddr_t base, size_t size)
{
    *io = (struct io){
        .vec = &io->one, .vec_left = 1, .left = size, .user = true, .one = {base, size}};
}
static inline void io_init_kernel(struct io *io, void *base, size_t size)
{
    *io = (struct io){.vec = &io->one, .vec_left = 1, .left = size, .one = {(vaddr_t)base, size}};
}
/* vec must stay while io is used; bounds were checked by the caller. */
void io_init_vec(struct io *io, const struct io_vec *vec, size_t count, bool user);

/* Moves up to size bytes (at most io->left) out to / in from the io. Returns bytes moved, which is
 * less than asked only at the end or when user memory faulted. May sleep when io->user. */
size_t io_put(struct io *io, const void *src, size_t size);
size_t io_take(struct io *io, void *dst, size_t size);
/* Fills with zeroes / throws away. */
size_t io_put_zero(struct io *io, size_t size);
/* Undoes the last moves by size bytes; only within the current transfer. */
void io_skip(struct io *io, size_t size);
