/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Generated files: inodes and open files made from tables of nodes, see pseudo.h. An inode holds
 * nothing but its context. What a look-up function makes (processes, descriptors) is never cached,
 * so a name is found only while what it stands for exists.
 */
#include "kernel/fs/pseudo.h"

#include "abi/errno.h"
#include "kernel/base/random.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "lib/string.h"

#define STORE_MAX 4095u
#define SEEK_SET  0
#define SEEK_CUR  1

/* Places in a directory pass: two dots, constant children, then cursors of `next`. */
#define PLACE_CHILD   2u
#define PLACE_DYNAMIC 65536u

struct pseudo_type {
    struct fs_type fs;
    const struct pseudo_node *root;
};

/* An open regular file with generated text. */
struct pseudo_file {
    struct pseudo_ctx ctx; /* constant; must be first, see pseudo_release */
    struct mutex lock;
    bool generated;   /* [lock] */
    struct text text; /* [lock] */
};

static const struct inode_ops pseudo_inode_ops;
static const struct inode_ops pseudo_magic_ops;
static const struct file_ops pseudo_text_ops;
static const struct file_ops pseudo_dir_ops;

static struct pseudo_ctx *inode_ctx(struct inode *inode)
{
    static_assert(sizeof(struct pseudo_ctx) <= sizeof(inode->priv), "fits into the inode");
    return (struct pseudo_ctx *)(void *)inode->priv;
}

/* The same number for the same node at every look, and no kernel address in it. */
static uint64_t ctx_ino(const struct pseudo_ctx *ctx)
{
    static uint64_t secret; /* atomic; constant once set */

    if (unlikely(__atomic_load_n(&secret, __ATOMIC_RELAXED) == 0)) {
        uint64_t expected = 0;
        __atomic_compare_exchange_n(&secret, &expected, random_u64() | 1, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
    }
    uint64_t mixed = ((vaddr_t)ctx->node ^ secret) * 0x9e3779b97f4a7c15ull;
    mixed = ((mixed ^ mixed >> 32) + ctx->id) * 0xbf58476d1ce4e5b9ull;
    mixed = ((mixed ^ mixed >> 29) + ctx->sub) * 0x94d049bb133111ebull;
    return (mixed >> 32) | 1ull << 32;
}

static unsigned count_subdirs(const struct pseudo_node *node)
{
    unsigned count = 0;

    for (const struct pseudo_node *c = node->children; c != NULL && c->name != NULL; c++) {
        count += (c->mode & S_IFMT) == S_IFDIR;
    }
    return count;
}

/* A counted inode for ctx, owned by uid and gid; NULL: no memory. */
static struct inode *inode_make(struct superblock *sb, const struct pseudo_ctx *ctx, uint32_t uid,
                                uint32_t gid)
{
    struct timestamp now = timestamp_now();
    struct inode *inode = inode_create(sb, ctx->node->mode, &now);

    if (inode == NULL) {
        return NULL;
    }
    bool directory = inode_is_dir(inode);
    *inode_ctx(inode) = *ctx;
    inode->ino = ctx_ino(ctx);
    bool magic = (inode->mode & S_IFMT) == S_IFLNK && ctx->node->follow != NULL;
    inode->ops = magic ? &pseudo_magic_ops : &pseudo_inode_ops;
    inode->file_ops = directory ? &pseudo_dir_ops : &pseudo_text_ops;
    inode->uid = uid;
    inode->gid = gid;
    inode->size = ctx->node->size;
    inode->nlink = directory ? 2 + count_subdirs(ctx->node) : 1;
    inode->flags = ctx->id != 0 ? INODE_DYNAMIC : 0;
    return inode;
}

static int pseudo_lookup(struct inode *dir, const char *name, struct inode **out)
{
    const struct pseudo_ctx *ctx = inode_ctx(dir);
    struct pseudo_ctx child = {.id = ctx->id, .sub = ctx->sub};
    uint32_t uid = dir->uid, gid = dir->gid;

    if (ctx->node->owner != NULL && ctx->node->owner(ctx, &uid, &gid) != 0) {
        return -ENOENT; /* somebody stands in the directory of what has gone */
    }
    for (const struct pseudo_node *c = ctx->node->children; c != NULL && c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            child.node = c;
            break;
        }
    }
    bool dynamic = child.node == NULL;
    if (dynamic) {
        int error = ctx->node->lookup == NULL ? -ENOENT : ctx->node->lookup(ctx, name, &child);
        if (error != 0) {
            return error;
        }
    }
    if (child.node->owner != NULL && child.node->owner(&child, &uid, &gid) != 0) {
        return -ENOENT;
    }
    *out = inode_make(dir->sb, &child, uid, gid);
    if (*out == NULL) {
        return -ENOMEM;
    }
    if (dynamic) {
        (*out)->flags |= INODE_DYNAMIC;
    }
    return 0;
}

/* New names: as Linux's procfs, which does not even look for a place, and its sysfs. */
static int pseudo_make(struct inode *dir, const struct inode_spec *spec, struct inode **out)
{
    (void)out;
    if (dir->sb->type->magic == PROC_SUPER_MAGIC) {
        return -ENOENT;
    }
    return (spec->mode & S_IFMT) == S_IFREG ? -EACCES : -EPERM;
}

static int pseudo_setattr(struct inode *inode, const struct inode_attr *attr, unsigned valid)
{
    (void)inode;
    (void)attr;
    /* O_TRUNC and utimes do nothing; rights and owners are not to be changed. */
    return valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static int pseudo_readlink(struct inode *inode, char *buf, size_t size)
{
    const struct pseudo_ctx *ctx = inode_ctx(inode);

    return (ctx->node->mode & S_IFMT) != S_IFLNK ? -EINVAL : ctx->node->readlink(ctx, buf, size);
}

static int pseudo_follow(struct inode *inode, struct path *out)
{
    const struct pseudo_ctx *ctx = inode_ctx(inode);

    return ctx->node->follow(ctx, out);
}

static int pseudo_open(struct inode *inode, struct file *file)
{
    const struct pseudo_ctx *ctx = inode_ctx(inode);

    if (inode_is_dir(inode)) {
        return 0;
    }
    int error = ctx->node->may_open == NULL ? 0 : ctx->node->may_open(ctx);
    if (error != 0) {
        return error;
    }
    if (ctx->node->ops != NULL) {
        struct pseudo_ctx *copy = kmalloc(sizeof(*copy));
        if (copy == NULL) {
            return -ENOMEM;
        }
        *copy = *ctx;
        file->priv = copy;
        file->ops = ctx->node->ops;
        return 0;
    }
    struct pseudo_file *open = kzalloc(sizeof(*open));
    if (open == NULL) {
        return -ENOMEM;
    }
    open->ctx = *ctx;
    mutex_init(&open->lock, LOCK_PSEUDO_FILE);
    file->priv = open;
    return 0;
}

void pseudo_release(struct file *file)
{
    kfree(file->priv);
    file->priv = NULL;
}

static void text_file_release(struct file *file)
{
    struct pseudo_file *open = file->priv;

    if (open != NULL) {
        text_free(&open->text);
    }
    pseudo_release(file);
}

/* REQUIRES open->lock. */
static int generate_locked(struct pseudo_file *open)
{
    const struct pseudo_node *node = open->ctx.node;

    open->text.size = 0;
    open->text.error = 0;
    open->generated = false;
    int error = node->show == NULL ? -EIO : node->show(&open->ctx, &open->text);
    if (error == 0) {
        error = open->text.error;
    }
    open->generated = error == 0;
    return error;
}

static ssize_type text_file_read(struct file *file, struct io *io, uint64_t *pos)
{
    struct pseudo_file *open = file->priv;
    ssize_type result = 0;

    mutex_lock(&open->lock);
    if (*pos == 0 || !open->generated) {
        result = generate_locked(open);
    }
    if (result == 0 && *pos < open->text.size) {
        size_t wanted = MIN(io->left, open->text.size - *pos);
        size_t done = io_put(io, open->text.bytes + *pos, wanted);
        *pos += done;
        result = done == 0 && wanted > 0 ? -EFAULT : (ssize_type)done;
    }
    mutex_unlock(&open->lock);
    return result;
}

static ssize_type text_file_write(struct file *file, struct io *io, uint64_t *pos)
{
    struct pseudo_file *open = file->priv;
    const struct pseudo_node *node = open->ctx.node;
    size_t size = io->left;

    if (node->store == NULL) {
        return -EIO;
    }
    if (size > STORE_MAX) {
        return -EINVAL;
    }
    char *bytes = kmalloc(size + 1);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    int error = io_take(io, bytes, size) == size ? 0 : -EFAULT;
    if (error == 0) {
        bytes[size] = '\0';
        error = node->store(&open->ctx, bytes, size);
    }
    kfree(bytes);
    if (error != 0) {
        return error;
    }
    *pos += size;
    return (ssize_type)size;
}

static int64_t pseudo_seek(struct file *file, int64_t offset, int whence)
{
    if (whence == SEEK_CUR && __builtin_add_overflow((int64_t)file->pos, offset, &offset)) {
        return -EOVERFLOW;
    }
    if ((whence != SEEK_SET && whence != SEEK_CUR) || offset < 0) {
        return -EINVAL;
    }
    file->pos = (uint64_t)offset;
    return offset;
}

static bool emit(struct dir_sink *sink, const char *name, const struct pseudo_ctx *ctx,
                 uint64_t next_place)
{
    const struct dir_entry entry = {name, strlen(name), ctx_ino(ctx), ctx->node->mode & S_IFMT,
                                    next_place};
    return sink->emit(sink, &entry);
}

static bool emit_dots(struct file *file, struct dir_sink *sink)
{
    struct dentry *self = file->path.dentry;

    if (file->pos == 0) {
        const struct dir_entry dot = {".", 1, self->inode->ino, S_IFDIR, 1};
        if (!sink->emit(sink, &dot)) {
            return false;
        }
        file->pos = 1;
    }
    if (file->pos == 1) {
        const struct dir_entry dots = {"..", 2, self->parent->inode->ino, S_IFDIR, PLACE_CHILD};
        if (!sink->emit(sink, &dots)) {
            return false;
        }
        file->pos = PLACE_CHILD;
    }
    return true;
}

static bool emit_children(struct file *file, struct dir_sink *sink, const struct pseudo_ctx *ctx)
{
    const struct pseudo_node *children = ctx->node->children;
    uint64_t index = 0;

    for (; children != NULL && children[index].name != NULL; index++) {
        struct pseudo_ctx child = {ctx->id, ctx->sub, &children[index]};
        if (PLACE_CHILD + index < file->pos) {
            continue;
        }
        if (!emit(sink, children[index].name, &child, file->pos + 1)) {
            return false;
        }
        file->pos++;
    }
    return true;
}

static int pseudo_iterate(struct file *file, struct dir_sink *sink)
{
    const struct pseudo_ctx *ctx = inode_ctx(file->inode);
    uint32_t uid, gid;
    char name[32];

    if (ctx->node->owner != NULL && ctx->node->owner(ctx, &uid, &gid) != 0) {
        return -ENOENT;
    }
    if (!emit_dots(file, sink)) {
        return 0;
    }
    if (file->pos < PLACE_DYNAMIC) {
        if (!emit_children(file, sink, ctx)) {
            return 0;
        }
        file->pos = PLACE_DYNAMIC;
    }
    while (ctx->node->next != NULL) {
        uint64_t cursor = file->pos - PLACE_DYNAMIC;
        struct pseudo_ctx child = {0};
        if (!ctx->node->next(ctx, &cursor, name, &child)) {
            break;
        }
        if (!emit(sink, name, &child, PLACE_DYNAMIC + cursor)) {
            break;
        }
        file->pos = PLACE_DYNAMIC + cursor;
    }
    return 0;
}

static ssize_type dir_read(struct file *file, struct io *io, uint64_t *pos)
{
    (void)file;
    (void)io;
    (void)pos;
    return -EISDIR;
}

static const struct inode_ops pseudo_inode_ops = {
    .lookup = pseudo_lookup,
    .make = pseudo_make,
    .setattr = pseudo_setattr,
    .readlink = pseudo_readlink,
    .open = pseudo_open,
};

/* Links that lead to a path directly; the others must not have the operation. */
static const struct inode_ops pseudo_magic_ops = {
    .setattr = pseudo_setattr,
    .readlink = pseudo_readlink,
    .follow = pseudo_follow,
};

static const struct file_ops pseudo_text_ops = {
    .read = text_file_read,
    .write = text_file_write,
    .seek = pseudo_seek,
    .release = text_file_release,
};

static const struct file_ops pseudo_dir_ops = {
    .read = dir_read,
    .seek = pseudo_seek,
    .iterate = pseudo_iterate,
};

static int pseudo_statfs(struct superblock *sb, struct statfs_info *info)
{
    *info = (struct statfs_info){.type = sb->type->magic, .block_size = PAGE_SIZE};
    return 0;
}

static int pseudo_mount(struct fs_type *type, const char *options, struct superblock **out)
{
    struct pseudo_type *pseudo = container_of(type, struct pseudo_type, fs);
    const struct pseudo_ctx ctx = {.node = pseudo->root};
    static const struct name no_name = {"/", 1, 0};
    (void)options; /* hidepid= and the like: none yet, and Linux ignores unknown ones on sysfs */

    struct superblock *sb = superblock_create(type);
    if (sb == NULL) {
        return -ENOMEM;
    }
    sb->statfs = pseudo_statfs;
    struct inode *inode = inode_make(sb, &ctx, 0, 0);
    if (inode != NULL) {
        sb->root = dentry_create(NULL, &no_name, inode);
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

int pseudo_register(const char *type, uint32_t magic, const struct pseudo_node *root)
{
    struct pseudo_type *pseudo = kzalloc(sizeof(*pseudo));

    assert((root->mode & S_IFMT) == S_IFDIR);
    if (pseudo == NULL) {
        return -ENOMEM;
    }
    pseudo->fs.name = type;
    pseudo->fs.magic = magic;
    pseudo->fs.mount = pseudo_mount;
    pseudo->root = root;
    int error = fs_type_register(&pseudo->fs);
    if (error != 0) {
        kfree(pseudo);
    }
    return error;
}
