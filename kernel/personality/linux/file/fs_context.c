/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Root, working directory and umask; names from user memory and the walks for them. While a thread
 * is the only user of its context, walks borrow root and working directory without counting; else
 * they count both by one number, and no chdir holds them up.
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/files.h"

/* Takes references to both paths. NULL: no memory. */
static struct fs_paths *paths_create(const struct path *root, const struct path *cwd)
{
    struct fs_paths *paths = kmalloc(sizeof(*paths));
    if (paths != NULL) {
        ref_init(&paths->refs, 1);
        paths->root = *root;
        paths->cwd = *cwd;
        path_get(root);
        path_get(cwd);
    }
    return paths;
}

struct fs_paths *fs_paths_get(struct fs_context *fs)
{
    struct fs_paths *paths;
    rcu_read_lock();
    do {
        paths = rcu_read(fs->paths); /* one that is on its way out has a successor */
    } while (!ref_get_unless_zero(&paths->refs));
    rcu_read_unlock();
    return paths;
}

static void paths_freed(struct rcu_head *head)
{
    kfree(container_of(head, struct fs_paths, rcu));
}

void fs_paths_put(struct fs_paths *paths)
{
    if (ref_put(&paths->refs)) {
        path_put(&paths->root);
        path_put(&paths->cwd);
        rcu_call(&paths->rcu, paths_freed);
    }
}

/* Takes over the reference. */
static struct fs_context *context_create(struct fs_paths *paths, uint32_t umask)
{
    struct fs_context *fs = kmalloc(sizeof(*fs));
    if (fs == NULL) {
        fs_paths_put(paths);
        return NULL;
    }
    *fs = (struct fs_context){.paths = paths, .umask = umask};
    ref_init(&fs->refs, 1);
    mutex_init(&fs->lock, LOCK_FS_CONTEXT);
    return fs;
}

struct fs_context *fs_context_create(const struct path *root)
{
    struct fs_paths *paths = paths_create(root, root);
    return paths != NULL ? context_create(paths, 0022) : NULL;
}

int fs_context_copy(struct fs_context *from, struct fs_context **out)
{
    *out = context_create(fs_paths_get(from), __atomic_load_n(&from->umask, __ATOMIC_RELAXED));
    return *out != NULL ? 0 : -ENOMEM;
}

void fs_context_get(struct fs_context *fs)
{
    ref_get(&fs->refs);
}

void fs_context_put(struct fs_context *fs)
{
    if (ref_put(&fs->refs)) {
        fs_paths_put(fs->paths);
        kfree(fs);
    }
}

/* base is the working directory, or the root for absolute names. */
static void take_context(struct walk *walk, struct fs_context *fs, bool absolute)
{
    struct fs_paths *paths = fs->paths;
    walk->held = NULL;
    if (unlikely(ref_read(&fs->refs) != 1)) {
        walk->held = paths = fs_paths_get(fs);
    }
    walk->root = paths->root;
    walk->base = absolute ? paths->root : paths->cwd;
    walk->base_file = NULL;
}

/* base becomes what the descriptor names. */
static int take_descriptor(struct walk *walk, int dirfd)
{
    struct fd_ref ref = fd_borrow_any(dirfd);
    if (ref.file == NULL) {
        return -EBADF;
    }
    walk->base = ref.file->path;
    walk->base_file = ref.counted ? ref.file : NULL;
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
    if (unlikely(walk->held != NULL)) {
        fs_paths_put(walk->held);
    }
    if (unlikely(walk->base_file != NULL)) {
        file_put(walk->base_file);
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

enum place { PLACE_CWD, PLACE_ROOT };

static int set_path(enum place place, const struct path *path)
{
    struct fs_context *fs = linux_current()->fs;
    mutex_lock(&fs->lock);
    struct fs_paths *old = fs->paths;
    struct fs_paths *new = place == PLACE_ROOT ? paths_create(path, &old->cwd)
                                               : paths_create(&old->root, path);
    if (new != NULL) {
        rcu_assign(fs->paths, new);
    }
    mutex_unlock(&fs->lock);
    if (new == NULL) {
        return -ENOMEM;
    }
    fs_paths_put(old);
    return 0;
}

/* A directory one may search becomes the context's root or working directory. Takes over path. */
static long enter(const struct path *path, enum place place)
{
    const struct cred *cred = linux_current()->cred;
    int error = inode_is_dir(path->dentry->inode) ? vfs_permission(cred, path, 1) : -ENOTDIR;
    if (error == 0 && place == PLACE_ROOT && !cred_can(cred, VFS_CAP_SYS_CHROOT)) {
        error = -EPERM;
    }
    if (error == 0) {
        error = set_path(place, path);
    }
    path_put(path);
    return error;
}

LINUX_CALL1(chdir, vaddr_t, name)
{
    struct path path;
    int error = user_path(AT_FDCWD, name, 0, &path);
    return error != 0 ? error : enter(&path, PLACE_CWD);
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
    return enter(&path, PLACE_CWD);
}

LINUX_CALL1(chroot, vaddr_t, name)
{
    struct path path;
    int error = user_path(AT_FDCWD, name, 0, &path);
    return error != 0 ? error : enter(&path, PLACE_ROOT);
}

LINUX_CALL2(getcwd, vaddr_t, buf, size_t, size)
{
    struct walk walk;
    char *name = kmalloc(VFS_PATH_MAX);
    if (name == NULL) {
        return -ENOMEM;
    }
    walk_begin(&walk, AT_FDCWD, "");
    long length = __atomic_load_n(&walk.base.dentry->flags, __ATOMIC_RELAXED) & DENTRY_DEAD
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
