/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making and removing names: mkdir, mknod, symlink, link, unlink, rmdir. Each walks to the
 * directory, locks it, checks, and then does what cannot fail.
 */
#include "abi/errno.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "lib/string.h"

const struct cred kernel_cred = {.refs = {1}, .cap_effective = ~0ull, .cap_permitted = ~0ull};

int name_lock(const struct walk *walk, const char *name, unsigned flags, struct name_target *target)
{
    int error = walk_parent(walk, name, flags, &target->parent, &target->last);
    if (error != 0) {
        return error;
    }
    struct inode *dir = target->parent.dentry->inode;
    target->child = NULL;
    mutex_lock(&dir->lock);
    if (target->last.kind == NAME_NORMAL) {
        error = target->last.name.size <= VFS_NAME_MAX ? 0 : -ENAMETOOLONG;
        if (error == 0) {
            error = dentry_lookup(target->parent.dentry, &target->last.name, &target->child);
        }
        if (error == -ENOENT) {
            target->child = NULL;
            error = 0;
        }
    }
    if (error != 0) {
        mutex_unlock(&dir->lock);
        path_put(&target->parent);
    }
    return error;
}

void name_unlock(struct name_target *target)
{
    mutex_unlock(&target->parent.dentry->inode->lock);
    if (target->child != NULL) {
        dentry_put(target->child);
    }
    path_put(&target->parent);
}

int name_may_create(const struct cred *cred, const struct name_target *target)
{
    if (target->last.kind != NAME_NORMAL || target->child != NULL) {
        return -EEXIST;
    }
    if (target->parent.dentry->flags & DENTRY_DEAD) {
        return -ENOENT;
    }
    return vfs_permission(cred, &target->parent, 3);
}

/* New things belong to their maker; below a set-group-id directory to its group (mkdir(2)). */
static void inherit_owner(const struct cred *cred, const struct inode *dir, struct inode_spec *spec)
{
    spec->uid = cred->fsuid;
    spec->gid = cred->fsgid;
    if (dir->mode & S_ISGID) {
        spec->gid = dir->gid;
        if ((spec->mode & S_IFMT) == S_IFDIR) {
            spec->mode |= S_ISGID;
        } else if ((spec->mode & 010) && !cred_in_group(cred, dir->gid) &&
                   !cred_can(cred, VFS_CAP_FSETID)) {
            spec->mode &= ~(uint32_t)S_ISGID; /* nobody makes programs of groups he is not in */
        }
    }
}

int name_create(const struct cred *cred, struct name_target *target, struct inode_spec *spec)
{
    struct inode *dir = target->parent.dentry->inode, *inode;
    if (dir->ops->make == NULL) {
        return -EPERM;
    }
    if (cred != &kernel_cred) {
        inherit_owner(cred, dir, spec);
    }
    int error = dir->ops->make(dir, spec, &inode);
    if (error != 0) {
        return error;
    }
    struct dentry *dentry = dentry_create(target->parent.dentry, &target->last.name, inode);
    if (dentry == NULL) {
        inode_put(inode);
        return -ENOMEM;
    }
    if ((spec->mode & S_IFMT) == S_IFDIR) {
        inode->nlink = 2;
        inode_add_links(dir, 1);
    }
    if (spec->time == NULL) {
        inode_modified(dir, &inode->mtime);
    }
    dentry_add(dentry);
    target->child = dentry;
    return 0;
}

static int make_name(const struct walk *walk, const char *name, struct inode_spec *spec)
{
    struct name_target target;
    int error = name_lock(walk, name, 0, &target);
    if (error != 0) {
        return error;
    }
    error = name_may_create(walk->cred, &target);
    if (target.child == NULL && target.last.slash && (spec->mode & S_IFMT) != S_IFDIR &&
        target.last.kind == NAME_NORMAL) {
        error = -ENOENT; /* only a directory can be named with a slash at the end */
    }
    if (error == 0) {
        error = name_create(walk->cred, &target, spec);
    }
    name_unlock(&target);
    return error;
}

int vfs_mkdir(const struct walk *walk, const char *name, uint32_t mode)
{
    struct inode_spec spec = {.mode = S_IFDIR | (mode & (0777 | S_ISVTX))};
    return make_name(walk, name, &spec);
}

int vfs_mknod(const struct walk *walk, const char *name, uint32_t mode, dev_number rdev)
{
    struct inode_spec spec = {.mode = mode & (S_IFMT | 07777), .rdev = rdev};
    switch (mode & S_IFMT) {
    case 0:
        spec.mode |= S_IFREG;
        break;
    case S_IFREG:
    case S_IFIFO:
    case S_IFSOCK:
        break;
    case S_IFCHR:
    case S_IFBLK:
        if (!cred_can(walk->cred, VFS_CAP_MKNOD)) {
            return -EPERM;
        }
        break;
    case S_IFDIR:
        return -EPERM;
    default:
        return -EINVAL;
    }
    return make_name(walk, name, &spec);
}

int vfs_symlink(const struct walk *walk, const char *target, const char *name)
{
    if (*target == '\0') {
        return -ENOENT;
    }
    struct inode_spec spec = {
        .mode = S_IFLNK | 0777, .target = target, .target_size = strlen(target)};
    if (spec.target_size >= VFS_PATH_MAX) {
        return -ENAMETOOLONG;
    }
    return make_name(walk, name, &spec);
}

/* One more name, unless the last one went meanwhile. */
static bool take_link(struct inode *inode)
{
    uint32_t old = __atomic_load_n(&inode->nlink, __ATOMIC_RELAXED);
    do {
        if (old == 0 && !(inode->flags & INODE_LINKABLE)) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(&inode->nlink, &old, old + 1, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return true;
}

int vfs_link(const struct path *old, const struct walk *walk, const char *name)
{
    struct inode *inode = old->dentry->inode;
    struct name_target target;
    int error = name_lock(walk, name, 0, &target);
    if (error != 0) {
        return error;
    }
    struct inode *dir = target.parent.dentry->inode;
    struct dentry *dentry = NULL;
    if (target.child == NULL && target.last.kind == NAME_NORMAL && target.last.slash) {
        error = -ENOENT;
    } else if (target.child == NULL && old->mount != target.parent.mount) {
        error = -EXDEV;
    } else {
        error = name_may_create(walk->cred, &target);
    }
    if (error == 0 && (inode_is_dir(inode) || dir->ops->make == NULL)) {
        error = -EPERM;
    } else if (error == 0 && !take_link(inode)) {
        error = -ENOENT;
    } else if (error == 0) {
        dentry = dentry_create(target.parent.dentry, &target.last.name, inode);
        if (dentry == NULL) {
            inode_add_links(inode, -1);
            error = -ENOMEM;
        }
    }
    if (error == 0) {
        inode_get(inode);
        dentry_add(dentry);
        inode_touch(dir);
        inode_changed(inode, &dir->mtime);
        target.child = dentry;
    }
    name_unlock(&target);
    return error;
}

int name_may_remove(const struct cred *cred, const struct path *dir, struct dentry *victim,
                    bool is_dir)
{
    const struct inode *parent = dir->dentry->inode;
    int error = vfs_permission(cred, dir, 3);
    if (error != 0) {
        return error;
    }
    if ((parent->mode & S_ISVTX) && cred->fsuid != victim->inode->uid &&
        cred->fsuid != parent->uid && !cred_can(cred, VFS_CAP_FOWNER)) {
        return -EPERM;
    }
    if (is_dir != inode_is_dir(victim->inode)) {
        return is_dir ? -ENOTDIR : -EISDIR;
    }
    if (__atomic_load_n(&victim->mounted, __ATOMIC_RELAXED)) {
        return -EBUSY;
    }
    if (!(victim->flags & DENTRY_PINNED)) {
        return -EPERM; /* a name that its file system makes */
    }
    return parent->ops->may_remove != NULL ? parent->ops->may_remove(dir->dentry->inode, victim)
                                           : 0;
}

int vfs_unlink(const struct walk *walk, const char *name)
{
    struct name_target target;
    int error = name_lock(walk, name, 0, &target);
    if (error != 0) {
        return error;
    }
    struct dentry *victim = target.child;
    if (target.last.kind != NAME_NORMAL) {
        error = -EISDIR;
    } else if (victim == NULL) {
        error = -ENOENT;
    } else if (target.last.slash) {
        error = inode_is_dir(victim->inode) ? -EISDIR : -ENOTDIR;
    } else {
        error = name_may_remove(walk->cred, &target.parent, victim, false);
    }
    if (error == 0) {
        error = dentry_remove(victim);
    }
    if (error == 0) {
        struct inode *dir = target.parent.dentry->inode;
        inode_touch(dir);
        inode_add_links(victim->inode, -1);
        inode_changed(victim->inode, &dir->mtime);
    }
    name_unlock(&target);
    return error;
}

/* REQUIRES both locks. */
static int remove_empty_dir(struct inode *dir, struct dentry *victim)
{
    if (victim->inode->dir.entries != 0) {
        return -ENOTEMPTY;
    }
    int error = dentry_remove(victim);
    if (error == 0) {
        inode_touch(dir);
        inode_add_links(dir, -1);
        __atomic_store_n(&victim->inode->nlink, 0, __ATOMIC_RELAXED);
    }
    return error;
}

int vfs_rmdir(const struct walk *walk, const char *name)
{
    struct name_target target;
    int error = name_lock(walk, name, 0, &target);
    if (error != 0) {
        return error;
    }
    static const int by_kind[] = {
        [NAME_NORMAL] = 0, [NAME_DOT] = -EINVAL, [NAME_DOTDOT] = -ENOTEMPTY, [NAME_ROOT] = -EBUSY};
    struct dentry *victim = target.child;
    error = by_kind[target.last.kind];
    if (error == 0) {
        error = victim == NULL ? -ENOENT
                               : name_may_remove(walk->cred, &target.parent, victim, true);
    }
    if (error == 0) {
        mutex_lock_nested(&victim->inode->lock);
        error = remove_empty_dir(target.parent.dentry->inode, victim);
        mutex_unlock(&victim->inode->lock);
    }
    name_unlock(&target);
    return error;
}

int vfs_readlink(const struct walk *walk, const struct path *path, char *buf, size_t size)
{
    struct inode *inode = path->dentry->inode;
    if ((inode_mode(inode) & S_IFMT) != S_IFLNK) {
        return -EINVAL;
    }
    if (inode->ops->link_text != NULL) {
        const char *text = inode->ops->link_text(inode);
        size_t length = strnlen(text, size);
        memcpy(buf, text, length);
        return (int)length;
    }
    if (inode->ops->readlink != NULL) {
        return inode->ops->readlink(inode, buf, size);
    }
    if (inode->ops->follow == NULL) {
        return -EINVAL;
    }
    struct path target;
    int length = inode->ops->follow(inode, &target);
    if (length != 0) {
        return length;
    }
    char *name = kmalloc(VFS_PATH_MAX);
    length = name == NULL ? -ENOMEM : vfs_path_name(&target, &walk->root, name, VFS_PATH_MAX);
    if (length > 0) {
        length = (int)MIN((size_t)length, size);
        memcpy(buf, name, (size_t)length);
    }
    kfree(name);
    path_put(&target);
    return length;
}
