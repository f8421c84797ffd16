/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File system types and the mount table. A mount shows a file system (or a part of it: bind) on top
 * of a directory of another mount. The table is a list in order of mounting, guarded by vfs_lock;
 * it is short, and only asked for directories that have something mounted on them.
 */
#include "abi/errno.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "lib/string.h"

static struct list types = LIST_INIT(types);   /* [v] */
static struct list mounts = LIST_INIT(mounts); /* [v] attached ones */
static int last_id;                            /* atomic */

void path_get(const struct path *path)
{
    if (path->mount != NULL) {
        ref_get(&path->mount->refs);
    }
    if (path->dentry != NULL) {
        dentry_get(path->dentry);
    }
}

void path_put(const struct path *path)
{
    if (path->dentry != NULL && ref_put(&path->dentry->refs)) {
        dentry_gone(path->dentry);
    }
    if (path->mount != NULL && unlikely(ref_put(&path->mount->refs))) {
        mount_gone(path->mount);
    }
}

static struct fs_type *type_find_locked(const char *name)
{
    struct fs_type *type;
    list_for_each (type, &types, link) {
        if (strcmp(type->name, name) == 0) {
            return type;
        }
    }
    return NULL;
}

int fs_type_register(struct fs_type *type)
{
    int error = -EBUSY;
    spin_lock(&vfs_lock);
    if (type_find_locked(type->name) == NULL) {
        list_add_tail(&types, &type->link);
        error = 0;
    }
    spin_unlock(&vfs_lock);
    return error;
}

struct fs_type *fs_type_next(struct fs_type *type)
{
    struct fs_type *result = NULL;
    spin_lock(&vfs_lock);
    struct list *next = type != NULL ? type->link.next : types.next;
    for (; next != &types && result == NULL; next = next->next) {
        struct fs_type *candidate = list_entry(next, struct fs_type, link);
        result = candidate->internal ? NULL : candidate;
    }
    spin_unlock(&vfs_lock);
    return result;
}

static int superblock_of_type(const char *name, const char *options, struct superblock **out)
{
    spin_lock(&vfs_lock);
    struct fs_type *type = type_find_locked(name);
    spin_unlock(&vfs_lock);
    if (type == NULL || type->internal) {
        return -ENODEV;
    }
    return type->mount(type, options, out);
}

/* Readers may be anywhere in the list: what is taken out leads them on. */
struct mount *mount_find(const struct mount *mount, const struct dentry *dentry)
{
    for (const struct list *at = rcu_read(mounts.next); at != &mounts; at = rcu_read(at->next)) {
        struct mount *candidate = list_entry((struct list *)at, struct mount, link);
        struct path place = mount_place(candidate);
        if (place.dentry == dentry && place.mount == mount) {
            return candidate;
        }
    }
    return NULL;
}

/* Complete before it is seen. REQUIRES vfs_lock. */
static void mounts_add_locked(struct mount *mount)
{
    mount->attached = true;
    mount->link.next = &mounts;
    mount->link.prev = mounts.prev;
    rcu_assign(mounts.prev->next, &mount->link);
    mounts.prev = &mount->link;
}

void mount_get(struct mount *mount)
{
    ref_get(&mount->refs);
}

static void mount_freed(struct rcu_head *head)
{
    struct mount *mount = container_of(head, struct mount, rcu);
    kfree(mount->source);
    kfree(mount);
}

void mount_gone(struct mount *mount)
{
    assert(!mount->attached);
    dentry_put(mount->root);
    superblock_put(mount->sb);
    rcu_call(&mount->rcu, mount_freed);
}

void mount_put(struct mount *mount)
{
    if (ref_put(&mount->refs)) {
        mount_gone(mount);
    }
}

struct mount *mount_create(struct superblock *sb, struct dentry *root, const char *source)
{
    struct mount *mount = kzalloc(sizeof(*mount));
    char *name = kstrdup(source);
    if (mount == NULL || name == NULL) {
        kfree(mount);
        kfree(name);
        superblock_put(sb);
        return NULL;
    }
    ref_init(&mount->refs, 1);
    list_init(&mount->link);
    mount->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    mount->sb = sb;
    mount->root = root;
    mount->source = name;
    dentry_get(root);
    return mount;
}

int vfs_mount_root(const char *type, struct path *root)
{
    struct superblock *sb;
    int error = superblock_of_type(type, NULL, &sb);
    if (error != 0) {
        return error;
    }
    struct mount *mount = mount_create(sb, sb->root, "rootfs");
    if (mount == NULL) {
        return -ENOMEM;
    }
    mount->root->inode->mode = S_IFDIR | 0755; /* tmpfs' own default is that of /tmp */
    spin_lock(&vfs_lock);
    mounts_add_locked(mount);
    spin_unlock(&vfs_lock);
    *root = (struct path){mount, mount->root};
    path_get(root);
    return 0;
}

/* The tree takes over the reference of mount, and references of its own to target. */
static int mount_attach(struct mount *mount, const struct path *target)
{
    int error = 0;
    spin_lock(&vfs_lock);
    if ((target->dentry->flags & DENTRY_DEAD) || !target->mount->attached) {
        error = -ENOENT;
    } else if (target->dentry == target->mount->root && target->mount->sb == mount->sb &&
               target->dentry == mount->root) {
        error = -EBUSY; /* the same thing is mounted there already */
    } else {
        path_get(target);
        names_move_begin();
        __atomic_store_n(&mount->parent, target->mount, __ATOMIC_RELAXED);
        __atomic_store_n(&mount->mountpoint, target->dentry, __ATOMIC_RELAXED);
        mounts_add_locked(mount);
        __atomic_store_n(&target->dentry->mounted, true, __ATOMIC_RELEASE);
        names_move_end();
    }
    spin_unlock(&vfs_lock);
    return error;
}

/* Takes mount out of the tree, between names_move_begin and _end; the caller puts *where and,
 * unless it moves, the mount. */
static void mount_detach_locked(struct mount *mount, struct path *where)
{
    *where = (struct path){mount->parent, mount->mountpoint};
    rcu_assign(mount->link.prev->next, mount->link.next);
    mount->link.next->prev = mount->link.prev;
    mount->attached = false;
    __atomic_store_n(&mount->parent, NULL, __ATOMIC_RELAXED);
    __atomic_store_n(&mount->mountpoint, NULL, __ATOMIC_RELAXED);
    bool still = false;
    struct mount *other;
    list_for_each (other, &mounts, link) {
        still = still || other->mountpoint == where->dentry;
    }
    __atomic_store_n(&where->dentry->mounted, still, __ATOMIC_RELAXED);
}

bool path_is_mounted_here(const struct path *path)
{
    return path->dentry == path->mount->root;
}

static bool mount_is_below_locked(const struct mount *mount, const struct mount *ancestor)
{
    for (; mount != NULL; mount = mount->parent) {
        if (mount == ancestor) {
            return true;
        }
    }
    return false;
}

static int mount_new(const struct path *target, const struct mount_how *how)
{
    if (how->type == NULL) {
        return -EINVAL;
    }
    if (!inode_is_dir(target->dentry->inode)) {
        return -ENOTDIR;
    }
    struct superblock *sb;
    int error = superblock_of_type(how->type, how->options, &sb);
    if (error != 0) {
        return error;
    }
    struct mount *mount = mount_create(sb, sb->root, how->source != NULL ? how->source : "none");
    if (mount == NULL) {
        return -ENOMEM;
    }
    mount->flags = how->flags & MOUNT_KEPT_FLAGS;
    error = mount_attach(mount, target);
    if (error != 0) {
        mount_put(mount);
    }
    return error;
}

static int mount_bind(const struct path *target, const struct path *source)
{
    if (inode_is_dir(source->dentry->inode) != inode_is_dir(target->dentry->inode)) {
        return -ENOTDIR;
    }
    ref_get(&source->mount->sb->refs);
    struct mount *mount = mount_create(source->mount->sb, source->dentry, source->mount->source);
    if (mount == NULL) {
        return -ENOMEM;
    }
    mount->flags = mount_flags(source->mount);
    int error = mount_attach(mount, target);
    if (error != 0) {
        mount_put(mount);
    }
    return error;
}

static int mount_move(const struct path *target, const struct path *source)
{
    struct mount *mount = source->mount;
    if (!path_is_mounted_here(source)) {
        return -EINVAL;
    }
    if (inode_is_dir(source->dentry->inode) != inode_is_dir(target->dentry->inode)) {
        return -ENOTDIR;
    }
    struct path where = {NULL, NULL};
    int error = 0;
    spin_lock(&vfs_lock);
    if (!mount->attached || mount->parent == NULL) {
        error = -EINVAL;
    } else if (mount_is_below_locked(target->mount, mount)) {
        error = -ELOOP;
    } else {
        names_move_begin();
        mount_detach_locked(mount, &where);
        names_move_end();
    }
    spin_unlock(&vfs_lock);
    if (error != 0) {
        return error;
    }
    error = mount_attach(mount, target);
    if (error != 0 && mount_attach(mount, &where) != 0) {
        mount_put(mount); /* its old place has gone meanwhile */
    }
    path_put(&where);
    return error;
}

static int mount_remount(const struct path *target, unsigned long flags, const char *options)
{
    struct mount *mount = target->mount;
    if (!path_is_mounted_here(target)) {
        return -EINVAL;
    }
    if (!(flags & MS_BIND) && mount->sb->remount != NULL && options != NULL) {
        int error = mount->sb->remount(mount->sb, options);
        if (error != 0) {
            return error;
        }
    }
    __atomic_store_n(&mount->flags, (unsigned)(flags & MOUNT_KEPT_FLAGS), __ATOMIC_RELAXED);
    return 0;
}

int vfs_mount(const struct walk *walk, const char *target, const struct mount_how *how)
{
    unsigned long flags = how->flags;
    if ((flags & 0xffff0000ul) == 0xc0ed0000ul) {
        flags &= 0xffff; /* the magic of before Linux 2.4 (mount(2)) */
    }
    struct path to, from;
    int error = vfs_walk(walk, target, WALK_FOLLOW, &to);
    if (error != 0) {
        return error;
    }
    if (!cred_can(walk->cred, VFS_CAP_SYS_ADMIN)) {
        error = -EPERM;
    } else if (flags & MS_REMOUNT) {
        error = mount_remount(&to, flags, how->options);
    } else if (flags & (MS_BIND | MS_MOVE)) {
        error = how->source != NULL ? vfs_walk(walk, how->source, WALK_FOLLOW, &from) : -EINVAL;
        if (error == 0) {
            error = flags & MS_BIND ? mount_bind(&to, &from) : mount_move(&to, &from);
            path_put(&from);
        }
    } else if (flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)) {
        error = path_is_mounted_here(&to) ? 0 : -EINVAL; /* nothing propagates here */
    } else {
        error = mount_new(&to, how);
    }
    path_put(&to);
    return error;
}

enum { UMOUNT_FORCE = 1, UMOUNT_DETACH = 2, UMOUNT_EXPIRE = 4, UMOUNT_NOFOLLOW = 8 };

/* One mount below `mount`, or itself when there is none. */
static struct mount *mount_leaf_locked(struct mount *mount)
{
    struct mount *candidate;
restart:
    list_for_each (candidate, &mounts, link) {
        if (candidate->parent == mount) {
            mount = candidate;
            goto restart;
        }
    }
    return mount;
}

int vfs_umount(const struct walk *walk, const char *target, unsigned flags)
{
    if (flags & ~(unsigned)(UMOUNT_FORCE | UMOUNT_DETACH | UMOUNT_EXPIRE | UMOUNT_NOFOLLOW)) {
        return -EINVAL;
    }
    struct path path;
    int error = vfs_walk(walk, target, flags & UMOUNT_NOFOLLOW ? 0 : WALK_FOLLOW, &path);
    if (error != 0) {
        return error;
    }
    struct mount *mount = path.mount;
    bool again = true;
    error = cred_can(walk->cred, VFS_CAP_SYS_ADMIN) ? 0 : -EPERM;
    while (again && error == 0) {
        struct path where = {NULL, NULL};
        spin_lock(&vfs_lock);
        struct mount *leaf = mount_leaf_locked(mount);
        again = leaf != mount;
        names_move_begin(); /* from here on nobody finds it and goes on */
        if (!path_is_mounted_here(&path) || !mount->attached || mount->parent == NULL) {
            error = -EINVAL;
        } else if (!(flags & UMOUNT_DETACH) && (again || ref_read(&mount->refs) > 2)) {
            error = -EBUSY; /* beyond the tree's reference and ours */
        } else {
            mount_detach_locked(leaf, &where);
        }
        names_move_end();
        spin_unlock(&vfs_lock);
        path_put(&where);
        if (error == 0) {
            mount_put(leaf);
        }
    }
    path_put(&path);
    return error;
}

int vfs_statfs(const struct path *path, struct statfs_info *info)
{
    struct superblock *sb = path->dentry->inode->sb;
    *info = (struct statfs_info){.type = sb->type->magic, .block_size = PAGE_SIZE};
    int error = sb->statfs != NULL ? sb->statfs(sb, info) : 0;
    if (path->mount != NULL) {
        unsigned flags = mount_flags(path->mount);
        info->flags = (flags & 15) | 0x20; /* ST_VALID, statfs(2) */
        info->flags |= flags & (MS_NOATIME | MS_NODIRATIME);
    }
    return error;
}

/* The attached mount with the smallest id above `id`, counted, or NULL. */
static struct mount *mount_after(int id)
{
    struct mount *best = NULL, *mount;
    spin_lock(&vfs_lock);
    list_for_each (mount, &mounts, link) {
        if (mount->id > id && (best == NULL || mount->id < best->id)) {
            best = mount;
        }
    }
    if (best != NULL) {
        mount_get(best);
    }
    spin_unlock(&vfs_lock);
    return best;
}

struct visit {
    const struct path *root;
    int (*visit)(void *arg, const struct mount_info *info);
    void *arg;
    char *target, *inner; /* VFS_PATH_MAX bytes each */
};

static int mount_visit(const struct visit *v, struct mount *mount)
{
    char options[64] = "";
    struct path here = {mount, mount->root};
    struct path top = {mount, mount->sb->root};
    int error = vfs_path_name(&here, v->root, v->target, VFS_PATH_MAX);
    if (error < 0 || v->target[0] != '/') {
        return 0; /* not seen from there */
    }
    here.mount = NULL;
    top.mount = NULL;
    error = vfs_path_name(&here, &top, v->inner, VFS_PATH_MAX);
    if (error < 0) {
        return 0;
    }
    if (mount->sb->show_options != NULL) {
        mount->sb->show_options(mount->sb, options, sizeof(options));
    }
    spin_lock(&vfs_lock);
    int parent_id = mount->parent != NULL ? mount->parent->id : mount->id;
    spin_unlock(&vfs_lock);
    struct mount_info info = {
        .id = mount->id,
        .parent_id = parent_id,
        .flags = mount_flags(mount),
        .dev = mount->sb->dev,
        .type = mount->sb->type->name,
        .source = mount->source,
        .root = v->inner,
        .target = v->target,
        .options = options,
    };
    return v->visit(v->arg, &info);
}

int vfs_mounts_visit(const struct path *root,
                     int (*visit)(void *arg, const struct mount_info *info), void *arg)
{
    struct visit v = {root, visit, arg, kmalloc(2 * VFS_PATH_MAX), NULL};
    if (v.target == NULL) {
        return -ENOMEM;
    }
    v.inner = v.target + VFS_PATH_MAX;
    int result = 0;
    for (int id = 0; result == 0;) {
        struct mount *mount = mount_after(id);
        if (mount == NULL) {
            break;
        }
        id = mount->id;
        result = mount_visit(&v, mount);
        mount_put(mount);
    }
    kfree(v.target);
    return result;
}
