/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inodes and superblocks: making, counting, times. An inode lives as long as dentries or open
 * files refer to it; a superblock as long as mounts of it do.
 */
#include "kernel/fs/inode.h"
#include "abi/errno.h"
#include "kernel/core/timer.h"
#include "kernel/mm/heap.h"
#include "lib/string.h"

static struct cache *inode_cache; /* constant after vfs_init */
static unsigned last_device;      /* atomic: minor of the newest superblock */

struct inode *inode_create(struct superblock *sb, uint32_t mode, const struct timestamp *time)
{
    struct inode *inode = cache_alloc(inode_cache);
    if (inode == NULL) {
        return NULL;
    }
    *inode = (struct inode){.mode = mode, .nlink = 1, .sb = sb};
    ref_init(&inode->refs, 1);
    inode->ino = superblock_ino(sb);
    if (time != NULL) {
        inode->atime = inode->mtime = inode->ctime = *time;
    }
    mutex_init(&inode->lock, LOCK_INODE);
    return inode;
}

static void inode_freed(struct rcu_head *head)
{
    cache_free(inode_cache, container_of(head, struct inode, rcu));
}

void inode_put(struct inode *inode)
{
    if (!ref_put(&inode->refs)) {
        return;
    }
    if (inode->ops->evict != NULL) {
        inode->ops->evict(inode);
    }
    kfree(inode->locks);
    rcu_call(&inode->rcu, inode_freed);
}

/* Within a minute on any machine: how long an atime that is recent enough is taken to be so. */
#define ATIME_CYCLES (1ull << 36)

struct timestamp timestamp_now(void)
{
    uint64_t now = clock_realtime_ns();
    return (struct timestamp){(int64_t)(now / NSEC_PER_SEC), (uint32_t)(now % NSEC_PER_SEC)};
}

void inode_touch(struct inode *inode)
{
    struct timestamp now = timestamp_now();
    inode_modified(inode, &now);
}

void inode_changed(struct inode *inode, const struct timestamp *time)
{
    inode_attr_begin(inode);
    inode->ctime = *time;
    inode_attr_end(inode);
    __atomic_store_n(&inode->atime_good, 0, __ATOMIC_RELAXED);
}

void inode_modified(struct inode *inode, const struct timestamp *time)
{
    inode_attr_begin(inode);
    inode->mtime = inode->ctime = *time;
    inode_attr_end(inode);
    __atomic_store_n(&inode->atime_good, 0, __ATOMIC_RELAXED);
}

static bool timestamp_after(const struct timestamp *a, const struct timestamp *b)
{
    return a->sec != b->sec ? a->sec > b->sec : a->nsec > b->nsec;
}

/* mount(8), relatime: when atime is not after mtime or ctime, or a day old. */
void inode_update_atime(struct file *file)
{
    struct inode *inode = file->inode;
    if ((file_flags(file) & O_NOATIME) ||
        (file->path.mount != NULL && (mount_flags(file->path.mount) & (MS_NOATIME | MS_RDONLY)))) {
        return;
    }
    struct timestamp now = timestamp_now();
    inode_attr_begin(inode);
    if (!timestamp_after(&inode->atime, &inode->mtime) ||
        !timestamp_after(&inode->atime, &inode->ctime) || now.sec - inode->atime.sec >= 86400) {
        inode->atime = now;
    }
    __atomic_store_n(&inode->atime_good, arch_cycles() + ATIME_CYCLES, __ATOMIC_RELAXED);
    inode_attr_end(inode);
}

struct superblock *superblock_create(struct fs_type *type)
{
    struct superblock *sb = kzalloc(sizeof(*sb));
    if (sb == NULL) {
        return NULL;
    }
    ref_init(&sb->refs, 1);
    sb->type = type;
    sb->dev = DEV(0, __atomic_add_fetch(&last_device, 1, __ATOMIC_RELAXED));
    return sb;
}

void superblock_put(struct superblock *sb)
{
    if (!ref_put(&sb->refs)) {
        return;
    }
    if (sb->destroy != NULL) {
        sb->destroy(sb);
    }
    if (sb->root != NULL) {
        dentry_drop_tree(sb->root);
        dentry_put(sb->root);
    }
    kfree(sb);
}

void vfs_init(void)
{
    inode_cache = cache_create("inode", sizeof(struct inode));
    dentry_init();
    file_init();
    tmpfs_init();
    devtmpfs_init();
}
