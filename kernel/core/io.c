/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving bytes between the kernel and one end of a transfer, piece by piece.
 */
#include "kernel/core/io.h"
#include "kernel/arch/user.h"
#include "kernel/base/panic.h"
#include "lib/string.h"

void io_init_vec(struct io *io, const struct io_vec *vec, size_t count, bool user)
{
    *io = (struct io){.vec = vec, .vec_left = count, .user = user};
    for (size_t i = 0; i < count; i++) {
        io->left += vec[i].size;
    }
}

enum io_kind { IO_PUT, IO_TAKE, IO_ZERO };

/* Moves size bytes at one address; returns how many were moved. */
static size_t move_piece(bool user, enum io_kind kind, vaddr_t addr, void *kernel, size_t size)
{
    if (!user) {
        if (kind == IO_PUT) {
            memcpy((void *)addr, kernel, size);
        } else if (kind == IO_TAKE) {
            memcpy(kernel, (const void *)addr, size);
        } else {
            memset((void *)addr, 0, size);
        }
        return size;
    }
    if (kind == IO_PUT) {
        return size - copy_to_user_partial(addr, kernel, size);
    }
    if (kind == IO_TAKE) {
        return size - copy_from_user_partial(kernel, addr, size);
    }
    return clear_user(addr, size) == 0 ? size : 0;
}

static void next_piece(struct io *io)
{
    if (io->offset == io->vec->size && io->vec_left > 1) {
        io->vec++;
        io->vec_left--;
        io->offset = 0;
    }
}

static size_t move_pieces(struct io *io, enum io_kind kind, void *kernel, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t piece = MIN(io->vec->size - io->offset, size - done);
        void *at = kind == IO_ZERO ? NULL : (char *)kernel + done;
        size_t moved = piece == 0
                           ? 0
                           : move_piece(io->user, kind, io->vec->base + io->offset, at, piece);
        io->offset += moved;
        done += moved;
        if (moved < piece) {
            break;
        }
        next_piece(io);
    }
    io->left -= done;
    return done;
}

/* What nearly every transfer is, one piece of user memory, is done without a loop. */
static inline __attribute__((always_inline)) size_t io_move(struct io *io, enum io_kind kind,
                                                            void *kernel, size_t size)
{
    size = MIN(size, io->left);
    if (unlikely(!io->user || size - 1 >= io->vec->size - io->offset)) {
        return move_pieces(io, kind, kernel, size); /* size 0 comes here, too */
    }
    size_t moved = move_piece(true, kind, io->vec->base + io->offset, kernel, size);
    io->offset += moved;
    io->left -= moved;
    next_piece(io);
    return moved;
}

/* The common case: user memory, in the current piece. The next piece is gone to by io_move. */
static inline bool is_simple(const struct io *io, size_t size)
{
    return likely(io->user && size <= io->vec->size - io->offset && size <= io->left);
}

static inline size_t io_advance(struct io *io, size_t size)
{
    io->offset += size;
    io->left -= size;
    return size;
}

size_t io_put(struct io *io, const void *src, size_t size)
{
    if (is_simple(io, size)) {
        vaddr_t to = io->vec->base + io->offset;
        return io_advance(io, size - copy_to_user_partial(to, src, size));
    }
    return io_move(io, IO_PUT, (void *)src, size);
}

size_t io_take(struct io *io, void *dst, size_t size)
{
    if (is_simple(io, size)) {
        vaddr_t from = io->vec->base + io->offset;
        return io_advance(io, size - copy_from_user_partial(dst, from, size));
    }
    return io_move(io, IO_TAKE, dst, size);
}

size_t io_put_zero(struct io *io, size_t size)
{
    return io_move(io, IO_ZERO, NULL, size);
}

void io_skip(struct io *io, size_t size)
{
    while (size > 0) {
        if (io->offset == 0) {
            io->vec--;
            io->vec_left++;
            io->offset = io->vec->size;
        }
        size_t piece = MIN(io->offset, size);
        io->offset -= piece;
        io->left += piece;
        size -= piece;
    }
}
