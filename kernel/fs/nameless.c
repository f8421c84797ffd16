/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that no directory names: their file systems, inodes and dentries (nameless.h). */
#include "kernel/fs/nameless.h"
#include "abi/errno.h"

#define ANON_INODE_MAGIC 0x09041934 /* statfs(2) */

static struct mutex mount_lock = MUTEX_INIT(mount_lock, LOCK_NAMELESS_MOUNT);

static struct dentry *make_dentry(struct nameless_fs *fs, struct superblock *sb, const char *text)
{
    const struct name none = {"", 0, 0};
    const struct timestamp now = timestamp_now();
    struct inode *inode = inode_create(sb, fs->mode, &now);
    if (inode == NULL) {
        return NULL;
    }
    inode->ops = fs->ops;
    inode->file_ops = fs->file_ops;
    struct dentry *dentry = dentry_create(NULL, &none, inode);
    if (dentry == NULL) {
        inode_put(inode);
        return NULL;
    }
    dentry->flags = DENTRY_NAMELESS;
    dentry->name = (char *)(uintptr_t)text; /* nobody writes to a name of this kind */
    return dentry;
}

static int need_mount(struct nameless_fs *fs)
{
    if (likely(__atomic_load_n(&fs->mount, __ATOMIC_ACQUIRE) != NULL)) {
        return 0;
    }
    mutex_lock(&mount_lock);
    if (fs->mount == NULL) {
        struct superblock *sb = superblock_create(&fs->type);
        if (sb != NULL) {
            sb->root = make_dentry(fs, sb, fs->type.name);
        }
        struct mount *mount = sb != NULL && sb->root != NULL
                                  ? mount_create(sb, sb->root, fs->type.name)
                                  : NULL;
        __atomic_store_n(&fs->mount, mount, __ATOMIC_RELEASE);
    }
    mutex_unlock(&mount_lock);
    return fs->mount != NULL ? 0 : -ENOMEM;
}

int nameless_path(struct nameless_fs *fs, const char *text, struct path *out)
{
    int error = need_mount(fs);
    if (error != 0) {
        return error;
    }
    *out = (struct path){fs->mount, make_dentry(fs, fs->mount->sb, text)};
    if (out->dentry == NULL) {
        return -ENOMEM;
    }
    mount_get(out->mount);
    return 0;
}

static int refuse_open(struct inode *inode, struct file *file)
{
    (void)inode;
    (void)file;
    return -ENXIO;
}

int anon_file_create(const char *text, const struct file_ops *ops, unsigned flags, void *priv,
                     struct file **out)
{
    static const struct file_ops none;
    static const struct inode_ops inode_ops = {.open = refuse_open};
    static struct nameless_fs anon = {
        .type = {.name = "anon_inodefs", .magic = ANON_INODE_MAGIC, .internal = true},
        .mode = 0600,
        .ops = &inode_ops,
        .file_ops = &none,
    };
    struct path path;
    int error = nameless_path(&anon, text, &path);
    if (error == 0) {
        error = file_create_take(ops, &path, flags, out);
    }
    if (error == 0) {
        (*out)->priv = priv;
    }
    return error;
}
