/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Linux processes. A process (thread group) has threads, each on one core thread; sessions and
 * process groups are named by their leader's PID. What clone(2) can share is a counted struct of
 * its own: descriptors, file-system context, signal handlers; the space is core's.
 *
 * Locks, from the outside in: process_tree_lock (a mutex-free spinlock: parents, children, groups,
 * sessions, the PID table, exit states) > process->signal_lock (spinlock: pending signals,
 * handlers, stop and continue states).
 */
#include "kernel/core/space.h"
#include "kernel/core/thread.h"
#include "kernel/core/timer.h"
#include "kernel/fs/file.h"
#include "kernel/personality/linux/signal.h"

struct tty;

/* Descriptors. Look-ups take a reference to the file. */
struct fd_entry {
    struct file *file; /* [table lock] NULL: free */
    bool close_on_exec;
};
struct fd_table {
    struct refcount refs;
    struct spinlock lock;
    unsigned size;            /* [lock] entries allocated */
    unsigned next;            /* [lock] no free entry below this one */
    struct fd_entry *entries; /* [lock] */
};

/* Root, working directory, umask. */
struct fs_context {
    struct refcount refs;
    struct mutex lock;
    struct path root, cwd; /* [lock] */
    uint32_t umask;        /* atomic */
};

#define LINUX_RLIMITS 16
struct linux_rlimit {
    uint64_t soft, hard;
};

struct linux_process {
    struct refcount refs;
    int pid;                       /* constant */
    struct linux_process *parent;  /* [tree] counted by being its child; PID 1 has none */
    struct list children, sibling; /* [tree] */
    struct list threads;           /* [tree] struct linux_thread */
    unsigned thread_count;         /* [tree] live ones */
    struct linux_thread *leader;   /* [tree] whose TID is the PID */
    int pgrp, session;             /* [tree] */
    struct list pgrp_link;         /* [tree] members of the group */
    struct tty *tty;               /* [tree] controlling terminal, counted; or NULL */
    bool execed;                   /* since fork: setpgid by the parent is over */
    bool is_child_subreaper;

    enum { PROCESS_ALIVE, PROCESS_ZOMBIE, PROCESS_DEAD } state; /* [tree] */
    int exit_status;                                            /* [tree] as wait4 gives it */
    int exit_signal;          /* to the parent: SIGCHLD or as clone asked */
    struct waitq child_wait;  /* sleepers in wait4 of this process */
    struct waitq *vfork_done; /* [tree] woken and cleared at exec or exit */
    bool group_exiting;       /* [signal_lock] exit_group runs */
    int group_exit_status;    /* [signal_lock] */

    struct spinlock signal_lock;
    struct linux_pending pending;                     /* [signal_lock] for the whole process */
    struct linux_handlers *handlers;                  /* counted; its content [signal_lock] */
    bool stopped;                                     /* [signal_lock] job control */
    int stop_signal;                                  /* [signal_lock] */
    bool stop_reported, continue_reported, continued; /* [signal_lock] for wait4 */
    struct waitq stop_wait;                           /* stopped threads sleep here */

    struct linux_rlimit limits[LINUX_RLIMITS];     /* [signal_lock] */
    struct timer real_timer;                       /* ITIMER_REAL, alarm */
    uint64_t real_timer_interval_ns;               /* [signal_lock] */
    uint64_t dead_user_ns, dead_system_ns;         /* [tree] of threads that have ended */
    uint64_t children_user_ns, children_system_ns; /* [tree] of waited-for children */
    uint64_t minor_faults, children_minor_faults;
    uint64_t start_ns;
    int oom_score_adj;
    struct list hash_link; /* [tree] of the PID table */
};

struct linux_thread {
    struct thread *thread;         /* counted */
    struct linux_process *process; /* counted */
    int tid;
    struct list link;      /* [tree] in process->threads */
    struct list hash_link; /* [tree] of the TID table */

    struct fd_table *files; /* owner: the thread */
    struct fs_context *fs;  /* owner: the thread */
    struct cred *cred;      /* owner: the thread; readers elsewhere take it under [tree] */

    uint64_t blocked, saved_blocked; /* owner: the thread changes it under signal_lock */
    bool restore_blocked;            /* sigsuspend, pselect: put saved_blocked back */
    struct linux_pending pending;    /* [signal_lock] */
    vaddr_t altstack_base;           /* owner: the thread */
    size_t altstack_size;
    unsigned altstack_flags;
    vaddr_t clear_child_tid; /* owner: the thread */
    vaddr_t robust_list;
    size_t robust_list_size;
    unsigned long rseq_addr;

    /* How an interrupted sleep goes on: restart_syscall. */
    long (*restart)(struct linux_thread *self);
    uint64_t restart_arg[4];
    bool exiting;
};

/* What belongs to an address space of a Linux program: space->personal. */
struct linux_space {
    vaddr_t brk_start, brk;
    vaddr_t code_start, code_end, data_start, data_end, stack_start;
    vaddr_t arg_start, arg_end, env_start, env_end;
    vaddr_t vdso;
    struct file *exe; /* counted: /proc/PID/exe */
    unsigned long auxv[2 * 24];
    size_t auxv_count;
};

static inline struct linux_thread *linux_current(void)
{
    return current->personal;
}
static inline struct linux_process *current_process(void)
{
    return linux_current()->process;
}

extern struct spinlock process_tree_lock;

/* Look-ups: the caller gets a reference, or NULL. */
struct linux_process *process_find(int pid);
void process_get(struct linux_process *process);
void process_put(struct linux_process *process);
/* The live process with the smallest PID >= pid (for /proc), with a reference; or NULL. */
struct linux_process *process_next(int pid);
/* The thread with the smallest TID >= tid in the process; its core thread with a reference. */
struct thread *process_thread_next(struct linux_process *process, int tid, int *found_tid);
/* A reference to the process's space; NULL: kernel thread or gone. */
struct space *process_space(struct linux_process *process);

/* Kernel threads appear as processes too: PID 2 kthreadd and its children. */
int kthread_create(const char *name, void (*entry)(void *arg), void *arg);

/* fd.c: files by descriptor. fd_get: counted file or NULL (EBADF); O_PATH files only by
 * fd_get_path. */
struct file *fd_get(int fd);
struct file *fd_get_any(int fd);
/* The lowest free descriptor >= from gets the file (its reference is taken over when >= 0):
 * descriptor, -EMFILE, -ENOMEM. */
int fd_install(struct file *file, unsigned from, bool close_on_exec);
int fd_close(int fd);
struct fd_table *fd_table_create(void);
int fd_table_copy(struct fd_table *from, struct fd_table **out);
void fd_table_get(struct fd_table *table);
void fd_table_put(struct fd_table *table);  /* closes everything with the last reference */
void fd_table_exec(struct fd_table *table); /* closes close-on-exec descriptors */
/* For /proc: the file at the first used descriptor >= *fd of another process, counted, or NULL. */
struct file *fd_table_next(struct linux_process *process, unsigned *fd);

int fs_context_copy(struct fs_context *from, struct fs_context **out);
void fs_context_get(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);

/* Fills a walk for the current process: dirfd as in openat(2). walk_end drops what it holds. */
int walk_begin(struct walk *walk, int dirfd, const char *name);
void walk_end(struct walk *walk);
/* A path from user memory into a buffer of VFS_PATH_MAX bytes from path_buffer_alloc: 0 or errno.
 */
int path_from_user(vaddr_t addr, char **out);
void path_buffer_free(char *buf);

/* exec.c: replaces the current program. On success does not return to the old program: 0, and the
 * user registers are those of the new one. argv and envp are kernel strings, NULL-ended. */
int linux_exec_kernel(const char *path, const char *const argv[], const char *const envp[]);

/* exit.c */
_Noreturn void linux_exit_thread(int status);
/* The whole process: status in wait4's encoding. */
_Noreturn void linux_exit_group(int status);

/* D1: makes the first process and gives it its thread; called by kernel/init. root is the root. */
void linux_start_init(const struct path *root);
