/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The inside of signals, for the files that send, deliver and change them: actions, records of
 * pending signals, stop and continue, and what a machine provides to run a handler.
 */
#include "kernel/base/spinlock.h"
#include "kernel/personality/linux/process/process.h"

struct arch_regs;

/* The kernel's struct sigaction on machines with a restorer, as rt_sigaction moves it. */
struct linux_action {
    uint64_t handler;
    uint64_t flags;
    uint64_t restorer;
    uint64_t mask;
};
static_assert(sizeof(struct linux_action) == 32, "rt_sigaction's ABI");

#define SIG_DFL 0ull
#define SIG_IGN 1ull
enum {
    SA_NOCLDSTOP = 0x1,
    SA_NOCLDWAIT = 0x2,
    SA_SIGINFO = 0x4,
    SA_UNSUPPORTED = 0x400,
    SA_EXPOSE_TAGBITS = 0x800,
    SA_RESTORER = 0x04000000,
    SA_ONSTACK = 0x08000000,
    SA_RESTART = 0x10000000,
    SA_NODEFER = 0x40000000,
};
#define SA_RESETHAND 0x80000000ull
#define SA_KNOWN                                                                                   \
    (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER |             \
     SA_RESETHAND | SA_RESTORER | SA_EXPOSE_TAGBITS)

struct linux_handlers {
    struct refcount refs;
    struct spinlock lock;                  /* inside signal_lock, interrupts off */
    uint64_t ignored;                      /* [lock] explicitly or by default */
    uint64_t caught;                       /* [lock] with a handler */
    struct linux_action actions[SIGRTMAX]; /* [lock] of signal n at n - 1 */
};

#define SIGNALS_ALL      (~0ull)
#define SIGNALS_UNMASKED (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define SIGNALS_STOP                                                                               \
    (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define SIGNALS_IGNORED_BY_DEFAULT                                                                 \
    (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH))
#define SIGNALS_SYNCHRONOUS                                                                        \
    (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) |         \
     SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSYS))

struct signal_record {
    struct list link;
    struct linux_user *user; /* counted: whose RLIMIT_SIGPENDING it is */
    struct linux_siginfo info;
};

/* signal.c */
void signal_init(void);
struct linux_handlers *handlers_create(void); /* all default; NULL: no memory */
struct linux_handlers *handlers_copy(struct linux_handlers *from);
void handlers_put(struct linux_handlers *handlers);
/* exec: caught signals get their default action back. */
void handlers_reset(struct linux_handlers *handlers);
/* Recomputes the sets after an action changed. REQUIRES handlers->lock. */
void handlers_update_locked(struct linux_handlers *handlers, int signo);
void pending_init(struct linux_pending *pending);
void pending_flush(struct linux_process *process, struct linux_pending *pending);
/* Forgets pending signals of the set. REQUIRES signal_lock. */
void pending_remove_locked(struct linux_pending *pending, uint64_t set);
/* The next signal of the set, the thread's own first: its number and info, or 0. REQUIRES
 * signal_lock. */
int signal_take_locked(struct linux_thread *self, uint64_t set, struct linux_siginfo *info);
/* As the public ones with the tree lock held; thread NULL: to the process. */
int signal_send_locked(struct linux_process *process, struct linux_thread *thread,
                       const struct linux_siginfo *info);
/* Whether a timer's signal is pending where it was sent to. REQUIRES signal_lock. */
bool signal_timer_pending_locked(const struct linux_process *process,
                                 const struct linux_thread *thread,
                                 const struct linux_siginfo *info);
/* posix_timer.c: such a signal is taken; fills in how often the timer ran out meanwhile. REQUIRES
 * signal_lock. */
void linux_timer_taken_locked(struct linux_process *process, struct linux_siginfo *info);
int signal_send_pgrp_locked(int pgrp, const struct linux_siginfo *info);
/* To the current thread, or its process when it has no other, without the tree lock: false: not a
 * signal that can be sent so. No lock held. */
bool signal_send_self(const struct linux_siginfo *info, bool to_process, int *result);
/* Wakes who can take signals of the set that are pending for the process. REQUIRES the tree lock
 * and signal_lock. */
void signal_retarget_locked(struct linux_process *process, uint64_t set);
/* Its process ends, or another thread of it execs. */
bool signal_must_exit(const struct linux_thread *self);
/* One action as it is now. */
struct linux_action handlers_get(struct linux_handlers *handlers, int signo);
/* Sets the mask of the current thread (never SIGKILL, SIGSTOP) and looks for what it lets in. */
void signal_set_blocked(uint64_t mask);
/* For sigsuspend and its like: the mask until the call is over. */
void signal_set_blocked_temporarily(uint64_t mask);
/* Something deliverable is pending for the thread. */
bool signal_is_pending(struct linux_thread *self);
/* Makes the current thread look at its signals before the next user instruction. */
void signal_recheck(void);
/* signalfd.c: everybody who waits for signals as files. */
extern struct waitq linux_signalfd_wait;

/* signal_info.c: siginfo_t of the ABI, 128 bytes. */
#define LINUX_SIGINFO_SIZE 128
void siginfo_encode(const struct linux_siginfo *info, unsigned char out[LINUX_SIGINFO_SIZE]);
void siginfo_decode(const unsigned char in[LINUX_SIGINFO_SIZE], struct linux_siginfo *info);
int siginfo_put_user(vaddr_t addr, const struct linux_siginfo *info);

/* signal_deliver.c: the personality's return_to_user and fault. */
void linux_return_to_user(struct arch_regs *regs);
void linux_fault(struct arch_regs *regs, const struct arch_fault *fault);

/* job.c: stop and continue. All REQUIRE the tree lock; not signal_lock. */
enum { CHILD_STOPPED = CLD_STOPPED, CHILD_CONTINUED = CLD_CONTINUED };
void job_notify_parent_locked(struct linux_process *process, int code, int signo);
/* The current thread stops if its process is to stop; returns when it goes on. No lock held. */
void job_stop_here(struct linux_thread *self);
/* Starts a stop of the current process with the default action of signo. No lock held. */
void job_stop_signal(struct linux_thread *self, int signo);
/* A thread that will never stop any more (it ends) is counted out. REQUIRES signal_lock; true: the
 * stop is complete by that, tell the parent. */
bool job_thread_gone_locked(struct linux_thread *thread);

/* Provided by the machine's folder. */
/* Pushes a frame for the handler and points the registers at it: 0, or -EFAULT when the stack
 * cannot take it. blocked is the mask that sigreturn will restore. */
int signal_frame_push(struct arch_regs *regs, const struct linux_action *action,
                      const struct linux_siginfo *info, uint64_t blocked);
/* sigreturn: takes registers, mask, stack and FPU state from the frame: 0 or -EFAULT. */
int signal_frame_pop(struct arch_regs *regs);

/* struct sigaltstack and its rules, shared with the machine's frame code. */
struct linux_stack {
    uint64_t sp;
    int32_t flags;
    int32_t pad;
    uint64_t size;
};
enum { SS_ONSTACK = 1, SS_DISABLE = 2 };
#define SS_AUTODISARM (1u << 31)
#define SS_FLAG_BITS  SS_AUTODISARM
void altstack_get(const struct linux_thread *self, struct linux_stack *out);
int altstack_set(struct linux_thread *self, const struct linux_stack *stack, vaddr_t sp);
static inline bool altstack_contains(const struct linux_thread *self, vaddr_t sp)
{
    return sp > self->altstack_base && sp - self->altstack_base <= self->altstack_size;
}
