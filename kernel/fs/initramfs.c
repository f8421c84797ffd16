/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C17: the root file system from cpio archives in memory. Only names are made; the files' bytes are
 * used where they lie. Archives list a directory's files together, so the directory of the last
 * entry is kept, locked, and most entries cost one header and one name.
 */
#include "abi/errno.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "lib/bytes.h"
#include "lib/cpio.h"
#include "lib/format.h"
#include "lib/string.h"

/* A file with several names, by what the archive calls it. */
struct hard_link {
    struct hard_link *next;
    uint32_t ino, dev_major, dev_minor;
    unsigned archive;
    struct inode *inode; /* counted */
};
#define LINK_BUCKETS 64

struct unpack {
    struct path root;
    struct dentry *dir; /* of the last entry: counted, its inode's lock is held */
    const char *prefix; /* that entry's name up to its last component, in the archive */
    size_t prefix_size;
    struct cpio cpio;
    struct hard_link **links; /* LINK_BUCKETS, or NULL: none yet */
};

static void leave_dir(struct unpack *u)
{
    if (u->dir != NULL) {
        mutex_unlock(&u->dir->inode->lock);
        dentry_put(u->dir);
        u->dir = NULL;
    }
}

/* dir's reference becomes ours. */
static void enter_dir(struct unpack *u, struct dentry *dir)
{
    u->dir = dir;
    mutex_lock(&dir->inode->lock);
}

/* A new inode under a new name of u->dir, not counted. */
static int add_inode(struct unpack *u, const struct name *name, const struct inode_spec *spec,
                     struct inode **out)
{
    struct inode *dir = u->dir->inode;
    int error = dir->ops->make(dir, spec, out);
    if (error != 0) {
        return error;
    }
    struct dentry *dentry = dentry_create(u->dir, name, *out);
    if (dentry == NULL) {
        inode_put(*out);
        return -ENOMEM;
    }
    if ((spec->mode & S_IFMT) == S_IFDIR) {
        (*out)->nlink = 2;
        dir->nlink++;
    }
    dentry_add(dentry);
    dentry_put(dentry);
    return 0;
}

static struct dentry *find_child(const struct unpack *u, const struct name *name)
{
    spin_lock(&vfs_lock);
    struct dentry *child = dentry_find(u->dir, name);
    spin_unlock(&vfs_lock);
    return child; /* stays: names change only under the directory's lock */
}

/* Goes down one directory of an entry's name, which may not have an entry of its own. */
static int down(struct unpack *u, const struct name *name)
{
    const struct timestamp boot = TIMESTAMP_BOOT;
    const struct inode_spec spec = {.mode = S_IFDIR | 0755, .time = &boot};
    struct inode *inode;
    struct dentry *child = find_child(u, name);
    if (child == NULL) {
        int error = add_inode(u, name, &spec, &inode);
        if (error != 0) {
            return error;
        }
        child = find_child(u, name);
    }
    if (!inode_is_dir(child->inode)) {
        return -ENOTDIR;
    }
    dentry_get(child);
    leave_dir(u);
    enter_dir(u, child);
    return 0;
}

/* Enters the directory of a name; *last is its last component, of size 0 for the root itself. */
static int enter_parent(struct unpack *u, const char *text, struct name *last)
{
    leave_dir(u);
    dentry_get(u->root.dentry);
    enter_dir(u, u->root.dentry);
    struct name name = {text, 0, 0};
    const char *p = text, *start = text;
    bool have = false;
    for (;;) {
        while (*p == '/') {
            p++;
        }
        if (*p == '\0') {
            break;
        }
        struct name next;
        const char *begin = p;
        p = name_scan(p, &next);
        if (next.size == 1 && *begin == '.') {
            continue;
        }
        int error = have ? down(u, &name) : 0;
        if (error != 0) {
            return error;
        }
        name = next;
        start = begin;
        have = true;
    }
    *last = name;
    u->prefix = text;
    u->prefix_size = (size_t)(start - text);
    return 0;
}

/* Most entries lie in the directory of the one before. */
static int enter_entry(struct unpack *u, const struct cpio_entry *e, struct name *last,
                       const char **error)
{
    if (u->dir != NULL && e->n.name_size > u->prefix_size &&
        bytes_equal(e->name, u->prefix, u->prefix_size)) {
        const char *end = name_scan(e->name + u->prefix_size, last);
        if (*end == '\0' && last->size > 0 && last->bytes[0] != '.' && last->bytes[0] != '/' &&
            last->size <= VFS_NAME_MAX) {
            return 0;
        }
    }
    *error = cpio_name_error(e->name);
    if (*error != NULL) {
        return -EINVAL;
    }
    int result = enter_parent(u, e->name, last);
    if (result == -ENOTDIR) {
        *error = "lies below something that is not a directory";
    }
    return result;
}

/* An earlier entry of this name gives way. */
static int replace(struct unpack *u, struct dentry *old, const char **error)
{
    struct inode *inode = old->inode;
    if (inode_is_dir(inode)) {
        if (inode->dir.entries > 0) {
            *error = "replaces a directory that is not empty";
            return -ENOTEMPTY;
        }
        u->dir->inode->nlink--;
    }
    inode->nlink--;
    return dentry_remove(old);
}

static void set_attributes(struct inode *inode, const struct cpio_entry *e)
{
    inode->mode = (inode->mode & S_IFMT) | (e->n.mode & 07777);
    inode->uid = e->n.uid;
    inode->gid = e->n.gid;
    inode->atime = inode->mtime = inode->ctime = (struct timestamp){e->n.mtime, 0};
}

/* The place in the table where the entry's file is, or where it belongs. */
static int link_find(struct unpack *u, const struct cpio_entry *e, struct hard_link ***out)
{
    if (u->links == NULL) {
        u->links = kcalloc(LINK_BUCKETS, sizeof(*u->links));
        if (u->links == NULL) {
            return -ENOMEM;
        }
    }
    struct hard_link **at = &u->links[e->n.ino % LINK_BUCKETS];
    for (; *at != NULL; at = &(*at)->next) {
        const struct hard_link *link = *at;
        if (link->ino == e->n.ino && link->dev_minor == e->n.dev_minor &&
            link->dev_major == e->n.dev_major && link->archive == u->cpio.archive) {
            break;
        }
    }
    *out = at;
    return 0;
}

static int link_remember(struct unpack *u, const struct cpio_entry *e, struct hard_link **at,
                         struct inode *inode)
{
    struct hard_link *link = kmalloc(sizeof(*link));
    if (link == NULL) {
        return -ENOMEM;
    }
    inode_get(inode);
    *link = (struct hard_link){NULL,           e->n.ino,        e->n.dev_major,
                               e->n.dev_minor, u->cpio.archive, inode};
    *at = link;
    return 0;
}

static void links_free(struct unpack *u)
{
    for (unsigned i = 0; u->links != NULL && i < LINK_BUCKETS; i++) {
        for (struct hard_link *link = u->links[i], *next; link != NULL; link = next) {
            next = link->next;
            inode_put(link->inode);
            kfree(link);
        }
    }
    kfree(u->links);
}

/* Another name of a file seen before; its data may come with any of its names. */
static int add_name(struct unpack *u, const struct name *name, const struct cpio_entry *e,
                    struct inode *inode)
{
    struct dentry *dentry = dentry_create(u->dir, name, inode);
    if (dentry == NULL) {
        return -ENOMEM;
    }
    inode_get(inode);
    inode->nlink++;
    dentry_add(dentry);
    dentry_put(dentry);
    if (e->n.data_size > 0 && inode->size == 0) {
        tmpfs_borrow(inode, e->data, e->n.data_size);
    }
    return 0;
}

static int add_file(struct unpack *u, const struct name *name, const struct cpio_entry *e,
                    const struct inode_spec *spec)
{
    struct hard_link **at = NULL;
    struct inode *inode;
    int error = 0;
    if (e->n.nlink > 1) {
        error = link_find(u, e, &at);
        if (error == 0 && *at != NULL) {
            return add_name(u, name, e, (*at)->inode);
        }
    }
    if (error == 0) {
        error = add_inode(u, name, spec, &inode);
    }
    if (error == 0 && e->n.data_size > 0) {
        tmpfs_borrow(inode, e->data, e->n.data_size);
    }
    return error == 0 && at != NULL ? link_remember(u, e, at, inode) : error;
}

static int add_entry(struct unpack *u, const struct name *name, const struct cpio_entry *e,
                     const char **error)
{
    const struct timestamp time = {e->n.mtime, 0};
    struct inode_spec spec = {
        .mode = e->n.mode & (S_IFMT | 07777), .uid = e->n.uid, .gid = e->n.gid, .time = &time};
    struct inode *inode;
    switch (e->n.mode & S_IFMT) {
    case S_IFREG:
        return add_file(u, name, e, &spec);
    case S_IFLNK:
        if (e->n.data_size == 0 || e->n.data_size >= VFS_PATH_MAX ||
            memchr(e->data, 0, e->n.data_size) != NULL) {
            *error = "is a symbolic link with an impossible text";
            return -EINVAL;
        }
        spec.target = (const char *)e->data;
        spec.target_size = e->n.data_size;
        break;
    case S_IFCHR:
    case S_IFBLK:
        spec.rdev = DEV(e->n.rdev_major, e->n.rdev_minor);
        break;
    case S_IFDIR:
    case S_IFIFO:
    case S_IFSOCK:
        break;
    default:
        *error = "is of an unknown type";
        return -EINVAL;
    }
    return add_inode(u, name, &spec, &inode);
}

static int unpack_entry(struct unpack *u, const struct cpio_entry *e, const char **error)
{
    struct name name;
    int result = enter_entry(u, e, &name, error);
    if (result != 0) {
        return result;
    }
    bool is_dir = (e->n.mode & S_IFMT) == S_IFDIR;
    if (name.size == 0) { /* "." or "/": the root itself */
        if (!is_dir) {
            *error = "is the root, but not a directory";
            return -EINVAL;
        }
        set_attributes(u->dir->inode, e);
        return 0;
    }
    struct dentry *old = find_child(u, &name);
    if (unlikely(old != NULL)) {
        if (is_dir && inode_is_dir(old->inode)) {
            set_attributes(old->inode, e);
            return 0;
        }
        result = replace(u, old, error);
    }
    return result == 0 ? add_entry(u, &name, e, error) : result;
}

static int unpack_all(struct unpack *u, const char **error)
{
    for (;;) {
        int result = cpio_next(&u->cpio, error);
        if (result > 0) {
            result = unpack_entry(u, &u->cpio.entry, error);
            if (result == 0) {
                continue;
            }
        }
        return result;
    }
}

/* Names the entry; what it is called is not to be trusted with a terminal. */
static const char *describe(const struct unpack *u, const char *name, const char *what)
{
    static char text[200]; /* owner: the boot, once */
    char printable[80];
    if (name == NULL) {
        scnprintf(text, sizeof(text), "the archive %s, at byte %lu", what,
                  (unsigned long)u->cpio.at);
        return text;
    }
    size_t i = 0;
    for (; i < sizeof(printable) - 1 && name[i] != '\0'; i++) {
        printable[i] = name[i] < ' ' || name[i] > '~' ? '?' : name[i];
    }
    printable[i] = '\0';
    scnprintf(text, sizeof(text), "the entry '%s' %s", printable, what);
    return text;
}

int initramfs_unpack(const struct walk *walk, const void *bytes, uint64_t size, const char **error)
{
    struct unpack u = {.root = walk->root};
    const char *what = NULL;
    cpio_begin(&u.cpio, bytes, size);
    int result = unpack_all(&u, &what);
    if (result != 0) {
        if (what == NULL) {
            what = result == -ENOMEM ? "does not fit into the memory" : "cannot be made";
        }
        *error = describe(&u, u.cpio.entry.name, what);
    }
    leave_dir(&u);
    links_free(&u);
    return result;
}
