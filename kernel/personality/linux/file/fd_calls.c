/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls on descriptors as such: close, close_range, dup*, fcntl, ioctl. */
#include "kernel/arch/user.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/seal.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"

LINUX_CALL1(close, int, fd)
{
    return fd_close(fd);
}

enum { CLOSE_RANGE_UNSHARE = 2, CLOSE_RANGE_CLOEXEC = 4 };

static int unshare_table(void)
{
    struct linux_thread *self = linux_current();
    struct fd_table *copy, *old = self->files;
    if (ref_read(&old->refs) == 1) {
        return 0;
    }
    int error = fd_table_copy(old, &copy);
    if (error != 0) {
        return error;
    }
    unsigned long flags = process_tree_acquire();
    self->files = copy;
    process_tree_release(flags);
    fd_table_put(old);
    return 0;
}

LINUX_CALL3(close_range, unsigned, first, unsigned, last, unsigned, flags)
{
    if (first > last || (flags & ~(unsigned)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))) {
        return -EINVAL;
    }
    int error = flags & CLOSE_RANGE_UNSHARE ? unshare_table() : 0;
    if (error != 0) {
        return error;
    }
    const struct fd_table *table = linux_current()->files;
    for (unsigned fd = first; fd <= last && fd < __atomic_load_n(&table->top, __ATOMIC_RELAXED);
         fd++) {
        if (flags & CLOSE_RANGE_CLOEXEC) {
            fd_set_cloexec((int)fd, true);
        } else {
            fd_close((int)fd);
        }
    }
    return 0;
}

/* A new descriptor for the same open file. */
static long duplicate(int fd, unsigned from, bool close_on_exec)
{
    struct file *file = fd_get_any(fd);
    if (file == NULL) {
        return -EBADF;
    }
    int result = fd_install(file, from, close_on_exec);
    if (result < 0) {
        file_put(file);
    }
    return result;
}

static long duplicate_to(int fd, int to, bool close_on_exec)
{
    struct file *file = fd_get_any(fd);
    if (file == NULL) {
        return -EBADF;
    }
    int result = to < 0 ? -EBADF : fd_install_at(file, (unsigned)to, close_on_exec);
    if (result < 0) {
        file_put(file);
    }
    return result;
}

LINUX_CALL1(dup, int, fd)
{
    return duplicate(fd, 0, false);
}

LINUX_CALL2(dup2, int, fd, int, to)
{
    if (fd == to) {
        int error = fd_get_cloexec(fd);
        return error < 0 ? error : fd;
    }
    return duplicate_to(fd, to, false);
}

LINUX_CALL3(dup3, int, fd, int, to, unsigned, flags)
{
    if (fd == to || (flags & ~(unsigned)O_CLOEXEC)) {
        return -EINVAL;
    }
    return duplicate_to(fd, to, (flags & O_CLOEXEC) != 0);
}

enum {
    F_DUPFD,
    F_GETFD,
    F_SETFD,
    F_GETFL,
    F_SETFL,
    F_GETLK,
    F_SETLK,
    F_SETLKW,
    F_SETOWN,
    F_GETOWN,
    F_SETSIG,
    F_GETSIG,
    F_SETOWN_EX = 15,
    F_GETOWN_EX,
    F_OFD_GETLK = 36,
    F_OFD_SETLK,
    F_OFD_SETLKW,
    F_DUPFD_CLOEXEC = 1030,
    F_SETPIPE_SZ,
    F_GETPIPE_SZ,
    F_ADD_SEALS,
    F_GET_SEALS,
};

/* fcntl(2): only these can change; everything else is ignored. */
#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME)

static long set_flags(struct file *file, unsigned flags)
{
    if ((flags & O_NOATIME) && !(file_flags(file) & O_NOATIME) &&
        !inode_owner_or_capable(linux_current()->cred, file->inode)) {
        return -EPERM;
    }
    unsigned old = __atomic_load_n(&file->flags, __ATOMIC_RELAXED), new;
    do {
        new = (old & ~(unsigned)SETFL_MASK) | (flags & SETFL_MASK);
    } while (!__atomic_compare_exchange_n(&file->flags, &old, new, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return 0;
}

static long fcntl_file(struct file *file, int fd, int command, unsigned long arg)
{
    switch (command) {
    case F_GETFL:
        return (long)file_flags(file);
    case F_SETFL:
        return set_flags(file, (unsigned)arg);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return linux_fcntl_lock(file, fd, command, arg);
    case F_SETOWN:
    case F_SETSIG:
        return 0; /* SIGIO is not sent yet: O_ASYNC is only remembered */
    case F_GETOWN:
    case F_GETSIG:
        return 0;
    case F_GETPIPE_SZ:
        return pipe_capacity(file);
    case F_SETPIPE_SZ:
        return pipe_set_capacity(file, arg);
    case F_ADD_SEALS:
        return file_add_seals(file, arg);
    case F_GET_SEALS:
        return file_has_seals(file) ? (long)file_seals(file) : -EINVAL;
    default:
        return -EINVAL;
    }
}

/* What may be asked of O_PATH descriptors too. */
static long fcntl_fd(int fd, int command, unsigned long arg)
{
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        if (arg >= linux_limit(RLIMIT_NOFILE)) {
            return fd_get_cloexec(fd) < 0 ? -EBADF : -EINVAL;
        }
        return duplicate(fd, (unsigned)arg, command == F_DUPFD_CLOEXEC);
    case F_GETFD:
        return fd_get_cloexec(fd);
    default:
        return fd_set_cloexec(fd, (arg & 1) != 0);
    }
}

LINUX_CALL3(fcntl, int, fd, int, command, unsigned long, arg)
{
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC || command == F_GETFD ||
        command == F_SETFD) {
        return fcntl_fd(fd, command, arg);
    }
    struct fd_ref ref = command == F_GETFL ? fd_borrow_any(fd) : fd_borrow(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    long result = fcntl_file(ref.file, fd, command, arg);
    fd_return(ref);
    return result;
}

enum {
    FIONREAD = 0x541b,
    FIONBIO = 0x5421,
    FIONCLEX = 0x5450,
    FIOCLEX = 0x5451,
    FIOASYNC = 0x5452,
    FIOQSIZE = 0x5460,
};

static long set_flag_from_user(struct file *file, unsigned flag, vaddr_t arg)
{
    int on;
    int error = get_user(on, arg);
    if (error == 0 && on) {
        __atomic_fetch_or(&file->flags, flag, __ATOMIC_RELAXED);
    } else if (error == 0) {
        __atomic_fetch_and(&file->flags, ~flag, __ATOMIC_RELAXED);
    }
    return error;
}

static long regular_ioctl(struct file *file, unsigned request, vaddr_t arg)
{
    int64_t size = (int64_t)file->inode->size;
    if (request == FIOQSIZE) {
        return put_user(size, arg);
    }
    if (request != FIONREAD) {
        return -ENOTTY;
    }
    int left = (int)MIN(MAX(size - (int64_t)file->pos, 0), INT_MAX);
    return put_user(left, arg);
}

static long ioctl_file(struct file *file, int fd, unsigned request, vaddr_t arg)
{
    switch (request) {
    case FIOCLEX:
    case FIONCLEX:
        return fd_set_cloexec(fd, request == FIOCLEX);
    case FIONBIO:
        return set_flag_from_user(file, O_NONBLOCK, arg);
    case FIOASYNC:
        return set_flag_from_user(file, O_ASYNC, arg);
    default:
        break;
    }
    if (file->ops->ioctl != NULL) {
        return file->ops->ioctl(file, request, arg);
    }
    return (file->inode->mode & S_IFMT) == S_IFREG ? regular_ioctl(file, request, arg) : -ENOTTY;
}

LINUX_CALL3(ioctl, int, fd, unsigned, request, vaddr_t, arg)
{
    struct fd_ref ref = fd_borrow(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    long result = ioctl_file(ref.file, fd, request, arg);
    fd_return(ref);
    return result;
}
