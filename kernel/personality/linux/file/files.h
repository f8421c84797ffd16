/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What the file system calls share: files by descriptor without counting where that is safe, names
 * from user memory without allocating where they are short, and the ABI's constants.
 */
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/time/timespec.h"

#define AT_FDCWD            (-100)
#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_REMOVEDIR        0x200u
#define AT_EACCESS          0x200u
#define AT_SYMLINK_FOLLOW   0x400u
#define AT_NO_AUTOMOUNT     0x800u
#define AT_EMPTY_PATH       0x1000u
#define AT_STATX_SYNC_TYPE  0x6000u

/* The most one read or write moves (MAX_RW_COUNT of Linux). */
#define RW_MAX 0x7ffff000ul

/*
 * A file for the time of one system call. While a thread is the only user of its table, nobody else
 * can close its files, so they need not be counted: only it can share the table, and not meanwhile.
 */
struct fd_ref {
    struct file *file; /* NULL: no such descriptor */
    bool counted;
};
struct fd_ref fd_borrow_shared(struct fd_table *table, int fd);
static inline struct fd_ref fd_borrow_any(int fd)
{
    struct fd_table *table = linux_current()->files;
    if (unlikely(ref_read(&table->refs) != 1)) {
        return fd_borrow_shared(table, fd);
    }
    struct file *file = likely((unsigned)fd < table->size)
                            ? table->entries[arch_bounded((unsigned)fd, table->size)].file
                            : NULL;
    return (struct fd_ref){file, false};
}
static inline void fd_return(struct fd_ref ref)
{
    if (unlikely(ref.counted)) {
        file_put(ref.file);
    }
}
/* As above, but O_PATH files are as if they were not there (EBADF). */
static inline struct fd_ref fd_borrow(int fd)
{
    struct fd_ref ref = fd_borrow_any(fd);
    if (likely(ref.file != NULL) && unlikely(file_flags(ref.file) & O_PATH)) {
        fd_return(ref);
        ref = (struct fd_ref){NULL, false};
    }
    return ref;
}

/* A new file gets the lowest free descriptor; its reference is taken over, always. */
static inline long fd_install_new(struct file *file, bool close_on_exec)
{
    int fd = fd_install(file, 0, close_on_exec);
    if (fd < 0) {
        file_put(file);
    }
    return fd;
}
/* fd.c: replaces or fills exactly fd; takes over file when >= 0: fd or an error. */
int fd_install_at(struct file *file, unsigned fd, bool close_on_exec);
/* Sets or reads a descriptor's close-on-exec flag: 0 or 1, -EBADF. */
int fd_get_cloexec(int fd);
int fd_set_cloexec(int fd, bool on);
uint64_t linux_limit(unsigned number); /* the soft limit */

/* A name from user memory; user_name_free when get returned 0. */
struct user_name {
    char *text;
    char small[248];
};
int user_name_get(struct user_name *name, vaddr_t addr);
void user_name_free(struct user_name *name);

/* A name and a walk for it: both at once, as nearly every call needs them. */
struct user_walk {
    struct walk walk;
    struct user_name name;
};
int user_walk_begin(struct user_walk *uw, int dirfd, vaddr_t addr);
void user_walk_end(struct user_walk *uw);
/* The path a name leads to, counted. at_flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. */
int user_path(int dirfd, vaddr_t addr, unsigned at_flags, struct path *out);

/* rw.c: write(2) or pwrite(2), with limits, set-id bits and SIGPIPE. pos: RW_POSITION is the file's
 * own. */
#define RW_POSITION (-1)
long linux_file_write(struct file *file, struct io *io, int64_t pos);
/* rw.c: a signal that a call itself causes (SIGPIPE, SIGXFSZ). */
void linux_signal_self(int signo);
/* lock_calls.c: fcntl's lock commands. */
long linux_fcntl_lock(struct file *file, int fd, int command, vaddr_t arg);

static inline uint32_t current_umask(void)
{
    return __atomic_load_n(&linux_current()->fs->umask, __ATOMIC_RELAXED);
}

/* Device numbers as stat(2) and mknod(2) have them (makedev(3)). */
static inline uint64_t dev_encode(dev_number dev)
{
    uint64_t major = DEV_MAJOR(dev), minor = DEV_MINOR(dev);
    return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffull) << 12 |
           (major & ~0xfffull) << 32;
}
static inline dev_number dev_decode(uint64_t dev)
{
    return DEV((dev >> 8 & 0xfff) | (dev >> 32 & ~0xfffull),
               (dev & 0xff) | (dev >> 12 & 0xffffff00));
}
