/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What fcntl(2) asks of pipes beyond file operations; pipe_create is in file.h. */
#include "kernel/fs/inode.h"

#define FILE_IOCTL_FIONREAD 0x541bu /* bytes that can be read now, ioctl_tty(2) */

/* F_GETPIPE_SZ, F_SETPIPE_SZ: bytes; -EBADF: not a pipe; -EPERM, -EBUSY, -ENOMEM. */
long pipe_capacity(struct file *file);
long pipe_set_capacity(struct file *file, unsigned long size);

/*
 * For splice(2) and its like, pipe_splice.c. `file` is an end of a pipe everywhere.
 */
static inline bool file_is_pipe(const struct file *file)
{
    return file->ops == &pipe_file_ops;
}
/* Bytes of the pipe go to io (which has room) and stay in the pipe: their number, 0: there will
 * never be any, -EAGAIN, -ERESTARTSYS, -EFAULT. When > 0 nobody else can read until pipe_peek_end,
 * which takes the first `taken` bytes away. */
ssize_type pipe_peek_begin(struct file *file, struct io *io, bool nonblock);
void pipe_peek_end(struct file *file, size_t taken);
/* Wait for something to read (1; 0: never) or for room (its bytes); -EPIPE: nobody reads, -EAGAIN,
 * -ERESTARTSYS. */
ssize_type pipe_await_data(struct file *file, bool nonblock);
ssize_type pipe_await_room(struct file *file, bool nonblock);
/* Writes as much of io as there is room for: bytes, -EAGAIN, -EPIPE, -EFAULT, -ENOMEM. */
ssize_type pipe_put_some(struct file *file, struct io *io);
