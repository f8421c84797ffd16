/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of a tmpfs that nobody can mount, and their seals (seal.h). */
#include "abi/errno.h"
#include "kernel/fs/tmpfs/tmpfs.h"
#include "lib/string.h"

#define TMPFS_MAGIC 0x01021994u
#define SEALS_ALL   (SEAL_SEAL | SEAL_SHRINK | SEAL_GROW | SEAL_WRITE | SEAL_FUTURE_WRITE)

static struct mutex mount_lock = MUTEX_INIT(mount_lock, LOCK_NAMELESS_MOUNT);

/* Made with the first file; stays. NULL: no memory. */
static struct mount *get_mount(void)
{
    static struct fs_type type = {.name = "tmpfs", .magic = TMPFS_MAGIC, .internal = true};
    static struct mount *mount; /* [mount_lock] to change, atomic */
    struct mount *found = __atomic_load_n(&mount, __ATOMIC_ACQUIRE);
    if (likely(found != NULL)) {
        return found;
    }
    struct superblock *sb;
    mutex_lock(&mount_lock);
    if (mount == NULL && tmpfs_superblock(&type, NULL, &sb) == 0) {
        sb->limit_pages = sb->limit_inodes = 0;
        __atomic_store_n(&mount, mount_create(sb, sb->root, "tmpfs"), __ATOMIC_RELEASE);
    }
    found = mount;
    mutex_unlock(&mount_lock);
    return found;
}

static int make_path(const struct cred *cred, const char *text, struct path *out)
{
    struct mount *mount = get_mount();
    if (mount == NULL) {
        return -ENOMEM;
    }
    const struct inode_spec spec = {.mode = S_IFREG | 0777, .uid = cred->fsuid, .gid = cred->fsgid};
    struct inode *dir = mount->root->inode, *inode;
    int error = dir->ops->make(dir, &spec, &inode);
    if (error != 0) {
        return error;
    }
    const struct name name = {text, strlen(text), 0};
    struct dentry *dentry = dentry_create(NULL, &name, inode);
    if (dentry == NULL) {
        inode_put(inode);
        return -ENOMEM;
    }
    dentry->flags = DENTRY_NAMELESS | DENTRY_DEAD;
    inode->nlink = 0;
    mount_get(mount);
    *out = (struct path){mount, dentry};
    return 0;
}

int memfd_create(const struct cred *cred, const char *name, bool sealable, struct file **out)
{
    struct path path;
    int error = make_path(cred, name, &path);
    if (error != 0) {
        return error;
    }
    path.dentry->inode->seals = sealable ? 0 : SEAL_SEAL;
    return file_create_take(&memfd_file_ops, &path, O_RDWR | O_LARGEFILE, out);
}

bool file_has_seals(const struct file *file)
{
    return file->inode->file_ops == &tmpfs_file_ops;
}

/* REQUIRES inode->lock: nobody writes to the file meanwhile. */
static int add_locked(struct inode *inode, unsigned seals)
{
    if (inode->seals & SEAL_SEAL) {
        return -EPERM;
    }
    int error = 0;
    if (seals & ~(unsigned)inode->seals & SEAL_WRITE) {
        error = tmpfs_need_vmo(inode);
        error = error != 0 ? error : vmo_seal(inode->data.vmo);
    }
    if (error == 0) {
        __atomic_store_n(&inode->seals, (uint16_t)(inode->seals | seals), __ATOMIC_RELAXED);
    }
    return error;
}

int file_add_seals(struct file *file, unsigned long seals)
{
    if (!file_writable(file)) {
        return seals > UINT32_MAX ? -EINVAL : -EPERM;
    }
    if ((seals & ~(unsigned long)SEALS_ALL) || !file_has_seals(file)) {
        return -EINVAL;
    }
    mutex_lock(&file->inode->lock);
    int error = add_locked(file->inode, (unsigned)seals);
    mutex_unlock(&file->inode->lock);
    return error;
}
