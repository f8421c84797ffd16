/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Threads: what the scheduler runs. A thread belongs to at most one space (none: kernel thread) and
 * to at most one personality, whose per-thread data hangs on `personal`.
 * References: the creator's, and one of its own while it lives. Its stack goes when it has stopped
 * running for the last time; the struct goes with the last reference.
 */
#include "kernel/arch/thread.h"
#include "kernel/base/refcount.h"
#include "kernel/core/wait.h"
#include "lib/cpumask.h"
#include "lib/tree.h"

struct space;
struct personality;

/* How a thread competes for CPUs, as sched(7). */
enum sched_policy { SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE = 5 };
struct sched_params {
    enum sched_policy policy;
    int nice;        /* -20 to 19: of OTHER and BATCH */
    int rt_priority; /* 1 to 99: of FIFO and RR */
};

enum thread_state {
    THREAD_NEW,      /* not started */
    THREAD_RUNNABLE, /* running or in a run queue */
    THREAD_SLEEPING, /* in wait_sleep; how it may be woken: wait_mode */
    THREAD_DEAD,     /* has called thread_exit */
};

/* Reasons to go through the personality before the next user instruction, see thread->work. */
enum thread_work {
    THREAD_WORK_RESCHED = 1, /* give up the CPU: handled by core */
    THREAD_WORK_SIGNAL = 2,  /* the personality's return_to_user has something to do */
    THREAD_WORK_MOVED = 4,   /* user code was preempted, or is on another CPU: `moved` is called */
};

/* What the scheduler keeps for a thread. [run queue lock of the thread's CPU] unless noted. */
struct sched_entity {
    RB_ENTRY(thread) link; /* while it waits in a queue */
    uint64_t key;          /* its place there, see sched_queue.c */
    uint64_t vruntime;     /* ns of CPU time, scaled by its weight */
    uint64_t factor;       /* vruntime of a ns, 32 fraction bits */
    uint64_t queued_at;    /* cycle counter when it began to wait */
    uint64_t wait_cycles;  /* that it has waited in all */
    uint64_t turns;        /* how often it was given a CPU */
    uint64_t started_ns;   /* when this turn began */
    uint64_t burst_ns;     /* how long it runs until it sleeps, on average */
    uint64_t slice_end_ns; /* of SCHED_RR: CPU time at which its turn is over */
    uint64_t slept_ns;     /* its CPU time when it last went to sleep; atomic to read */
    unsigned weight;
    int priority; /* in effect: 0 to 98 real time, 100 to 139 by nice, 140 SCHED_IDLE */
    int boost;    /* a priority lent to it, or SCHED_NO_BOOST */
    bool queued;  /* in the queue of its CPU */
    bool to_head; /* goes before others of its priority when it is queued next */
    struct sched_params params;
    struct cpumask cpus; /* where it may run */
};

struct thread {
    /* First, and in this order: the port relies on it (kernel/arch/thread.h). */
    struct arch_thread arch; /* owner: the scheduler while switching */
    unsigned work;           /* atomic: enum thread_work bits */

    struct refcount refs;
    enum thread_state state;  /* atomic; set to SLEEPING by itself, back under [run queue lock] */
    enum wait_mode wait_mode; /* owner: the thread, before it sets the state */
    bool interrupted; /* atomic: ends interruptible sleeps; the personality sets and clears */
    bool killed;      /* atomic: ends killable sleeps too; never cleared */
    bool on_cpu;      /* atomic: its stack is in use */
    unsigned cpu;     /* [run queue lock] where it runs, waits or ran last; atomic to read */
    struct sched_entity sched;
    void *kstack;        /* lowest address */
    struct space *space; /* atomic; owner: the thread itself */

    const struct personality *personality; /* constant after thread_start */
    void *personal;                        /* the personality's; so is its locking */

    uint64_t user_ns, system_ns; /* [run queue lock]; see thread_cpu_ns */
    uint64_t switched_at;        /* [run queue lock] clock at the last change of account */
    uint64_t start_ns;           /* clock_monotonic_ns at creation */
    unsigned long switches_voluntary, switches_forced; /* owner: the thread */
    char name[16];         /* owner: the thread; readers may see a half-changed name */
    struct lock_held held; /* debug build: its mutexes */
};

/*
 * What a kind of user program is to the kernel: the only way calls go up from core. All members are
 * called on the thread concerned, in a context that may sleep, interrupts on.
 */
struct personality {
    const char *name;
    /* A system call; the result goes into regs. */
    void (*syscall)(struct arch_regs *regs);
    /* An exception in user mode that core could not resolve itself. */
    void (*fault)(struct arch_regs *regs, const struct arch_fault *fault);
    /* THREAD_WORK_SIGNAL was set: deliver signals, stop, exit. Called again until it is clear. */
    void (*return_to_user)(struct arch_regs *regs);
    /* THREAD_WORK_MOVED was set, and has been cleared. */
    void (*moved)(struct arch_regs *regs);
    /* There is no memory for a page that the kernel copies to or from: ends the program that uses
     * most. */
    void (*out_of_memory)(void);
};

/* Before the first thread_create. */
void thread_init(void);

/*
 * A thread that will run entry(arg) on a stack of its own, not yet started: -ENOMEM. The caller
 * gets a reference. entry may return (thread_exit follows) or enter user mode with
 * thread_enter_user.
 */
int thread_create(const char *name, void (*entry)(void *arg), void *arg, struct thread **out);
/* Makes a new thread runnable. */
void thread_start(struct thread *thread);
/* Undoes thread_create for one never started. */
void thread_discard(struct thread *thread);
void thread_get(struct thread *thread);
void thread_put(struct thread *thread);

/* Ends the current thread. The personality has already let go of everything of its own. */
_Noreturn void thread_exit(void);

/* The user registers of a thread that is inside the kernel (the top of its stack). */
static inline struct arch_regs *thread_user_regs(struct thread *thread)
{
    return arch_thread_regs(thread);
}

/* Leaves the kernel with thread_user_regs(current); for first entries. Interrupts on. */
_Noreturn void thread_enter_user(void);

/* Another thread's space, to be looked at by who knows that it is not let go of meanwhile: who
 * changes spaces takes a lock of the personality's before he drops the old one. */
static inline struct space *thread_space(const struct thread *thread)
{
    return __atomic_load_n(&thread->space, __ATOMIC_RELAXED);
}

/* Changes the current thread's space (exec, exit); takes over the caller's reference to new_space
 * and returns the reference to the old one. NULL: the kernel's. */
struct space *thread_switch_space(struct space *new_space);

/* Sets work bits and makes the thread see them soon, wherever it is. Any context. */
void thread_set_work(struct thread *thread, unsigned bits);

/*
 * Ends an interruptible (or with kill, also a killable) sleep with -EINTR and makes later such
 * sleeps fail at once until thread_clear_interrupt. Sets THREAD_WORK_SIGNAL. Any context.
 */
void thread_interrupt(struct thread *thread, bool kill);
void thread_clear_interrupt(void);
static inline bool thread_interrupted(void)
{
    return __atomic_load_n(&arch_current()->interrupted, __ATOMIC_RELAXED);
}

/* Whether it sleeps by now: one that has only prepared to may still find that it need not. */
static inline bool thread_is_asleep(const struct thread *thread)
{
    return __atomic_load_n(&thread->state, __ATOMIC_ACQUIRE) == THREAD_SLEEPING &&
           !__atomic_load_n(&thread->on_cpu, __ATOMIC_ACQUIRE);
}

#define current arch_current()
