/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a path back to its name (getcwd, /proc/PID/fd, /proc/mounts): built from the end of the
 * buffer towards its start, going up from the dentry under vfs_lock.
 */
#include "abi/errno.h"
#include "kernel/fs/inode.h"
#include "lib/format.h"
#include "lib/string.h"

struct backwards {
    char *buf;
    size_t at; /* the name so far is buf[at..] */
    bool full;
};

static void put_front(struct backwards *b, const char *bytes, size_t size)
{
    if (b->full || size > b->at) {
        b->full = true;
        return;
    }
    b->at -= size;
    memcpy(b->buf + b->at, bytes, size);
}

static int nameless(const struct dentry *dentry, char *buf, size_t size)
{
    if (dentry->flags & DENTRY_DEAD) { /* memfd_create(2) */
        int deleted = snprintf(buf, size, "/%s (deleted)", dentry->name);
        return (size_t)deleted < size ? deleted : -ERANGE;
    }
    int n = strchr(dentry->name, ':') != NULL
                ? snprintf(buf, size, "%s", dentry->name)
                : snprintf(buf, size, "%s:[%lu]", dentry->name, (unsigned long)dentry->inode->ino);
    return (size_t)n < size ? n : -ERANGE;
}

int vfs_path_name(const struct path *path, const struct path *root, char *buf, size_t size)
{
    if (path->dentry->flags & DENTRY_NAMELESS) {
        return nameless(path->dentry, buf, size);
    }
    struct backwards b = {buf, size, size == 0};
    struct path at = *path;
    bool unreachable = false;
    put_front(&b, "", 1);
    spin_lock(&vfs_lock);
    if (at.dentry->flags & DENTRY_DEAD) {
        put_front(&b, " (deleted)", 10);
    }
    size_t tail = b.at;
    while (at.dentry != root->dentry || at.mount != root->mount) {
        if (at.dentry->parent == at.dentry || (at.mount != NULL && at.dentry == at.mount->root)) {
            if (at.mount == NULL || at.mount->parent == NULL) {
                unreachable = true;
                break;
            }
            at = (struct path){at.mount->parent, at.mount->mountpoint};
            continue;
        }
        put_front(&b, at.dentry->name, at.dentry->name_size);
        put_front(&b, "/", 1);
        at.dentry = at.dentry->parent;
    }
    if (b.at == tail) {
        put_front(&b, "/", 1);
    }
    spin_unlock(&vfs_lock);
    if (unreachable) {
        put_front(&b, "(unreachable)", 13);
    }
    if (b.full) {
        return -ERANGE;
    }
    memmove(buf, buf + b.at, size - b.at);
    return (int)(size - b.at - 1);
}
