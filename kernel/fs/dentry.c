/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dentries: names in directories, found by one hash over (parent, name). See inode.h for what pins
 * them and for the locks.
 */
#include "abi/errno.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "lib/bytes.h"
#include "lib/string.h"

struct spinlock vfs_lock = SPINLOCK_INIT(LOCK_VFS);
struct mutex rename_lock = MUTEX_INIT(rename_lock, LOCK_RENAME);

#define FIRST_BUCKETS_SHIFT 8
static struct cache *dentry_cache; /* constant after vfs_init */
static struct dentry *first_buckets[1 << FIRST_BUCKETS_SHIFT];
static struct dentry **buckets = first_buckets;      /* [v] */
static unsigned buckets_shift = FIRST_BUCKETS_SHIFT; /* [v] log2 of their number */
static size_t hashed_count;                          /* [v] */
static size_t grow_at = 2ul << FIRST_BUCKETS_SHIFT;  /* [v] */

void dentry_init(void)
{
    dentry_cache = cache_create("dentry", sizeof(struct dentry));
}

static struct dentry **bucket_of(const struct dentry *parent, uint32_t hash)
{
    uint32_t mixed = (hash ^ (uint32_t)((vaddr_t)parent >> 6)) * 0x9e3779b1u;
    return &buckets[mixed >> (32 - buckets_shift)];
}

static void hash_insert_locked(struct dentry *dentry)
{
    struct dentry **bucket = bucket_of(dentry->parent, dentry->hash);
    dentry->hash_next = *bucket;
    dentry->hash_link = bucket;
    if (*bucket != NULL) {
        (*bucket)->hash_link = &dentry->hash_next;
    }
    *bucket = dentry;
}

/* Four times the buckets; when memory is out the chains get longer, that is all. */
static void hash_grow_locked(void)
{
    unsigned old_shift = buckets_shift;
    struct dentry **old = buckets;
    grow_at *= 4;
    struct dentry **bigger = kcalloc(4ul << old_shift, sizeof(struct dentry *));
    if (bigger == NULL) {
        return;
    }
    buckets = bigger;
    buckets_shift = old_shift + 2;
    for (size_t i = 0; i < 1ul << old_shift; i++) {
        for (struct dentry *dentry = old[i], *next; dentry != NULL; dentry = next) {
            next = dentry->hash_next;
            hash_insert_locked(dentry);
        }
    }
    if (old != first_buckets) {
        kfree(old);
    }
}

static void hash_add_locked(struct dentry *dentry)
{
    hash_insert_locked(dentry);
    if (++hashed_count > grow_at && buckets_shift < 24) {
        hash_grow_locked();
    }
}

static void hash_remove_locked(struct dentry *dentry)
{
    if (dentry->hash_link == NULL) {
        return;
    }
    *dentry->hash_link = dentry->hash_next;
    if (dentry->hash_next != NULL) {
        dentry->hash_next->hash_link = dentry->hash_link;
    }
    dentry->hash_link = NULL;
    hashed_count--;
}

struct dentry *dentry_find_locked(const struct dentry *parent, const struct name *name)
{
    for (struct dentry *dentry = *bucket_of(parent, name->hash); dentry != NULL;
         dentry = dentry->hash_next) {
        if (dentry->hash == name->hash && dentry->parent == parent &&
            dentry->name_size == name->size && bytes_equal(dentry->name, name->bytes, name->size)) {
            return dentry;
        }
    }
    return NULL;
}

int dentry_name_alloc(const struct name *name, char **out)
{
    *out = NULL;
    if (name->size < DENTRY_INLINE) {
        return 0;
    }
    *out = kmalloc(name->size + 1);
    return *out != NULL ? 0 : -ENOMEM;
}

static void set_name(struct dentry *dentry, const struct name *name, char *storage)
{
    dentry->name = storage != NULL ? storage : dentry->inline_name;
    memcpy(dentry->name, name->bytes, name->size);
    dentry->name[name->size] = '\0';
    dentry->name_size = (uint16_t)name->size;
    dentry->hash = name->hash;
}

struct dentry *dentry_create(struct dentry *parent, const struct name *name, struct inode *inode)
{
    char *storage;
    if (dentry_name_alloc(name, &storage) != 0) {
        return NULL;
    }
    struct dentry *dentry = cache_alloc(dentry_cache);
    if (dentry == NULL) {
        kfree(storage);
        return NULL;
    }
    ref_init(&dentry->refs, 1);
    dentry->flags = 0;
    dentry->mounted = false;
    dentry->inode = inode;
    dentry->parent = parent != NULL ? parent : dentry;
    dentry->hash_link = NULL;
    list_init(&dentry->children);
    list_init(&dentry->sibling);
    set_name(dentry, name, storage);
    if (parent != NULL) {
        dentry_get(parent);
    }
    return dentry;
}

/* Frees dentry, which nobody can reach any more; its parent if this was the last reference. */
static struct dentry *dentry_free(struct dentry *dentry)
{
    struct dentry *parent = dentry->parent != dentry ? dentry->parent : NULL;
    if (dentry->name != dentry->inline_name && !(dentry->flags & DENTRY_NAMELESS)) {
        kfree(dentry->name);
    }
    inode_put(dentry->inode);
    cache_free(dentry_cache, dentry);
    return parent;
}

void dentry_put(struct dentry *dentry)
{
    while (dentry != NULL) {
        unsigned old = ref_read(&dentry->refs);
        while (old > 1) {
            if (__atomic_compare_exchange_n(&dentry->refs.value, &old, old - 1, true,
                                            __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
                return;
            }
        }
        spin_lock(&vfs_lock);
        bool last = ref_put(&dentry->refs);
        if (last) {
            hash_remove_locked(dentry);
        }
        spin_unlock(&vfs_lock);
        if (!last) {
            return;
        }
        dentry = dentry_free(dentry); /* going up, not recursing */
    }
}

int dentry_lookup(struct dentry *parent, const struct name *name, struct dentry **out)
{
    spin_lock(&vfs_lock);
    struct dentry *found = dentry_find_locked(parent, name);
    if (found != NULL) {
        dentry_get(found);
    }
    spin_unlock(&vfs_lock);
    struct inode *dir = parent->inode;
    if (found != NULL || dir->ops->lookup == NULL) {
        *out = found;
        return found != NULL ? 0 : -ENOENT;
    }
    /* The dentry comes first: it has the name with a zero. The inode follows at once. */
    struct dentry *dentry = dentry_create(parent, name, NULL);
    if (dentry == NULL) {
        return -ENOMEM;
    }
    int error = dir->ops->lookup(dir, dentry->name, &dentry->inode);
    if (error != 0) {
        if (dentry->name != dentry->inline_name) {
            kfree(dentry->name);
        }
        cache_free(dentry_cache, dentry);
        dentry_put(parent);
        return error;
    }
    if (!(dentry->inode->flags & INODE_DYNAMIC)) {
        spin_lock(&vfs_lock);
        hash_add_locked(dentry);
        spin_unlock(&vfs_lock);
    }
    *out = dentry;
    return 0;
}

void dentry_add(struct dentry *dentry)
{
    struct inode *dir = dentry->parent->inode;
    dentry->cookie = dir->dir.next_cookie++;
    dir->dir.entries++;
    dentry->flags |= DENTRY_PINNED;
    ref_get(&dentry->refs);
    spin_lock(&vfs_lock);
    list_add_tail(&dentry->parent->children, &dentry->sibling);
    hash_add_locked(dentry);
    spin_unlock(&vfs_lock);
}

static void remove_locked(struct dentry *dentry)
{
    assert(dentry->flags & DENTRY_PINNED);
    dentry->parent->inode->dir.entries--;
    hash_remove_locked(dentry);
    list_del_init(&dentry->sibling);
    dentry->flags = (uint8_t)((dentry->flags | DENTRY_DEAD) & ~DENTRY_PINNED);
}

void dentry_remove(struct dentry *dentry)
{
    spin_lock(&vfs_lock);
    remove_locked(dentry);
    spin_unlock(&vfs_lock);
    dentry_put(dentry);
}

void dentry_move(struct dentry *dentry, struct dentry *new_parent, const struct name *name,
                 char *name_copy, struct dentry *replaced)
{
    struct dentry *old_parent = dentry->parent;
    struct inode *dir = new_parent->inode;
    char *old_name = dentry->name != dentry->inline_name ? dentry->name : NULL;
    dentry_get(new_parent);
    spin_lock(&vfs_lock);
    if (replaced != NULL) {
        remove_locked(replaced);
    }
    hash_remove_locked(dentry);
    list_del(&dentry->sibling);
    old_parent->inode->dir.entries--;
    set_name(dentry, name, name_copy);
    dentry->parent = new_parent;
    dentry->cookie = dir->dir.next_cookie++;
    dir->dir.entries++;
    list_add_tail(&new_parent->children, &dentry->sibling);
    hash_add_locked(dentry);
    spin_unlock(&vfs_lock);
    kfree(old_name);
    dentry_put(old_parent);
    if (replaced != NULL) {
        dentry_put(replaced);
    }
}

static void swap_names(struct dentry *a, struct dentry *b)
{
    char text[DENTRY_INLINE];
    char *name_a = a->name != a->inline_name ? a->name : NULL;
    char *name_b = b->name != b->inline_name ? b->name : NULL;
    memcpy(text, a->inline_name, sizeof(text));
    memcpy(a->inline_name, b->inline_name, sizeof(text));
    memcpy(b->inline_name, text, sizeof(text));
    a->name = name_b != NULL ? name_b : a->inline_name;
    b->name = name_a != NULL ? name_a : b->inline_name;
    uint16_t size = a->name_size;
    a->name_size = b->name_size;
    b->name_size = size;
    uint32_t hash = a->hash;
    a->hash = b->hash;
    b->hash = hash;
}

/* Parents keep their numbers of children and of references. */
void dentry_exchange(struct dentry *a, struct dentry *b)
{
    struct dentry *parent = a->parent;
    spin_lock(&vfs_lock);
    hash_remove_locked(a);
    hash_remove_locked(b);
    list_del(&a->sibling);
    list_del(&b->sibling);
    swap_names(a, b);
    a->parent = b->parent;
    b->parent = parent;
    a->cookie = a->parent->inode->dir.next_cookie++;
    b->cookie = b->parent->inode->dir.next_cookie++;
    list_add_tail(&a->parent->children, &a->sibling);
    list_add_tail(&b->parent->children, &b->sibling);
    hash_add_locked(a);
    hash_add_locked(b);
    spin_unlock(&vfs_lock);
}

/* No lock: the last mount has gone, so nobody walks here. Children before parents, no recursion. */
void dentry_drop_tree(struct dentry *root)
{
    struct dentry *at = root;
    while (at != root || !list_empty(&root->children)) {
        if (!list_empty(&at->children)) {
            at = list_first(&at->children, struct dentry, sibling);
            continue;
        }
        struct dentry *parent = at->parent;
        dentry_remove(at);
        at = parent;
    }
}
