/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open(2): finding or making the file, the checks in Linux's order, and the open file itself.
 */
#include "abi/errno.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "lib/format.h"
#include "lib/string.h"

/* O_PATH files, and files whose open failed: they can do nothing. */
static const struct file_ops no_file_ops;

#define CREATION_FLAGS (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)
#define TMPFILE_BIT    (O_TMPFILE & ~O_DIRECTORY)

static unsigned open_rights(unsigned flags)
{
    static const uint8_t rights[4] = {4, 2, 6, 6}; /* by O_ACCMODE */
    return rights[flags & O_ACCMODE] | (flags & O_TRUNC ? 2 : 0);
}

/* Linux's order: what it is, then whether one may. */
static int may_open(const struct cred *cred, const struct path *path, unsigned flags)
{
    const struct inode *inode = path->dentry->inode;
    unsigned rights = open_rights(flags);
    switch (inode->mode & S_IFMT) {
    case S_IFLNK:
        return -ELOOP;
    case S_IFDIR:
        if ((rights & 2) || (flags & O_CREAT)) {
            return -EISDIR;
        }
        break;
    case S_IFCHR:
    case S_IFBLK:
        if (mount_flags(path->mount) & MS_NODEV) {
            return -EACCES;
        }
        break;
    case S_IFSOCK:
        return -ENXIO;
    default:
        break;
    }
    int error = vfs_permission(cred, path, rights);
    if (error == 0 && (flags & O_NOATIME) && !inode_owner_or_capable(cred, inode)) {
        return -EPERM;
    }
    return error;
}

static int take_write(struct inode *inode)
{
    int old = __atomic_load_n(&inode->writers, __ATOMIC_RELAXED);
    do {
        if (old < 0) {
            return -ETXTBSY;
        }
    } while (!__atomic_compare_exchange_n(&inode->writers, &old, old + 1, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return 0;
}

/* What inode, flags and rights allow; the file exists, so that a refusal only has to put it. */
static int open_prepare(struct file *file, unsigned flags, bool writes)
{
    struct inode *inode = file->inode;
    int error = writes ? take_write(inode) : 0;
    if (error != 0) {
        file->flags = O_PATH; /* it does not count as a writer */
        return error;
    }
    if (!(flags & O_PATH) && inode->ops->open != NULL) {
        error = inode->ops->open(inode, file); /* a terminal looks at O_NOCTTY */
    }
    file->flags &= ~(unsigned)O_NOCTTY;
    return error;
}

int open_walked(const struct cred *cred, const struct path *path, unsigned flags, bool created,
                struct file **out)
{
    struct inode *inode = path->dentry->inode;
    bool is_path = (flags & O_PATH) != 0, regular = (inode->mode & S_IFMT) == S_IFREG;
    int error = created || is_path ? 0 : may_open(cred, path, flags);
    if (error != 0) {
        path_put(path);
        return error;
    }
    struct file *file;
    error = file_create_take(is_path ? &no_file_ops : inode->file_ops, path,
                             flags & ~(unsigned)(CREATION_FLAGS & ~O_NOCTTY), &file);
    if (error != 0) {
        return error;
    }
    error = open_prepare(file, flags, regular && file_writable(file));
    if (error == 0 && (flags & O_TRUNC) && regular && !created && !is_path) {
        struct inode_attr attr = {.size = 0};
        error = vfs_setattr(cred, &file->path, &attr, ATTR_SIZE);
    }
    if (error != 0) {
        file->ops = &no_file_ops;
        file_put(file);
        return error;
    }
    *out = file;
    return 0;
}

int vfs_open_path(const struct cred *cred, const struct path *path, unsigned open_flags,
                  struct file **out)
{
    path_get(path);
    return open_walked(cred, path, open_flags, false, out);
}

struct request {
    struct walk walk; /* a copy: its base moves along dangling links */
    const char *name;
    unsigned flags, walk_flags;
    uint32_t mode;
};

static int open_existing(const struct request *r, struct file **out)
{
    struct path path;
    unsigned walk_flags = r->walk_flags;
    if (!(r->flags & O_NOFOLLOW)) {
        walk_flags |= WALK_FOLLOW;
    }
    if (r->flags & O_DIRECTORY) {
        walk_flags |= WALK_DIRECTORY;
    }
    int error = vfs_walk(&r->walk, r->name, walk_flags, &path);
    return error != 0 ? error : open_walked(r->walk.cred, &path, r->flags, false, out);
}

/* Makes the file, or says that the name is there: -ESTALE. */
static int create_locked(const struct request *r, struct name_target *target, struct file **out)
{
    if (target->last.kind != NAME_NORMAL) {
        return r->flags & O_EXCL ? -EEXIST : -EISDIR;
    }
    if (target->last.slash) {
        return -EISDIR;
    }
    if (target->child != NULL) {
        return r->flags & O_EXCL ? -EEXIST : -ESTALE;
    }
    struct inode_spec spec = {.mode = S_IFREG | (r->mode & 07777)};
    int error = name_may_create(r->walk.cred, target);
    if (error == 0 && target->parent.dentry->inode->ops->make == NULL) {
        error = -EACCES;
    }
    if (error == 0) {
        error = name_create(r->walk.cred, target, &spec);
    }
    if (error != 0) {
        return error;
    }
    struct path path = {target->parent.mount, target->child};
    path_get(&path);
    return open_walked(r->walk.cred, &path, r->flags, true, out);
}

static bool is_text_link(const struct dentry *dentry)
{
    return (dentry->inode->mode & S_IFMT) == S_IFLNK && dentry->inode->ops->follow == NULL;
}

/*
 * The name is a link: the request goes on with its text, in its directory. *text is freed and
 * replaced, and so is *base.
 */
static int follow_link(struct request *r, const struct name_target *target, char **text,
                       struct path *base)
{
    char *buf = kmalloc(VFS_PATH_MAX);
    if (buf == NULL) {
        return -ENOMEM;
    }
    struct path link = {target->parent.mount, target->child};
    int size = vfs_readlink(&r->walk, &link, buf, VFS_PATH_MAX - 1);
    if (size < 0) {
        kfree(buf);
        return size;
    }
    buf[size] = '\0';
    path_get(&target->parent);
    path_put(base);
    kfree(*text);
    *base = r->walk.base = target->parent;
    r->name = *text = buf;
    return 0;
}

/*
 * O_CREAT: the name is made if it is not there. Links in the last component are followed here, one
 * by one, as what they lead to may have to be made; anything else that is there is opened by an
 * ordinary walk.
 */
static int open_create(struct request *r, struct file **out)
{
    struct path base = {NULL, NULL};
    char *text = NULL;
    int error = -ELOOP;
    for (unsigned links = 0; links <= VFS_LINK_MAX; links++) {
        struct name_target target;
        error = name_lock(&r->walk, r->name, r->walk_flags, &target);
        if (error != 0) {
            break;
        }
        error = create_locked(r, &target, out);
        bool follow = error == -ESTALE && !(r->flags & O_NOFOLLOW) && is_text_link(target.child);
        if (follow) {
            error = r->walk_flags & WALK_NO_LINKS ? -ELOOP : follow_link(r, &target, &text, &base);
        }
        name_unlock(&target);
        if (!follow && error == -ESTALE) {
            error = open_existing(r, out);
        }
        if (!follow || error != 0) {
            break;
        }
        error = -ELOOP;
    }
    path_put(&base);
    kfree(text);
    return error;
}

/* Gives a new inode a path in dir that no walk finds; takes over the inode. */
static int hidden_path(const struct path *dir, struct inode *inode, struct path *out)
{
    char text[24];
    struct name name = {text, 0, 0};
    name.size = (size_t)scnprintf(text, sizeof(text), "#%lu", (unsigned long)inode->ino);
    struct dentry *dentry = dentry_create(dir->dentry, &name, inode);
    if (dentry == NULL) {
        inode_put(inode);
        return -ENOMEM;
    }
    inode->nlink = 0;
    dentry->flags |= DENTRY_DEAD;
    mount_get(dir->mount);
    *out = (struct path){dir->mount, dentry};
    return 0;
}

/* O_TMPFILE: a file without a name in the file system of the directory. */
static int open_nameless(const struct request *r, struct file **out)
{
    const struct cred *cred = r->walk.cred;
    struct path dir, path;
    if ((r->flags & O_ACCMODE) == O_RDONLY) {
        return -EINVAL;
    }
    int error = vfs_walk(&r->walk, r->name, r->walk_flags | WALK_FOLLOW | WALK_DIRECTORY, &dir);
    if (error != 0) {
        return error;
    }
    struct inode *parent = dir.dentry->inode, *inode = NULL;
    struct inode_spec spec = {
        .mode = S_IFREG | (r->mode & 07777), .uid = cred->fsuid, .gid = cred->fsgid};
    error = parent->ops->make == NULL ? -ENOTSUP : vfs_permission(cred, &dir, 3);
    if (error == 0) {
        mutex_lock(&parent->lock);
        error = parent->ops->make(parent, &spec, &inode);
        mutex_unlock(&parent->lock);
    }
    if (error == 0) {
        inode->flags |= r->flags & O_EXCL ? 0 : INODE_LINKABLE;
        error = hidden_path(&dir, inode, &path);
    }
    path_put(&dir);
    return error != 0 ? error
                      : open_walked(cred, &path, r->flags & ~(unsigned)O_TMPFILE, true, out);
}

int vfs_open(const struct walk *walk, const char *name, const struct open_how *how,
             struct file **out)
{
    struct request r = {*walk, name, how->flags, how->walk_flags, how->mode};
    if (r.flags & O_PATH) {
        r.flags &= O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
    }
    if (r.flags & TMPFILE_BIT) {
        return r.flags & O_DIRECTORY ? open_nameless(&r, out) : -EINVAL;
    }
    return r.flags & O_CREAT ? open_create(&r, out) : open_existing(&r, out);
}
