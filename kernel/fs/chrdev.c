/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Character devices by number, and devtmpfs, where their nodes appear. Nothing is made at boot:
 * registering only notes the device; the nodes come when devtmpfs is first mounted.
 */
#include "abi/errno.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "lib/format.h"
#include "lib/string.h"

#define DEVICES_MAX 64
#define LINKS_MAX   16

static struct mutex devices_lock = MUTEX_INIT(devices_lock, LOCK_DEVICES);
static const struct chrdev *devices[DEVICES_MAX]; /* [devices_lock]; entries stay */
static unsigned device_count;                     /* [devices_lock]; atomic for readers */
static struct devtmpfs_link {
    const char *target, *name;
} links[LINKS_MAX];            /* [devices_lock] */
static unsigned link_count;    /* [devices_lock] */
static struct mount *devtmpfs; /* [devices_lock] made with the first mount, kept */

int chrdev_open(struct inode *inode, struct file *file)
{
    unsigned count = __atomic_load_n(&device_count, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < count; i++) {
        const struct chrdev *dev = devices[i];
        if (inode->rdev - dev->first < dev->count) {
            file->ops = dev->ops;
            return dev->open != NULL ? dev->open(file, inode->rdev) : 0;
        }
    }
    return -ENXIO;
}

static struct walk devtmpfs_walk(void)
{
    struct path root = {devtmpfs, devtmpfs->root};
    return (struct walk){.cred = &kernel_cred, .root = root, .base = root};
}

/* Makes the name's directories and the name itself. REQUIRES devices_lock. */
static int make_node(const char *name, struct inode_spec *spec)
{
    const struct timestamp boot = TIMESTAMP_BOOT;
    struct walk walk = devtmpfs_walk();
    char dir[64];
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        scnprintf(dir, sizeof(dir), "%.*s", (int)(slash - name), name);
        int error = vfs_mkdir(&walk, dir, 0755);
        if (error != 0 && error != -EEXIST) {
            return error;
        }
    }
    struct name_target target;
    int error = name_lock(&walk, name, 0, &target);
    if (error != 0) {
        return error;
    }
    spec->time = &boot;
    error = name_may_create(walk.cred, &target);
    if (error == 0) {
        error = name_create(walk.cred, &target, spec);
    }
    name_unlock(&target);
    return error;
}

static int make_device(const struct chrdev *dev)
{
    char name[64];
    int error = 0;
    for (unsigned i = 0; i < dev->count && error == 0; i++) {
        struct inode_spec spec = {.mode = S_IFCHR | dev->mode, .rdev = dev->first + i};
        if (dev->count == 1) {
            error = make_node(dev->name, &spec);
        } else {
            scnprintf(name, sizeof(name), "%s%u", dev->name, i);
            error = make_node(name, &spec);
        }
    }
    return error == -EEXIST ? 0 : error;
}

static int make_link(const struct devtmpfs_link *link)
{
    struct inode_spec spec = {
        .mode = S_IFLNK | 0777, .target = link->target, .target_size = strlen(link->target)};
    int error = make_node(link->name, &spec);
    return error == -EEXIST ? 0 : error;
}

int chrdev_register(const struct chrdev *dev)
{
    int error = -ENOMEM;
    mutex_lock(&devices_lock);
    if (device_count < DEVICES_MAX) {
        devices[device_count] = dev;
        __atomic_store_n(&device_count, device_count + 1, __ATOMIC_RELEASE);
        error = devtmpfs != NULL ? make_device(dev) : 0;
    }
    mutex_unlock(&devices_lock);
    return error;
}

const struct chrdev *chrdev_get(unsigned index)
{
    unsigned count = __atomic_load_n(&device_count, __ATOMIC_ACQUIRE);
    return index < count ? devices[index] : NULL;
}

static int add_link(const char *target, const char *name)
{
    char *copies[2] = {kstrdup(target), kstrdup(name)};
    if (copies[0] == NULL || copies[1] == NULL || link_count == LINKS_MAX) {
        kfree(copies[0]);
        kfree(copies[1]);
        return -ENOMEM;
    }
    links[link_count++] = (struct devtmpfs_link){copies[0], copies[1]};
    return devtmpfs != NULL ? make_link(&links[link_count - 1]) : 0;
}

int devtmpfs_symlink(const char *target, const char *name)
{
    mutex_lock(&devices_lock);
    int error = add_link(target, name);
    mutex_unlock(&devices_lock);
    return error;
}

/* REQUIRES devices_lock. */
static int make_everything(struct fs_type *type)
{
    struct superblock *sb;
    int error = tmpfs_superblock(type, "mode=755", &sb);
    if (error != 0) {
        return error;
    }
    devtmpfs = mount_create(sb, sb->root, "devtmpfs");
    if (devtmpfs == NULL) {
        return -ENOMEM;
    }
    for (unsigned i = 0; i < device_count && error == 0; i++) {
        error = make_device(devices[i]);
    }
    for (unsigned i = 0; i < link_count && error == 0; i++) {
        error = make_link(&links[i]);
    }
    if (error != 0) {
        mount_put(devtmpfs);
        devtmpfs = NULL;
    }
    return error;
}

/* There is one devtmpfs; every mount shows it. */
static int devtmpfs_mount(struct fs_type *type, const char *options, struct superblock **out)
{
    (void)options;
    mutex_lock(&devices_lock);
    int error = devtmpfs == NULL ? make_everything(type) : 0;
    if (error == 0) {
        ref_get(&devtmpfs->sb->refs);
        *out = devtmpfs->sb;
    }
    mutex_unlock(&devices_lock);
    return error;
}

void devtmpfs_init(void)
{
    static struct fs_type type = {.name = "devtmpfs", .magic = 0x01021994, .mount = devtmpfs_mount};
    fs_type_register(&type);
}
