/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and directories: getdents, mkdir, rmdir, unlink, link, symlink, rename, mknod. */
#include "kernel/arch/user.h"
#include "kernel/fs/inode.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/abi_file.h"
#include "kernel/personality/linux/file/files.h"
#include "lib/string.h"

/* Entries go to user memory one by one. */
struct dents {
    struct dir_sink sink;
    vaddr_t at;
    size_t left;
    bool old;  /* struct linux_dirent */
    int error; /* -EFAULT, or -EINVAL when the first entry did not fit */
    bool any;
};

#define DENTS_HEADER 19 /* of the larger of the two */

static bool dents_emit(struct dir_sink *sink, const struct dir_entry *from)
{
    struct dents *d = container_of(sink, struct dents, sink);
    _Alignas(8) char record[ALIGN_UP(DENTS_HEADER + VFS_NAME_MAX + 2, 8)];
    size_t header = d->old ? 18 : 19, end = header + from->size;
    size_t total = ALIGN_UP(end + 1 + (d->old ? 1 : 0), 8);
    if (total > sizeof(record) || total > d->left) {
        d->error = d->any ? 0 : -EINVAL;
        return false;
    }
    struct linux_dirent64 *entry = (struct linux_dirent64 *)(void *)record;
    entry->ino = from->ino;
    entry->offset = (int64_t)from->next;
    entry->size = (uint16_t)total;
    entry->type = (uint8_t)(from->type >> 12); /* DT_* are the upper bits of S_IF* */
    memcpy(record + header, from->name, from->size);
    memset(record + end, 0, total - end);
    if (d->old) {
        record[total - 1] = (char)(from->type >> 12);
    }
    if (copy_to_user(d->at, record, total) != 0) {
        d->error = d->any ? 0 : -EFAULT;
        return false;
    }
    d->any = true;
    d->at += total;
    d->left -= total;
    return true;
}

static long read_dents(int fd, vaddr_t buf, unsigned size, bool old)
{
    struct fd_ref ref = fd_borrow(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    struct file *file = ref.file;
    long result = -ENOTDIR;
    if (file->ops->iterate != NULL) {
        struct dents d = {.sink = {dents_emit}, .at = buf, .left = size, .old = old};
        mutex_lock(&file->pos_lock);
        result = file->ops->iterate(file, &d.sink);
        mutex_unlock(&file->pos_lock);
        result = result != 0 ? result : d.error;
        if (d.any) {
            result = (long)(size - d.left);
        }
    }
    fd_return(ref);
    return result;
}

LINUX_CALL3(getdents, int, fd, vaddr_t, buf, unsigned, size)
{
    return read_dents(fd, buf, size, true);
}

LINUX_CALL3(getdents64, int, fd, vaddr_t, buf, unsigned, size)
{
    return read_dents(fd, buf, size, false);
}

static long make_dir(int dirfd, vaddr_t name, uint32_t mode)
{
    struct user_walk uw;
    int error = user_walk_begin(&uw, dirfd, name);
    if (error == 0) {
        error = vfs_mkdir(&uw.walk, uw.name.text, mode & ~current_umask());
        user_walk_end(&uw);
    }
    return error;
}

LINUX_CALL2(mkdir, vaddr_t, name, uint32_t, mode)
{
    return make_dir(AT_FDCWD, name, mode);
}

LINUX_CALL3(mkdirat, int, dirfd, vaddr_t, name, uint32_t, mode)
{
    return make_dir(dirfd, name, mode);
}

/* Linux looks at the type before the name. */
static int check_type(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case 0:
    case S_IFREG:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
        return 0;
    case S_IFDIR:
        return -EPERM;
    default:
        return -EINVAL;
    }
}

static long make_node(int dirfd, vaddr_t name, uint32_t mode, uint64_t rdev)
{
    struct user_walk uw;
    int type_error = check_type(mode);
    if (type_error != 0) {
        return type_error;
    }
    int error = user_walk_begin(&uw, dirfd, name);
    if (error == 0) {
        error = vfs_mknod(&uw.walk, uw.name.text, mode & ~current_umask(),
                          dev_decode((uint32_t)rdev));
        user_walk_end(&uw);
    }
    return error;
}

LINUX_CALL3(mknod, vaddr_t, name, uint32_t, mode, uint64_t, rdev)
{
    return make_node(AT_FDCWD, name, mode, rdev);
}

LINUX_CALL4(mknodat, int, dirfd, vaddr_t, name, uint32_t, mode, uint64_t, rdev)
{
    return make_node(dirfd, name, mode, rdev);
}

static long remove_name(int dirfd, vaddr_t name, bool is_dir)
{
    struct user_walk uw;
    int error = user_walk_begin(&uw, dirfd, name);
    if (error == 0) {
        error = is_dir ? vfs_rmdir(&uw.walk, uw.name.text) : vfs_unlink(&uw.walk, uw.name.text);
        user_walk_end(&uw);
    }
    return error;
}

LINUX_CALL1(rmdir, vaddr_t, name)
{
    return remove_name(AT_FDCWD, name, true);
}

LINUX_CALL1(unlink, vaddr_t, name)
{
    return remove_name(AT_FDCWD, name, false);
}

LINUX_CALL3(unlinkat, int, dirfd, vaddr_t, name, unsigned, flags)
{
    return flags & ~AT_REMOVEDIR ? -EINVAL : remove_name(dirfd, name, (flags & AT_REMOVEDIR) != 0);
}

static long make_symlink(vaddr_t target, int dirfd, vaddr_t name)
{
    struct user_name text;
    struct user_walk uw;
    int error = user_name_get(&text, target);
    if (error != 0) {
        return error;
    }
    error = user_walk_begin(&uw, dirfd, name);
    if (error == 0) {
        error = vfs_symlink(&uw.walk, text.text, uw.name.text);
        user_walk_end(&uw);
    }
    user_name_free(&text);
    return error;
}

LINUX_CALL2(symlink, vaddr_t, target, vaddr_t, name)
{
    return make_symlink(target, AT_FDCWD, name);
}

LINUX_CALL3(symlinkat, vaddr_t, target, int, dirfd, vaddr_t, name)
{
    return make_symlink(target, dirfd, name);
}

static long make_link(int old_dirfd, vaddr_t old_name, int dirfd, vaddr_t name, unsigned flags)
{
    struct path old;
    struct user_walk uw;
    if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) {
        return -EINVAL;
    }
    int error = user_path(
        old_dirfd, old_name,
        (flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW) | (flags & AT_EMPTY_PATH), &old);
    if (error != 0) {
        return error;
    }
    error = user_walk_begin(&uw, dirfd, name);
    if (error == 0) {
        error = vfs_link(&old, &uw.walk, uw.name.text);
        user_walk_end(&uw);
    }
    path_put(&old);
    return error;
}

LINUX_CALL2(link, vaddr_t, old_name, vaddr_t, name)
{
    return make_link(AT_FDCWD, old_name, AT_FDCWD, name, 0);
}

LINUX_CALL5(linkat, int, old_dirfd, vaddr_t, old_name, int, dirfd, vaddr_t, name, unsigned, flags)
{
    return make_link(old_dirfd, old_name, dirfd, name, flags);
}

static long rename_name(int old_dirfd, vaddr_t old_name, int dirfd, vaddr_t name, unsigned flags)
{
    struct user_walk from, to;
    if ((flags & ~3u) || flags == 3) {
        return -EINVAL; /* RENAME_NOREPLACE or RENAME_EXCHANGE, not both */
    }
    int error = user_walk_begin(&from, old_dirfd, old_name);
    if (error != 0) {
        return error;
    }
    error = user_walk_begin(&to, dirfd, name);
    if (error == 0) {
        error = vfs_rename(&from.walk, from.name.text, &to.walk, to.name.text, flags);
        user_walk_end(&to);
    }
    user_walk_end(&from);
    return error;
}

LINUX_CALL2(rename, vaddr_t, old_name, vaddr_t, name)
{
    return rename_name(AT_FDCWD, old_name, AT_FDCWD, name, 0);
}

LINUX_CALL4(renameat, int, old_dirfd, vaddr_t, old_name, int, dirfd, vaddr_t, name)
{
    return rename_name(old_dirfd, old_name, dirfd, name, 0);
}

LINUX_CALL5(renameat2, int, old_dirfd, vaddr_t, old_name, int, dirfd, vaddr_t, name, unsigned,
            flags)
{
    return rename_name(old_dirfd, old_name, dirfd, name, flags);
}
