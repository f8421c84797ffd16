/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open directories whose names are all dentries. The position is a name's cookie: cookies only
 * grow along the list of children, so a pass goes on where it stopped whatever happened between.
 */
#include "abi/errno.h"
#include "kernel/fs/inode.h"

static bool emit(struct dir_sink *sink, const struct dentry *dentry)
{
    const struct dir_entry entry = {dentry->name, dentry->name_size, dentry->inode->ino,
                                    dentry->inode->mode & S_IFMT, dentry->cookie + 1};
    return sink->emit(sink, &entry);
}

/* Cookies start at 2; positions 0 and 1 are "." and "..". */
static void iterate_locked(struct file *file, struct dentry *dir, struct dir_sink *sink)
{
    if (file->pos == 0) {
        const struct dir_entry dot = {".", 1, dir->inode->ino, S_IFDIR, 1};
        if (!sink->emit(sink, &dot)) {
            return;
        }
        file->pos = 1;
    }
    if (file->pos == 1) {
        spin_lock(&vfs_lock);
        uint64_t parent = dir->parent->inode->ino;
        spin_unlock(&vfs_lock);
        const struct dir_entry dots = {"..", 2, parent, S_IFDIR, 2};
        if (!sink->emit(sink, &dots)) {
            return;
        }
        file->pos = 2;
    }
    struct dentry *child;
    list_for_each (child, &dir->children, sibling) {
        if (child->cookie < file->pos) {
            continue;
        }
        if (!emit(sink, child)) {
            return;
        }
        file->pos = child->cookie + 1;
    }
}

static int dir_iterate(struct file *file, struct dir_sink *sink)
{
    struct dentry *dir = file->path.dentry;
    int error = 0;
    mutex_lock(&dir->inode->lock);
    if (dir->flags & DENTRY_DEAD) {
        error = -ENOENT;
    } else {
        iterate_locked(file, dir, sink);
    }
    mutex_unlock(&dir->inode->lock);
    if (error == 0) {
        inode_accessed(file);
    }
    return error;
}

static int64_t dir_seek(struct file *file, int64_t offset, int whence)
{
    enum { SEEK_SET, SEEK_CUR };
    if (whence == SEEK_CUR) {
        offset += (int64_t)file->pos;
    } else if (whence != SEEK_SET) {
        return -EINVAL;
    }
    if (offset < 0) {
        return -EINVAL;
    }
    file->pos = (uint64_t)offset;
    return offset;
}

static ssize_type dir_read(struct file *file, struct io *io, uint64_t *pos)
{
    (void)file;
    (void)io;
    (void)pos;
    return -EISDIR;
}

static int dir_fsync(struct file *file)
{
    (void)file;
    return 0;
}

const struct file_ops dentry_dir_ops = {
    .read = dir_read,
    .seek = dir_seek,
    .iterate = dir_iterate,
    .fsync = dir_fsync,
};
