/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rename(2) and renameat2(2). Moves between directories hold rename_lock, so that the tree above
 * both directories stands still while they are locked in order: ancestors first, else by address.
 */
#include "abi/errno.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"

enum { RENAME_NOREPLACE = 1, RENAME_EXCHANGE = 2 };

struct move {
    const struct cred *cred;
    unsigned flags;
    struct path from_dir, to_dir; /* counted */
    struct walk_last from_last, to_last;
    struct dentry *from, *to; /* counted; to may be NULL */
};

/* The child of `ancestor` on the way down to `dentry`; NULL: not below it. REQUIRES rename_lock. */
static struct dentry *way_down(struct dentry *ancestor, struct dentry *dentry)
{
    for (struct dentry *at = dentry; at->parent != at; at = at->parent) {
        if (at->parent == ancestor) {
            return at;
        }
    }
    return NULL;
}

static void lock_dirs(struct move *m)
{
    struct dentry *a = m->from_dir.dentry, *b = m->to_dir.dentry;
    if (a == b) {
        mutex_lock(&a->inode->lock);
        return;
    }
    mutex_lock(&rename_lock);
    bool b_first = way_down(b, a) != NULL || (way_down(a, b) == NULL && b < a);
    mutex_lock(b_first ? &b->inode->lock : &a->inode->lock);
    mutex_lock_nested(b_first ? &a->inode->lock : &b->inode->lock);
}

static void unlock_dirs(struct move *m)
{
    mutex_unlock(&m->from_dir.dentry->inode->lock);
    if (m->from_dir.dentry != m->to_dir.dentry) {
        mutex_unlock(&m->to_dir.dentry->inode->lock);
        mutex_unlock(&rename_lock);
    }
}

static int look_up_both(struct move *m)
{
    int error = dentry_lookup(m->from_dir.dentry, &m->from_last.name, &m->from);
    if (error != 0) {
        return error;
    }
    error = dentry_lookup(m->to_dir.dentry, &m->to_last.name, &m->to);
    if (error == -ENOENT) {
        m->to = NULL;
        return m->flags & RENAME_EXCHANGE ? -ENOENT : 0;
    }
    return error != 0 ? error : m->flags & RENAME_NOREPLACE ? -EEXIST : 0;
}

/* A directory cannot move into itself, nor replace one it lies in. */
static int check_loops(const struct move *m)
{
    if (m->from_dir.dentry == m->to_dir.dentry) {
        return 0;
    }
    if (m->from == m->to_dir.dentry || way_down(m->from, m->to_dir.dentry) != NULL) {
        return -EINVAL;
    }
    if (m->to != NULL &&
        (m->to == m->from_dir.dentry || way_down(m->to, m->from_dir.dentry) != NULL)) {
        return m->flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    }
    return 0;
}

/* Only directories are named with slashes at the end. */
static int check_slashes(const struct move *m)
{
    bool exchange = (m->flags & RENAME_EXCHANGE) != 0;
    if (exchange && m->to_last.slash && !inode_is_dir(m->to->inode)) {
        return -ENOTDIR;
    }
    if (!inode_is_dir(m->from->inode) && (m->from_last.slash || (m->to_last.slash && !exchange))) {
        return -ENOTDIR;
    }
    return 0;
}

/* A directory that gets another parent is written to: its ".." changes. */
static int may_reparent(const struct cred *cred, const struct dentry *dentry)
{
    return inode_is_dir(dentry->inode) ? inode_permission(cred, dentry->inode, 2) : 0;
}

static int check_rights(const struct move *m)
{
    bool is_dir = inode_is_dir(m->from->inode), exchange = (m->flags & RENAME_EXCHANGE) != 0;
    int error = name_may_remove(m->cred, &m->from_dir, m->from, is_dir);
    if (error == 0 && m->to != NULL) {
        error = name_may_remove(m->cred, &m->to_dir, m->to,
                                exchange ? inode_is_dir(m->to->inode) : is_dir);
    } else if (error == 0) {
        const struct name_target target = {m->to_dir, m->to_last, NULL};
        error = name_may_create(m->cred, &target);
    }
    if (error == 0 && m->to_dir.dentry->inode->ops->make == NULL) {
        return -EPERM;
    }
    if (error == 0 && m->from_dir.dentry != m->to_dir.dentry) {
        error = may_reparent(m->cred, m->from);
        if (error == 0 && exchange) {
            error = may_reparent(m->cred, m->to);
        }
    }
    return error;
}

static void move_dir_links(const struct move *m, const struct dentry *moved, bool there)
{
    if (inode_is_dir(moved->inode)) {
        inode_add_links((there ? m->to_dir : m->from_dir).dentry->inode, 1);
        inode_add_links((there ? m->from_dir : m->to_dir).dentry->inode, -1);
    }
}

static void touch_all(const struct move *m)
{
    inode_touch(m->from_dir.dentry->inode);
    inode_touch(m->to_dir.dentry->inode);
    inode_changed(m->from->inode, &m->to_dir.dentry->inode->ctime);
}

static int do_exchange(struct move *m)
{
    int error = dentry_exchange(m->from, m->to);
    if (error != 0) {
        return error;
    }
    if (m->from_dir.dentry != m->to_dir.dentry) {
        move_dir_links(m, m->from, true);
        move_dir_links(m, m->to, false);
    }
    touch_all(m);
    inode_changed(m->to->inode, &m->to_dir.dentry->inode->ctime);
    return 0;
}

/* Moves the name and counts links. REQUIRES the lock of a replaced directory, too. */
static int move_name(struct move *m, char *name)
{
    int error = dentry_move(m->from, m->to_dir.dentry, &m->to_last.name, name, m->to);
    if (error != 0) {
        return error;
    }
    if (m->from_dir.dentry != m->to_dir.dentry) {
        move_dir_links(m, m->from, true);
    }
    touch_all(m);
    if (m->to == NULL) {
        return 0;
    }
    struct inode *replaced = m->to->inode;
    if (inode_is_dir(replaced)) {
        __atomic_store_n(&replaced->nlink, 0, __ATOMIC_RELAXED);
        inode_add_links(m->to_dir.dentry->inode, -1);
    } else {
        inode_add_links(replaced, -1);
        inode_changed(replaced, &m->to_dir.dentry->inode->mtime);
    }
    return 0;
}

/* The target, if any, is of the same kind. Its lock, when a directory, keeps it empty. */
static int do_move(struct move *m)
{
    struct inode *replaced = m->to != NULL && inode_is_dir(m->to->inode) ? m->to->inode : NULL;
    char *name;
    int error = dentry_name_alloc(&m->to_last.name, &name);
    if (error != 0) {
        return error;
    }
    if (replaced != NULL) {
        mutex_lock_nested(&replaced->lock);
    }
    error = replaced != NULL && replaced->dir.entries != 0 ? -ENOTEMPTY : move_name(m, name);
    if (replaced != NULL) {
        mutex_unlock(&replaced->lock);
    }
    if (error != 0) {
        kfree(name);
    }
    return error;
}

static int move_locked(struct move *m)
{
    int error = look_up_both(m);
    if (error == 0) {
        error = check_slashes(m);
    }
    if (error == 0) {
        error = check_loops(m);
    }
    if (error == 0 && m->to != NULL && m->from->inode == m->to->inode) {
        return 0; /* two names of one file: nothing happens (rename(2)) */
    }
    if (error == 0) {
        error = check_rights(m);
    }
    if (error != 0) {
        return error;
    }
    return m->flags & RENAME_EXCHANGE ? do_exchange(m) : do_move(m);
}

static int check_names(const struct move *m)
{
    if (m->from_dir.mount != m->to_dir.mount) {
        return -EXDEV;
    }
    if (m->from_last.kind != NAME_NORMAL) {
        return -EBUSY;
    }
    if (m->to_last.kind != NAME_NORMAL) {
        return m->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    }
    return m->from_last.name.size > VFS_NAME_MAX || m->to_last.name.size > VFS_NAME_MAX
               ? -ENAMETOOLONG
               : 0;
}

int vfs_rename(const struct walk *old_walk, const char *old_name, const struct walk *new_walk,
               const char *new_name, unsigned flags)
{
    struct move m = {.cred = old_walk->cred, .flags = flags};
    if ((flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE)) {
        return -EINVAL;
    }
    int error = walk_parent(old_walk, old_name, 0, &m.from_dir, &m.from_last);
    if (error != 0) {
        return error;
    }
    error = walk_parent(new_walk, new_name, 0, &m.to_dir, &m.to_last);
    if (error != 0) {
        path_put(&m.from_dir);
        return error;
    }
    error = check_names(&m);
    if (error == 0) {
        lock_dirs(&m);
        error = move_locked(&m);
        unlock_dirs(&m);
    }
    if (m.from != NULL) {
        dentry_put(m.from);
    }
    if (m.to != NULL) {
        dentry_put(m.to);
    }
    path_put(&m.from_dir);
    path_put(&m.to_dir);
    return error;
}
