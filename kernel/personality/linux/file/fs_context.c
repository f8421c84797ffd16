/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Root, working directory and umask; names from user memory and the walks for them. While a thread
 * is the only user of its context, walks borrow root and working directory without counting.
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"

enum { HELD_ROOT = 1, HELD_BASE = 2 };

int fs_context_copy(struct fs_context *from, struct fs_context **out)
{
    struct fs_context *fs = kmalloc(sizeof(*fs));
    if (fs == NULL) {
        return -ENOMEM;
    }
    ref_init(&fs->refs, 1);
    mutex_init(&fs->lock, LOCK_FS_CONTEXT);
    mutex_lock(&from->lock);
    fs->root = from->root;
    fs->cwd = from->cwd;
    fs->umask = from->umask;
    path_get(&fs->root);
    path_get(&fs->cwd);
    mutex_unlock(&from->lock);
    *out = fs;
    return 0;
}

void fs_context_get(struct fs_context *fs)
{
    ref_get(&fs->refs);
}

void fs_context_put(struct fs_context *fs)
{
    if (ref_put(&fs->refs)) {
        path_put(&fs->root);
        path_put(&fs->cwd);
        kfree(fs);
    }
}

/* base is the working directory, or the root for absolute names. */
static void take_context(struct walk *walk, struct fs_context *fs, bool absolute)
{
    if (likely(ref_read(&fs->refs) == 1)) {
        walk->root = fs->root;
        walk->base = absolute ? fs->root : fs->cwd;
        walk->held = 0;
        return;
    }
    mutex_lock(&fs->lock);
    walk->root = fs->root;
    walk->base = absolute ? fs->root : fs->cwd;
    path_get(&walk->root);
    path_get(&walk->base);
    mutex_unlock(&fs->lock);
    walk->held = HELD_ROOT | HELD_BASE;
}

/* base becomes what the descriptor names. */
static int take_descriptor(struct walk *walk, int dirfd)
{
    struct fd_ref ref = fd_borrow_any(dirfd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    if (walk->held & HELD_BASE) {
        path_put(&walk->base);
    }
    walk->base = ref.file->path;
    walk->held &= ~(unsigned)HELD_BASE;
    if (ref.counted) {
        path_get(&walk->base);
        walk->held |= HELD_BASE;
        fd_return(ref);
    }
    return 0;
}

int walk_begin(struct walk *walk, int dirfd, const char *name)
{
    struct linux_thread *self = linux_current();
    bool absolute = name[0] == '/';
    walk->cred = self->cred;
    take_context(walk, self->fs, absolute);
    int error = absolute || dirfd == AT_FDCWD ? 0 : take_descriptor(walk, dirfd);
    if (error == 0 && name[0] != '/' && name[0] != '\0' &&
        !inode_is_dir(walk->base.dentry->inode)) {
        error = -ENOTDIR;
    }
    if (error != 0) {
        walk_end(walk);
    }
    return error;
}

void walk_end(struct walk *walk)
{
    if (unlikely(walk->held & HELD_ROOT)) {
        path_put(&walk->root);
    }
    if (unlikely(walk->held & HELD_BASE)) {
        path_put(&walk->base);
    }
}

int path_from_user(vaddr_t addr, char **out)
{
    char *buf = kmalloc(VFS_PATH_MAX);
    if (buf == NULL) {
        return -ENOMEM;
    }
    long size = strncpy_from_user(buf, addr, VFS_PATH_MAX);
    if (size < 0) {
        kfree(buf);
        return (int)size;
    }
    *out = buf;
    return 0;
}

void path_buffer_free(char *buf)
{
    kfree(buf);
}

int user_name_get(struct user_name *name, vaddr_t addr)
{
    name->text = name->small;
    long size = strncpy_from_user(name->small, addr, sizeof(name->small));
    if (likely(size >= 0)) {
        return 0;
    }
    return size == -ENAMETOOLONG ? path_from_user(addr, &name->text) : (int)size;
}

void user_name_free(struct user_name *name)
{
    if (unlikely(name->text != name->small)) {
        kfree(name->text);
    }
}

int user_walk_begin(struct user_walk *uw, int dirfd, vaddr_t addr)
{
    int error = user_name_get(&uw->name, addr);
    if (error == 0) {
        error = walk_begin(&uw->walk, dirfd, uw->name.text);
        if (error != 0) {
            user_name_free(&uw->name);
        }
    }
    return error;
}

void user_walk_end(struct user_walk *uw)
{
    walk_end(&uw->walk);
    user_name_free(&uw->name);
}

int user_path(int dirfd, vaddr_t addr, unsigned at_flags, struct path *out)
{
    struct user_walk uw;
    int error = user_walk_begin(&uw, dirfd, addr);
    if (error != 0) {
        return error;
    }
    unsigned flags = (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
                     (at_flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
    error = vfs_walk(&uw.walk, uw.name.text, flags, out);
    user_walk_end(&uw);
    return error;
}

/* Takes over the reference of path. */
static void set_path(struct path *place, const struct path *path)
{
    struct fs_context *fs = linux_current()->fs;
    mutex_lock(&fs->lock);
    struct path old = *place;
    *place = *path;
    mutex_unlock(&fs->lock);
    path_put(&old);
}

/* A directory one may search becomes the context's root or working directory. */
static long enter(const struct path *path, struct path *place)
{
    struct linux_thread *self = linux_current();
    int error = inode_is_dir(path->dentry->inode) ? vfs_permission(self->cred, path, 1) : -ENOTDIR;
    if (error == 0 && place == &self->fs->root && !cred_can(self->cred, VFS_CAP_SYS_CHROOT)) {
        error = -EPERM;
    }
    if (error == 0) {
        set_path(place, path);
    } else {
        path_put(path);
    }
    return error;
}

LINUX_CALL1(chdir, vaddr_t, name)
{
    struct path path;
    int error = user_path(AT_FDCWD, name, 0, &path);
    return error != 0 ? error : enter(&path, &linux_current()->fs->cwd);
}

LINUX_CALL1(fchdir, int, fd)
{
    struct fd_ref ref = fd_borrow_any(fd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    struct path path = ref.file->path;
    path_get(&path);
    fd_return(ref);
    return enter(&path, &linux_current()->fs->cwd);
}

LINUX_CALL1(chroot, vaddr_t, name)
{
    struct path path;
    int error = user_path(AT_FDCWD, name, 0, &path);
    return error != 0 ? error : enter(&path, &linux_current()->fs->root);
}

LINUX_CALL2(getcwd, vaddr_t, buf, size_t, size)
{
    struct walk walk;
    char *name = kmalloc(VFS_PATH_MAX);
    if (name == NULL) {
        return -ENOMEM;
    }
    walk_begin(&walk, AT_FDCWD, "");
    long length = walk.base.dentry->flags & DENTRY_DEAD
                      ? -ENOENT
                      : vfs_path_name(&walk.base, &walk.root, name, VFS_PATH_MAX);
    walk_end(&walk);
    if (length == -ERANGE) {
        length = -ENAMETOOLONG;
    }
    if (length >= 0 && (size_t)length + 1 > size) {
        length = -ERANGE;
    }
    if (length >= 0) {
        int error = copy_to_user(buf, name, (size_t)length + 1);
        length = error != 0 ? error : length + 1;
    }
    kfree(name);
    return length;
}

LINUX_CALL1(umask, uint32_t, mask)
{
    return (long)__atomic_exchange_n(&linux_current()->fs->umask, mask & 0777, __ATOMIC_RELAXED);
}
