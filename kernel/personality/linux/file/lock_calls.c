/* SPDX-License-Identifier: BSD-2-Clause */
/* fcntl(2)'s locks: of the process and of the open file; flock(2). */
#include "kernel/arch/user.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/lock.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"

struct linux_flock {
    int16_t type, whence;
    int32_t pad;
    int64_t start, length;
    int32_t pid;
    int32_t pad2;
};
static_assert(sizeof(struct linux_flock) == 32, "struct flock of 64-bit machines");

enum { F_GETLK = 5, F_SETLK, F_SETLKW, F_OFD_GETLK = 36, F_OFD_SETLK, F_OFD_SETLKW };
enum { F_RDLCK, F_WRLCK, F_UNLCK };
enum { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 };

/* Offsets as lseek has them; a negative length reaches backwards (fcntl(2)). */
static int range_of(struct file *file, const struct linux_flock *flock, struct file_lock *lock)
{
    int64_t base = 0, start, end;
    if (flock->whence == 1) {
        base = (int64_t)__atomic_load_n(&file->pos, __ATOMIC_RELAXED);
    } else if (flock->whence == 2) {
        base = (int64_t)__atomic_load_n(&file->inode->size, __ATOMIC_RELAXED);
    } else if (flock->whence != 0) {
        return -EINVAL;
    }
    if (__builtin_add_overflow(base, flock->start, &start)) {
        return -EOVERFLOW;
    }
    if (flock->length == 0) {
        end = INT64_MAX;
    } else if (flock->length > 0) {
        if (__builtin_add_overflow(start, flock->length - 1, &end)) {
            return -EOVERFLOW;
        }
    } else {
        end = start - 1;
        start += flock->length;
    }
    if (start < 0) {
        return -EINVAL;
    }
    lock->start = (uint64_t)start;
    lock->end = (uint64_t)end;
    return 0;
}

static int check_type(const struct file *file, int type, bool only_test)
{
    switch (type) {
    case F_RDLCK:
        return only_test || file_readable(file) ? 0 : -EBADF;
    case F_WRLCK:
        return only_test || file_writable(file) ? 0 : -EBADF;
    case F_UNLCK:
        return only_test ? -EINVAL : 0;
    default:
        return -EINVAL;
    }
}

static long get_lock(struct file *file, const struct file_lock *want, struct linux_flock *flock,
                     vaddr_t addr)
{
    struct file_lock found;
    if (!file_lock_test(file->inode, want, &found)) {
        flock->type = F_UNLCK;
    } else {
        flock->type = found.type == LOCK_WRITE ? F_WRLCK : F_RDLCK;
        flock->whence = 0;
        flock->start = (int64_t)found.start;
        flock->length = found.end == INT64_MAX ? 0 : (int64_t)(found.end - found.start + 1);
        flock->pid = found.pid;
    }
    return put_user(*flock, addr);
}

/* A close by another thread that came before the lock has dropped what there was: this lock would
 * stay for ever. */
static bool is_open_as(int fd, const struct file *file)
{
    struct fd_ref ref = fd_borrow_any(fd);
    bool same = ref.file == file;
    if (ref.file != NULL) {
        fd_return(ref);
    }
    return same;
}

long linux_fcntl_lock(struct file *file, int fd, int command, vaddr_t addr)
{
    struct linux_flock flock;
    int error = get_user(flock, addr);
    if (error != 0) {
        return error;
    }
    bool by_file = command >= F_OFD_GETLK, test = command == F_GETLK || command == F_OFD_GETLK;
    struct file_lock want = {
        .owner = by_file ? (const void *)file : (const void *)linux_current()->files,
        .type = flock.type == F_RDLCK   ? LOCK_READ
                : flock.type == F_WRLCK ? LOCK_WRITE
                                        : LOCK_NONE,
        .pid = by_file ? -1 : current_process()->pid,
    };
    error = check_type(file, flock.type, test);
    if (error == 0 && by_file && flock.pid != 0) {
        error = -EINVAL;
    }
    if (error == 0) {
        error = range_of(file, &flock, &want);
    }
    if (error != 0) {
        return error;
    }
    if (test) {
        return get_lock(file, &want, &flock, addr);
    }
    error = file_lock_set(file->inode, &want, command == F_SETLKW || command == F_OFD_SETLKW);
    if (error == 0 && !by_file && want.type != LOCK_NONE && !is_open_as(fd, file)) {
        want.type = LOCK_NONE;
        (void)file_lock_set(file->inode, &want, false);
        error = -EBADF;
    }
    return error;
}

LINUX_CALL2(flock, int, fd, unsigned, operation)
{
    static const enum lock_type types[] = {
        [LOCK_SH] = LOCK_READ, [LOCK_EX] = LOCK_WRITE, [LOCK_UN] = LOCK_NONE};
    unsigned kind = operation & ~(unsigned)LOCK_NB;
    if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN) {
        return -EINVAL;
    }
    struct fd_ref ref = fd_borrow(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    const struct file_lock want = {.owner = ref.file,
                                   .type = types[kind],
                                   .start = 0,
                                   .end = INT64_MAX,
                                   .whole = true,
                                   .pid = -1};
    long result = file_lock_set(ref.file->inode, &want, !(operation & LOCK_NB));
    fd_return(ref);
    return result;
}
