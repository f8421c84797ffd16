/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read(2), write(2) and their vector and offset forms, lseek(2). A write that finds nobody to read
 * sends SIGPIPE here, and one beyond RLIMIT_FSIZE SIGXFSZ; files only return the error.
 */
#include "kernel/arch/user.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"
#include "kernel/personality/linux/file/vector.h"

void linux_signal_self(int signo)
{
    struct linux_thread *self = linux_current();
    struct linux_siginfo info = {
        .signo = signo, .code = SI_USER, .pid = self->process->pid, .uid = self->cred->uid};
    signal_send_thread(self, &info);
}

/* Cuts the transfer at RLIMIT_FSIZE, from which on nothing may be written (setrlimit(2)). */
static int limit_size(const struct file *file, struct io *io, uint64_t pos)
{
    if ((inode_mode(file->inode) & S_IFMT) != S_IFREG || io->left == 0) {
        return 0;
    }
    uint64_t limit = linux_limit(RLIMIT_FSIZE);
    if (io->append || (file_flags(file) & O_APPEND)) {
        pos = __atomic_load_n(&file->inode->size, __ATOMIC_RELAXED);
    }
    if (pos >= limit) {
        linux_signal_self(SIGXFSZ);
        return -EFBIG;
    }
    io->left = MIN(io->left, limit - pos);
    return 0;
}

/* Inlined with its constants: what is left of it is a line or two. */
static inline __attribute__((always_inline)) long move(struct file *file, struct io *io, bool write,
                                                       int64_t pos)
{
    if (!write) {
        return pos == RW_POSITION ? file_read(file, io) : file_pread(file, io, (uint64_t)pos);
    }
    if (unlikely(linux_limit(RLIMIT_FSIZE) != RLIM_INFINITY)) {
        int error = limit_size(file, io,
                               pos == RW_POSITION ? __atomic_load_n(&file->pos, __ATOMIC_RELAXED)
                                                  : (uint64_t)pos);
        if (error != 0) {
            return error;
        }
    }
    if (unlikely(inode_mode(file->inode) & (S_ISUID | S_ISGID))) {
        vfs_drop_setid(linux_current()->cred, file->inode);
    }
    long result = pos == RW_POSITION ? file_write(file, io) : file_pwrite(file, io, (uint64_t)pos);
    if (unlikely(result == -EPIPE) && (inode_mode(file->inode) & S_IFMT) != S_IFSOCK) {
        linux_signal_self(SIGPIPE); /* sockets have rules of their own */
    }
    return result;
}

long linux_file_write(struct file *file, struct io *io, int64_t pos)
{
    return move(file, io, true, pos);
}

static inline __attribute__((always_inline)) long move_buffer(int fd, vaddr_t buf, size_t size,
                                                              bool write, int64_t pos)
{
    struct fd_ref ref = fd_borrow(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    long result = -EFAULT;
    if (likely((int64_t)size >= 0)) {
        struct io io;
        io_init_user(&io, buf, MIN(size, RW_MAX));
        result = move(ref.file, &io, write, pos);
    }
    fd_return(ref);
    return result;
}

LINUX_CALL3(read, int, fd, vaddr_t, buf, size_t, size)
{
    return move_buffer(fd, buf, size, false, RW_POSITION);
}

LINUX_CALL3(write, int, fd, vaddr_t, buf, size_t, size)
{
    return move_buffer(fd, buf, size, true, RW_POSITION);
}

LINUX_CALL4(pread64, int, fd, vaddr_t, buf, size_t, size, int64_t, pos)
{
    return pos < 0 ? -EINVAL : move_buffer(fd, buf, size, false, pos);
}

LINUX_CALL4(pwrite64, int, fd, vaddr_t, buf, size_t, size, int64_t, pos)
{
    return pos < 0 ? -EINVAL : move_buffer(fd, buf, size, true, pos);
}

/* struct iovec and struct io_vec are the same two words. */
static_assert(sizeof(struct io_vec) == 16, "struct iovec of 64-bit machines");

int user_vector_get(struct user_vector *vector, vaddr_t addr, size_t count)
{
    vector->vec = vector->fast;
    if (count > LINUX_IOV_MAX) {
        return -EINVAL;
    }
    if (count > IOV_FAST) {
        vector->vec = kmalloc(count * sizeof(*vector->vec));
        if (vector->vec == NULL) {
            return -ENOMEM;
        }
    }
    int error = copy_from_user(vector->vec, addr, count * sizeof(*vector->vec));
    size_t left = RW_MAX;
    for (size_t i = 0; error == 0 && i < count; i++) {
        if ((int64_t)vector->vec[i].size < 0) {
            error = -EINVAL;
        }
        vector->vec[i].size = MIN(vector->vec[i].size, left);
        left -= vector->vec[i].size;
    }
    if (error != 0) {
        user_vector_free(vector);
    }
    return error;
}

void user_vector_free(struct user_vector *vector)
{
    if (vector->vec != vector->fast) {
        kfree(vector->vec);
    }
}

enum { RWF_HIPRI = 1, RWF_DSYNC = 2, RWF_SYNC = 4, RWF_NOWAIT = 8, RWF_APPEND = 16 };
#define RWF_KNOWN (RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND)

/* preadv2(2). What is written is where it stays at once, so that the SYNC flags ask for nothing. */
static int apply_flags(const struct file *file, struct io *io, bool write, unsigned flags)
{
    bool allowed = write ? file_writable(file) : file_readable(file);
    if (likely(flags == 0) || !allowed || io->left == 0) {
        return 0;
    }
    if ((flags & ~(unsigned)RWF_KNOWN) ||
        ((flags & RWF_NOWAIT) && !(file->ops->traits & FILE_NO_WAITING))) {
        return -EOPNOTSUPP;
    }
    io->append = write && (flags & RWF_APPEND);
    return 0;
}

struct vector_call {
    int fd;
    vaddr_t vec;
    size_t count;
    int64_t pos;
    unsigned flags; /* RWF_* */
};

static long move_vector(const struct vector_call *call, bool write)
{
    struct user_vector vector;
    struct fd_ref ref = fd_borrow(call->fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    long result = user_vector_get(&vector, call->vec, call->count);
    if (result == 0) {
        struct io io;
        io_init_vec(&io, vector.vec, call->count, true);
        result = apply_flags(ref.file, &io, write, call->flags);
        if (result == 0) {
            result = move(ref.file, &io, write, call->pos);
        }
        user_vector_free(&vector);
    }
    fd_return(ref);
    return result;
}

LINUX_CALL3(readv, int, fd, vaddr_t, vec, size_t, count)
{
    return move_vector(&(struct vector_call){fd, vec, count, RW_POSITION, 0}, false);
}

LINUX_CALL3(writev, int, fd, vaddr_t, vec, size_t, count)
{
    return move_vector(&(struct vector_call){fd, vec, count, RW_POSITION, 0}, true);
}

/* The fifth argument is the upper half of the offset on 32-bit machines. */
LINUX_CALL4(preadv, int, fd, vaddr_t, vec, size_t, count, int64_t, pos)
{
    return pos < 0 ? -EINVAL : move_vector(&(struct vector_call){fd, vec, count, pos, 0}, false);
}

LINUX_CALL4(pwritev, int, fd, vaddr_t, vec, size_t, count, int64_t, pos)
{
    return pos < 0 ? -EINVAL : move_vector(&(struct vector_call){fd, vec, count, pos, 0}, true);
}

/* The same with flags; -1 is the file's own position. */
LINUX_CALL6(preadv2, int, fd, vaddr_t, vec, size_t, count, int64_t, pos, int64_t, upper, unsigned,
            flags)
{
    (void)upper;
    return pos < RW_POSITION
               ? -EINVAL
               : move_vector(&(struct vector_call){fd, vec, count, pos, flags}, false);
}

LINUX_CALL6(pwritev2, int, fd, vaddr_t, vec, size_t, count, int64_t, pos, int64_t, upper, unsigned,
            flags)
{
    (void)upper;
    return pos < RW_POSITION ? -EINVAL
                             : move_vector(&(struct vector_call){fd, vec, count, pos, flags}, true);
}

#define SEEK_MAX 4u /* SEEK_HOLE */

LINUX_CALL3(lseek, int, fd, int64_t, offset, int, whence)
{
    struct fd_ref ref = fd_borrow(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    struct file *file = ref.file;
    long result = file->ops->traits & FILE_IDLE_SEEK ? 0 : -ESPIPE;
    if ((unsigned)whence > SEEK_MAX) {
        result = -EINVAL;
    } else if (file->ops->seek != NULL) {
        mutex_lock(&file->pos_lock);
        result = file->ops->seek(file, offset, whence);
        mutex_unlock(&file->pos_lock);
    }
    fd_return(ref);
    return result;
}
