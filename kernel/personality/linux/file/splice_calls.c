/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * splice(2), tee(2), vmsplice(2). Bytes are copied, through one buffer; what programs can see of
 * that is their speed. A pipe that bytes are taken from keeps those that could not be written.
 */
#include "kernel/arch/user.h"
#include "kernel/fs/pipe.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"
#include "kernel/personality/linux/file/vector.h"

#define SPLICE_CHUNK (4 * PAGE_SIZE)
#define TEE_CHUNK    (16 * PAGE_SIZE) /* all that a pipe holds unless its size was changed */

enum { SPLICE_MOVE = 1, SPLICE_NONBLOCK = 2, SPLICE_MORE = 4, SPLICE_GIFT = 8 };
#define SPLICE_KNOWN (SPLICE_MOVE | SPLICE_NONBLOCK | SPLICE_MORE | SPLICE_GIFT)

struct splice {
    struct file *in, *out;
    vaddr_t in_addr, out_addr; /* of offsets, or 0; only a file that is no pipe has one */
    int64_t pos;               /* of the one that is no pipe; RW_POSITION: its own */
    size_t size;
    bool nonblock, keep; /* keep: tee, the bytes stay */
    char *buf;           /* SPLICE_CHUNK bytes; TEE_CHUNK with keep */
};

/* Between two pipes, one chunk. */
static ssize_type pipe_chunk(const struct splice *s, size_t size)
{
    struct io io;
    io_init_kernel(&io, s->buf, MIN(size, s->keep ? TEE_CHUNK : SPLICE_CHUNK));
    ssize_type got = pipe_peek_begin(s->in, &io, true);
    if (got <= 0) {
        return got;
    }
    io_init_kernel(&io, s->buf, (size_t)got);
    ssize_type put = pipe_put_some(s->out, &io);
    pipe_peek_end(s->in, put > 0 && !s->keep ? (size_t)put : 0);
    return put;
}

/* Waits for something to move, then moves what there is without waiting again. What stays in the
 * pipe others may read meanwhile: that is copied in one piece. */
static long pipe_to_pipe(struct splice *s)
{
    for (;;) {
        ssize_type error = pipe_await_data(s->in, s->nonblock);
        error = error >= 0 ? pipe_await_room(s->out, s->nonblock) : error;
        size_t sum = 0;
        while (error > 0 && sum < s->size) {
            error = pipe_chunk(s, s->size - sum);
            sum += (size_t)MAX(error, 0);
            if (s->keep) {
                break;
            }
        }
        if (sum > 0) {
            return (long)sum;
        }
        if (error != -EAGAIN || s->nonblock) {
            return error;
        }
    }
}

/* As long as the pipe has bytes; it waits for the first only. */
static long pipe_to_file(struct splice *s)
{
    size_t sum = 0;
    ssize_type result = 0;
    while (sum < s->size) {
        struct io io;
        io_init_kernel(&io, s->buf, MIN(s->size - sum, SPLICE_CHUNK));
        result = pipe_peek_begin(s->in, &io, s->nonblock || sum > 0);
        if (result <= 0) {
            break;
        }
        io_init_kernel(&io, s->buf, (size_t)result);
        io.nonblock = s->nonblock;
        result = linux_file_write(s->out, &io, s->pos);
        pipe_peek_end(s->in, (size_t)MAX(result, 0));
        if (result <= 0) {
            break;
        }
        sum += (size_t)result;
        s->pos += s->pos != RW_POSITION ? result : 0;
        if (thread_interrupted()) {
            break;
        }
    }
    return sum > 0 ? (long)sum : result;
}

/* All of what was read from something that cannot be read again; others may fill the pipe. */
static ssize_type put_all(struct file *pipe, struct io *io)
{
    size_t sum = 0;
    ssize_type result = 1;
    while (io->left > 0 && result > 0) {
        result = pipe_put_some(pipe, io);
        sum += (size_t)MAX(result, 0);
        if (result == -EAGAIN) {
            result = pipe_await_room(pipe, false);
        }
    }
    return sum > 0 ? (ssize_type)sum : result;
}

/* As much as the pipe has room for, but no more than is read at once. */
static long file_to_pipe(struct splice *s)
{
    ssize_type result = pipe_await_room(s->out, s->nonblock);
    size_t room = (size_t)MAX(result, 0), sum = 0;
    while (result > 0 && sum < MIN(s->size, room)) {
        size_t want = MIN(MIN(s->size, room) - sum, SPLICE_CHUNK);
        struct io io;
        io_init_kernel(&io, s->buf, want);
        io.nonblock = s->nonblock;
        result = s->pos == RW_POSITION ? file_read(s->in, &io)
                                       : file_pread(s->in, &io, (uint64_t)s->pos);
        if (result <= 0) {
            break;
        }
        bool whole = (size_t)result == want && s->pos != RW_POSITION;
        io_init_kernel(&io, s->buf, (size_t)result);
        result = whole ? pipe_put_some(s->out, &io) : put_all(s->out, &io);
        sum += (size_t)MAX(result, 0);
        s->pos += s->pos != RW_POSITION ? MAX(result, 0) : 0;
        if (!whole) {
            break;
        }
    }
    return sum > 0 ? (long)sum : result;
}

static bool is_bad_offset(const struct splice *s, const struct file *file, vaddr_t addr)
{
    return addr != 0 && (s->pos < 0 || file->ops->seek == NULL);
}

/* What splice(2) cannot do with files that are no pipes. */
static bool is_refused(const struct file *file)
{
    return (inode_mode(file->inode) & S_IFMT) == S_IFDIR || (file->ops->traits & FILE_IDLE_SEEK);
}

static long from_pipe(struct splice *s)
{
    if (is_bad_offset(s, s->out, s->out_addr) || (file_flags(s->out) & O_APPEND) ||
        is_refused(s->out)) {
        return -EINVAL;
    }
    s->nonblock |= (file_flags(s->in) & O_NONBLOCK) != 0;
    long result = pipe_to_file(s);
    return result > 0 && s->out_addr != 0 && put_user(s->pos, s->out_addr) != 0 ? -EFAULT : result;
}

/* A file's own position moves by what reached the pipe only. */
static long to_pipe(struct splice *s)
{
    if (is_bad_offset(s, s->in, s->in_addr) || is_refused(s->in)) {
        return -EINVAL;
    }
    s->nonblock |= (file_flags(s->out) & O_NONBLOCK) != 0;
    bool own = s->in_addr == 0 && (inode_mode(s->in->inode) & S_IFMT) == S_IFREG &&
               s->in->ops->seek != NULL; /* a position that counts bytes */
    if (own) {
        mutex_lock(&s->in->pos_lock);
        s->pos = (int64_t)s->in->pos;
        mutex_unlock(&s->in->pos_lock);
    }
    long result = file_to_pipe(s);
    if (own && result > 0) {
        mutex_lock(&s->in->pos_lock);
        s->in->pos = (uint64_t)s->pos;
        mutex_unlock(&s->in->pos_lock);
    }
    return result > 0 && s->in_addr != 0 && put_user(s->pos, s->in_addr) != 0 ? -EFAULT : result;
}

/* Linux's order of checks. */
static long splice_files(struct splice *s)
{
    bool from = file_is_pipe(s->in), to = file_is_pipe(s->out);
    if ((from && s->in_addr != 0) || (to && s->out_addr != 0)) {
        return -ESPIPE;
    }
    s->pos = RW_POSITION;
    if ((s->out_addr != 0 && get_user(s->pos, s->out_addr) != 0) ||
        (s->in_addr != 0 && get_user(s->pos, s->in_addr) != 0)) {
        return -EFAULT;
    }
    if (!file_readable(s->in) || !file_writable(s->out)) {
        return -EBADF;
    }
    if ((!from && !to) || (s->keep && !(from && to)) ||
        (from && to && s->in->priv == s->out->priv)) {
        return -EINVAL;
    }
    s->buf = kmalloc(s->keep ? TEE_CHUNK : SPLICE_CHUNK);
    if (s->buf == NULL) {
        return -ENOMEM;
    }
    long result;
    if (from && to) {
        s->nonblock |= ((file_flags(s->in) | file_flags(s->out)) & O_NONBLOCK) != 0;
        result = pipe_to_pipe(s);
    } else {
        result = from ? from_pipe(s) : to_pipe(s);
    }
    kfree(s->buf);
    if (result == -EPIPE && to) {
        linux_signal_self(SIGPIPE);
    }
    return result;
}

static long splice_fds(int from, int to, struct splice *s)
{
    struct fd_ref in = fd_borrow(from), out = fd_borrow(to);
    long result = -EBADF;
    s->size = MIN(s->size, RW_MAX);
    if (in.file != NULL && out.file != NULL) {
        s->in = in.file;
        s->out = out.file;
        result = splice_files(s);
    }
    fd_return(in);
    fd_return(out);
    return result;
}

LINUX_CALL6(splice, int, from, vaddr_t, from_pos, int, to, vaddr_t, to_pos, size_t, size, unsigned,
            flags)
{
    struct splice s = {.in_addr = from_pos,
                       .out_addr = to_pos,
                       .size = size,
                       .nonblock = (flags & SPLICE_NONBLOCK) != 0};
    if (size == 0) {
        return 0;
    }
    return flags & ~(unsigned)SPLICE_KNOWN ? -EINVAL : splice_fds(from, to, &s);
}

LINUX_CALL4(tee, int, from, int, to, size_t, size, unsigned, flags)
{
    struct splice s = {.size = size, .nonblock = (flags & SPLICE_NONBLOCK) != 0, .keep = true};
    if (flags & ~(unsigned)SPLICE_KNOWN) {
        return -EINVAL;
    }
    return size == 0 ? 0 : splice_fds(from, to, &s);
}

/* The program's memory and a pipe. O_NONBLOCK does not count here, as on Linux. */
static long splice_memory(struct file *file, struct io *io, bool nonblock)
{
    if (io->left == 0) {
        return 0;
    }
    if (!file_is_pipe(file)) {
        return -EBADF;
    }
    if (!file_writable(file)) {
        ssize_type got = pipe_peek_begin(file, io, nonblock);
        if (got > 0) {
            pipe_peek_end(file, (size_t)got);
        }
        return got;
    }
    ssize_type result;
    do {
        result = pipe_await_room(file, nonblock);
        result = result > 0 ? pipe_put_some(file, io) : result;
    } while (result == -EAGAIN && !nonblock);
    if (result == -EPIPE) {
        linux_signal_self(SIGPIPE);
    }
    return result;
}

LINUX_CALL4(vmsplice, int, fd, vaddr_t, vec, size_t, count, unsigned, flags)
{
    struct user_vector vector;
    if (flags & ~(unsigned)SPLICE_KNOWN) {
        return -EINVAL;
    }
    struct fd_ref ref = fd_borrow(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    long result = -EBADF;
    if (file_readable(ref.file) || file_writable(ref.file)) {
        result = user_vector_get(&vector, vec, count);
        if (result == 0) {
            struct io io;
            io_init_vec(&io, vector.vec, count, true);
            result = splice_memory(ref.file, &io, (flags & SPLICE_NONBLOCK) != 0);
            user_vector_free(&vector);
        }
    }
    fd_return(ref);
    return result;
}
