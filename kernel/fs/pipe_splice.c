/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes for splice(2), tee(2), vmsplice(2): reading in two steps, so that what could not be written
 * elsewhere stays in the pipe; and waiting for data and room apart from moving them.
 */
#include "abi/errno.h"
#include "kernel/fs/pipe_impl.h"

/* Bytes given to io. REQUIRES pipe->lock. */
static size_t copy_out(struct pipe *pipe, struct io *io)
{
    size_t size = MIN(io->left, pipe_used(pipe)), moved = 0;
    while (moved < size) {
        size_t part;
        const char *bytes = pipe_page(pipe, pipe->read_at + moved, &part);
        part = MIN(part, size - moved);
        size_t done = io_put(io, bytes, part);
        moved += done;
        if (done < part) {
            break;
        }
    }
    return moved;
}

ssize_type pipe_peek_begin(struct file *file, struct io *io, bool nonblock)
{
    struct pipe *pipe = file->priv;
    size_t moved = 0;
    mutex_lock(&pipe->lock);
    int error = pipe_wait_data(pipe, nonblock);
    if (error == 0) {
        moved = copy_out(pipe, io);
        error = moved == 0 ? -EFAULT : 0;
        __atomic_store_n(&pipe->splicing, moved > 0, __ATOMIC_RELAXED);
    }
    mutex_unlock(&pipe->lock);
    return moved > 0 ? (ssize_type)moved : MIN(error, 0);
}

void pipe_peek_end(struct file *file, size_t taken)
{
    struct pipe *pipe = file->priv;
    mutex_lock(&pipe->lock);
    pipe->read_at += taken;
    pipe_set_used(pipe, pipe->used - taken);
    if (pipe->used == 0) {
        pipe->read_at = 0;
    }
    __atomic_store_n(&pipe->splicing, 0, __ATOMIC_RELAXED);
    mutex_unlock(&pipe->lock);
    waitq_wake_all(&pipe->read_wait);
    if (taken > 0) {
        waitq_wake_all(&pipe->write_wait);
    }
}

ssize_type pipe_await_data(struct file *file, bool nonblock)
{
    struct pipe *pipe = file->priv;
    mutex_lock(&pipe->lock);
    int error = pipe_wait_data(pipe, nonblock);
    mutex_unlock(&pipe->lock);
    return error < 0 ? error : error == 0;
}

ssize_type pipe_await_room(struct file *file, bool nonblock)
{
    struct pipe *pipe = file->priv;
    int error = 0;
    size_t room = 0;
    mutex_lock(&pipe->lock);
    while (error == 0 && room == 0) {
        room = pipe_room(pipe);
        if (pipe->readers == 0) {
            error = -EPIPE;
        } else if (room == 0) {
            error = pipe_wait_room(pipe, 1, nonblock);
        }
    }
    mutex_unlock(&pipe->lock);
    return error != 0 ? error : (ssize_type)room;
}

ssize_type pipe_put_some(struct file *file, struct io *io)
{
    struct pipe *pipe = file->priv;
    size_t moved = 0;
    int error;
    mutex_lock(&pipe->lock);
    if (pipe->readers == 0) {
        error = -EPIPE;
    } else {
        error = pipe_room(pipe) == 0 ? -EAGAIN : pipe_put(pipe, io, &moved);
    }
    mutex_unlock(&pipe->lock);
    if (moved > 0) {
        waitq_wake_all(&pipe->read_wait);
    }
    return moved > 0 ? (ssize_type)moved : error;
}
