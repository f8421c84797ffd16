/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Path walks (path_resolution(7)), without locks while names are cached: a component costs one hash
 * look-up by a reader (core/rcu.h) and no reference counts. What was found counts if no name moved
 * meanwhile (names_seq); else the walk starts again, after some vain tries with vfs_lock, so that
 * nothing can move. Where a file system has to be asked, the walk takes references to where it
 * stands (held), stops reading, asks, and goes on.
 */
#include "abi/errno.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "lib/string.h"

#define NO_LINK        UINT8_MAX
#define LOCKLESS_TRIES 3

/* The result of a step: something moved, or went, under the walk. */
#define RESTART 1

/* A symbolic link that is being followed, or was: kept until the walk ends, for its text. */
struct link {
    const char *rest;    /* what follows the link in the text that named it */
    struct inode *inode; /* counted */
    char *buffer;        /* text that was made for us, or NULL */
    uint8_t up;          /* the link in whose text this one was named */
};

struct cursor {
    const struct walk *walk;
    struct path at;   /* where the walk stands; a reader's, or held */
    struct path held; /* counted, or zero */
    unsigned seq;     /* names_seq since the walk reads */
    bool locked;      /* vfs_lock is held while the walk reads */
    unsigned flags;   /* enum walk_flags */
    bool slash;       /* one follows the last component: it must be a directory */
    bool parent_only;
    uint8_t link_count; /* links followed so far */
    uint8_t link;       /* in whose text we are, or NO_LINK */
    const char *rest;   /* what is still to walk of the current text */
    struct link links[VFS_LINK_MAX];
};

/* Begins to read. All steps begin and end reading, whatever they do between. */
static inline __attribute__((always_inline)) void cursor_enter(struct cursor *c)
{
    rcu_read_lock();
    if (unlikely(c->locked)) {
        spin_lock(&vfs_lock);
    } else {
        c->seq = names_read_begin();
    }
}

static bool cursor_is_valid(const struct cursor *c)
{
    return c->locked || !names_read_retry(c->seq);
}

static void cursor_exit(struct cursor *c)
{
    if (unlikely(c->locked)) {
        spin_unlock(&vfs_lock);
    }
    rcu_read_unlock();
}

/* What was taken in vain is given back when nothing is read. */
static __attribute__((noinline)) int take_failed(struct cursor *c, bool mount, bool dentry)
{
    struct path at = c->at;
    cursor_exit(c);
    if (dentry) {
        dentry_put(at.dentry);
    }
    if (mount) {
        mount_put(at.mount);
    }
    return RESTART;
}

/* Ends reading with a counted path to where the walk stands; RESTART: without. */
static int cursor_take(struct cursor *c, struct path *out)
{
    struct path at = c->at;
    if (unlikely(!ref_get_unless_zero(&at.mount->refs))) {
        return take_failed(c, false, false);
    }
    bool dentry = ref_get_unless_zero(&at.dentry->refs);
    if (unlikely(!dentry) || unlikely(!cursor_is_valid(c))) {
        return take_failed(c, true, dentry);
    }
    cursor_exit(c);
    *out = at;
    return 0;
}

/* Ends reading and makes `at` safe; RESTART: reads on. */
static int cursor_leave(struct cursor *c)
{
    struct path old = c->held;
    if (cursor_take(c, &c->held) != 0) {
        cursor_enter(c);
        return RESTART;
    }
    path_put(&old);
    return 0;
}

/* Stands on a counted path found meanwhile, and reads on. */
static void cursor_stand(struct cursor *c, const struct path *path)
{
    path_put(&c->held);
    c->held = c->at = *path;
    cursor_enter(c);
}

static const struct path *cursor_root(const struct cursor *c)
{
    return c->flags & WALK_IN_ROOT ? &c->walk->base : &c->walk->root;
}

static bool same_path(const struct path *a, const struct path *b)
{
    return a->dentry == b->dentry && a->mount == b->mount;
}

/* What is mounted over `at` hides it. */
static int cross_mounts(struct cursor *c)
{
    while (__atomic_load_n(&c->at.dentry->mounted, __ATOMIC_ACQUIRE)) {
        struct mount *mount = mount_find(c->at.mount, c->at.dentry);
        if (mount == NULL) {
            break;
        }
        if (c->flags & WALK_NO_XDEV) {
            return -EXDEV;
        }
        c->at = (struct path){mount, mount->root};
    }
    return 0;
}

static int step_up(struct cursor *c)
{
    const struct path *root = cursor_root(c);
    if ((c->flags & WALK_BENEATH) && same_path(&c->at, &c->walk->base)) {
        return -EXDEV;
    }
    while (!same_path(&c->at, root)) {
        if (c->at.dentry != c->at.mount->root) {
            c->at.dentry = rcu_read(c->at.dentry->parent);
            break;
        }
        struct path above = mount_place(c->at.mount);
        if (above.mount == NULL) {
            break;
        }
        if (c->flags & WALK_NO_XDEV) {
            return -EXDEV;
        }
        c->at = above;
    }
    return cross_mounts(c);
}

static int step_root(struct cursor *c)
{
    if (c->flags & WALK_BENEATH) {
        return -EXDEV;
    }
    const struct path *root = cursor_root(c);
    if ((c->flags & WALK_NO_XDEV) && c->at.mount != root->mount) {
        return -EXDEV;
    }
    c->at = *root;
    return 0;
}

/* The child is not cached: asks the file system. */
static int step_lookup(struct cursor *c, const struct name *name)
{
    struct inode *dir = c->at.dentry->inode;
    int error = cursor_leave(c);
    if (error != 0) {
        return error;
    }
    struct path child = c->at;
    mutex_lock(&dir->lock);
    error = dentry_lookup(c->at.dentry, name, &child.dentry);
    mutex_unlock(&dir->lock);
    if (error != 0) {
        cursor_enter(c);
        return error;
    }
    mount_get(child.mount);
    cursor_stand(c, &child);
    return cross_mounts(c);
}

static int step_down(struct cursor *c, const struct name *name)
{
    struct dentry *child = dentry_find(c->at.dentry, name);
    if (unlikely(child == NULL)) {
        return c->at.dentry->inode->ops->lookup != NULL ? step_lookup(c, name) : -ENOENT;
    }
    c->at.dentry = child;
    return unlikely(__atomic_load_n(&child->mounted, __ATOMIC_RELAXED)) ? cross_mounts(c) : 0;
}

/* The text of the link at `at`, made by its file system, in memory of the walk's. */
static int link_read(struct cursor *c, struct inode *inode, struct link *link)
{
    char *buffer = kmalloc(VFS_PATH_MAX);
    if (buffer == NULL) {
        return -ENOMEM;
    }
    int size = inode->ops->readlink(inode, buffer, VFS_PATH_MAX - 1);
    if (size < 0) {
        kfree(buffer);
        return size;
    }
    buffer[size] = '\0';
    link->buffer = buffer;
    c->rest = buffer;
    return 0;
}

/* The link leads to a path directly (magic links of /proc). */
static int link_jump(struct cursor *c, struct inode *inode)
{
    struct path target;
    if (c->flags & (WALK_NO_MAGIC | WALK_BENEATH | WALK_IN_ROOT)) {
        return -ELOOP;
    }
    int error = cursor_leave(c);
    if (error != 0) {
        return error;
    }
    error = inode->ops->follow(inode, &target);
    if (error != 0) {
        cursor_enter(c);
        return error;
    }
    cursor_stand(c, &target);
    return 0;
}

/*
 * `at` is a link named in the directory `dir`: continues in its text, relative to dir, and later
 * with what follows it now.
 */
static int step_link(struct cursor *c, const struct path *dir)
{
    struct inode *inode = c->at.dentry->inode;
    if ((c->flags & WALK_NO_LINKS) || c->link_count >= VFS_LINK_MAX) {
        return -ELOOP;
    }
    if (inode->ops->follow != NULL) {
        return link_jump(c, inode);
    }
    if (!ref_get_unless_zero(&inode->refs)) {
        return RESTART;
    }
    uint8_t number = c->link_count++;
    struct link *link = &c->links[number];
    *link = (struct link){c->rest, inode, NULL, c->link};
    if (*c->rest != '\0') {
        c->link = number; /* else: nothing to come back to */
    }
    c->at = *dir;
    if (inode->ops->link_text != NULL) {
        c->rest = inode->ops->link_text(inode);
    } else {
        int error = cursor_leave(c);
        if (error == 0) {
            error = link_read(c, inode, link);
            cursor_enter(c);
        }
        if (error != 0) {
            return error;
        }
    }
    if (*c->rest == '\0') {
        return -ENOENT;
    }
    return *c->rest == '/' ? step_root(c) : 0;
}

static enum name_kind name_kind(const struct name *name)
{
    if (name->bytes[0] != '.' || name->size > 2) {
        return NAME_NORMAL;
    }
    if (name->size == 1) {
        return NAME_DOT;
    }
    return name->bytes[1] == '.' ? NAME_DOTDOT : NAME_NORMAL;
}

/* `at` is the directory the next component is looked up in. */
static int may_search(const struct cursor *c)
{
    const struct inode *dir = c->at.dentry->inode;
    uint32_t mode = inode_mode(dir);
    if (likely((mode & (S_IFMT | 0111)) == (S_IFDIR | 0111))) {
        return 0;
    }
    return (mode & S_IFMT) == S_IFDIR ? inode_permission(c->walk->cred, dir, 1) : -ENOTDIR;
}

/* Cuts the next component off c->rest; false: nothing is left. */
static bool next_component(struct cursor *c, struct name *name, bool *is_last)
{
    const char *p = c->rest;
    for (;;) {
        while (*p == '/') {
            p++;
        }
        if (*p != '\0') {
            break;
        }
        if (c->link == NO_LINK) {
            return false;
        }
        p = c->links[c->link].rest;
        c->link = c->links[c->link].up;
    }
    p = name_scan(p, name);
    const char *end = p;
    while (*p == '/') {
        p++;
    }
    c->rest = p;
    *is_last = *p == '\0' && c->link == NO_LINK;
    if (*is_last && p != end) {
        c->slash = true;
    }
    return true;
}

static int walk_component(struct cursor *c, const struct name *name, bool is_last)
{
    enum name_kind kind = name_kind(name);
    if (kind == NAME_DOT) {
        return 0;
    }
    if (kind == NAME_DOTDOT) {
        return step_up(c);
    }
    if (name->size > VFS_NAME_MAX) {
        return -ENAMETOOLONG;
    }
    struct path dir = c->at;
    int error = step_down(c, name);
    if (error != 0 || likely((inode_mode(c->at.dentry->inode) & S_IFMT) != S_IFLNK)) {
        return error;
    }
    if (is_last && !c->slash && !(c->flags & WALK_FOLLOW)) {
        return 0;
    }
    /* dir is the link's parent, so it lives as long as the link's dentry. */
    return step_link(c, &dir);
}

/* From the beginning of c->rest to the end, or to the last component. */
static int walk_all(struct cursor *c, struct walk_last *last)
{
    struct name name;
    bool is_last;
    int error = *c->rest == '/' ? step_root(c) : 0;
    while (error == 0 && next_component(c, &name, &is_last)) {
        error = may_search(c);
        if (error == 0 && is_last && c->parent_only) {
            *last = (struct walk_last){name, name_kind(&name), c->slash};
            return 0;
        }
        if (error == 0) {
            error = walk_component(c, &name, is_last);
        }
    }
    if (error == 0 && (c->slash || (c->flags & WALK_DIRECTORY)) &&
        !inode_is_dir(c->at.dentry->inode)) {
        return -ENOTDIR;
    }
    return error;
}

static void cursor_end(struct cursor *c)
{
    for (unsigned i = 0; i < c->link_count; i++) {
        inode_put(c->links[i].inode);
        kfree(c->links[i].buffer);
    }
    path_put(&c->held);
}

static inline int walk_once(struct cursor *c, const char *name, struct walk_last *last,
                            struct path *out)
{
    c->at = c->walk->base;
    c->held = (struct path){NULL, NULL};
    c->link_count = 0;
    c->link = NO_LINK;
    c->slash = false;
    c->rest = name;
    cursor_enter(c);
    int error = walk_all(c, last);
    if (likely(error == 0)) {
        error = cursor_take(c, out);
    } else {
        error = cursor_is_valid(c) ? error : RESTART;
        cursor_exit(c);
    }
    if (unlikely(c->link_count != 0 || c->held.dentry != NULL)) {
        cursor_end(c);
    }
    return error;
}

static __attribute__((noinline)) int cursor_run(struct cursor *c, const char *name,
                                                struct walk_last *last, struct path *out)
{
    for (unsigned tries = 0;; tries++) {
        c->locked = tries >= LOCKLESS_TRIES;
        int error = walk_once(c, name, last, out);
        if (likely(error != RESTART)) {
            return error;
        }
    }
}

int vfs_walk(const struct walk *walk, const char *name, unsigned flags, struct path *out)
{
    if (*name == '\0' && !(flags & WALK_EMPTY)) {
        return -ENOENT;
    }
    struct cursor c;
    c.walk = walk;
    c.flags = flags;
    c.parent_only = false;
    return cursor_run(&c, name, NULL, out);
}

int walk_parent(const struct walk *walk, const char *name, unsigned flags, struct path *parent,
                struct walk_last *last)
{
    if (*name == '\0') {
        return -ENOENT;
    }
    struct cursor c;
    c.walk = walk;
    c.flags = flags;
    c.parent_only = true;
    last->kind = NAME_ROOT; /* unless a component is found */
    last->slash = false;
    return cursor_run(&c, name, last, parent);
}
