/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The inside of the file system layer, for file systems: inodes, dentries, superblocks, mounts.
 *
 * Every visible dentry has an inode; there are no negative dentries. A dentry in the hash is found
 * by (parent, name). File systems in memory pin their dentries (DENTRY_PINNED: one reference that
 * the name itself holds); others are hashed only as long as somebody uses them.
 *
 * Locks, from the outside in (doc/locking.md):
 *   rename_lock  mutex: moves between directories
 *   [i] inode->lock  mutex: a directory's names, a file's size and content changes, attributes;
 *                ancestors before descendants, directories before files
 *   [v] vfs_lock spinlock: to change the dentry hash, names and parents, the mount table.
 * Path walks read what [v] guards without it, as readers of core/rcu.h: dentries, inodes and mounts
 * are freed by rcu_call, and names_seq tells a walk that something moved under it
 * (doc/decisions). Such fields are marked [v, read].
 */
#include "kernel/core/rcu.h"
#include "kernel/fs/file.h"
#include "kernel/fs/vfs.h"

struct pipe;
struct file_locks;
struct inode_spec;

struct inode_ops {
    /* Directory: the inode of a name that is not cached, counted; -ENOENT. NULL: every name is
     * cached. REQUIRES dir->lock. An inode with INODE_DYNAMIC gets a dentry that is not hashed. */
    int (*lookup)(struct inode *dir, const char *name, struct inode **out);
    /* Directory: a new inode for a new name (file, directory, node, link), counted. NULL: names
     * cannot be changed here. REQUIRES dir->lock. */
    int (*make)(struct inode *dir, const struct inode_spec *spec, struct inode **out);
    /* The name `dentry` is about to go (unlink, rmdir, replaced by rename): 0 or an error. May be
     * NULL. REQUIRES dir->lock. */
    int (*may_remove)(struct inode *dir, struct dentry *dentry);
    /* Fills what differs from the inode's own fields; NULL: nothing does. */
    int (*getattr)(struct inode *inode, struct inode_attr *attr);
    /* Before the generic fields change: ATTR_SIZE is done here. NULL: sizes cannot be changed.
     * REQUIRES inode->lock. */
    int (*setattr)(struct inode *inode, const struct inode_attr *attr, unsigned valid);
    /* Link: a zero-terminated text that stays as long as the inode does; or NULL member and: */
    const char *(*link_text)(struct inode *inode);
    /* Link: bytes of its text put into buf, not terminated; or an error. */
    int (*readlink)(struct inode *inode, char *buf, size_t size);
    /* Link that leads directly to a path (counted): /proc/PID/fd/N. */
    int (*follow)(struct inode *inode, struct path *out);
    /* A new open file; may set priv, pos and replace ops. May sleep. NULL: nothing to do. */
    int (*open)(struct inode *inode, struct file *file);
    /* The last reference is gone: frees what hangs on it. May sleep. */
    void (*evict)(struct inode *inode);
};

enum inode_flags {
    INODE_DYNAMIC = 1,  /* dentries of it are not kept in the hash */
    INODE_LINKABLE = 2, /* may get a name though it has none (O_TMPFILE) */
};

struct inode {
    struct refcount refs;
    uint32_t mode;     /* [i, s] to change; readers want one word, or all of a moment by [s] */
    uint32_t uid, gid; /* [i, s] */
    uint32_t nlink;    /* atomic */
    unsigned attr_seq; /* [s] odd while mode, owner and times change; any two may want to change */
    uint16_t flags;    /* constant; enum inode_flags */
    uint16_t seals;    /* [i] to change, atomic; tmpfs: seal.h */
    const struct inode_ops *ops;
    const struct file_ops *file_ops; /* constant */
    struct superblock *sb;
    uint64_t ino;                         /* constant */
    dev_number rdev;                      /* constant */
    uint64_t size;                        /* [i] to change, atomic */
    struct timestamp atime, mtime, ctime; /* [s]; of a directory mtime, ctime: [i], too */
    uint64_t atime_good;      /* atomic: until this cycle count atime need not be looked at */
    struct mutex lock;        /* [i] */
    struct file_locks *locks; /* atomic, lock.c's; NULL: there was never one */
    int writers;              /* atomic: files open for writing; < 0: being executed */
    union {                   /* by type and file system */
        struct rcu_head rcu;  /* the last reference has gone */
        struct {
            uint64_t next_cookie; /* [i] of the next name made here */
            uint64_t entries;     /* [i] to change: names */
        } dir;
        struct {
            struct vmo *vmo;      /* [i] NULL: not needed yet; constant once set */
            const void *borrowed; /* constant: bytes of the initramfs it starts with, or NULL */
            uint64_t borrowed_size;
            uint64_t accounted; /* [i] pages counted in the superblock */
        } data;
        struct {
            char *text; /* constant: short_text, or allocated */
            char short_text[24];
        } link;
        struct pipe *pipe; /* [v] fifo that is open somewhere */
        uint64_t priv[4];  /* the file system's own */
    };
};

struct inode_spec {
    uint32_t mode, uid, gid;
    dev_number rdev;
    const char *target;           /* links: text, */
    size_t target_size;           /* and its size */
    const struct timestamp *time; /* NULL: now */
};

/* A new inode with one reference and cleared union; times as given (NULL: zero): NULL: no memory.
 * Takes no reference to sb: the mounts keep it. */
struct inode *inode_create(struct superblock *sb, uint32_t mode, const struct timestamp *time);
static inline void inode_get(struct inode *inode)
{
    ref_get(&inode->refs);
}
void inode_put(struct inode *inode);
struct timestamp timestamp_now(void);
/* The moment the machine started, worked out when it is looked at: no clock is read at boot. */
#define TIMESTAMP_BOOT ((struct timestamp){0, UINT32_MAX})
/* [s]: a spinlock for those who write, and a number by which readers know that nobody did. */
static inline void inode_attr_begin(struct inode *inode)
{
    preempt_disable();
    for (;;) {
        unsigned seq = __atomic_load_n(&inode->attr_seq, __ATOMIC_RELAXED) & ~1u;
        if (likely(__atomic_compare_exchange_n(&inode->attr_seq, &seq, seq + 1, false,
                                               __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))) {
            return;
        }
        arch_cpu_relax();
    }
}
static inline void inode_attr_end(struct inode *inode)
{
    __atomic_store_n(&inode->attr_seq, inode->attr_seq + 1, __ATOMIC_RELEASE);
    preempt_enable();
}
/* ctime, or mtime and ctime, are `time`. */
void inode_changed(struct inode *inode, const struct timestamp *time);
void inode_modified(struct inode *inode, const struct timestamp *time);
/* The same: now. */
void inode_touch(struct inode *inode);
static inline void inode_add_links(struct inode *inode, int count)
{
    __atomic_fetch_add(&inode->nlink, (uint32_t)count, __ATOMIC_RELAXED);
}
/* atime by the rule of relatime, unless the file or mount says no. */
void inode_update_atime(struct file *file);
static inline void inode_accessed(struct file *file)
{
    if (unlikely(arch_cycles() >= __atomic_load_n(&file->inode->atime_good, __ATOMIC_RELAXED))) {
        inode_update_atime(file);
    }
}
/* Linux's rules for may (4 read, 2 write, 1 execute or search): 0 or -EACCES. */
int inode_permission(const struct cred *cred, const struct inode *inode, unsigned may);
/* Before somebody writes to a file with set-id bits: they go, unless he may keep them. */
void vfs_drop_setid(const struct cred *cred, struct inode *inode);
/* fsgid or a supplementary group. */
bool cred_in_group(const struct cred *cred, uint32_t gid);
/* The same user or CAP_FOWNER. */
bool inode_owner_or_capable(const struct cred *cred, const struct inode *inode);
static inline bool inode_has_locks(const struct inode *inode)
{
    return __atomic_load_n(&inode->locks, __ATOMIC_ACQUIRE) != NULL;
}
static inline uint32_t inode_mode(const struct inode *inode)
{
    return __atomic_load_n(&inode->mode, __ATOMIC_RELAXED);
}
static inline bool inode_is_dir(const struct inode *inode)
{
    return (inode_mode(inode) & S_IFMT) == S_IFDIR;
}
/* REQUIRES dir->lock. */
static inline void inode_add_entries(struct inode *dir, int count)
{
    __atomic_store_n(&dir->dir.entries, dir->dir.entries + (uint64_t)(int64_t)count,
                     __ATOMIC_RELAXED);
}

enum dentry_flags {
    DENTRY_PINNED = 1,   /* its name holds a reference: file system in memory */
    DENTRY_DEAD = 2,     /* the name was removed */
    DENTRY_NAMELESS = 4, /* see nameless.h: shown as "pipe:[ino]"; dead: as a removed one */
};
#define DENTRY_INLINE 32
#define DENTRY_LONG   (VFS_NAME_MAX + 1) /* any: a reader may have an old size */

struct dentry {
    struct refcount refs;      /* readers take one by ref_get_unless_zero */
    uint32_t hash;             /* [v, read] of the name alone */
    uint16_t name_size;        /* [v, read] */
    uint8_t flags;             /* [v, read] enum dentry_flags */
    bool mounted;              /* [v, read] something is mounted here (in some mount) */
    struct inode *inode;       /* counted, constant */
    struct dentry *parent;     /* [v, read] counted; itself: a root or nameless */
    struct dentry *hash_next;  /* [v, read] stays when it is taken out, for readers */
    struct dentry **hash_link; /* [v] NULL: not hashed */
    /* [v, read] zero-terminated; inline_name if it fits, else allocated with DENTRY_LONG bytes */
    char *name;
    union {
        struct list children; /* [i] pinned ones by cookie */
        struct rcu_head rcu;  /* the last reference has gone */
    };
    struct list sibling; /* [i of parent] */
    uint64_t cookie;     /* [i of parent] position in a directory pass */
    char inline_name[DENTRY_INLINE];
};

extern struct spinlock vfs_lock;
extern struct mutex rename_lock;

/*
 * Odd while a name or mount moves, and another number afterwards. What a reader of [v, read] fields
 * found is right if names_read_retry is false after it found it. Making a name and taking one away
 * is no move: a walk sees it or not.
 */
extern unsigned names_seq; /* [v] to change */
static inline unsigned names_read_begin(void)
{
    unsigned seq;
    while (unlikely((seq = __atomic_load_n(&names_seq, __ATOMIC_ACQUIRE)) & 1)) {
        arch_cpu_relax();
    }
    return seq;
}
static inline bool names_read_retry(unsigned seq)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&names_seq, __ATOMIC_RELAXED) != seq;
}
/* REQUIRE vfs_lock. */
static inline void names_move_begin(void)
{
    __atomic_store_n(&names_seq, names_seq + 1, __ATOMIC_RELAXED);
    /* Whoever takes a reference and then finds names_seq as it was is seen by who looks now. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
static inline void names_move_end(void)
{
    __atomic_store_n(&names_seq, names_seq + 1, __ATOMIC_RELEASE);
}

/* A component of a name, with its hash. */
struct name {
    const char *bytes;
    size_t size;
    uint32_t hash;
};
/* Hashes up to the next slash or zero; returns where it ended. */
static inline const char *name_scan(const char *s, struct name *name)
{
    uint32_t hash = 0;
    const char *p = s;
    for (;; p++) {
        unsigned char c = (unsigned char)*p;
        if (unlikely(c <= '/') && (c == '/' || c == '\0')) {
            break; /* one comparison for nearly all */
        }
        hash = (hash + c) * 0x9e3779b1u;
    }
    *name = (struct name){s, (size_t)(p - s), hash};
    return p;
}

/* A dentry that nobody sees yet, with one reference; takes over the caller's reference to inode
 * when it succeeds; NULL: no memory. Takes a reference to parent (NULL: it is a root). */
struct dentry *dentry_create(struct dentry *parent, const struct name *name, struct inode *inode);
static inline void dentry_get(struct dentry *dentry)
{
    ref_get(&dentry->refs);
}
void dentry_put(struct dentry *dentry);
void dentry_gone(struct dentry *dentry); /* dentry_put after the last reference */
/* The cached child, not counted, or NULL. REQUIRES vfs_lock, or rcu_read_lock: then it is for
 * names_read_retry to say whether NULL is true, and the child may be on its way out. */
struct dentry *dentry_find(const struct dentry *parent, const struct name *name);
/* Cached or looked up: counted; -ENOENT. REQUIRES parent->inode->lock. */
int dentry_lookup(struct dentry *parent, const struct name *name, struct dentry **out);
/* Makes a new name visible in its parent and pins it. REQUIRES parent->inode->lock. */
void dentry_add(struct dentry *dentry);
/* Takes a pinned name away; drops the pin: 0 or -EBUSY: something is mounted there. REQUIRES
 * parent->inode->lock. */
int dentry_remove(struct dentry *dentry);
/* Gives a pinned dentry another parent and name, at the end of its directory, in place of
 * `replaced` (pinned, or NULL), which is removed at the same instant. name_copy: memory from
 * dentry_name_alloc, taken over when 0. -EBUSY: something is mounted on one of them. REQUIRES both
 * directories' locks. */
int dentry_move(struct dentry *dentry, struct dentry *new_parent, const struct name *name,
                char *name_copy, struct dentry *replaced);
/* Two pinned dentries change places: 0 or -EBUSY. REQUIRES both directories' locks. */
int dentry_exchange(struct dentry *a, struct dentry *b);
/* Memory for a name that does not fit inline; *out NULL when it does: 0 or -ENOMEM. */
int dentry_name_alloc(const struct name *name, char **out);
/* Drops every pinned dentry below root, for the end of a superblock nobody uses. */
void dentry_drop_tree(struct dentry *root);
void dentry_init(void);

struct fs_type {
    const char *name; /* as in /proc/filesystems; all our types are "nodev" */
    uint32_t magic;
    /* A superblock with one reference and a root; options may be NULL. */
    int (*mount)(struct fs_type *type, const char *options, struct superblock **out);
    bool internal; /* not for mount(2), not listed */
    void *priv;
    struct list link; /* [v] */
};
/* type stays for ever: -EBUSY when the name is taken. */
int fs_type_register(struct fs_type *type);
/* The type after `type` (NULL: the first), for /proc/filesystems; NULL: no more. */
struct fs_type *fs_type_next(struct fs_type *type);

struct superblock {
    struct refcount refs; /* mounts of it */
    struct fs_type *type;
    dev_number dev;        /* constant: major 0, minor unique */
    struct dentry *root;   /* counted, constant */
    uint64_t next_ino;     /* atomic */
    uint64_t limit_pages;  /* tmpfs: atomic; 0: no limit */
    uint64_t used_pages;   /* tmpfs: atomic */
    uint64_t inodes;       /* tmpfs: atomic */
    uint64_t limit_inodes; /* tmpfs: atomic; 0: no limit */
    /* NULL members: generic. */
    int (*statfs)(struct superblock *sb, struct statfs_info *info);
    int (*remount)(struct superblock *sb, const char *options);
    void (*show_options)(struct superblock *sb, char *buf, size_t size); /* ",size=...k" */
    void (*destroy)(struct superblock *sb);                              /* before the root goes */
    void *priv;
};
/* A superblock with one reference, without root: NULL: no memory. */
struct superblock *superblock_create(struct fs_type *type);
void superblock_put(struct superblock *sb);
static inline uint64_t superblock_ino(struct superblock *sb)
{
    return __atomic_add_fetch(&sb->next_ino, 1, __ATOMIC_RELAXED);
}

enum mount_flags { /* mount(2)'s numbers */
                   MS_RDONLY = 1,
                   MS_NOSUID = 2,
                   MS_NODEV = 4,
                   MS_NOEXEC = 8,
                   MS_SYNCHRONOUS = 16,
                   MS_REMOUNT = 32,
                   MS_NOATIME = 1024,
                   MS_NODIRATIME = 2048,
                   MS_BIND = 4096,
                   MS_MOVE = 8192,
                   MS_REC = 16384,
                   MS_SILENT = 32768,
                   MS_UNBINDABLE = 1 << 17,
                   MS_PRIVATE = 1 << 18,
                   MS_SLAVE = 1 << 19,
                   MS_SHARED = 1 << 20,
                   MS_RELATIME = 1 << 21,
                   MS_STRICTATIME = 1 << 24,
};
#define MOUNT_KEPT_FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)

struct mount {
    struct refcount refs;      /* paths, children, and one while it is in the tree */
    unsigned flags;            /* atomic: MOUNT_KEPT_FLAGS */
    int id;                    /* constant */
    bool attached;             /* [v] in the tree */
    struct superblock *sb;     /* counted, constant */
    struct dentry *root;       /* counted, constant: what is seen of the file system */
    struct mount *parent;      /* [v, read] counted; NULL: the first, or not in the tree */
    struct dentry *mountpoint; /* [v, read] counted; in parent */
    struct list link;          /* [v, read] in order of mounting */
    char *source;              /* constant: as given to mount(2) */
    struct rcu_head rcu;       /* the last reference has gone */
};
/* The mount on top of (mount, dentry), or NULL; not counted. REQUIRES what dentry_find does. */
struct mount *mount_find(const struct mount *mount, const struct dentry *dentry);
/* Where it is mounted, not counted; zero: nowhere. REQUIRES the same. */
static inline struct path mount_place(const struct mount *mount)
{
    return (struct path){rcu_read(mount->parent), rcu_read(mount->mountpoint)};
}
static inline unsigned mount_flags(const struct mount *mount)
{
    return __atomic_load_n(&mount->flags, __ATOMIC_RELAXED);
}
void mount_get(struct mount *mount);
void mount_put(struct mount *mount);
void mount_gone(struct mount *mount); /* mount_put after the last reference */
/* A mount outside the tree, for file systems inside the kernel; takes over sb's reference. */
struct mount *mount_create(struct superblock *sb, struct dentry *root, const char *source);
bool path_is_mounted_here(const struct path *path);

/* Directories whose names are all dentries: file operations. */
extern const struct file_ops dentry_dir_ops;

/* The walk to all but the last component. */
enum name_kind { NAME_NORMAL, NAME_DOT, NAME_DOTDOT, NAME_ROOT };
struct walk_last {
    struct name name; /* lies in the caller's string */
    enum name_kind kind;
    bool slash; /* slashes follow it */
};
/* parent is counted. A link in the last component is not followed. -ENOENT for "". */
int walk_parent(const struct walk *walk, const char *name, unsigned flags, struct path *parent,
                struct walk_last *last);

/* A file that takes over the references of path, also when it fails. */
int file_create_take(const struct file_ops *ops, const struct path *path, unsigned flags,
                     struct file **out);
/* Opens a walked path; takes over its references, always. created: the caller just made it, so
 * rights do not matter. */
int open_walked(const struct cred *cred, const struct path *path, unsigned open_flags, bool created,
                struct file **out);

/* A name that is being made or taken away: its directory is locked. */
struct name_target {
    struct path parent; /* counted; parent.dentry->inode->lock is held */
    struct walk_last last;
    struct dentry *child; /* counted, or NULL: no such name */
};
/* Walks to the directory, locks it and looks the name up. ACQUIRES the lock when 0. */
int name_lock(const struct walk *walk, const char *name, unsigned flags,
              struct name_target *target);
void name_unlock(struct name_target *target); /* RELEASES it */
/* May the name be made? -EEXIST, -ENOENT (directory removed), -EROFS, -EACCES. */
int name_may_create(const struct cred *cred, const struct name_target *target);
/* Makes it; the new dentry (one reference for the caller) goes to target->child. */
int name_create(const struct cred *cred, struct name_target *target, struct inode_spec *spec);
/* Rights to take victim out of dir; is_dir: what it has to be. */
int name_may_remove(const struct cred *cred, const struct path *dir, struct dentry *victim,
                    bool is_dir);
extern const struct cred kernel_cred; /* may do everything */

/* Devices. */
int chrdev_open(struct inode *inode, struct file *file);
/* Fifos: the open operation of S_IFIFO inodes, and their file operations. */
int fifo_open(struct inode *inode, struct file *file);
void fifo_evict(struct inode *inode);
extern const struct file_ops pipe_file_ops;
/* Regular files: lseek, with everything being data. */
int64_t file_seek_generic(struct file *file, int64_t offset, int whence);
/* A file system in memory of the given type: for tmpfs and devtmpfs. */
int tmpfs_superblock(struct fs_type *type, const char *options, struct superblock **out);
/* A new regular file starts with these bytes, used in place. Nobody else sees the inode yet. */
void tmpfs_borrow(struct inode *inode, const void *bytes, uint64_t size);
void file_init(void);
void devtmpfs_init(void);
void tmpfs_init(void);
