/* SPDX-License-Identifier: BSD-2-Clause */
/* stat(2) and its relatives, statx(2), statfs(2), readlink(2). */
#include "kernel/arch/user.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/abi_file.h"
#include "kernel/personality/linux/file/files.h"
#include "lib/string.h"

static int put_stat(const struct path *path, vaddr_t addr)
{
    struct inode_attr attr;
    int error = vfs_getattr(path, &attr);
    if (error != 0) {
        return error;
    }
    const struct linux_stat stat = {
        .dev = dev_encode(attr.dev),
        .ino = attr.ino,
        .nlink = attr.nlink,
        .mode = attr.mode,
        .uid = attr.uid,
        .gid = attr.gid,
        .rdev = dev_encode(attr.rdev),
        .size = (int64_t)attr.size,
        .block_size = attr.block_size,
        .blocks = (int64_t)attr.blocks,
        .atime = attr.atime.sec,
        .atime_nsec = attr.atime.nsec,
        .mtime = attr.mtime.sec,
        .mtime_nsec = attr.mtime.nsec,
        .ctime = attr.ctime.sec,
        .ctime_nsec = attr.ctime.nsec,
    };
    return copy_to_user(addr, &stat, sizeof(stat));
}

static int put_stat_fd(int fd, vaddr_t addr)
{
    struct fd_ref ref = fd_borrow_any(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    int error = put_stat(&ref.file->path, addr);
    fd_return(ref);
    return error;
}

static long stat_name(int dirfd, vaddr_t name, vaddr_t addr, unsigned flags)
{
    struct user_walk uw;
    struct path path;
    int error = user_name_get(&uw.name, name);
    if (error != 0) {
        return error;
    }
    if ((flags & AT_EMPTY_PATH) && dirfd >= 0 && uw.name.text[0] == '\0') {
        return put_stat_fd(dirfd, addr); /* how glibc spells fstat */
    }
    error = walk_begin(&uw.walk, dirfd, uw.name.text);
    if (error == 0) {
        error = vfs_walk(&uw.walk, uw.name.text,
                         (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
                             (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0),
                         &path);
        walk_end(&uw.walk);
    }
    user_name_free(&uw.name);
    if (error == 0) {
        error = put_stat(&path, addr);
        path_put(&path);
    }
    return error;
}

LINUX_CALL2(stat, vaddr_t, name, vaddr_t, addr)
{
    return stat_name(AT_FDCWD, name, addr, 0);
}

LINUX_CALL2(lstat, vaddr_t, name, vaddr_t, addr)
{
    return stat_name(AT_FDCWD, name, addr, AT_SYMLINK_NOFOLLOW);
}

LINUX_CALL2(fstat, int, fd, vaddr_t, addr)
{
    return put_stat_fd(fd, addr);
}

#define STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)

LINUX_CALL4(newfstatat, int, dirfd, vaddr_t, name, vaddr_t, addr, unsigned, flags)
{
    return flags & ~STAT_FLAGS ? -EINVAL : stat_name(dirfd, name, addr, flags);
}

static struct linux_statx_time statx_time(const struct timestamp *time)
{
    return (struct linux_statx_time){.sec = time->sec, .nsec = time->nsec};
}

static int put_statx(const struct path *path, vaddr_t addr)
{
    struct inode_attr attr;
    int error = vfs_getattr(path, &attr);
    if (error != 0) {
        return error;
    }
    const struct linux_statx statx = {
        .mask = STATX_BASIC_STATS | STATX_MNT_ID,
        .block_size = attr.block_size,
        .nlink = attr.nlink,
        .uid = attr.uid,
        .gid = attr.gid,
        .mode = (uint16_t)attr.mode,
        .ino = attr.ino,
        .size = attr.size,
        .blocks = attr.blocks,
        .atime = statx_time(&attr.atime),
        .ctime = statx_time(&attr.ctime),
        .mtime = statx_time(&attr.mtime),
        .rdev_major = DEV_MAJOR(attr.rdev),
        .rdev_minor = DEV_MINOR(attr.rdev),
        .dev_major = DEV_MAJOR(attr.dev),
        .dev_minor = DEV_MINOR(attr.dev),
        .mount_id = path->mount != NULL ? (uint64_t)path->mount->id : 0,
    };
    return copy_to_user(addr, &statx, sizeof(statx));
}

LINUX_CALL5(statx, int, dirfd, vaddr_t, name, unsigned, flags, unsigned, mask, vaddr_t, addr)
{
    struct path path;
    if ((flags & ~STAT_FLAGS) || (mask & STATX_RESERVED) ||
        (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE) {
        return -EINVAL;
    }
    int error = user_path(dirfd, name, flags, &path);
    if (error == 0) {
        error = put_statx(&path, addr);
        path_put(&path);
    }
    return error;
}

static int put_statfs(const struct path *path, vaddr_t addr)
{
    struct statfs_info info;
    int error = vfs_statfs(path, &info);
    if (error != 0) {
        return error;
    }
    const struct linux_statfs statfs = {
        .type = (int64_t)info.type,
        .block_size = (int64_t)info.block_size,
        .blocks = info.blocks,
        .blocks_free = info.blocks_free,
        .blocks_available = info.blocks_free,
        .files = info.files,
        .files_free = info.files_free,
        .id = path->dentry->inode->sb->dev,
        .name_max = VFS_NAME_MAX,
        .fragment_size = (int64_t)info.block_size,
        .flags = (int64_t)info.flags,
    };
    return copy_to_user(addr, &statfs, sizeof(statfs));
}

LINUX_CALL2(statfs, vaddr_t, name, vaddr_t, addr)
{
    struct path path;
    int error = user_path(AT_FDCWD, name, 0, &path);
    if (error == 0) {
        error = put_statfs(&path, addr);
        path_put(&path);
    }
    return error;
}

LINUX_CALL2(fstatfs, int, fd, vaddr_t, addr)
{
    struct fd_ref ref = fd_borrow_any(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    int error = put_statfs(&ref.file->path, addr);
    fd_return(ref);
    return error;
}

static long read_link(int dirfd, vaddr_t name, vaddr_t buf, int size)
{
    struct user_walk uw;
    struct path path;
    if (size <= 0) {
        return -EINVAL;
    }
    int error = user_walk_begin(&uw, dirfd, name);
    if (error != 0) {
        return error;
    }
    bool empty = uw.name.text[0] == '\0' && dirfd >= 0;
    long result = vfs_walk(&uw.walk, uw.name.text, empty ? WALK_EMPTY : 0, &path);
    if (result == 0) {
        char *text = kmalloc(VFS_PATH_MAX);
        result = text == NULL
                     ? -ENOMEM
                     : vfs_readlink(&uw.walk, &path, text, MIN((size_t)size, VFS_PATH_MAX));
        if (result == -EINVAL && empty) {
            result = -ENOENT; /* readlink(2): an empty name needs a link behind the descriptor */
        }
        if (result > 0) {
            error = copy_to_user(buf, text, (size_t)result);
            result = error != 0 ? error : result;
        }
        kfree(text);
        path_put(&path);
    }
    user_walk_end(&uw);
    return result;
}

LINUX_CALL3(readlink, vaddr_t, name, vaddr_t, buf, int, size)
{
    return read_link(AT_FDCWD, name, buf, size);
}

LINUX_CALL4(readlinkat, int, dirfd, vaddr_t, name, vaddr_t, buf, int, size)
{
    return read_link(dirfd, name, buf, size);
}
