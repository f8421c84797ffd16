/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Open files: what a descriptor names. Files, directories, pipes, devices and later sockets are all
 * a struct file with an ops struct. References are counted; release runs with the last one.
 * Ops may sleep. A NULL member means that the file cannot do it (EINVAL, ENOTTY, ESPIPE as on
 * Linux).
 */
#include "kernel/base/refcount.h"
#include "kernel/core/io.h"
#include "kernel/core/rcu.h"
#include "kernel/core/space.h"
#include "kernel/core/vmo.h"
#include "kernel/core/wait.h"
#include "kernel/fs/vfs.h"

/* Open flags, Linux's values for x86_64 and riscv64 (asm-generic/fcntl.h); fcntl's status flags
 * too. */
enum {
    O_ACCMODE = 00000003,
    O_RDONLY = 00000000,
    O_WRONLY = 00000001,
    O_RDWR = 00000002,
    O_CREAT = 00000100,
    O_EXCL = 00000200,
    O_NOCTTY = 00000400,
    O_TRUNC = 00001000,
    O_APPEND = 00002000,
    O_NONBLOCK = 00004000,
    O_DSYNC = 00010000,
    O_ASYNC = 00020000,
    O_DIRECT = 00040000,
    O_LARGEFILE = 00100000,
    O_DIRECTORY = 00200000,
    O_NOFOLLOW = 00400000,
    O_NOATIME = 01000000,
    O_CLOEXEC = 02000000,
    O_SYNC = 04010000,
    O_PATH = 010000000,
    O_TMPFILE = 020200000,
};

enum {
    POLLIN = 0x001,
    POLLPRI = 0x002,
    POLLOUT = 0x004,
    POLLERR = 0x008,
    POLLHUP = 0x010,
    POLLNVAL = 0x020,
    POLLRDNORM = 0x040,
    POLLRDBAND = 0x080,
    POLLWRNORM = 0x100,
    POLLWRBAND = 0x200,
    POLLRDHUP = 0x2000,
};

struct file;
struct text;
struct epoll_item;

/*
 * How a poll call learns of the queues to wait on: file->ops->poll calls poll_wait for each, or
 * poll_wait_for for one that is woken for `events` (POLL* bits) only.
 */
struct poll_table {
    /* NULL: only the state is wanted. */
    void (*add)(struct poll_table *table, struct waitq *wq, unsigned events);
};
static inline void poll_wait_for(struct poll_table *table, struct waitq *wq, unsigned events)
{
    if (table != NULL && table->add != NULL) {
        table->add(table, wq, events);
    }
}
static inline void poll_wait(struct poll_table *table, struct waitq *wq)
{
    poll_wait_for(table, wq, ~0u);
}

struct dir_entry {
    const char *name; /* size bytes */
    size_t size;
    uint64_t ino;
    unsigned type; /* S_IF* */
    uint64_t next; /* position of the entry after it */
};

/* Receives directory entries; false: the buffer is full, stop and do not count this one. */
struct dir_sink {
    bool (*emit)(struct dir_sink *sink, const struct dir_entry *entry);
};

struct file_ops {
    /* Bytes moved (0: end of file) or a negative errno. *pos is the offset to use and to move on;
     * NULL pos is never passed. May return less than io->left. */
    ssize_type (*read)(struct file *file, struct io *io, uint64_t *pos);
    ssize_type (*write)(struct file *file, struct io *io, uint64_t *pos);
    /* New offset or a negative errno; whence as lseek. NULL: ESPIPE. */
    int64_t (*seek)(struct file *file, int64_t offset, int whence);
    /* One directory pass from file->pos on; returns 0 or a negative errno. */
    int (*iterate)(struct file *file, struct dir_sink *sink);
    /* POLL* bits that hold now. NULL: always readable and writable. */
    unsigned (*poll)(struct file *file, struct poll_table *table);
    /* Result or a negative errno; -ENOTTY for unknown requests. */
    long (*ioctl)(struct file *file, unsigned request, vaddr_t arg);
    /* The object to map, with a reference; rights (REGION_*) may be refused: -EACCES, -ENODEV. */
    int (*mmap)(struct file *file, uint64_t offset, size_t size, unsigned rights, struct vmo **out);
    int (*fsync)(struct file *file);
    /* Lines for /proc/PID/fdinfo beyond those of every file. May be NULL. */
    void (*show)(struct file *file, struct text *out);
    /* fallocate(2): mode FALLOC_FL_*. NULL: -ENODEV (EOPNOTSUPP for regular files). */
    int (*allocate)(struct file *file, unsigned mode, uint64_t offset, uint64_t size);
    /* Called for every close of a descriptor (POSIX locks, ...), and once when the file goes. */
    void (*flush)(struct file *file);
    void (*release)(struct file *file);
    unsigned traits; /* enum file_traits */
};

enum file_traits {
    FILE_NO_WRITER = 1,  /* does not keep programs from being executed: memfd_create(2) */
    FILE_IDLE_SEEK = 2,  /* without seek, lseek(2) gives 0 and does nothing: events */
    FILE_NO_WAITING = 4, /* reads and writes never wait: RWF_NOWAIT, preadv2(2) */
};

struct file {
    struct refcount refs;
    const struct file_ops *ops; /* constant after open */
    unsigned flags;             /* atomic: O_* without creation flags */
    union {
        struct path path;    /* where it was opened; for pipes a nameless one; constant */
        struct rcu_head rcu; /* the last reference has gone */
    };
    struct inode *inode;        /* path's; constant */
    struct mutex pos_lock;      /* taken around read, write, seek on seekable files */
    uint64_t pos;               /* [pos_lock] */
    void *priv;                 /* the ops' */
    struct epoll_item *watches; /* [epoll_lock] of sets that watch it; atomic to read */
    struct region_owner mapped; /* names the file in regions that map it; set up when mapped */
};

/* Open files there are; more than *max are refused (-ENFILE), but to whom may_exceed() allows it.
 */
uint64_t file_count(void);
void file_set_limit(const int64_t *max, bool (*may_exceed)(void));

/* A file with one reference for ops->...; takes a reference to path: -ENOMEM, -ENFILE. */
int file_create(const struct file_ops *ops, const struct path *path, unsigned flags,
                struct file **out);
void file_get(struct file *file);
void file_put(struct file *file);

/* read(2) and write(2), pread(2) and pwrite(2) of any struct file, with checks of the open mode. */
ssize_type file_read(struct file *file, struct io *io);
ssize_type file_write(struct file *file, struct io *io);
ssize_type file_pread(struct file *file, struct io *io, uint64_t pos);
ssize_type file_pwrite(struct file *file, struct io *io, uint64_t pos);
/* Reads exactly size bytes at pos into kernel memory: 0, -ENOEXEC-like short reads are -EIO. */
int file_read_exact(struct file *file, void *buf, size_t size, uint64_t pos);
unsigned file_poll(struct file *file, struct poll_table *table);
static inline unsigned file_flags(const struct file *file)
{
    return __atomic_load_n(&file->flags, __ATOMIC_RELAXED);
}
/* The open mode allows it. */
static inline bool file_readable(const struct file *file)
{
    return (file_flags(file) & (O_ACCMODE | O_PATH)) == O_RDONLY ||
           (file_flags(file) & (O_ACCMODE | O_PATH)) == O_RDWR;
}
static inline bool file_writable(const struct file *file)
{
    return (file_flags(file) & (O_ACCMODE | O_PATH)) == O_WRONLY ||
           (file_flags(file) & (O_ACCMODE | O_PATH)) == O_RDWR;
}
/* A program runs from the file: nobody may write to it: 0 or -ETXTBSY; undone by allow. */
int file_deny_write(struct file *file);
void file_allow_write(struct file *file);

/* Two ends of a pipe; flags O_NONBLOCK, O_CLOEXEC ignored here. */
int pipe_create(unsigned flags, struct file *ends[2]);
