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
#include "kernel/personality/linux/signal/signal.h"

struct tty;

/* Descriptors. Look-ups take a reference to the file. */
struct fd_entry {
    struct file *file;  /* [table lock] to change; NULL: free */
    bool close_on_exec; /* [table lock] */
};
#define FD_TABLE_FIRST 16
struct fd_table {
    struct refcount refs;
    struct spinlock lock;
    /* Look-ups are readers (core/rcu.h); a thread that is the table's only user needs not be. */
    unsigned size;            /* [lock] to change: entries allocated; written after them */
    unsigned next;            /* [lock] no free entry below this one */
    unsigned top;             /* [lock] to change: no used entry from this one on */
    struct fd_entry *entries; /* [lock] to change; old ones are freed by rcu_call */
    struct fd_entry first[FD_TABLE_FIRST]; /* enough for most: no second allocation */
};

/* Root and working directory: immutable, so that a walk needs one reference to both. */
struct fs_paths {
    struct refcount refs;
    struct path root, cwd; /* counted */
    struct rcu_head rcu;
};

struct fs_context {
    struct refcount refs;
    struct mutex lock;
    struct fs_paths *paths; /* [lock] to change; readers take a reference */
    uint32_t umask;         /* atomic */
};

#define LINUX_RLIMITS 16
enum linux_rlimit_number {
    RLIMIT_CPU,
    RLIMIT_FSIZE,
    RLIMIT_DATA,
    RLIMIT_STACK,
    RLIMIT_CORE,
    RLIMIT_RSS,
    RLIMIT_NPROC,
    RLIMIT_NOFILE,
    RLIMIT_MEMLOCK,
    RLIMIT_AS,
    RLIMIT_LOCKS,
    RLIMIT_SIGPENDING,
    RLIMIT_MSGQUEUE,
    RLIMIT_NICE,
    RLIMIT_RTPRIO,
    RLIMIT_RTTIME,
};
#define RLIM_INFINITY (~0ull)
struct linux_rlimit {
    uint64_t soft, hard;
};

/* ITIMER_VIRTUAL and ITIMER_PROF: CPU time cannot pass faster than real time, so a timer looks
 * again when the rest of it might be over. */
struct linux_cpu_itimer {
    struct timer timer;
    struct linux_process *process;
    uint64_t deadline_ns, interval_ns; /* [signal_lock] in CPU time; deadline 0: not armed */
};

struct linux_process {
    struct refcount refs;
    int pid;                       /* constant */
    struct linux_process *parent;  /* [tree] outlives its children; PID 1 has none */
    int parent_pid;                /* [tree] atomic to read; 0: none */
    struct list children, sibling; /* [tree] */
    struct list threads;           /* [tree] struct linux_thread */
    unsigned thread_count;         /* [tree] live ones; atomic to read */
    struct linux_thread *leader;   /* [tree] whose TID is the PID */
    int pgrp, session;             /* [tree] */
    struct list pgrp_link;         /* [tree] members of the group */
    struct tty *tty;               /* [tree] controlling terminal, counted; or NULL */
    int left_pgrp;                 /* atomic: in front on the terminal that hung up, or 0 */
    bool execed;                   /* [tree] since fork: setpgid by the parent is over */
    bool is_child_subreaper;

    enum { PROCESS_ALIVE, PROCESS_ZOMBIE, PROCESS_DEAD } state; /* [tree] */
    int exit_status;                                            /* [tree] as wait4 gives it */
    int exit_signal;                  /* to the parent: SIGCHLD or as clone asked */
    struct waitq child_wait;          /* sleepers in wait4 of this process */
    struct waitq end_wait;            /* who watches it by pidfd_open */
    bool group_exiting;               /* [signal_lock] exit_group runs */
    int group_exit_status;            /* [signal_lock] */
    struct linux_thread *exec_thread; /* [signal_lock] execve runs: all others have to end */
    struct waitq exec_wait;           /* it waits here for their end */
    bool unkillable;                  /* [signal_lock] PID 1: default actions do nothing */
    bool is_kernel;                   /* constant: kernel thread */
    bool traced;                      /* strace=program: its calls are shown, and its children's */

    struct spinlock signal_lock;
    struct linux_pending pending;    /* [signal_lock] for the whole process */
    struct linux_handlers *handlers; /* counted; its content [signal_lock] */
    bool stopped;                    /* [signal_lock] job control */
    int stop_signal;                 /* [signal_lock] */
    unsigned stop_left; /* [signal_lock] threads that have yet to stop; 0: the stop is complete */
    bool stop_reported, continue_reported, continued; /* [signal_lock] for wait4 */
    struct waitq stop_wait;                           /* stopped threads sleep here */

    struct linux_rlimit limits[LINUX_RLIMITS];     /* [signal_lock] */
    struct timer real_timer;                       /* ITIMER_REAL, alarm */
    uint64_t real_timer_interval_ns;               /* [signal_lock] */
    uint64_t dead_user_ns, dead_system_ns;         /* [tree] of threads that have ended */
    uint64_t children_user_ns, children_system_ns; /* [tree] of waited-for children */
    uint64_t minor_faults, children_minor_faults;
    uint64_t dead_switches[2], children_switches[2];      /* [tree] voluntary, forced */
    uint64_t peak_resident_pages, children_peak_resident; /* [tree] */
    struct linux_cpu_itimer cpu_timers[4]; /* ITIMER_VIRTUAL, ITIMER_PROF, RLIMIT_CPU, -_RTTIME */
    struct list posix_timers;              /* [signal_lock] struct posix_timer */
    unsigned posix_timer_count;            /* [signal_lock] */
    int next_timer_id;                     /* [signal_lock] */
    uint64_t start_ns;
    int oom_score_adj;
    unsigned persona; /* personality(2) */
    int dumpable;     /* prctl(PR_SET_DUMPABLE) */
};

/* A parent in vfork, on its own stack, until the child has let go of the space. */
struct linux_vfork {
    struct waitq wq;
    bool done; /* atomic; set under [tree] */
};

struct linux_thread {
    struct thread *thread;         /* counted */
    struct linux_process *process; /* counted */
    int tid;
    struct list link; /* [tree] in process->threads */

    struct fd_table *files;    /* owner: the thread */
    struct scm_files *to_drop; /* owner: the thread: files of messages, to be let go */
    bool dropping;             /* owner: the thread */
    struct fs_context *fs;     /* owner: the thread */
    struct cred *cred;         /* owner: the thread; readers elsewhere take it under [tree] */

    /* Owner: the thread; senders read it after they have made the signal pending, and the thread
     * looks at what is pending after it has changed it. */
    uint64_t blocked;
    uint64_t saved_blocked;       /* owner: the thread */
    bool restore_blocked;         /* sigsuspend, pselect: put saved_blocked back */
    uint64_t real_blocked;        /* as `blocked`, which lets in what a sigtimedwait waits for */
    struct linux_pending pending; /* [signal_lock] */
    vaddr_t altstack_base;        /* owner: the thread */
    size_t altstack_size;
    unsigned altstack_flags;
    vaddr_t clear_child_tid;   /* owner: the thread */
    vaddr_t robust_list;       /* owner: the thread; others read it */
    struct linux_vfork *vfork; /* [tree] who waits for this thread's exec or exit, or NULL */
    vaddr_t set_child_tid;     /* owner: written by a new thread before its first instruction */

    /* Of the last fault, for the signal frame; owner: the thread. */
    unsigned fault_trap;
    unsigned long fault_error;
    vaddr_t fault_addr;

    /* How an interrupted sleep goes on: restart_syscall. */
    long (*restart)(struct linux_thread *self);
    uint64_t restart_arg[6];
    bool exiting;      /* [tree] */
    bool in_stop;      /* [signal_lock] counted out of stop_left */
    bool stop_pending; /* [signal_lock] took a stop signal; SIGCONT and SIGKILL clear it */

    struct sem_undo_list *sem_undos; /* owner: the thread: see ipc/sem.h; counted, or NULL */

    int pdeath_signal; /* owner: the thread, as are those below */
    bool no_new_privs;
    unsigned securebits;
    uint64_t timer_slack_ns;
    uint8_t store_bypass; /* prctl(PR_SET_SPECULATION_CTRL); 0: never set */
    bool too_many;        /* setuid went beyond RLIMIT_NPROC: see execve */
    bool reset_on_fork;   /* [tree] SCHED_RESET_ON_FORK; other parameters are the core thread's */
    int ioprio;           /* atomic: ioprio_set(2) */

    vaddr_t rseq; /* restartable sequences: struct rseq in user memory, or 0 */
    uint32_t rseq_signature;

    /* Futexes with an owner (futex_pi.c). */
    struct list pi_waiters; /* [pi_lock] struct futex_pi_waiter: who waits for this thread */
    struct futex_pi_waiter *pi_blocked; /* [pi_lock] what it waits for itself, or NULL */
    int pi_boost;                       /* [pi_lock] lent by them: see sched_boost */
    /* Written by the thread; to FUTEX_GONE under pi_lock. */
    enum futex_state { FUTEX_ALIVE, FUTEX_LEAVING, FUTEX_GONE } futex_state;
};

/* What belongs to an address space of a Linux program: space->personal. */
struct linux_space {
    unsigned membarriers; /* atomic: kinds that the program has registered for */
    struct mutex brk_lock;
    vaddr_t brk_start, brk; /* [brk_lock] */
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

extern struct spinlock process_tree_lock; /* also taken by interrupts: irqsave */
static inline unsigned long process_tree_acquire(void)
{
    return spin_lock_irqsave(&process_tree_lock);
}
static inline void process_tree_release(unsigned long flags)
{
    spin_unlock_irqrestore(&process_tree_lock, flags);
}

/* pid.c: the table of IDs in use, as thread, process, group or session. All REQUIRE the tree lock.
 */
#define LINUX_PID_LIMIT   (1 << 22) /* what linux_pid_max may be set to */
#define LINUX_PID_DEFAULT 32768
int pid_alloc(void);         /* a free ID with one use: > 0, -EAGAIN, -ENOMEM */
int pid_alloc_fixed(int id); /* this one: -EEXIST, -EINVAL, -ENOMEM */
void pid_use(int id);        /* one more use of an ID in use */
void pid_drop(int id);
struct linux_thread *pid_thread(int id);
struct linux_process *pid_process(int id);
/* Members of a process group, by pgrp_link; NULL: no such group. */
struct list *pid_group(int id);
void pid_set_thread(int id, struct linux_thread *thread);
void pid_set_process(int id, struct linux_process *process);
/* The process with the smallest PID >= pid, or NULL. */
struct linux_process *process_next_locked(int pid);
int pid_last(void); /* allocated most recently, for /proc/loadavg */

/* process.c */
extern struct linux_process *init_process; /* PID 1; constant once it runs */
extern unsigned process_thread_total;      /* [tree] threads of all processes, zombies too */
extern uint64_t process_forks;             /* [tree] threads ever made */
/* A process with empty lists and no threads, one reference: NULL: no memory. */
struct linux_process *process_create(void);
/* A thread struct of the process with its core thread still missing: NULL: no memory. */
struct linux_thread *linux_thread_create(struct linux_process *process);
void linux_thread_free(struct linux_thread *thread);
/* Makes both visible; tid has been allocated. REQUIRES the tree lock. */
void process_link_locked(struct linux_process *process, struct linux_process *parent);
void linux_thread_link_locked(struct linux_thread *thread, int tid);
/* The TID names the thread no more. REQUIRES the tree lock. */
void linux_thread_unlink_tid_locked(struct linux_thread *thread, int tid);
void process_set_parent_locked(struct linux_process *process, struct linux_process *parent);
/* Moves between groups; the IDs gain and lose a use. REQUIRES the tree lock. */
void process_join_group_locked(struct linux_process *process, int pgrp);
void process_set_session_locked(struct linux_process *process, int session);
/* No member of the group has a parent in another group of the session, not counting `ignored`.
 * REQUIRES the tree lock. */
bool pgrp_orphaned_locked(int pgrp, const struct linux_process *ignored);
/* CPU time of all threads, ended ones too. REQUIRES the tree lock. */
void process_cpu_time_locked(struct linux_process *process, uint64_t *user_ns, uint64_t *system_ns);
/* Creates a process of the kernel's or the first one: child of parent (or NULL). */
int process_spawn_kernel(const char *name, void (*entry)(void *arg), void *arg,
                         struct linux_process *parent, struct linux_process **out);

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

struct fs_context *fs_context_create(const struct path *root); /* NULL: no memory */
int fs_context_copy(struct fs_context *from, struct fs_context **out);
struct fs_paths *fs_paths_get(struct fs_context *fs);
void fs_paths_put(struct fs_paths *paths);
void fs_context_get(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);

/* Fills a walk for the current process: dirfd as in openat(2). walk_end drops what it holds. */
int walk_begin(struct walk *walk, int dirfd, const char *name);
void walk_end(struct walk *walk);
/* A path from user memory into a buffer of VFS_PATH_MAX bytes from path_buffer_alloc: 0 or errno.
 */
int path_from_user(vaddr_t addr, char **out);
void path_buffer_free(char *buf);

/* cred.c */
extern struct cred linux_root_cred; /* immutable: all rights */
void linux_cred_get(struct cred *cred);
void linux_cred_put(struct cred *cred);
bool linux_capable(unsigned capability);
/* ptrace(2), "Ptrace access mode checking", for reading with real IDs. REQUIRES the tree lock. */
bool linux_may_inspect_locked(const struct linux_thread *other);
/* The credentials after execve of this file; secure: AT_SECURE. */
int linux_exec_cred(const struct path *path, struct cred **out, bool *secure);

/* mm_calls.c: the name of a file in regions; a file's owner; the file of an owner (not counted). */
struct region_owner *file_region_owner(struct file *file);
struct file *region_owner_file(struct region_owner *owner);
/* May the process map so many bytes more (RLIMIT_AS)? */
bool linux_may_expand(size_t size);
/* A copy for a forked space; the release hook of space->personal. */
int linux_space_create(struct space *space);
int linux_space_copy(struct space *from, struct space *to);
/* The file whose program a new space will run: held, and not to be written to (exec_open did that).
 */
void linux_space_set_exe(struct space *space, struct file *file);
static inline struct linux_space *linux_space_of(struct space *space)
{
    return space->personal;
}

/* futex.c: FUTEX_WAKE, not private. */
int linux_futex_wake(vaddr_t addr, int count);
/* robust.c: the thread ends, or its memory does: what it owns is given to those who wait for it. */
void linux_futex_exit(struct linux_thread *self, enum futex_state after);
/* futex_pi.c: the words with an owner among them. */
void linux_futex_leave(struct linux_thread *self, enum futex_state after);

/* prctl.c: as PR_GET_SPECULATION_CTRL answers; -ENODEV. And what a new program is rid of. */
int linux_speculation(const struct linux_thread *thread, unsigned long which);
void linux_speculation_exec(struct linux_thread *self);

/* exec.c: replaces the current program. On success does not return to the old program: 0, and the
 * user registers are those of the new one. argv and envp are kernel strings, NULL-ended. */
int linux_exec_kernel(const char *path, const char *const argv[], const char *const envp[]);

/* rseq.c: the thread was preempted or is on another CPU; a signal handler is about to run: an abort
 * of the sequence that it is in, if any. */
void linux_rseq_moved(struct arch_regs *regs);
void linux_rseq_signal(struct arch_regs *regs);

/* Wakes a parent that waits in vfork for this thread. */
void linux_vfork_release(struct linux_thread *self);

/* itimer.c: before a new process is seen; when it ends, no lock held. */
void linux_itimers_setup(struct linux_process *process);
void linux_itimers_cancel(struct linux_process *process);
/* posix_timer.c: deletes all; the process ends or has a new program. No lock held. */
void linux_timers_delete(struct linux_process *process);
/* After a limit of CPU time (RLIMIT_CPU, RLIMIT_RTTIME) was set, or inherited. */
void linux_cpu_limit_changed(struct linux_process *process, int resource);

/* exit.c */
/* The current thread will not touch its space any more (exit, exec): who waits for that is told. */
void linux_memory_done(struct linux_thread *self, enum futex_state after);
/* Takes a zombie out of all tables; the caller puts the reference. REQUIRES
 * the tree lock. */
void process_reap_locked(struct linux_process *process);
/* Tells the parent of a zombie; true: nobody wants it, it is to be reaped. REQUIRES the tree lock.
 */
bool process_notify_exit_locked(struct linux_process *process);
/* The user process with most resident pages is sent SIGKILL, with a message. */
void linux_out_of_memory(void);
_Noreturn void linux_exit_thread(int status);
/* The whole process: status in wait4's encoding. */
_Noreturn void linux_exit_process(int status);

/* dispatch.c: the personality that core threads point to. */
extern const struct personality linux_personality_ops;
void linux_dispatch_init(void); /* strace= */
/* How often each unknown call was asked for; the last one counts all numbers beyond the table. */
#define LINUX_CALL_MAX 512
extern unsigned long linux_unknown_calls[LINUX_CALL_MAX + 1];
