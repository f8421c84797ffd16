/* SPDX-License-Identifier: BSD-2-Clause */
/* open(2), openat(2), openat2(2), creat(2), pipe(2). */
#include "kernel/arch/user.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"

static long open_name(int dirfd, vaddr_t name, unsigned flags, uint32_t mode, unsigned walk_flags)
{
    struct user_walk uw;
    struct file *file;
    int error = user_name_get(&uw.name, name);
    if (error != 0) {
        return error;
    }
    /* RESOLVE_IN_ROOT takes absolute names to begin at the descriptor, too. */
    error = walk_begin(&uw.walk, dirfd, walk_flags & WALK_IN_ROOT ? "" : uw.name.text);
    if (error != 0) {
        user_name_free(&uw.name);
        return error;
    }
    /* 64-bit programs always have large files, and F_GETFL shows it (open(2)). */
    if (!(flags & O_PATH)) {
        flags |= O_LARGEFILE;
    }
    const struct open_how how = {flags, mode & 07777 & ~current_umask(), walk_flags};
    error = vfs_open(&uw.walk, uw.name.text, &how, &file);
    user_walk_end(&uw);
    if (error != 0) {
        return error;
    }
    int fd = fd_install(file, 0, (flags & O_CLOEXEC) != 0);
    if (fd < 0) {
        file_put(file);
    }
    return fd;
}

/* Flags that mean nothing are ignored, as ever. */
#define OPEN_KNOWN                                                                                 \
    (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |          \
     O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC |         \
     O_PATH | O_TMPFILE)

LINUX_CALL3(open, vaddr_t, name, unsigned, flags, uint32_t, mode)
{
    return open_name(AT_FDCWD, name, flags & OPEN_KNOWN, mode, 0);
}

LINUX_CALL4(openat, int, dirfd, vaddr_t, name, unsigned, flags, uint32_t, mode)
{
    return open_name(dirfd, name, flags & OPEN_KNOWN, mode, 0);
}

LINUX_CALL2(creat, vaddr_t, name, uint32_t, mode)
{
    return open_name(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode, 0);
}

struct linux_open_how {
    uint64_t flags, mode, resolve;
};
static_assert(sizeof(struct linux_open_how) == 24, "struct open_how, version 0");

enum {
    RESOLVE_NO_XDEV = 1,
    RESOLVE_NO_MAGICLINKS = 2,
    RESOLVE_NO_SYMLINKS = 4,
    RESOLVE_BENEATH = 8,
    RESOLVE_IN_ROOT = 16,
    RESOLVE_CACHED = 32,
};

static int how_check(const struct linux_open_how *how)
{
    bool makes = (how->flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) != 0;
    if ((how->flags & ~(uint64_t)OPEN_KNOWN) || how->resolve > 63) {
        return -EINVAL;
    }
    if ((how->mode & ~07777ull) || (how->mode != 0 && !makes)) {
        return -EINVAL;
    }
    if ((how->resolve & RESOLVE_BENEATH) && (how->resolve & RESOLVE_IN_ROOT)) {
        return -EINVAL;
    }
    if ((how->flags & O_PATH) &&
        (how->flags & ~(uint64_t)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))) {
        return -EINVAL;
    }
    return how->resolve & RESOLVE_CACHED ? -EAGAIN : 0;
}

LINUX_CALL4(openat2, int, dirfd, vaddr_t, name, vaddr_t, addr, size_t, size)
{
    struct linux_open_how how;
    int error = size < sizeof(how) ? -EINVAL : linux_copy_struct(&how, sizeof(how), addr, size);
    if (error == 0) {
        error = how_check(&how);
    }
    if (error != 0) {
        return error;
    }
    unsigned walk_flags = (how.resolve & RESOLVE_NO_XDEV ? WALK_NO_XDEV : 0) |
                          (how.resolve & RESOLVE_NO_MAGICLINKS ? WALK_NO_MAGIC : 0) |
                          (how.resolve & RESOLVE_NO_SYMLINKS ? WALK_NO_LINKS : 0) |
                          (how.resolve & RESOLVE_BENEATH ? WALK_BENEATH : 0) |
                          (how.resolve & RESOLVE_IN_ROOT ? WALK_IN_ROOT : 0);
    return open_name(dirfd, name, (unsigned)how.flags, (uint32_t)how.mode, walk_flags);
}

static long make_pipe(vaddr_t fds, unsigned flags)
{
    struct file *ends[2];
    int numbers[2];
    if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) {
        return -EINVAL;
    }
    int error = pipe_create(flags, ends);
    if (error != 0) {
        return error;
    }
    for (int i = 0; i < 2; i++) {
        numbers[i] = fd_install(ends[i], 0, (flags & O_CLOEXEC) != 0);
        if (numbers[i] < 0) {
            if (i == 1) {
                fd_close(numbers[0]);
            } else {
                file_put(ends[0]);
            }
            file_put(ends[1]);
            return numbers[i];
        }
    }
    error = copy_to_user(fds, numbers, sizeof(numbers));
    if (error != 0) {
        fd_close(numbers[0]);
        fd_close(numbers[1]);
    }
    return error;
}

LINUX_CALL1(pipe, vaddr_t, fds)
{
    return make_pipe(fds, 0);
}

LINUX_CALL2(pipe2, vaddr_t, fds, unsigned, flags)
{
    return make_pipe(fds, flags);
}
