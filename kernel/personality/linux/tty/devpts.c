/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devpts: the directory where slaves of pseudo terminals have their names, and a ptmx of its own.
 * There is one; every mount shows it (as on Linux before 4.7). Its names are made and taken away
 * by the masters alone; owners and rights may be changed.
 */
#include "abi/errno.h"
#include "kernel/fs/inode.h"
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/tty/pty.h"
#include "lib/format.h"
#include "lib/string.h"

#define DEVPTS_MAGIC 0x1cd1 /* statfs(2) */
#define DEV_PTMX     DEV(5, 2)
#define NOBODY       UINT32_MAX

/* Numbers of inodes, as on Linux; slaves follow. */
enum { INO_ROOT = 1, INO_PTMX, INO_SLAVES };

struct linux_sysctl linux_pty_max = {PTY_MAX, 0, PTY_MAX};

static struct superblock *devpts;    /* atomic: NULL until the first mount; stays */
static uint64_t taken[PTY_MAX / 64]; /* [root inode's lock] bit: a pair has the number */
static unsigned taken_count;         /* [root inode's lock]; atomic for readers */
static struct inode *ptmx_inode;     /* constant once devpts is seen */

/* Each is atomic; NOBODY: the opener's own. */
static struct devpts_options {
    uint32_t uid, gid, mode, ptmxmode, max;
} options = {NOBODY, NOBODY, 0600, 0, PTY_MAX};

unsigned pty_count(void)
{
    return __atomic_load_n(&taken_count, __ATOMIC_RELAXED);
}

static struct inode *root_inode(void)
{
    return __atomic_load_n(&devpts, __ATOMIC_ACQUIRE)->root->inode;
}

int devpts_take_index(void)
{
    struct inode *root = root_inode();
    int64_t limit = MIN(sysctl_read(&linux_pty_max), (int64_t)options.max);
    int index = -ENOSPC;

    mutex_lock(&root->lock);
    for (unsigned i = 0; taken_count < limit && i < PTY_MAX && index < 0; i++) {
        if (!(taken[i / 64] >> (i % 64) & 1)) {
            taken[i / 64] |= 1ull << (i % 64);
            __atomic_store_n(&taken_count, taken_count + 1, __ATOMIC_RELAXED);
            index = (int)i;
        }
    }
    mutex_unlock(&root->lock);
    return index;
}

void devpts_free_index(unsigned index)
{
    struct inode *root = root_inode();

    mutex_lock(&root->lock);
    taken[index / 64] &= ~(1ull << (index % 64));
    __atomic_store_n(&taken_count, taken_count - 1, __ATOMIC_RELAXED);
    mutex_unlock(&root->lock);
}

/* ---- Names ---- */

static int refuse_remove(struct inode *dir, struct dentry *dentry)
{
    (void)dir;
    (void)dentry;
    return -EPERM;
}

/* The slave's terminal, which its inode has a reference to. */
static struct tty *tty_of(const struct inode *inode)
{
    return (struct tty *)(vaddr_t)inode->priv[0];
}

static int slave_open(struct inode *inode, struct file *file)
{
    struct tty *tty = tty_of(inode);
    const struct pty *pty = tty->device;

    if (__atomic_load_n(&pty->locked, __ATOMIC_RELAXED)) {
        return -EIO;
    }
    tty_get(tty);
    return tty_open(file, tty);
}

static void slave_evict(struct inode *inode)
{
    tty_put(tty_of(inode));
}

/* For everybody but the masters there is nothing to be made or taken away here. */
static const struct inode_ops root_ops = {.may_remove = refuse_remove};
static const struct inode_ops ptmx_ops = {.open = chrdev_open};
static const struct inode_ops slave_ops = {.open = slave_open, .evict = slave_evict};
/* Opening replaces them. */
static const struct file_ops node_file_ops;

/* A named inode of the directory, pinned, with a reference for the caller: NULL: no memory. */
static struct dentry *add_node(struct dentry *root, const char *text, struct inode *inode)
{
    struct name name;

    name_scan(text, &name);
    struct dentry *dentry = dentry_create(root, &name, inode);
    if (dentry != NULL) {
        mutex_lock(&root->inode->lock);
        dentry_add(dentry);
        mutex_unlock(&root->inode->lock);
    }
    return dentry;
}

static struct inode *make_inode(struct superblock *sb, uint64_t ino, uint32_t mode)
{
    const struct timestamp now = timestamp_now();
    struct inode *inode = inode_create(sb, mode, &now);

    if (inode != NULL) {
        inode->ino = ino;
        inode->file_ops = &node_file_ops;
    }
    return inode;
}

struct dentry *devpts_add(unsigned index, struct tty *tty)
{
    const struct cred *cred = linux_current()->cred;
    struct superblock *sb = __atomic_load_n(&devpts, __ATOMIC_ACQUIRE);
    uint32_t uid = __atomic_load_n(&options.uid, __ATOMIC_RELAXED);
    uint32_t gid = __atomic_load_n(&options.gid, __ATOMIC_RELAXED);
    uint32_t mode = __atomic_load_n(&options.mode, __ATOMIC_RELAXED);
    char text[12];

    struct inode *inode = make_inode(sb, INO_SLAVES + index, S_IFCHR | mode);
    if (inode == NULL) {
        return NULL;
    }
    tty_get(tty);
    inode->priv[0] = (vaddr_t)tty;
    inode->ops = &slave_ops;
    inode->rdev = tty->dev;
    inode->uid = uid != NOBODY ? uid : cred->fsuid;
    inode->gid = gid != NOBODY ? gid : cred->fsgid;
    snprintf(text, sizeof(text), "%u", index);
    struct dentry *node = add_node(sb->root, text, inode);
    if (node == NULL) {
        inode_put(inode);
    }
    return node;
}

void devpts_remove(struct dentry *node)
{
    struct inode *root = root_inode();

    mutex_lock(&root->lock);
    int error = dentry_remove(node);
    mutex_unlock(&root->lock);
    if (error == 0) {
        inode_add_links(node->inode, -1);
    }
    dentry_put(node);
}

/* The directory that a file was opened in. */
static void path_of_parent(const struct path *path, struct path *out)
{
    rcu_read_lock();
    struct dentry *parent = rcu_read(path->dentry->parent);
    while (!ref_get_unless_zero(&parent->refs)) {
        parent = rcu_read(path->dentry->parent);
    }
    rcu_read_unlock();
    *out = (struct path){path->mount, parent};
    mount_get(out->mount);
}

int devpts_find(const struct file *ptmx, struct path *out)
{
    struct superblock *sb = __atomic_load_n(&devpts, __ATOMIC_ACQUIRE);
    struct path parent;

    if (sb == NULL) {
        return -ENODEV;
    }
    path_of_parent(&ptmx->path, &parent);
    if (parent.dentry == sb->root) {
        *out = parent;
        return 0;
    }
    struct walk walk = {.cred = &kernel_cred, .root = parent, .base = parent};
    int error = vfs_walk(&walk, "pts", WALK_FOLLOW, out);
    path_put(&parent);
    if (error == 0 && out->dentry != sb->root) {
        path_put(out);
        error = -ENODEV;
    }
    return error == 0 ? 0 : -ENODEV;
}

/* ---- Mounting ---- */

static int parse_option(const char *word, struct devpts_options *into)
{
    const struct {
        const char *name;
        unsigned base;
        uint32_t max, *to;
    } known[] = {
        {"uid=", 10, UINT32_MAX - 1, &into->uid}, {"gid=", 10, UINT32_MAX - 1, &into->gid},
        {"mode=", 8, 0777, &into->mode},          {"ptmxmode=", 8, 0777, &into->ptmxmode},
        {"max=", 10, PTY_MAX, &into->max},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        size_t size = strlen(known[i].name);
        const char *end;
        uint64_t value;
        if (strncmp(word, known[i].name, size) != 0) {
            continue;
        }
        if (parse_u64(word + size, &end, known[i].base, &value) != 0 || *end != '\0' ||
            value > known[i].max) {
            return -EINVAL;
        }
        *known[i].to = (uint32_t)value;
        return 0;
    }
    return -EINVAL;
}

static int take_options(const char *text)
{
    struct devpts_options wanted = options;
    char word[32];

    while (text != NULL && *text != '\0') {
        const char *comma = strchr(text, ',');
        size_t size = comma != NULL ? (size_t)(comma - text) : strlen(text);
        if (size >= sizeof(word)) {
            return -EINVAL;
        }
        memcpy(word, text, size);
        word[size] = '\0';
        int error = size == 0 ? 0 : parse_option(word, &wanted);
        if (error != 0) {
            return error;
        }
        text += size + (comma != NULL);
    }
    __atomic_store_n(&options.uid, wanted.uid, __ATOMIC_RELAXED);
    __atomic_store_n(&options.gid, wanted.gid, __ATOMIC_RELAXED);
    __atomic_store_n(&options.mode, wanted.mode, __ATOMIC_RELAXED);
    __atomic_store_n(&options.max, wanted.max, __ATOMIC_RELAXED);
    if (wanted.ptmxmode != options.ptmxmode) {
        __atomic_store_n(&options.ptmxmode, wanted.ptmxmode, __ATOMIC_RELAXED);
        __atomic_store_n(&ptmx_inode->mode, S_IFCHR | wanted.ptmxmode, __ATOMIC_RELAXED);
    }
    return 0;
}

static int devpts_remount(struct superblock *sb, const char *text)
{
    (void)sb;
    return take_options(text);
}

static void show_options(struct superblock *sb, char *buf, size_t size)
{
    size_t used = 0;

    (void)sb;
    if (options.uid != NOBODY) {
        used += (size_t)scnprintf(buf + used, size - used, ",uid=%u", options.uid);
    }
    if (options.gid != NOBODY) {
        used += (size_t)scnprintf(buf + used, size - used, ",gid=%u", options.gid);
    }
    used += (size_t)scnprintf(buf + used, size - used, ",mode=%03o,ptmxmode=%03o", options.mode,
                              options.ptmxmode);
    if (options.max != PTY_MAX) {
        scnprintf(buf + used, size - used, ",max=%u", options.max);
    }
}

/* The directory, and ptmx in it. */
static int make_root(struct superblock *sb)
{
    static const struct name no_name = {"/", 1, 0};
    struct inode *root = make_inode(sb, INO_ROOT, S_IFDIR | 0755);
    struct inode *ptmx = make_inode(sb, INO_PTMX, S_IFCHR);

    if (root == NULL || ptmx == NULL) {
        goto failed;
    }
    root->ops = &root_ops;
    root->file_ops = &dentry_dir_ops;
    root->nlink = 2;
    root->dir.next_cookie = 2;
    ptmx->ops = &ptmx_ops;
    ptmx->rdev = DEV_PTMX;
    sb->root = dentry_create(NULL, &no_name, root);
    if (sb->root == NULL) {
        goto failed;
    }
    struct dentry *node = add_node(sb->root, "ptmx", ptmx);
    if (node == NULL) {
        inode_put(ptmx); /* the superblock has the root */
        return -ENOMEM;
    }
    ptmx_inode = ptmx;
    dentry_put(node);
    return 0;
failed:
    if (root != NULL) {
        inode_put(root);
    }
    if (ptmx != NULL) {
        inode_put(ptmx);
    }
    return -ENOMEM;
}

/* Made with the first mount, and kept: terminals outlive mounts. */
static int need_devpts(struct fs_type *type)
{
    static struct mutex devpts_lock = MUTEX_INIT(devpts_lock, LOCK_DEVPTS);
    int error = 0;

    mutex_lock(&devpts_lock);
    if (devpts == NULL) {
        struct superblock *sb = superblock_create(type);
        error = sb == NULL ? -ENOMEM : make_root(sb);
        if (error == 0) {
            sb->remount = devpts_remount;
            sb->show_options = show_options;
            __atomic_store_n(&devpts, sb, __ATOMIC_RELEASE);
        } else if (sb != NULL) {
            superblock_put(sb);
        }
    }
    mutex_unlock(&devpts_lock);
    return error;
}

static int devpts_mount(struct fs_type *type, const char *text, struct superblock **out)
{
    int error = need_devpts(type);
    if (error == 0) {
        error = take_options(text);
    }
    if (error == 0) {
        ref_get(&devpts->refs);
        *out = devpts;
    }
    return error;
}

void devpts_init(void)
{
    static struct fs_type type = {.name = "devpts", .magic = DEVPTS_MAGIC, .mount = devpts_mount};
    fs_type_register(&type);
}
