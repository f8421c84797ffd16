/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The file system layer: inodes, the tree of names (dentries) above them, mounts, path walks.
 *
 * A dentry is a name in a directory; positive ones have an inode. File systems that live in memory
 * (tmpfs, procfs, sysfs, devtmpfs) keep their dentries; there is no other store. A path is a mount
 * and a dentry in it, both counted.
 * All calls may sleep. Permission checks use the struct cred given, with Linux's rules.
 */
#include "kernel/base/refcount.h"
#include "kernel/core/wait.h"
#include "lib/list.h"
#include "lib/types.h"

enum {
    S_IFMT = 0170000,
    S_IFSOCK = 0140000,
    S_IFLNK = 0120000,
    S_IFREG = 0100000,
    S_IFBLK = 0060000,
    S_IFDIR = 0040000,
    S_IFCHR = 0020000,
    S_IFIFO = 0010000,
    S_ISUID = 04000,
    S_ISGID = 02000,
    S_ISVTX = 01000,
};

#define VFS_NAME_MAX 255
#define VFS_PATH_MAX 4096 /* with the zero */
#define VFS_LINK_MAX 40   /* symbolic links followed in one walk */

typedef uint64_t dev_number; /* major << 32 | minor, inside the kernel */
#define DEV(major, minor) ((dev_number)(major) << 32 | (minor))
#define DEV_MAJOR(dev)    ((unsigned)((dev) >> 32))
#define DEV_MINOR(dev)    ((unsigned)(dev))

/* Who asks. Immutable once published; counted. */
#define CRED_GROUPS_MAX 32
struct linux_user;
struct cred {
    struct refcount refs;
    uint32_t uid, euid, suid, fsuid;
    uint32_t gid, egid, sgid, fsgid;
    struct linux_user *user; /* counted: the personality's, of uid */
    uint64_t cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
    unsigned group_count;
    uint32_t groups[CRED_GROUPS_MAX];
};
/* Capabilities that the file system layer asks for (capabilities(7); numbers are the ABI's). */
enum vfs_capability {
    VFS_CAP_CHOWN = 0,
    VFS_CAP_DAC_OVERRIDE = 1,
    VFS_CAP_DAC_READ_SEARCH = 2,
    VFS_CAP_FOWNER = 3,
    VFS_CAP_FSETID = 4,
    VFS_CAP_SYS_CHROOT = 18,
    VFS_CAP_SYS_ADMIN = 21,
    VFS_CAP_MKNOD = 27,
};
static inline bool cred_can(const struct cred *cred, enum vfs_capability capability)
{
    return (cred->cap_effective >> capability & 1) != 0;
}

struct inode;
struct dentry;
struct mount;
struct superblock;
struct file;
struct file_ops;

struct path {
    struct mount *mount;
    struct dentry *dentry;
};

struct timestamp {
    int64_t sec;
    uint32_t nsec;
};

/* What stat(2) shows, and chmod, chown, utimensat, truncate change. */
struct inode_attr {
    uint64_t dev, ino, rdev;
    uint32_t mode, nlink, uid, gid;
    uint64_t size, blocks;
    uint32_t block_size;
    struct timestamp atime, mtime, ctime;
};

/* Where a walk starts and what it may see: a process's root, its working directory, its rights. */
struct walk {
    const struct cred *cred;
    struct path root;
    struct path base;       /* for relative names: the working directory or an *at descriptor */
    void *held;             /* what keeps root and base, and base alone, for who filled it in; */
    struct file *base_file; /* or NULL */
};

enum walk_flags {
    WALK_FOLLOW = 1,    /* follow a symbolic link in the last component */
    WALK_DIRECTORY = 2, /* the result must be a directory */
    WALK_EMPTY = 4,     /* "" means base (AT_EMPTY_PATH) */
    WALK_NO_XDEV = 8,   /* openat2's RESOLVE_* */
    WALK_BENEATH = 16,
    WALK_NO_LINKS = 32,
    WALK_IN_ROOT = 64,
    WALK_NO_MAGIC = 128,
};

void path_get(const struct path *path);
void path_put(const struct path *path); /* a zero path is allowed */

/* Walks name: 0 with a counted path, or -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG, ... */
int vfs_walk(const struct walk *walk, const char *name, unsigned flags, struct path *out);

/* open(2) with Linux's order of checks. The file has one reference. */
struct open_how {
    unsigned flags;      /* O_* */
    uint32_t mode;       /* of a file that is made: the umask is applied */
    unsigned walk_flags; /* openat2's; following links is decided by flags */
};
int vfs_open(const struct walk *walk, const char *name, const struct open_how *how,
             struct file **out);
/* Opens a path that is already walked. */
int vfs_open_path(const struct cred *cred, const struct path *path, unsigned open_flags,
                  struct file **out);

int vfs_mkdir(const struct walk *walk, const char *name, uint32_t mode);
int vfs_mknod(const struct walk *walk, const char *name, uint32_t mode, dev_number rdev);
int vfs_symlink(const struct walk *walk, const char *target, const char *name);
int vfs_link(const struct path *old, const struct walk *walk, const char *name);
int vfs_unlink(const struct walk *walk, const char *name);
int vfs_rmdir(const struct walk *walk, const char *name);
/* flags as renameat2(2): RENAME_NOREPLACE 1, RENAME_EXCHANGE 2. */
int vfs_rename(const struct walk *old_walk, const char *old_name, const struct walk *new_walk,
               const char *new_name, unsigned flags);
/* Bytes put into buf, not terminated. */
int vfs_readlink(const struct walk *walk, const struct path *path, char *buf, size_t size);

int vfs_getattr(const struct path *path, struct inode_attr *attr);
enum attr_valid {
    ATTR_MODE = 1,
    ATTR_UID = 2,
    ATTR_GID = 4,
    ATTR_ATIME = 8,
    ATTR_MTIME = 16,
    ATTR_SIZE = 32,
    ATTR_TIMES_NOW = 64, /* the times given are "now": writers may set them, not only the owner */
};
int vfs_setattr(const struct cred *cred, const struct path *path, const struct inode_attr *attr,
                unsigned valid);
/* access(2): may is a mask of 4 read, 2 write, 1 execute. */
int vfs_permission(const struct cred *cred, const struct path *path, unsigned may);

/* The absolute name as seen from root ("(unreachable)..." outside): its length, or -ERANGE. */
int vfs_path_name(const struct path *path, const struct path *root, char *buf, size_t size);

/* mount(2): type names a registered file system; options is its data; flags MS_*. */
struct mount_how {
    const char *source, *type, *options; /* each may be NULL */
    unsigned long flags;
};
int vfs_mount(const struct walk *walk, const char *target, const struct mount_how *how);
int vfs_umount(const struct walk *walk, const char *target, unsigned flags);
/* The first mount: root's, of type tmpfs. */
int vfs_mount_root(const char *type, struct path *root);
struct statfs_info {
    uint64_t type, block_size, blocks, blocks_free, files, files_free, flags;
};
int vfs_statfs(const struct path *path, struct statfs_info *info);
/* Pages that the file systems in memory hold, for /proc/meminfo. */
uint64_t vfs_memory_pages(void);

/* Devices: an open of a node with this number opens with these ops (priv goes to file->priv). The
 * open hook may refuse or replace file->ops. */
struct chrdev {
    const char *name; /* node name under /dev, "tty", "input/mice" */
    dev_number first;
    unsigned count;
    uint32_t mode; /* permission bits of the node */
    const struct file_ops *ops;
    int (*open)(struct file *file, dev_number dev); /* or NULL */
};
/* Registers and makes nodes in devtmpfs (name, or name0..name(count-1) when count > 1). */
int chrdev_register(const struct chrdev *dev);
/* The index-th one registered, for /proc/devices and /sys; NULL: no more. */
const struct chrdev *chrdev_get(unsigned index);
/* A symbolic link in devtmpfs. */
int devtmpfs_symlink(const char *target, const char *name);

/* C14: caches, file system types, and the devices that have no hardware. */
void vfs_init(void);
/* C17: fills root from the initramfs: 0, or a negative errno with *error saying what was wrong. */
int initramfs_unpack(const struct walk *walk, const void *bytes, uint64_t size, const char **error);

/* The mounts seen from root, in order of mounting, for /proc/mounts and mountinfo. visit may sleep;
 * a result other than 0 ends the walk and is returned. */
struct mount_info {
    int id, parent_id;
    unsigned flags; /* MS_* */
    dev_number dev;
    const char *type, *source;
    const char *root;    /* what of the file system is mounted */
    const char *target;  /* as seen from root */
    const char *options; /* the file system's own, each with a comma before it */
};
int vfs_mounts_visit(const struct path *root,
                     int (*visit)(void *arg, const struct mount_info *info), void *arg);
