/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tmpfs as a file system: mounting with its options, and making inodes of every type. Also the base
 * of devtmpfs and of the root file system.
 */
#include "kernel/fs/tmpfs/tmpfs.h"
#include "abi/errno.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "lib/format.h"
#include "lib/string.h"

#define TMPFS_MAGIC    0x01021994u
#define RAMFS_MAGIC    0x858458f6u
#define DIR_SIZE       40 /* as Linux shows it: an empty directory, */
#define DIR_ENTRY_SIZE 20 /* and each name in it */

static const struct inode_ops tmpfs_inode_ops;
/* Nodes and links are never read through these; opening a node replaces them. */
static const struct file_ops node_file_ops;

static const struct file_ops *file_ops_of(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return &tmpfs_file_ops;
    case S_IFDIR:
        return &dentry_dir_ops;
    default:
        return &node_file_ops;
    }
}

/* One inode more, unless that were too many. Counted first, so that makers on other CPUs see it. */
static bool take_inode(struct superblock *sb)
{
    uint64_t limit = __atomic_load_n(&sb->limit_inodes, __ATOMIC_RELAXED);
    uint64_t old = __atomic_fetch_add(&sb->inodes, 1, __ATOMIC_RELAXED);
    if (likely(limit == 0 || old < limit)) {
        return true;
    }
    __atomic_fetch_sub(&sb->inodes, 1, __ATOMIC_RELAXED);
    return false;
}

/* Counted already. */
static struct inode *tmpfs_inode(struct superblock *sb, const struct inode_spec *spec)
{
    struct timestamp now;
    const struct timestamp *time = spec->time;
    if (time == NULL) {
        now = timestamp_now();
        time = &now;
    }
    struct inode *inode = inode_create(sb, spec->mode, time);
    if (inode != NULL) {
        inode->ops = &tmpfs_inode_ops;
        inode->file_ops = file_ops_of(spec->mode);
        inode->uid = spec->uid;
        inode->gid = spec->gid;
        inode->rdev = spec->rdev;
        inode->seals = SEAL_SEAL;
    } else {
        __atomic_fetch_sub(&sb->inodes, 1, __ATOMIC_RELAXED);
    }
    return inode;
}

static int set_link(struct inode *inode, const char *target, size_t size)
{
    inode->link.text = inode->link.short_text;
    if (size >= sizeof(inode->link.short_text)) {
        inode->link.text = kmalloc(size + 1);
        if (inode->link.text == NULL) {
            inode->link.text = inode->link.short_text;
            return -ENOMEM;
        }
    }
    memcpy(inode->link.text, target, size);
    inode->link.text[size] = '\0';
    inode->size = size;
    return 0;
}

static int tmpfs_make(struct inode *dir, const struct inode_spec *spec, struct inode **out)
{
    struct superblock *sb = dir->sb;
    if (!take_inode(sb)) {
        return -ENOSPC;
    }
    struct inode *inode = tmpfs_inode(sb, spec);
    if (inode == NULL) {
        return -ENOMEM;
    }
    int error = 0;
    if ((spec->mode & S_IFMT) == S_IFLNK) {
        error = set_link(inode, spec->target, spec->target_size);
    } else if ((spec->mode & S_IFMT) == S_IFDIR) {
        inode->dir.next_cookie = 2; /* after . and .. */
    }
    if (error != 0) {
        inode_put(inode);
        return error;
    }
    *out = inode;
    return 0;
}

static int tmpfs_getattr(struct inode *inode, struct inode_attr *attr)
{
    if (inode_is_dir(inode)) {
        attr->size = DIR_SIZE + DIR_ENTRY_SIZE * inode->dir.entries;
    } else if ((inode->mode & S_IFMT) == S_IFREG) {
        attr->blocks = tmpfs_pages(inode) * (PAGE_SIZE / 512);
    }
    return 0;
}

static int tmpfs_setattr(struct inode *inode, const struct inode_attr *attr, unsigned valid)
{
    if (!(valid & ATTR_SIZE)) {
        return 0;
    }
    return (inode->mode & S_IFMT) == S_IFREG ? tmpfs_resize(inode, attr->size) : -EINVAL;
}

static const char *tmpfs_link_text(struct inode *inode)
{
    return inode->link.text;
}

static int tmpfs_open(struct inode *inode, struct file *file)
{
    switch (inode->mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
        return 0;
    case S_IFCHR:
        return chrdev_open(inode, file);
    case S_IFIFO:
        return fifo_open(inode, file);
    default:
        return -ENXIO; /* no block devices, no sockets by name */
    }
}

static void tmpfs_evict(struct inode *inode)
{
    __atomic_fetch_sub(&inode->sb->inodes, 1, __ATOMIC_RELAXED);
    if ((inode->mode & S_IFMT) == S_IFREG) {
        tmpfs_data_evict(inode);
    } else if ((inode->mode & S_IFMT) == S_IFLNK && inode->link.text != inode->link.short_text) {
        kfree(inode->link.text);
    }
}

/* One table for all types, but links alone have a text. */
static const struct inode_ops tmpfs_inode_ops = {
    .make = tmpfs_make,
    .getattr = tmpfs_getattr,
    .setattr = tmpfs_setattr,
    .link_text = tmpfs_link_text,
    .open = tmpfs_open,
    .evict = tmpfs_evict,
};

static int tmpfs_statfs(struct superblock *sb, struct statfs_info *info)
{
    uint64_t used = __atomic_load_n(&sb->used_pages, __ATOMIC_RELAXED);
    info->blocks = sb->limit_pages;
    info->blocks_free = used < sb->limit_pages ? sb->limit_pages - used : 0;
    uint64_t inodes = __atomic_load_n(&sb->inodes, __ATOMIC_RELAXED);
    info->files = __atomic_load_n(&sb->limit_inodes, __ATOMIC_RELAXED);
    info->files_free = inodes < info->files ? info->files - inodes : 0;
    return 0;
}

struct options {
    uint64_t pages, inodes;
    uint32_t mode, uid, gid;
};

/* A number with k, m or g; *end is what follows. */
static int parse_scaled(const char *text, uint64_t *out, const char **end_out)
{
    const char *end;
    uint64_t value;
    if (parse_u64(text, &end, 10, &value) != 0) {
        return -EINVAL;
    }
    unsigned shift = 0;
    switch (*end | 0x20) {
    case 'k':
        shift = 10;
        break;
    case 'm':
        shift = 20;
        break;
    case 'g':
        shift = 30;
        break;
    default:
        break;
    }
    if (value > (uint64_t)INT64_MAX >> shift) {
        return -EINVAL;
    }
    *out = value << shift;
    *end_out = end + (shift != 0);
    return 0;
}

/* "64m", "50%", "8192" in bytes. */
static int parse_size(const char *text, uint64_t *pages)
{
    const char *end;
    uint64_t value;
    int error = parse_scaled(text, &value, &end);
    if (error != 0) {
        return error;
    }
    if (*end == '%' && value <= 100) {
        struct frame_stats stats;
        frame_get_stats(&stats);
        *pages = MAX(stats.total_pages * value / 100, 1);
        end++;
    } else {
        *pages = PAGES(value);
    }
    return *end == '\0' ? 0 : -EINVAL;
}

static int parse_number(const char *text, unsigned base, uint32_t max, uint32_t *out)
{
    const char *end;
    uint64_t value;
    if (parse_u64(text, &end, base, &value) != 0 || *end != '\0' || value > max) {
        return -EINVAL;
    }
    *out = (uint32_t)value;
    return 0;
}

static int parse_option(const char *word, struct options *options)
{
    static const char *const accepted[] = {"nr_blocks=", "huge=", "mpol=", "inode64",
                                           "inode32",    "rw",    "ro",    NULL};
    if (strncmp(word, "size=", 5) == 0) {
        return parse_size(word + 5, &options->pages);
    }
    if (strncmp(word, "nr_inodes=", 10) == 0) {
        const char *end;
        int error = parse_scaled(word + 10, &options->inodes, &end);
        return error != 0 || *end != '\0' ? -EINVAL : 0;
    }
    if (strncmp(word, "mode=", 5) == 0) {
        return parse_number(word + 5, 8, 07777, &options->mode);
    }
    if (strncmp(word, "uid=", 4) == 0) {
        return parse_number(word + 4, 10, UINT32_MAX - 1, &options->uid);
    }
    if (strncmp(word, "gid=", 4) == 0) {
        return parse_number(word + 4, 10, UINT32_MAX - 1, &options->gid);
    }
    for (unsigned i = 0; accepted[i] != NULL; i++) {
        if (strncmp(word, accepted[i], strlen(accepted[i])) == 0) {
            return 0;
        }
    }
    return -EINVAL;
}

static int parse_options(const char *text, struct options *options)
{
    char word[64];
    while (text != NULL && *text != '\0') {
        const char *comma = strchr(text, ',');
        size_t size = comma != NULL ? (size_t)(comma - text) : strlen(text);
        if (size >= sizeof(word)) {
            return -EINVAL;
        }
        memcpy(word, text, size);
        word[size] = '\0';
        int error = size > 0 ? parse_option(word, options) : 0;
        if (error != 0) {
            return error;
        }
        text += size + (comma != NULL);
    }
    return 0;
}

static int tmpfs_remount(struct superblock *sb, const char *text)
{
    struct options options = {.pages = sb->limit_pages, .inodes = sb->limit_inodes};
    int error = parse_options(text, &options);
    if (error == 0 && options.pages != 0 &&
        options.pages < __atomic_load_n(&sb->used_pages, __ATOMIC_RELAXED)) {
        error = -EINVAL;
    }
    if (error == 0) {
        __atomic_store_n(&sb->limit_pages, options.pages, __ATOMIC_RELAXED);
        __atomic_store_n(&sb->limit_inodes, options.inodes, __ATOMIC_RELAXED);
    }
    return error;
}

static void tmpfs_show_options(struct superblock *sb, char *buf, size_t size)
{
    snprintf(buf, size, ",size=%luk", (unsigned long)(sb->limit_pages * (PAGE_SIZE / 1024)));
}

int tmpfs_superblock(struct fs_type *type, const char *text, struct superblock **out)
{
    struct frame_stats stats;
    frame_get_stats(&stats);
    uint64_t half = MAX(stats.total_pages / 2, 1); /* Linux's defaults, tmpfs(5) */
    struct options options = {.pages = half, .inodes = half, .mode = S_ISVTX | 0777};
    int error = parse_options(text, &options);
    if (error != 0) {
        return error;
    }
    struct superblock *sb = superblock_create(type);
    if (sb == NULL) {
        return -ENOMEM;
    }
    sb->limit_pages = options.pages;
    sb->limit_inodes = options.inodes;
    sb->statfs = tmpfs_statfs;
    sb->remount = tmpfs_remount;
    sb->show_options = tmpfs_show_options;
    const struct timestamp boot = TIMESTAMP_BOOT;
    const struct inode_spec spec = {
        .mode = S_IFDIR | options.mode, .uid = options.uid, .gid = options.gid, .time = &boot};
    struct name name = {"", 0, 0};
    sb->inodes = 1;
    struct inode *inode = tmpfs_inode(sb, &spec);
    if (inode != NULL) {
        inode->nlink = 2;
        inode->dir.next_cookie = 2;
        sb->root = dentry_create(NULL, &name, inode);
        if (sb->root == NULL) {
            inode_put(inode);
        }
    }
    if (sb->root == NULL) {
        superblock_put(sb);
        return -ENOMEM;
    }
    *out = sb;
    return 0;
}

/* The root file system is 0755; the others are as /tmp wants them. */
static int rootfs_mount(struct fs_type *type, const char *text, struct superblock **out)
{
    return tmpfs_superblock(type, text != NULL ? text : "mode=755", out);
}

void tmpfs_init(void)
{
    static struct fs_type tmpfs = {
        .name = "tmpfs", .magic = TMPFS_MAGIC, .mount = tmpfs_superblock};
    static struct fs_type ramfs = {.name = "ramfs", .magic = RAMFS_MAGIC, .mount = rootfs_mount};
    static struct fs_type rootfs = {.name = "rootfs", .magic = TMPFS_MAGIC, .mount = rootfs_mount};
    fs_type_register(&rootfs);
    fs_type_register(&tmpfs);
    fs_type_register(&ramfs);
}
