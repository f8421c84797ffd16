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

unsigned names_seq;

/* A table is replaced as a whole when it grows; readers may still look into the old one. */
struct table {
    struct rcu_head rcu;
    unsigned shift;           /* 32 less the log2 of their number */
    struct dentry *buckets[]; /* [v, read] */
};
#define FIRST_BITS 8
#define MOST_BITS  24
static union {
    struct table table;
    char room[sizeof(struct table) + (sizeof(struct dentry *) << FIRST_BITS)];
} first_table;
static struct table *table = &first_table.table; /* [v, read] */
static size_t hashed_count;                      /* [v] */
static size_t grow_at = 2ul << FIRST_BITS;       /* [v] */
static struct cache *dentry_cache;               /* constant after vfs_init */

void dentry_init(void)
{
    dentry_cache = cache_create("dentry", sizeof(struct dentry));
    table->shift = 32 - FIRST_BITS;
}

static struct dentry **bucket_of(struct table *in, const struct dentry *parent, uint32_t hash)
{
    uint32_t mixed = (hash ^ (uint32_t)((vaddr_t)parent >> 6)) * 0x9e3779b1u;
    return &in->buckets[mixed >> in->shift];
}

static void hash_insert_locked(struct table *into, struct dentry *dentry)
{
    struct dentry **bucket = bucket_of(into, dentry->parent, dentry->hash);
    __atomic_store_n(&dentry->hash_next, *bucket, __ATOMIC_RELAXED);
    dentry->hash_link = bucket;
    if (*bucket != NULL) {
        (*bucket)->hash_link = &dentry->hash_next;
    }
    rcu_assign(*bucket, dentry);
}

static void table_freed(struct rcu_head *head)
{
    kfree(container_of(head, struct table, rcu));
}

/* Four times the buckets; when memory is out the chains get longer, that is all. */
static struct table *hash_grow_locked(void)
{
    struct table *old = table;
    size_t count = 1ul << (32 - old->shift);
    grow_at *= 4;
    struct table *bigger = kzalloc(sizeof(struct table) + 4 * count * sizeof(struct dentry *));
    if (bigger == NULL) {
        return NULL;
    }
    bigger->shift = old->shift - 2;
    names_move_begin();
    for (size_t i = 0; i < count; i++) {
        for (struct dentry *dentry = old->buckets[i], *next; dentry != NULL; dentry = next) {
            next = dentry->hash_next;
            hash_insert_locked(bigger, dentry);
        }
    }
    rcu_assign(table, bigger);
    names_move_end();
    return old != &first_table.table ? old : NULL;
}

/* Takes and RELEASES vfs_lock. */
static void hash_add(struct dentry *dentry)
{
    struct table *outgrown = NULL;
    spin_lock(&vfs_lock);
    hash_insert_locked(table, dentry);
    if (unlikely(++hashed_count > grow_at) && table->shift > 32 - MOST_BITS) {
        outgrown = hash_grow_locked();
    }
    spin_unlock(&vfs_lock);
    if (outgrown != NULL) {
        rcu_call(&outgrown->rcu, table_freed);
    }
}

static void hash_remove_locked(struct dentry *dentry)
{
    if (dentry->hash_link == NULL) {
        return;
    }
    __atomic_store_n(dentry->hash_link, dentry->hash_next, __ATOMIC_RELAXED);
    if (dentry->hash_next != NULL) {
        dentry->hash_next->hash_link = dentry->hash_link;
    }
    dentry->hash_link = NULL;
    hashed_count--;
}

struct dentry *dentry_find(const struct dentry *parent, const struct name *name)
{
    struct dentry *dentry = rcu_read(*bucket_of(rcu_read(table), parent, name->hash));
    for (; dentry != NULL; dentry = rcu_read(dentry->hash_next)) {
        if (__atomic_load_n(&dentry->hash, __ATOMIC_RELAXED) != name->hash ||
            __atomic_load_n(&dentry->parent, __ATOMIC_RELAXED) != parent ||
            __atomic_load_n(&dentry->name_size, __ATOMIC_RELAXED) != name->size) {
            continue;
        }
        /* Where the bytes are follows from their number, so that no reader runs over their end. */
        const char *bytes = dentry->inline_name;
        if (unlikely(name->size >= DENTRY_INLINE)) {
            bytes = rcu_read(dentry->name);
            if (bytes == dentry->inline_name) {
                continue;
            }
        }
        if (bytes_equal(bytes, name->bytes, name->size)) {
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
    *out = kmalloc(DENTRY_LONG);
    return *out != NULL ? 0 : -ENOMEM;
}

/* Readers of a dentry that is hashed already are told by names_seq. */
static void set_name(struct dentry *dentry, const struct name *name, char *storage)
{
    char *bytes = storage != NULL ? storage : dentry->inline_name;
    memcpy(bytes, name->bytes, name->size);
    bytes[name->size] = '\0';
    rcu_assign(dentry->name, bytes);
    __atomic_store_n(&dentry->name_size, (uint16_t)name->size, __ATOMIC_RELAXED);
    __atomic_store_n(&dentry->hash, name->hash, __ATOMIC_RELAXED);
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

static void dentry_freed(struct rcu_head *head)
{
    struct dentry *dentry = container_of(head, struct dentry, rcu);
    if (dentry->name != dentry->inline_name &&
        (dentry->flags & (DENTRY_NAMELESS | DENTRY_DEAD)) != DENTRY_NAMELESS) {
        kfree(dentry->name);
    }
    cache_free(dentry_cache, dentry);
}

void dentry_gone(struct dentry *dentry)
{
    do {
        if (__atomic_load_n(&dentry->hash_link, __ATOMIC_RELAXED) != NULL) {
            spin_lock(&vfs_lock);
            hash_remove_locked(dentry);
            spin_unlock(&vfs_lock);
        }
        struct dentry *parent = dentry->parent != dentry ? dentry->parent : NULL;
        inode_put(dentry->inode);
        rcu_call(&dentry->rcu, dentry_freed);
        dentry = parent; /* going up, not recursing */
    } while (dentry != NULL && ref_put(&dentry->refs));
}

void dentry_put(struct dentry *dentry)
{
    if (ref_put(&dentry->refs)) {
        dentry_gone(dentry);
    }
}

/* The cached child, counted, or NULL. REQUIRES parent->inode->lock: it has this name as long. */
static struct dentry *find_cached(struct dentry *parent, const struct name *name)
{
    rcu_read_lock();
    unsigned seq = names_read_begin();
    struct dentry *found = dentry_find(parent, name);
    if (unlikely(found == NULL) && unlikely(names_read_retry(seq))) {
        spin_lock(&vfs_lock);
        found = dentry_find(parent, name);
        spin_unlock(&vfs_lock);
    }
    if (found != NULL && !ref_get_unless_zero(&found->refs)) {
        found = NULL;
    }
    rcu_read_unlock();
    return found;
}

int dentry_lookup(struct dentry *parent, const struct name *name, struct dentry **out)
{
    struct dentry *found = find_cached(parent, name);
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
        hash_add(dentry);
    }
    *out = dentry;
    return 0;
}

void dentry_add(struct dentry *dentry)
{
    struct inode *dir = dentry->parent->inode;
    dentry->cookie = dir->dir.next_cookie++;
    inode_add_entries(dir, 1);
    dentry->flags |= DENTRY_PINNED;
    ref_get(&dentry->refs);
    list_add_tail(&dentry->parent->children, &dentry->sibling);
    hash_add(dentry);
}

static void remove_locked(struct dentry *dentry)
{
    assert(dentry->flags & DENTRY_PINNED);
    inode_add_entries(dentry->parent->inode, -1);
    hash_remove_locked(dentry);
    list_del_init(&dentry->sibling);
    uint8_t flags = (uint8_t)((dentry->flags | DENTRY_DEAD) & ~DENTRY_PINNED);
    __atomic_store_n(&dentry->flags, flags, __ATOMIC_RELAXED);
}

int dentry_remove(struct dentry *dentry)
{
    spin_lock(&vfs_lock);
    bool mounted = dentry->mounted;
    if (!mounted) {
        remove_locked(dentry);
    }
    spin_unlock(&vfs_lock);
    if (mounted) {
        return -EBUSY;
    }
    dentry_put(dentry);
    return 0;
}

static void name_freed(struct rcu_head *head)
{
    kfree(head);
}

int dentry_move(struct dentry *dentry, struct dentry *new_parent, const struct name *name,
                char *name_copy, struct dentry *replaced)
{
    struct dentry *old_parent = dentry->parent;
    struct inode *dir = new_parent->inode;
    char *old_name = dentry->name != dentry->inline_name ? dentry->name : NULL;
    spin_lock(&vfs_lock);
    if (dentry->mounted || (replaced != NULL && replaced->mounted)) {
        spin_unlock(&vfs_lock);
        return -EBUSY;
    }
    dentry_get(new_parent);
    names_move_begin();
    if (replaced != NULL) {
        remove_locked(replaced);
    }
    hash_remove_locked(dentry);
    list_del(&dentry->sibling);
    inode_add_entries(old_parent->inode, -1);
    set_name(dentry, name, name_copy);
    __atomic_store_n(&dentry->parent, new_parent, __ATOMIC_RELAXED);
    dentry->cookie = dir->dir.next_cookie++;
    inode_add_entries(dir, 1);
    list_add_tail(&new_parent->children, &dentry->sibling);
    hash_insert_locked(table, dentry);
    hashed_count++;
    names_move_end();
    spin_unlock(&vfs_lock);
    if (old_name != NULL) {
        rcu_call((struct rcu_head *)(void *)old_name, name_freed);
    }
    dentry_put(old_parent);
    if (replaced != NULL) {
        dentry_put(replaced);
    }
    return 0;
}

static void swap_names(struct dentry *a, struct dentry *b)
{
    char text[DENTRY_INLINE];
    char *name_a = a->name != a->inline_name ? a->name : NULL;
    char *name_b = b->name != b->inline_name ? b->name : NULL;
    memcpy(text, a->inline_name, sizeof(text));
    memcpy(a->inline_name, b->inline_name, sizeof(text));
    memcpy(b->inline_name, text, sizeof(text));
    rcu_assign(a->name, name_b != NULL ? name_b : a->inline_name);
    rcu_assign(b->name, name_a != NULL ? name_a : b->inline_name);
    uint16_t size = a->name_size;
    a->name_size = b->name_size;
    b->name_size = size;
    uint32_t hash = a->hash;
    a->hash = b->hash;
    b->hash = hash;
}

/* Parents keep their numbers of children and of references. */
int dentry_exchange(struct dentry *a, struct dentry *b)
{
    struct dentry *parent = a->parent;
    spin_lock(&vfs_lock);
    bool mounted = a->mounted || b->mounted;
    if (!mounted) {
        names_move_begin();
        hash_remove_locked(a);
        hash_remove_locked(b);
        list_del(&a->sibling);
        list_del(&b->sibling);
        swap_names(a, b);
        __atomic_store_n(&a->parent, b->parent, __ATOMIC_RELAXED);
        __atomic_store_n(&b->parent, parent, __ATOMIC_RELAXED);
        a->cookie = a->parent->inode->dir.next_cookie++;
        b->cookie = b->parent->inode->dir.next_cookie++;
        list_add_tail(&a->parent->children, &a->sibling);
        list_add_tail(&b->parent->children, &b->sibling);
        hash_insert_locked(table, a);
        hash_insert_locked(table, b);
        hashed_count += 2;
        names_move_end();
    }
    spin_unlock(&vfs_lock);
    return mounted ? -EBUSY : 0;
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
