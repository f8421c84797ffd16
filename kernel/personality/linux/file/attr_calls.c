/* SPDX-License-Identifier: BSD-2-Clause */
/* access(2), chmod(2), chown(2), utimensat(2) and their families. */
#include "kernel/arch/user.h"
#include "kernel/fs/inode.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"

/* The rights of the real user (access(2)): *copy is filled when they differ from the current. */
static const struct cred *real_cred(struct cred *copy)
{
    const struct cred *cred = linux_current()->cred;
    uint64_t capabilities = cred->uid == 0 ? cred->cap_permitted : 0;
    if (cred->uid == cred->fsuid && cred->gid == cred->fsgid &&
        capabilities == cred->cap_effective) {
        return cred;
    }
    *copy = *cred;
    copy->fsuid = cred->uid;
    copy->fsgid = cred->gid;
    copy->cap_effective = capabilities;
    return copy;
}

static long check_access(int dirfd, vaddr_t name, unsigned mode, unsigned flags)
{
    struct cred copy;
    struct user_walk uw;
    struct path path;
    if ((mode & ~7u) || (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))) {
        return -EINVAL;
    }
    int error = user_walk_begin(&uw, dirfd, name);
    if (error != 0) {
        return error;
    }
    if (!(flags & AT_EACCESS)) {
        uw.walk.cred = real_cred(&copy);
    }
    error = vfs_walk(&uw.walk, uw.name.text,
                     (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
                         (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0),
                     &path);
    if (error == 0) {
        error = vfs_permission(uw.walk.cred, &path, mode);
        path_put(&path);
    }
    user_walk_end(&uw);
    return error;
}

LINUX_CALL2(access, vaddr_t, name, unsigned, mode)
{
    return check_access(AT_FDCWD, name, mode, 0);
}

LINUX_CALL3(faccessat, int, dirfd, vaddr_t, name, unsigned, mode)
{
    return check_access(dirfd, name, mode, 0);
}

LINUX_CALL4(faccessat2, int, dirfd, vaddr_t, name, unsigned, mode, unsigned, flags)
{
    return check_access(dirfd, name, mode, flags);
}

static long set_name(int dirfd, vaddr_t name, unsigned at_flags, const struct inode_attr *attr,
                     unsigned valid)
{
    struct path path;
    int error = user_path(dirfd, name, at_flags, &path);
    if (error == 0) {
        error = vfs_setattr(linux_current()->cred, &path, attr, valid);
        path_put(&path);
    }
    return error;
}

static long set_fd(struct fd_ref ref, const struct inode_attr *attr, unsigned valid)
{
    if (ref.file == NULL) {
        return -EBADF;
    }
    int error = vfs_setattr(linux_current()->cred, &ref.file->path, attr, valid);
    fd_return(ref);
    return error;
}

LINUX_CALL2(chmod, vaddr_t, name, uint32_t, mode)
{
    const struct inode_attr attr = {.mode = mode};
    return set_name(AT_FDCWD, name, 0, &attr, ATTR_MODE);
}

LINUX_CALL2(fchmod, int, fd, uint32_t, mode)
{
    const struct inode_attr attr = {.mode = mode};
    return set_fd(fd_borrow(fd), &attr, ATTR_MODE);
}

LINUX_CALL3(fchmodat, int, dirfd, vaddr_t, name, uint32_t, mode)
{
    const struct inode_attr attr = {.mode = mode};
    return set_name(dirfd, name, 0, &attr, ATTR_MODE);
}

/* -1 leaves an owner as it is. */
static unsigned owners(uint32_t uid, uint32_t gid, struct inode_attr *attr)
{
    *attr = (struct inode_attr){.uid = uid, .gid = gid};
    return (uid != UINT32_MAX ? ATTR_UID : 0) | (gid != UINT32_MAX ? ATTR_GID : 0);
}

LINUX_CALL3(chown, vaddr_t, name, uint32_t, uid, uint32_t, gid)
{
    struct inode_attr attr;
    unsigned valid = owners(uid, gid, &attr);
    return set_name(AT_FDCWD, name, 0, &attr, valid);
}

LINUX_CALL3(lchown, vaddr_t, name, uint32_t, uid, uint32_t, gid)
{
    struct inode_attr attr;
    unsigned valid = owners(uid, gid, &attr);
    return set_name(AT_FDCWD, name, AT_SYMLINK_NOFOLLOW, &attr, valid);
}

LINUX_CALL3(fchown, int, fd, uint32_t, uid, uint32_t, gid)
{
    struct inode_attr attr;
    unsigned valid = owners(uid, gid, &attr);
    return set_fd(fd_borrow(fd), &attr, valid);
}

LINUX_CALL5(fchownat, int, dirfd, vaddr_t, name, uint32_t, uid, uint32_t, gid, unsigned, flags)
{
    struct inode_attr attr;
    unsigned valid = owners(uid, gid, &attr);
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
        return -EINVAL;
    }
    return set_name(dirfd, name, flags, &attr, valid);
}

#define UTIME_NOW  0x3fffffff
#define UTIME_OMIT 0x3ffffffe

/* times of utimensat(2) into an attr; returns what is valid, 0: nothing to do. */
static int times_from(const struct linux_timespec times[2], struct inode_attr *attr,
                      unsigned *valid)
{
    struct timestamp now = timestamp_now(), *out[2] = {&attr->atime, &attr->mtime};
    static const unsigned bits[2] = {ATTR_ATIME, ATTR_MTIME};
    unsigned now_count = 0;
    *valid = 0;
    for (int i = 0; i < 2; i++) {
        if (times[i].nsec == UTIME_OMIT) {
            continue;
        }
        *valid |= bits[i];
        if (times[i].nsec == UTIME_NOW) {
            *out[i] = now;
            now_count++;
        } else if (times[i].nsec < 0 || times[i].nsec > 999999999) {
            return -EINVAL;
        } else {
            *out[i] = (struct timestamp){times[i].sec, (uint32_t)times[i].nsec};
        }
    }
    if (now_count == 2) {
        *valid |= ATTR_TIMES_NOW;
    }
    return 0;
}

/* name 0: the file behind dirfd (futimens). */
static long set_times(int dirfd, vaddr_t name, const struct linux_timespec times[2],
                      unsigned at_flags)
{
    struct inode_attr attr = {.mode = 0};
    unsigned valid;
    int error = times_from(times, &attr, &valid);
    if (error != 0 || valid == 0) {
        return error;
    }
    if (name == 0 && dirfd != AT_FDCWD) {
        return at_flags != 0 ? -EINVAL : set_fd(fd_borrow(dirfd), &attr, valid);
    }
    return set_name(dirfd, name, at_flags, &attr, valid);
}

static const struct linux_timespec times_now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};

LINUX_CALL4(utimensat, int, dirfd, vaddr_t, name, vaddr_t, addr, unsigned, flags)
{
    struct linux_timespec times[2] = {times_now[0], times_now[1]};
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
        return -EINVAL;
    }
    int error = addr != 0 ? copy_from_user(times, addr, sizeof(times)) : 0;
    return error != 0 ? error : set_times(dirfd, name, times, flags);
}

static long set_timevals(int dirfd, vaddr_t name, vaddr_t addr)
{
    struct linux_timeval values[2];
    struct linux_timespec times[2] = {times_now[0], times_now[1]};
    if (addr != 0) {
        int error = copy_from_user(values, addr, sizeof(values));
        if (error != 0) {
            return error;
        }
        for (int i = 0; i < 2; i++) {
            if (values[i].usec < 0 || values[i].usec > 999999) {
                return -EINVAL;
            }
            times[i] = (struct linux_timespec){values[i].sec, values[i].usec * 1000};
        }
    }
    return set_times(dirfd, name, times, 0);
}

LINUX_CALL2(utimes, vaddr_t, name, vaddr_t, addr)
{
    return set_timevals(AT_FDCWD, name, addr);
}

LINUX_CALL3(futimesat, int, dirfd, vaddr_t, name, vaddr_t, addr)
{
    return set_timevals(dirfd, name, addr);
}

LINUX_CALL2(utime, vaddr_t, name, vaddr_t, addr)
{
    int64_t seconds[2];
    struct linux_timespec times[2] = {times_now[0], times_now[1]};
    if (addr != 0) {
        int error = copy_from_user(seconds, addr, sizeof(seconds));
        if (error != 0) {
            return error;
        }
        times[0] = (struct linux_timespec){seconds[0], 0};
        times[1] = (struct linux_timespec){seconds[1], 0};
    }
    return set_times(AT_FDCWD, name, times, 0);
}
