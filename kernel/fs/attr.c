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
    uint32_t mode = inode->mode, class = mode;
    if (cred->fsuid == inode->uid) {
        class = mode >> 6;
    } else if (cred_in_group(cred, inode->gid)) {
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
    return cred->fsuid == inode->uid || cred_can(cred, VFS_CAP_FOWNER);
}

int vfs_permission(const struct cred *cred, const struct path *path, unsigned may)
{
    const struct inode *inode = path->dentry->inode;
    uint32_t type = inode->mode & S_IFMT;
    if ((may & 2) && path->mount != NULL && (path->mount->flags & MS_RDONLY) &&
        (type == S_IFREG || type == S_IFDIR || type == S_IFLNK)) {
        return -EROFS;
    }
    if ((may & 1) && type == S_IFREG && path->mount != NULL && (path->mount->flags & MS_NOEXEC)) {
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

int vfs_getattr(const struct path *path, struct inode_attr *attr)
{
    struct inode *inode = path->dentry->inode;
    attr->dev = inode->sb->dev;
    attr->ino = inode->ino;
    attr->rdev = inode->rdev;
    attr->mode = inode->mode;
    attr->nlink = inode->nlink;
    attr->uid = inode->uid;
    attr->gid = inode->gid;
    attr->size = inode->size;
    attr->blocks = 0;
    attr->block_size = PAGE_SIZE;
    attr->atime = inode->atime;
    attr->mtime = inode->mtime;
    attr->ctime = inode->ctime;
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
 * as a mark for mandatory locks where the group may not execute and the changer belongs to it. */
static void drop_setid_locked(const struct cred *cred, struct inode *inode)
{
    if (inode_is_dir(inode)) {
        return;
    }
    bool keep = !(inode->mode & 010) &&
                (cred_in_group(cred, inode->gid) || cred_can(cred, VFS_CAP_FSETID));
    inode->mode &= ~(uint32_t)(keep ? S_ISUID : S_ISUID | S_ISGID);
}

void vfs_drop_setid(const struct cred *cred, struct inode *inode)
{
    if ((inode->mode & S_IFMT) == S_IFREG && !cred_can(cred, VFS_CAP_FSETID)) {
        mutex_lock(&inode->lock);
        drop_setid_locked(cred, inode);
        mutex_unlock(&inode->lock);
    }
}

static void apply_locked(const struct cred *cred, struct inode *inode,
                         const struct inode_attr *attr, unsigned valid)
{
    struct timestamp now = timestamp_now();
    if ((valid & (ATTR_UID | ATTR_GID)) ||
        ((valid & ATTR_SIZE) && !cred_can(cred, VFS_CAP_FSETID))) {
        drop_setid_locked(cred, inode);
    }
    if (valid & ATTR_UID) {
        inode->uid = attr->uid;
    }
    if (valid & ATTR_GID) {
        inode->gid = attr->gid;
    }
    if (valid & ATTR_MODE) {
        uint32_t mode = attr->mode & 07777;
        if (!cred_in_group(cred, inode->gid) && !cred_can(cred, VFS_CAP_FSETID)) {
            mode &= ~(uint32_t)S_ISGID;
        }
        inode->mode = (inode->mode & S_IFMT) | mode;
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
    inode_changed(inode, &now);
}

int vfs_setattr(const struct cred *cred, const struct path *path, const struct inode_attr *attr,
                unsigned valid)
{
    struct inode *inode = path->dentry->inode;
    if (path->mount != NULL && (path->mount->flags & MS_RDONLY)) {
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
