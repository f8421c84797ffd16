/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that move or shape content without user buffers: sendfile, copy_file_range, truncate,
 * fallocate, fadvise64, and those of the sync family.
 */
#include "kernel/arch/user.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"

#define COPY_CHUNK (4 * PAGE_SIZE)

struct transfer {
    struct file *from, *to;
    int64_t from_pos, to_pos; /* AT_POSITION: the file's own */
    char *buf;                /* COPY_CHUNK bytes */
};
#define AT_POSITION (-1)

/* One chunk: bytes moved, 0 at the end, or an error. What could not be written stays unread. */
static long transfer_chunk(struct transfer *t, size_t size)
{
    struct io io;
    io_init_kernel(&io, t->buf, MIN(size, COPY_CHUNK));
    bool own = t->from_pos == AT_POSITION;
    ssize_type got = own ? file_read(t->from, &io)
                         : file_pread(t->from, &io, (uint64_t)t->from_pos);
    if (got <= 0) {
        return got;
    }
    io_init_kernel(&io, t->buf, (size_t)got);
    ssize_type put = t->to_pos == AT_POSITION ? file_write(t->to, &io)
                                              : file_pwrite(t->to, &io, (uint64_t)t->to_pos);
    ssize_type moved = MAX(put, 0);
    if (!own) {
        t->from_pos += moved;
    } else if (moved < got && t->from->ops->seek != NULL) {
        mutex_lock(&t->from->pos_lock);
        t->from->ops->seek(t->from, moved - got, 1);
        mutex_unlock(&t->from->pos_lock);
    }
    if (t->to_pos != AT_POSITION) {
        t->to_pos += moved;
    }
    return put;
}

static long transfer(struct transfer *t, size_t size)
{
    size_t sum = 0;
    long result = 0;
    size = MIN(size, RW_MAX);
    t->buf = kmalloc(COPY_CHUNK);
    if (t->buf == NULL) {
        return -ENOMEM;
    }
    while (sum < size) {
        size_t want = MIN(size - sum, COPY_CHUNK);
        result = transfer_chunk(t, want);
        if (result <= 0) {
            break;
        }
        sum += (size_t)result;
        if (current->work != 0 && thread_interrupted()) {
            break;
        }
    }
    kfree(t->buf);
    return sum > 0 ? (long)sum : result;
}

static int offset_get(vaddr_t addr, int64_t *pos)
{
    *pos = AT_POSITION;
    int error = addr != 0 ? get_user(*pos, addr) : 0;
    return error != 0 ? error : addr != 0 && *pos < 0 ? -EINVAL : 0;
}

static long transfer_fds(struct transfer *t, vaddr_t from_addr, vaddr_t to_addr, size_t size)
{
    int error = offset_get(from_addr, &t->from_pos);
    if (error == 0) {
        error = offset_get(to_addr, &t->to_pos);
    }
    if (error != 0) {
        return error;
    }
    if (!file_readable(t->from) || !file_writable(t->to)) {
        return -EBADF;
    }
    long result = transfer(t, size);
    if (result == -EPIPE) {
        linux_signal_self(SIGPIPE);
    }
    if (result > 0 && from_addr != 0) {
        error = put_user(t->from_pos, from_addr);
    }
    if (result > 0 && error == 0 && to_addr != 0) {
        error = put_user(t->to_pos, to_addr);
    }
    return error != 0 ? error : result;
}

LINUX_CALL4(sendfile, int, to, int, from, vaddr_t, offset, size_t, size)
{
    struct fd_ref in = fd_borrow(from), out = fd_borrow(to);
    long result = -EBADF;
    if (in.file != NULL && out.file != NULL) {
        struct transfer t = {.from = in.file, .to = out.file};
        result = in.file->ops->seek == NULL || (int64_t)size < 0
                     ? -EINVAL
                     : transfer_fds(&t, offset, 0, size);
    }
    if (in.file != NULL) {
        fd_return(in);
    }
    if (out.file != NULL) {
        fd_return(out);
    }
    return result;
}

static int check_copy(const struct transfer *t, unsigned flags)
{
    uint32_t from = t->from->inode->mode & S_IFMT, to = t->to->inode->mode & S_IFMT;
    if (from == S_IFDIR || to == S_IFDIR) {
        return -EISDIR;
    }
    if (flags != 0 || from != S_IFREG || to != S_IFREG) {
        return -EINVAL;
    }
    return file_flags(t->to) & O_APPEND ? -EBADF : 0;
}

/* Ranges of one file must not overlap (copy_file_range(2)). */
static bool overlaps(const struct transfer *t, vaddr_t from_addr, vaddr_t to_addr, size_t size)
{
    int64_t a, b;
    if (t->from->inode != t->to->inode || offset_get(from_addr, &a) != 0 ||
        offset_get(to_addr, &b) != 0) {
        return false;
    }
    uint64_t from = a == AT_POSITION ? t->from->pos : (uint64_t)a;
    uint64_t to = b == AT_POSITION ? t->to->pos : (uint64_t)b;
    return from < to ? to - from < size : from - to < size;
}

LINUX_CALL6(copy_file_range, int, from, vaddr_t, from_pos, int, to, vaddr_t, to_pos, size_t, size,
            unsigned, flags)
{
    struct fd_ref in = fd_borrow(from), out = fd_borrow(to);
    long result = -EBADF;
    if (in.file != NULL && out.file != NULL) {
        struct transfer t = {.from = in.file, .to = out.file};
        result = check_copy(&t, flags);
        if (result == 0) {
            result = overlaps(&t, from_pos, to_pos, size)
                         ? -EINVAL
                         : transfer_fds(&t, from_pos, to_pos, size);
        }
    }
    if (in.file != NULL) {
        fd_return(in);
    }
    if (out.file != NULL) {
        fd_return(out);
    }
    return result;
}

static long truncate_path(const struct path *path, int64_t size, bool check_rights)
{
    const struct inode *inode = path->dentry->inode;
    const struct cred *cred = linux_current()->cred;
    if (inode_is_dir(inode)) {
        return -EISDIR;
    }
    if (size < 0 || (inode->mode & S_IFMT) != S_IFREG) {
        return -EINVAL;
    }
    int error = check_rights ? vfs_permission(cred, path, 2) : 0;
    if (error == 0 && check_rights && __atomic_load_n(&inode->writers, __ATOMIC_RELAXED) < 0) {
        error = -ETXTBSY;
    }
    if (error == 0 && (uint64_t)size > linux_limit(RLIMIT_FSIZE)) {
        error = -EFBIG;
    }
    const struct inode_attr attr = {.size = (uint64_t)size};
    return error != 0 ? error : vfs_setattr(cred, path, &attr, ATTR_SIZE);
}

LINUX_CALL2(truncate, vaddr_t, name, int64_t, size)
{
    struct path path;
    if (size < 0) {
        return -EINVAL;
    }
    int error = user_path(AT_FDCWD, name, 0, &path);
    if (error != 0) {
        return error;
    }
    long result = truncate_path(&path, size, true);
    path_put(&path);
    return result;
}

LINUX_CALL2(ftruncate, int, fd, int64_t, size)
{
    struct fd_ref ref = fd_borrow(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    long result = -EINVAL;
    if (file_writable(ref.file) && !inode_is_dir(ref.file->inode)) {
        result = truncate_path(&ref.file->path, size, false);
    }
    fd_return(ref);
    return result;
}

static long allocate(struct file *file, unsigned mode, int64_t offset, int64_t size)
{
    uint32_t type = file->inode->mode & S_IFMT;
    if (offset < 0 || size <= 0) {
        return -EINVAL;
    }
    if (!file_writable(file)) {
        return -EBADF;
    }
    if (type == S_IFIFO) {
        return -ESPIPE;
    }
    if (type != S_IFREG) {
        return type == S_IFDIR ? -EISDIR : -ENODEV;
    }
    if ((uint64_t)offset + (uint64_t)size > MIN(linux_limit(RLIMIT_FSIZE), (uint64_t)INT64_MAX)) {
        return -EFBIG;
    }
    return file->ops->allocate != NULL
               ? file->ops->allocate(file, mode, (uint64_t)offset, (uint64_t)size)
               : -ENOTSUP;
}

LINUX_CALL4(fallocate, int, fd, unsigned, mode, int64_t, offset, int64_t, size)
{
    struct fd_ref ref = fd_borrow(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    long result = allocate(ref.file, mode, offset, size);
    fd_return(ref);
    return result;
}

/* Advice is checked and not needed: files are in memory. */
LINUX_CALL4(fadvise64, int, fd, int64_t, offset, int64_t, size, int, advice)
{
    struct fd_ref ref = fd_borrow(fd);
    (void)offset;
    if (ref.file == NULL) {
        return -EBADF;
    }
    uint32_t type = ref.file->inode->mode & S_IFMT;
    fd_return(ref);
    if (type == S_IFIFO) {
        return -ESPIPE;
    }
    return size < 0 || advice < 0 || advice > 5 ? -EINVAL : 0;
}

static long sync_file(int fd)
{
    struct fd_ref ref = fd_borrow(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    long result = ref.file->ops->fsync != NULL ? ref.file->ops->fsync(ref.file) : -EINVAL;
    fd_return(ref);
    return result;
}

LINUX_CALL1(fsync, int, fd)
{
    return sync_file(fd);
}

LINUX_CALL1(fdatasync, int, fd)
{
    return sync_file(fd);
}

/* All our file systems are in memory: there is nothing to be written back. */
LINUX_CALL0(sync)
{
    return 0;
}

LINUX_CALL1(syncfs, int, fd)
{
    struct fd_ref ref = fd_borrow(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    fd_return(ref);
    return 0;
}

/* Nothing is behind the memory that files are in: there is nothing to be read ahead. */
LINUX_CALL3(readahead, int, fd, int64_t, offset, size_t, size)
{
    struct fd_ref ref = fd_borrow(fd);
    (void)offset;
    bool readable = ref.file != NULL && file_readable(ref.file);
    bool regular = readable && (inode_mode(ref.file->inode) & S_IFMT) == S_IFREG;
    if (ref.file != NULL) {
        fd_return(ref);
    }
    return !readable ? -EBADF : regular && (int64_t)size >= 0 ? 0 : -EINVAL;
}

LINUX_CALL4(sync_file_range, int, fd, int64_t, offset, int64_t, size, unsigned, flags)
{
    enum { SYNC_FILE_RANGE_ALL = 7 };
    struct fd_ref ref = fd_borrow(fd);
    int64_t end;
    if (ref.file == NULL) {
        return -EBADF;
    }
    uint32_t type = inode_mode(ref.file->inode) & S_IFMT;
    fd_return(ref);
    if ((flags & ~(unsigned)SYNC_FILE_RANGE_ALL) || offset < 0 ||
        __builtin_add_overflow(offset, size, &end) || end < offset) {
        return -EINVAL;
    }
    return type == S_IFREG || type == S_IFBLK || type == S_IFDIR || type == S_IFLNK ? 0 : -ESPIPE;
}
