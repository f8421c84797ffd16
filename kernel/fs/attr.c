/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes and rights: what stat shows, what chmod, chown, utimensat and truncate change, and
 * who may (path_resolution(7), chmod(2), chown(2), utimensat(2), capabilities(7)).
 */
#include "abi/errno.h"
#include "kernel/core/timer.h"
#include "kernel/fs/inode.h"

bool cred_in_group(const struct cred *cred, uint32_t gid)
{
    if (cred->fsgid == gid) {
        return true;
    }
    for (unsigned i = 0; i < cred->group_count; i++) {
        if (cred->groups[i] == gid) {
            return true;
        }
    }
    return false;
}

int inode_permission(const struct cred *cred, const struct inode *inode, unsigned may)
{
    uint32_t mode = inode_mode(inode), class = mode;
    if (cred->fsuid == __atomic_load_n(&inode->uid, __ATOMIC_RELAXED)) {
        class = mode >> 6;
    } else if (cred_in_group(cred, __atomic_load_n(&inode->gid, __ATOMIC_RELAXED))) {
        class = mode >> 3;
    }
    if ((may & ~class & 7) == 0) {
        return 0;
    }
    bool is_dir = (mode & S_IFMT) == S_IFDIR;
    if (cred_can(cred, VFS_CAP_DAC_OVERRIDE) && (is_dir || !(may & 1) || (mode & 0111))) {
        return 0;
    }
    if (cred_can(cred, VFS_CAP_DAC_READ_SEARCH) && (may == 4 || (is_dir && !(may & 2)))) {
        return 0;
    }
    return -EACCES;
}

bool inode_owner_or_capable(const struct cred *cred, const struct inode *inode)
{
    return cred->fsuid == __atomic_load_n(&inode->uid, __ATOMIC_RELAXED) ||
           cred_can(cred, VFS_CAP_FOWNER);
}

int vfs_permission(const struct cred *cred, const struct path *path, unsigned may)
{
    const struct inode *inode = path->dentry->inode;
    uint32_t type = inode_mode(inode) & S_IFMT;
    if ((may & 2) && path->mount != NULL && (mount_flags(path->mount) & MS_RDONLY) &&
        (type == S_IFREG || type == S_IFDIR || type == S_IFLNK)) {
        return -EROFS;
    }
    if ((may & 1) && type == S_IFREG && path->mount != NULL &&
        (mount_flags(path->mount) & MS_NOEXEC)) {
        return -EACCES;
    }
    return inode_permission(cred, inode, may);
}

static void resolve_boot_time(struct timestamp *time)
{
    if (unlikely(time->nsec == TIMESTAMP_BOOT.nsec)) {
        uint64_t uptime =
            clock_monotonic_ns(); /* read first, so that the difference is not negative */
        uint64_t start = clock_realtime_ns() - uptime;
        *time = (struct timestamp){(int64_t)(start / NSEC_PER_SEC), start % NSEC_PER_SEC};
    }
}

/* Mode, owner and times as they were at one moment: an exec must not see an old set-user-ID bit
 * with a new owner. */
static void copy_attr(const struct inode *inode, struct inode_attr *attr)
{
    unsigned seq;
    do {
        seq = __atomic_load_n(&inode->attr_seq, __ATOMIC_ACQUIRE);
        attr->mode = inode->mode;
        attr->uid = inode->uid;
        attr->gid = inode->gid;
        attr->atime = inode->atime;
        attr->mtime = inode->mtime;
        attr->ctime = inode->ctime;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (unlikely((seq & 1) || __atomic_load_n(&inode->attr_seq, __ATOMIC_RELAXED) != seq));
}

int vfs_getattr(const struct path *path, struct inode_attr *attr)
{
    struct inode *inode = path->dentry->inode;
    attr->dev = inode->sb->dev;
    attr->ino = inode->ino;
    attr->rdev = inode->rdev;
    attr->nlink = __atomic_load_n(&inode->nlink, __ATOMIC_RELAXED);
    attr->size = __atomic_load_n(&inode->size, __ATOMIC_RELAXED);
    attr->blocks = 0;
    attr->block_size = PAGE_SIZE;
    copy_attr(inode, attr);
    resolve_boot_time(&attr->atime);
    resolve_boot_time(&attr->mtime);
    resolve_boot_time(&attr->ctime);
    return inode->ops->getattr != NULL ? inode->ops->getattr(inode, attr) : 0;
}

/* chown(2): only CAP_CHOWN gives away; the owner may choose among own groups. */
static int may_chown(const struct cred *cred, const struct inode *inode,
                     const struct inode_attr *attr, unsigned valid)
{
    if (cred_can(cred, VFS_CAP_CHOWN)) {
        return 0;
    }
    if ((valid & ATTR_UID) && (cred->fsuid != inode->uid || attr->uid != inode->uid)) {
        return -EPERM;
    }
    if ((valid & ATTR_GID) && (cred->fsuid != inode->uid ||
                               (attr->gid != inode->gid && !cred_in_group(cred, attr->gid)))) {
        return -EPERM;
    }
    return 0;
}

static int may_setattr(const struct cred *cred, const struct inode *inode,
                       const struct inode_attr *attr, unsigned valid)
{
    if ((valid & ATTR_MODE) && !inode_owner_or_capable(cred, inode)) {
        return -EPERM;
    }
    if ((valid & (ATTR_ATIME | ATTR_MTIME)) && !inode_owner_or_capable(cred, inode)) {
        if (!(valid & ATTR_TIMES_NOW)) {
            return -EPERM;
        }
        int error = inode_permission(cred, inode, 2);
        if (error != 0) {
            return error;
        }
    }
    return may_chown(cred, inode, attr, valid);
}

/* A change of owner, or of content by others, takes set-id bits away (chown(2)); the group's stays
 * as a mark for mandatory locks where the group may not execute and the changer belongs to it.
 * REQUIRES [s]. */
static void drop_setid_locked(const struct cred *cred, struct inode *inode)
{
    uint32_t mode = inode->mode;
    if ((mode & S_IFMT) == S_IFDIR) {
        return;
    }
    bool keep = !(mode & 010) &&
                (cred_in_group(cred, inode->gid) || cred_can(cred, VFS_CAP_FSETID));
    mode &= ~(uint32_t)(keep ? S_ISUID : S_ISUID | S_ISGID);
    __atomic_store_n(&inode->mode, mode, __ATOMIC_RELAXED);
}

void vfs_drop_setid(const struct cred *cred, struct inode *inode)
{
    if ((inode_mode(inode) & S_IFMT) == S_IFREG && !cred_can(cred, VFS_CAP_FSETID)) {
        mutex_lock(&inode->lock);
        inode_attr_begin(inode);
        drop_setid_locked(cred, inode);
        inode_attr_end(inode);
        mutex_unlock(&inode->lock);
    }
}

static void apply_locked(const struct cred *cred, struct inode *inode,
                         const struct inode_attr *attr, unsigned valid)
{
    struct timestamp now = timestamp_now();
    inode_attr_begin(inode);
    if ((valid & (ATTR_UID | ATTR_GID)) ||
        ((valid & ATTR_SIZE) && !cred_can(cred, VFS_CAP_FSETID))) {
        drop_setid_locked(cred, inode);
    }
    if (valid & ATTR_UID) {
        __atomic_store_n(&inode->uid, attr->uid, __ATOMIC_RELAXED);
    }
    if (valid & ATTR_GID) {
        __atomic_store_n(&inode->gid, attr->gid, __ATOMIC_RELAXED);
    }
    if (valid & ATTR_MODE) {
        uint32_t mode = attr->mode & 07777;
        if (!cred_in_group(cred, inode->gid) && !cred_can(cred, VFS_CAP_FSETID)) {
            mode &= ~(uint32_t)S_ISGID;
        }
        __atomic_store_n(&inode->mode, (inode->mode & S_IFMT) | mode, __ATOMIC_RELAXED);
    }
    if (valid & ATTR_ATIME) {
        inode->atime = attr->atime;
    }
    if (valid & ATTR_SIZE) {
        inode->mtime = now;
    }
    if (valid & ATTR_MTIME) {
        inode->mtime = attr->mtime;
    }
    inode->ctime = now;
    inode_attr_end(inode);
    __atomic_store_n(&inode->atime_good, 0, __ATOMIC_RELAXED);
}

int vfs_setattr(const struct cred *cred, const struct path *path, const struct inode_attr *attr,
                unsigned valid)
{
    struct inode *inode = path->dentry->inode;
    if (path->mount != NULL && (mount_flags(path->mount) & MS_RDONLY)) {
        return -EROFS;
    }
    int error = may_setattr(cred, inode, attr, valid);
    if (error != 0) {
        return error;
    }
    mutex_lock(&inode->lock);
    if (inode->ops->setattr != NULL) {
        error = inode->ops->setattr(inode, attr, valid);
    } else if (valid & ATTR_SIZE) {
        error = -EINVAL;
    }
    if (error == 0) {
        apply_locked(cred, inode, attr, valid);
    }
    mutex_unlock(&inode->lock);
    return error;
}
