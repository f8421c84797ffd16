/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread does with its own signals: rt_sigaction(2), rt_sigprocmask(2), sigaltstack(2),
 * rt_sigreturn(2), and the calls that wait: pause(2), rt_sigsuspend(2), rt_sigtimedwait(2).
 */
#include "kernel/arch/user.h"
#include "kernel/core/timer.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/signal/signal_state.h"

#define SIGSET_SIZE 8

/* Signals that became ignored are forgotten where they are pending. */
static __attribute__((noinline)) void forget_ignored(struct linux_process *process, int signo)
{
    struct linux_thread *thread;
    unsigned long flags = process_tree_acquire();
    spin_lock(&process->signal_lock);
    pending_remove_locked(&process->pending, SIGNAL_BIT(signo));
    list_for_each (thread, &process->threads, link) {
        pending_remove_locked(&thread->pending, SIGNAL_BIT(signo));
    }
    spin_unlock(&process->signal_lock);
    process_tree_release(flags);
}

/* Both in one step; either may be NULL. True: the signal has become one that is ignored. */
static bool swap_action(struct linux_handlers *handlers, int signo, struct linux_action *new,
                        struct linux_action *old)
{
    bool ignored = false;
    unsigned long flags = spin_lock_irqsave(&handlers->lock);
    struct linux_action *place = &handlers->actions[signo - 1];
    uint64_t old_handler = place->handler;
    if (old != NULL) {
        *old = *place;
    }
    if (new != NULL) {
        place->handler = new->handler;
        place->flags = new->flags &SA_KNOWN;
        place->restorer = new->restorer;
        place->mask = new->mask & ~SIGNALS_UNMASKED;
        if (old_handler != new->handler) {
            handlers_update_locked(handlers, signo);
            ignored = (handlers->ignored & SIGNAL_BIT(signo)) != 0;
        }
    }
    spin_unlock_irqrestore(&handlers->lock, flags);
    return ignored;
}

LINUX_CALL4(rt_sigaction, int, signo, vaddr_t, new_addr, vaddr_t, old_addr, size_t, size)
{
    struct linux_process *process = current_process();
    struct linux_action action, old;
    if (size != SIGSET_SIZE) {
        return -EINVAL;
    }
    if (new_addr != 0 && get_user(action, new_addr) != 0) {
        return -EFAULT;
    }
    if (signo < 1 || signo > SIGRTMAX ||
        (new_addr != 0 && (SIGNAL_BIT(signo) & SIGNALS_UNMASKED) != 0)) {
        return -EINVAL;
    }
    if (swap_action(process->handlers, signo, new_addr != 0 ? &action : NULL,
                    old_addr != 0 ? &old : NULL)) {
        forget_ignored(process, signo);
    }
    return old_addr != 0 ? put_user(old, old_addr) : 0;
}

LINUX_CALL4(rt_sigprocmask, int, how, vaddr_t, new_addr, vaddr_t, old_addr, size_t, size)
{
    uint64_t old = linux_current()->blocked, set;
    if (size != SIGSET_SIZE) {
        return -EINVAL;
    }
    if (new_addr != 0) {
        if (get_user(set, new_addr) != 0) {
            return -EFAULT;
        }
        switch (how) {
        case 0: /* SIG_BLOCK */
            set |= old;
            break;
        case 1: /* SIG_UNBLOCK */
            set = old & ~set;
            break;
        case 2: /* SIG_SETMASK */
            break;
        default:
            return -EINVAL;
        }
        if (((set ^ old) & ~SIGNALS_UNMASKED) != 0) {
            signal_set_blocked(set);
        }
    }
    return old_addr != 0 ? put_user(old, old_addr) : 0;
}

LINUX_CALL2(rt_sigpending, vaddr_t, addr, size_t, size)
{
    const struct linux_thread *self = linux_current();
    if (size > SIGSET_SIZE) {
        return -EINVAL;
    }
    uint64_t set = (__atomic_load_n(&self->pending.set, __ATOMIC_RELAXED) |
                    __atomic_load_n(&self->process->pending.set, __ATOMIC_RELAXED)) &
                   self->blocked;
    return copy_to_user(addr, &set, size);
}

/* A bad frame is the program's end, unless it can handle SIGSEGV without one. */
long linux_rt_sigreturn(struct arch_regs *regs)
{
    if (signal_frame_pop(regs) != 0) {
        arch_forget_call(regs);
        signal_force(&(struct linux_siginfo){.signo = SIGSEGV, .code = SI_KERNEL});
    }
    return arch_result(regs);
}

static void sleep_until_signal(void)
{
    struct waitq nobody;
    waitq_init(&nobody);
    for (;;) {
        (void)wait_event_intr(&nobody, false);
        if (signal_is_pending(linux_current())) {
            return;
        }
        thread_clear_interrupt();
        signal_recheck();
    }
}

LINUX_CALL0(pause)
{
    sleep_until_signal();
    return -ERESTARTNOHAND;
}

LINUX_CALL2(rt_sigsuspend, vaddr_t, addr, size_t, size)
{
    uint64_t mask;
    if (size != SIGSET_SIZE) {
        return -EINVAL;
    }
    if (get_user(mask, addr) != 0) {
        return -EFAULT;
    }
    signal_set_blocked_temporarily(mask);
    sleep_until_signal();
    return -ERESTARTNOHAND;
}

static int take_signal(struct linux_thread *self, uint64_t set, struct linux_siginfo *info)
{
    unsigned long flags = spin_lock_irqsave(&self->process->signal_lock);
    int signo = signal_take_locked(self, set, info);
    spin_unlock_irqrestore(&self->process->signal_lock, flags);
    return signo;
}

/* Sleeps with the set let in, so that senders wake this thread, but takes nothing. */
static int wait_for_set(struct linux_thread *self, uint64_t set, uint64_t deadline)
{
    struct waitq nobody;
    waitq_init(&nobody);
    /* In this order: a sender sees the signal blocked by one or the other. */
    __atomic_store_n(&self->real_blocked, self->blocked, __ATOMIC_SEQ_CST);
    __atomic_store_n(&self->blocked, self->blocked & ~set, __ATOMIC_SEQ_CST);
    int result = 0;
    while (!signal_is_pending(self) && result != -ETIMEDOUT) {
        thread_clear_interrupt();
        if (signal_is_pending(self)) {
            break;
        }
        result = wait_event_mode(&nobody, false, WAIT_INTERRUPTIBLE, deadline);
    }
    __atomic_store_n(&self->blocked, self->real_blocked, __ATOMIC_SEQ_CST);
    __atomic_store_n(&self->real_blocked, 0, __ATOMIC_SEQ_CST);
    return result;
}

LINUX_CALL4(rt_sigtimedwait, vaddr_t, set_addr, vaddr_t, info_addr, vaddr_t, timeout_addr, size_t,
            size)
{
    struct linux_thread *self = linux_current();
    struct linux_siginfo info;
    uint64_t set, deadline = WAIT_FOREVER;
    if (size != SIGSET_SIZE) {
        return -EINVAL;
    }
    if (get_user(set, set_addr) != 0) {
        return -EFAULT;
    }
    set &= ~SIGNALS_UNMASKED;
    if (timeout_addr != 0) {
        struct {
            int64_t sec, nsec;
        } timeout;
        if (get_user(timeout, timeout_addr) != 0) {
            return -EFAULT;
        }
        if (timeout.sec < 0 || timeout.nsec < 0 || timeout.nsec >= (int64_t)NSEC_PER_SEC) {
            return -EINVAL;
        }
        deadline = clock_monotonic_ns();
        if ((uint64_t)timeout.sec < (WAIT_FOREVER - deadline) / NSEC_PER_SEC - 1) {
            deadline += (uint64_t)timeout.sec * NSEC_PER_SEC + (uint64_t)timeout.nsec;
        } else {
            deadline = WAIT_FOREVER;
        }
    }
    int waited = 0;
    int signo = take_signal(self, set, &info);
    if (signo == 0 && deadline > clock_monotonic_ns()) {
        waited = wait_for_set(self, set, deadline);
        signo = take_signal(self, set, &info);
        signal_recheck();
    }
    if (signo == 0) {
        return deadline != WAIT_FOREVER && (waited == -ETIMEDOUT || waited == 0) &&
                       !signal_is_pending(self)
                   ? -EAGAIN
                   : -EINTR;
    }
    if (info_addr != 0 && siginfo_put_user(info_addr, &info) != 0) {
        return -EFAULT;
    }
    return signo;
}

void altstack_get(const struct linux_thread *self, struct linux_stack *out)
{
    *out = (struct linux_stack){.sp = self->altstack_base,
                                .flags = (int32_t)self->altstack_flags,
                                .size = self->altstack_size};
}

#define ALTSTACK_MIN 2048 /* MINSIGSTKSZ */

int altstack_set(struct linux_thread *self, const struct linux_stack *stack, vaddr_t sp)
{
    unsigned mode = (unsigned)stack->flags & ~SS_FLAG_BITS;
    if (!(self->altstack_flags & SS_AUTODISARM) && altstack_contains(self, sp)) {
        return -EPERM;
    }
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0) {
        return -EINVAL;
    }
    if (mode == SS_DISABLE) {
        self->altstack_base = 0;
        self->altstack_size = 0;
    } else {
        if (stack->size < ALTSTACK_MIN) {
            return -ENOMEM;
        }
        self->altstack_base = stack->sp;
        self->altstack_size = stack->size;
    }
    self->altstack_flags = (unsigned)stack->flags;
    return 0;
}

long linux_sigaltstack(struct arch_regs *regs)
{
    struct linux_thread *self = linux_current();
    vaddr_t new_addr = arch_arg0(regs), old_addr = arch_arg1(regs), sp = arch_user_sp(regs);
    struct linux_stack stack, old;
    if (new_addr != 0 && get_user(stack, new_addr) != 0) {
        return -EFAULT;
    }
    altstack_get(self, &old);
    unsigned state = self->altstack_size == 0 ? (unsigned)SS_DISABLE
                     : altstack_contains(self, sp) && !(self->altstack_flags & SS_AUTODISARM)
                         ? (unsigned)SS_ONSTACK
                         : 0;
    old.flags = (int32_t)(state | (self->altstack_flags & SS_FLAG_BITS));
    if (new_addr != 0) {
        int result = altstack_set(self, &stack, sp);
        if (result != 0) {
            return result;
        }
    }
    return old_addr != 0 ? put_user(old, old_addr) : 0;
}
