/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork(2), vfork(2), clone(2), clone3(2): all are one operation with other flags. Everything that
 * can fail is made first; then the new thread is linked into the tree, and nothing fails any more.
 */
#include "kernel/arch/user.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/ipc/sem.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/process/limits.h"
#include "kernel/personality/linux/process/pidfd.h"
#include "kernel/personality/linux/signal/signal_state.h"
#include "kernel/personality/linux/tty/tty.h"
#include "lib/string.h"

enum clone_flag {
    CLONE_NEWTIME = 0x80,
    CLONE_VM = 0x100,
    CLONE_FS = 0x200,
    CLONE_FILES = 0x400,
    CLONE_SIGHAND = 0x800,
    CLONE_PIDFD = 0x1000,
    CLONE_PTRACE = 0x2000,
    CLONE_VFORK = 0x4000,
    CLONE_PARENT = 0x8000,
    CLONE_THREAD = 0x10000,
    CLONE_NEWNS = 0x20000,
    CLONE_SYSVSEM = 0x40000,
    CLONE_SETTLS = 0x80000,
    CLONE_PARENT_SETTID = 0x100000,
    CLONE_CHILD_CLEARTID = 0x200000,
    CLONE_DETACHED = 0x400000,
    CLONE_UNTRACED = 0x800000,
    CLONE_CHILD_SETTID = 0x1000000,
    CLONE_NEWCGROUP = 0x2000000,
    CLONE_NEWUTS = 0x4000000,
    CLONE_NEWIPC = 0x8000000,
    CLONE_NEWUSER = 0x10000000,
    CLONE_NEWPID = 0x20000000,
    CLONE_NEWNET = 0x40000000,
};
#define CLONE_IO            0x80000000ull
#define CLONE_CLEAR_SIGHAND 0x100000000ull
#define CLONE_LEGACY        0xffffffffull
#define CSIGNAL             0xffull
#define CLONE_NAMESPACES                                                                           \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET | CLONE_NEWTIME)

/* What is asked for: clone3's struct clone_args in our words. */
struct clone_request {
    uint64_t flags; /* without the signal */
    int exit_signal;
    vaddr_t stack; /* top; 0: the parent's */
    vaddr_t tls;
    vaddr_t parent_tid, child_tid;
    vaddr_t pidfd; /* where CLONE_PIDFD puts the descriptor */
    int fixed_tid; /* 0: any */
};

/* The rules of clone(2), "ERRORS". */
static int check_request(const struct clone_request *request)
{
    uint64_t flags = request->flags;
    if (((flags & CLONE_NEWNS) && (flags & CLONE_FS)) ||
        ((flags & CLONE_NEWUSER) && (flags & CLONE_FS)) ||
        ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND)) ||
        ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM)) ||
        ((flags & CLONE_PARENT) && current_process() == init_process) ||
        ((flags & CLONE_THREAD) && (flags & (CLONE_NEWUSER | CLONE_NEWPID)))) {
        return -EINVAL;
    }
    if (flags & CLONE_NAMESPACES) {
        /* There is one namespace of each kind. */
        return linux_capable(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    }
    return (flags & CLONE_PIDFD) && (flags & (CLONE_THREAD | CLONE_DETACHED)) ? -EINVAL : 0;
}

/* A descriptor for the child, and its number where the program wants it. */
static long give_pidfd(struct linux_process *process, vaddr_t addr)
{
    long fd = pidfd_create(process, 0);
    int number = (int)fd;
    if (fd >= 0 && put_user(number, addr) != 0) {
        fd_close(number);
        return -EFAULT;
    }
    return fd;
}

/* REQUIRES the tree lock. */
static bool too_many_locked(const struct linux_process *process)
{
    const struct cred *cred = linux_current()->cred;
    return process_thread_total >= sysctl_read(&linux_threads_max) ||
           (__atomic_load_n(&cred->user->threads, __ATOMIC_RELAXED) >=
                process->limits[RLIMIT_NPROC].soft &&
            cred->uid != 0 && !linux_capable(CAP_SYS_RESOURCE) && !linux_capable(CAP_SYS_ADMIN));
}

static int copy_space(struct linux_thread *child, uint64_t flags)
{
    struct space *space = current->space;
    if (flags & CLONE_VM) {
        space_get(space);
        child->thread->space = space;
        return 0;
    }
    struct space *copy;
    int result = space_fork(space, &copy);
    if (result == 0) {
        result = linux_space_copy(space, copy);
        if (result != 0) {
            space_put(copy);
            return result;
        }
        child->thread->space = copy;
    }
    return result;
}

static int copy_files(struct linux_thread *self, struct linux_thread *child, uint64_t flags)
{
    int result;
    if (flags & CLONE_FILES) {
        fd_table_get(self->files);
        child->files = self->files;
    } else {
        result = fd_table_copy(self->files, &child->files);
        if (result != 0) {
            child->files = NULL;
            return result;
        }
    }
    if (flags & CLONE_FS) {
        fs_context_get(self->fs);
        child->fs = self->fs;
    } else {
        result = fs_context_copy(self->fs, &child->fs);
        if (result != 0) {
            child->fs = NULL;
            return result;
        }
    }
    return 0;
}

static int copy_handlers(struct linux_process *process, struct linux_process *child, uint64_t flags)
{
    if (flags & CLONE_SIGHAND) {
        ref_get(&process->handlers->refs);
        child->handlers = process->handlers;
        return 0;
    }
    child->handlers = handlers_copy(process->handlers);
    if (child->handlers == NULL) {
        return -ENOMEM;
    }
    if (flags & CLONE_CLEAR_SIGHAND) {
        handlers_reset(child->handlers);
    }
    return 0;
}

/* A new process with what it inherits but for the tree's part. */
static int copy_process(struct linux_process *parent, const struct clone_request *request,
                        struct linux_process **out)
{
    struct linux_process *process = process_create();
    if (process == NULL) {
        return -ENOMEM;
    }
    int result = copy_handlers(parent, process, request->flags);
    if (result != 0) {
        process_put(process);
        return result;
    }
    unsigned long flags = spin_lock_irqsave(&parent->signal_lock);
    memcpy(process->limits, parent->limits, sizeof(process->limits));
    spin_unlock_irqrestore(&parent->signal_lock, flags);
    process->exit_signal = request->flags & CLONE_PARENT ? parent->exit_signal
                                                         : request->exit_signal;
    process->persona = parent->persona;
    process->dumpable = parent->dumpable;
    process->traced = parent->traced;
    process->oom_score_adj = parent->oom_score_adj;
    linux_itimers_setup(process);
    if (process->limits[RLIMIT_CPU].soft != RLIM_INFINITY) {
        linux_cpu_limit_changed(process, RLIMIT_CPU);
    }
    if (process->limits[RLIMIT_RTTIME].soft != RLIM_INFINITY) {
        linux_cpu_limit_changed(process, RLIMIT_RTTIME);
    }
    *out = process;
    return 0;
}

/* The first thing a new thread does, on its own stack. */
static void child_begin(void *arg)
{
    struct linux_thread *self = arg;
    if (self->set_child_tid != 0) {
        (void)put_user(self->tid, self->set_child_tid);
    }
    thread_enter_user();
}

static void inherit_thread(struct linux_thread *self, struct linux_thread *child,
                           const struct clone_request *request)
{
    child->cred = self->cred;
    linux_cred_get(child->cred);
    child->blocked = self->blocked;
    if (!(request->flags & CLONE_VM) || (request->flags & CLONE_VFORK)) {
        child->altstack_base = self->altstack_base;
        child->altstack_size = self->altstack_size;
        child->altstack_flags = self->altstack_flags;
    }
    child->no_new_privs = self->no_new_privs;
    child->securebits = self->securebits;
    child->ioprio = self->ioprio;
    child->store_bypass = self->store_bypass;
    child->timer_slack_ns = self->timer_slack_ns;
    child->fault_trap = self->fault_trap;
    child->fault_error = self->fault_error;
    child->fault_addr = self->fault_addr;
    if (!(request->flags & CLONE_VM)) {
        child->rseq = self->rseq;
        child->rseq_signature = self->rseq_signature;
    }
    if (request->flags & CLONE_CHILD_SETTID) {
        child->set_child_tid = request->child_tid;
    }
    if (request->flags & CLONE_CHILD_CLEARTID) {
        child->clear_child_tid = request->child_tid;
    }
}

/* SCHED_RESET_ON_FORK: a child has no better place than anybody's (sched(7)). */
static void reset_scheduling(struct thread *child)
{
    struct sched_params params;
    sched_get_params(child, &params);
    bool real_time = params.policy == SCHED_FIFO || params.policy == SCHED_RR;
    if (real_time || params.nice < 0) {
        params = (struct sched_params){.policy = real_time ? SCHED_OTHER : params.policy};
        sched_set_params(child, &params);
    }
}

/* Undoes what create_thread made; the struct itself, too. */
static void destroy_thread(struct linux_thread *child)
{
    struct linux_process *process = child->process;
    linux_sem_exit(child);
    if (child->files != NULL) {
        fd_table_put(child->files);
    }
    if (child->fs != NULL) {
        fs_context_put(child->fs);
    }
    if (child->thread != NULL) {
        struct space *space = child->thread->space;
        child->thread->space = NULL;
        thread_discard(child->thread);
        child->thread = NULL;
        if (space != NULL) {
            space_put(space);
        }
    }
    linux_thread_free(child);
    process_put(process);
}

/* A thread of `process` that will go on where the caller is, with everything but its ID. */
static int create_thread(struct linux_process *process, const struct clone_request *request,
                         struct linux_thread **out)
{
    struct linux_thread *self = linux_current();
    struct linux_thread *child = linux_thread_create(process);
    if (child == NULL) {
        return -ENOMEM;
    }
    inherit_thread(self, child, request);
    int result = thread_create(current->name, child_begin, child, &child->thread);
    if (result == 0) {
        child->thread->personality = &linux_personality_ops;
        child->thread->personal = child;
        child->thread->work |= child->rseq != 0 ? THREAD_WORK_MOVED : 0u;
        if (unlikely(self->reset_on_fork)) {
            reset_scheduling(child->thread);
        }
        result = arch_thread_fork(child->thread);
    }
    if (result == 0) {
        result = copy_space(child, request->flags);
    }
    if (result == 0) {
        result = linux_sem_clone(child, (request->flags & CLONE_SYSVSEM) != 0);
    }
    if (result == 0) {
        result = copy_files(self, child, request->flags);
    }
    if (result != 0) {
        destroy_thread(child);
        return result;
    }
    struct arch_regs *regs = thread_user_regs(child->thread);
    arch_set_result(regs, 0);
    arch_forget_call(regs);
    if (request->stack != 0) {
        arch_set_user_sp(regs, request->stack);
    }
    if (request->flags & CLONE_SETTLS) {
        arch_set_user_tls(child->thread, request->tls);
    }
    *out = child;
    return 0;
}

/* A new process takes its place in tree, group and session. REQUIRES the tree lock. */
static void link_process_locked(struct linux_process *self, struct linux_process *process, int pid,
                                uint64_t flags)
{
    process->pid = pid;
    process_link_locked(process, flags & CLONE_PARENT ? self->parent : self);
    process_join_group_locked(process, self->pgrp);
    process_set_session_locked(process, self->session);
    process->tty = self->tty;
    if (process->tty != NULL) {
        tty_get(process->tty);
    }
}

/* Makes the child visible: its TID, or an error with nothing changed. */
static int publish(struct linux_thread *child, const struct clone_request *request,
                   struct linux_vfork *vfork)
{
    struct linux_process *self = current_process(), *process = child->process;
    unsigned long flags = process_tree_acquire();
    int tid = -EAGAIN;
    if (signal_is_pending(linux_current())) {
        /* The signal goes first: a child made now would miss it. */
        tid = -ERESTARTNOINTR;
    } else if (!too_many_locked(self)) {
        tid = request->fixed_tid != 0 ? pid_alloc_fixed(request->fixed_tid) : pid_alloc();
    }
    if (tid > 0) {
        if (process != self) {
            link_process_locked(self, process, tid, request->flags);
        }
        linux_thread_link_locked(child, tid);
        if (request->flags & CLONE_VFORK) {
            child->vfork = vfork;
        }
    }
    process_tree_release(flags);
    return tid;
}

/* Until the child has let go of the space; a fatal signal ends the wait, the child goes on. */
static void wait_for_vfork(struct linux_thread *child, struct linux_vfork *vfork)
{
    int result = wait_event_mode(&vfork->wq, __atomic_load_n(&vfork->done, __ATOMIC_ACQUIRE),
                                 WAIT_KILLABLE, WAIT_FOREVER);
    unsigned long flags = process_tree_acquire();
    if (result != 0 && !vfork->done) {
        child->vfork = NULL;
    }
    process_tree_release(flags);
}

void linux_vfork_release(struct linux_thread *self)
{
    if (self->vfork == NULL) {
        return;
    }
    unsigned long flags = process_tree_acquire();
    struct linux_vfork *vfork = self->vfork;
    if (vfork != NULL) {
        self->vfork = NULL;
        __atomic_store_n(&vfork->done, true, __ATOMIC_RELEASE);
        waitq_wake_all(&vfork->wq);
    }
    process_tree_release(flags);
}

static long do_clone(const struct clone_request *request)
{
    struct linux_process *process = current_process();
    struct linux_thread *child;
    struct linux_vfork vfork = {.done = false};
    int result = check_request(request);
    if (result != 0) {
        return result;
    }
    if (request->flags & CLONE_THREAD) {
        process_get(process);
    } else {
        result = copy_process(process, request, &process);
        if (result != 0) {
            return result;
        }
    }
    result = create_thread(process, request, &child);
    if (result != 0) {
        process_put(process);
        return result;
    }
    waitq_init(&vfork.wq);
    long pidfd = request->flags & CLONE_PIDFD ? give_pidfd(process, request->pidfd) : 0;
    int tid = pidfd < 0 ? (int)pidfd : publish(child, request, &vfork);
    if (tid < 0) {
        if (pidfd > 0) {
            fd_close((int)pidfd);
        }
        destroy_thread(child);
        process_put(process);
        return tid;
    }
    if (request->flags & CLONE_PARENT_SETTID) {
        (void)put_user(tid, request->parent_tid);
    }
    thread_start(child->thread);
    if (request->flags & CLONE_VFORK) {
        wait_for_vfork(child, &vfork);
    }
    if (request->flags & CLONE_THREAD) {
        process_put(process);
    }
    return tid;
}

LINUX_CALL0(fork)
{
    return do_clone(&(struct clone_request){.exit_signal = SIGCHLD});
}

LINUX_CALL0(vfork)
{
    return do_clone(
        &(struct clone_request){.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD});
}

/* The order of the last two arguments differs between machines; this is x86_64's. */
LINUX_CALL5(clone, uint64_t, flags, vaddr_t, stack, vaddr_t, parent_tid, vaddr_t, child_tid,
            vaddr_t, tls)
{
    if ((flags & CLONE_PIDFD) && (flags & CLONE_PARENT_SETTID)) {
        return -EINVAL; /* one place for two numbers */
    }
    return do_clone(&(struct clone_request){
        .pidfd = parent_tid,
        .flags = flags & CLONE_LEGACY & ~CSIGNAL,
        .exit_signal = (int)(flags & CSIGNAL),
        .stack = stack,
        .tls = tls,
        .parent_tid = parent_tid,
        .child_tid = child_tid,
    });
}

/* struct clone_args of uapi linux/sched.h, version 2 (88 bytes). */
struct clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size, cgroup;
};
static_assert(sizeof(struct clone_args) == 88, "ABI");
#define CLONE_ARGS_MIN 64

static int check_args(const struct clone_args *args)
{
    uint64_t known = (CLONE_LEGACY | CLONE_CLEAR_SIGHAND) &
                     ~(CLONE_DETACHED | (CSIGNAL & ~(uint64_t)CLONE_NEWTIME));
    if ((args->flags & ~known) != 0 || args->exit_signal > CSIGNAL ||
        args->exit_signal > SIGRTMAX) {
        return -EINVAL;
    }
    if ((args->flags & CLONE_SIGHAND) && (args->flags & CLONE_CLEAR_SIGHAND)) {
        return -EINVAL;
    }
    if ((args->flags & (CLONE_THREAD | CLONE_PARENT)) && args->exit_signal != 0) {
        return -EINVAL;
    }
    if ((args->stack == 0) != (args->stack_size == 0) ||
        args->stack + args->stack_size < args->stack ||
        args->stack + args->stack_size > LAYOUT_USER_END) {
        return -EINVAL;
    }
    return args->set_tid_size > 1 || (args->set_tid == 0) != (args->set_tid_size == 0) ? -EINVAL
                                                                                       : 0;
}

LINUX_CALL2(clone3, vaddr_t, addr, size_t, size)
{
    struct clone_args args;
    int fixed_tid = 0;
    int result = size < CLONE_ARGS_MIN ? -EINVAL
                                       : linux_copy_struct(&args, sizeof(args), addr, size);
    if (result == 0) {
        result = check_args(&args);
    }
    if (result != 0) {
        return result;
    }
    if (args.set_tid_size != 0) {
        if (get_user(fixed_tid, args.set_tid) != 0) {
            return -EFAULT;
        }
        if (fixed_tid <= 0 || fixed_tid >= sysctl_read(&linux_pid_max)) {
            return -EINVAL;
        }
        if (!linux_capable(CAP_SYS_ADMIN)) {
            return -EPERM;
        }
    }
    return do_clone(&(struct clone_request){
        .flags = args.flags,
        .pidfd = args.pidfd,
        .exit_signal = (int)args.exit_signal,
        .stack = args.stack + args.stack_size,
        .tls = args.tls,
        .parent_tid = args.parent_tid,
        .child_tid = args.child_tid,
        .fixed_tid = fixed_tid,
    });
}
