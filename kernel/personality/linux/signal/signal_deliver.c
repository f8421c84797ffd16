/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way back to user mode when there is work: pending signals are taken and acted on, interrupted
 * system calls are restarted or ended, a dying or stopping process does so here. Faults of user
 * programs become signals here, too.
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/base/log.h"
#include "kernel/personality/linux/signal/signal_state.h"

/* What becomes of a call that a signal interrupted (abi/errno.h), now that a handler will run. */
static void end_interrupted_call(struct arch_regs *regs, const struct linux_action *action)
{
    if ((int64_t)arch_call_number(regs) < 0) {
        return;
    }
    switch (arch_result(regs)) {
    case -ERESTARTSYS:
        if (action->flags & SA_RESTART) {
            arch_restart_call(regs, arch_call_number(regs));
            break;
        }
        arch_set_result(regs, -EINTR);
        break;
    case -ERESTARTNOHAND:
    case -ERESTART_RESTARTBLOCK:
        arch_set_result(regs, -EINTR);
        break;
    case -ERESTARTNOINTR:
        arch_restart_call(regs, arch_call_number(regs));
        break;
    }
    arch_forget_call(regs);
}

#define NR_RESTART_SYSCALL 219

/* And when no handler runs. */
static void go_on_with_call(struct arch_regs *regs)
{
    if ((int64_t)arch_call_number(regs) < 0) {
        return;
    }
    switch (arch_result(regs)) {
    case -ERESTARTSYS:
    case -ERESTARTNOHAND:
    case -ERESTARTNOINTR:
        arch_restart_call(regs, arch_call_number(regs));
        arch_forget_call(regs);
        break;
    case -ERESTART_RESTARTBLOCK:
        arch_restart_call(regs, NR_RESTART_SYSCALL);
        arch_forget_call(regs);
        break;
    }
}

static void run_handler(struct arch_regs *regs, struct linux_thread *self,
                        const struct linux_action *action, const struct linux_siginfo *info)
{
    uint64_t saved = self->restore_blocked ? self->saved_blocked : self->blocked;
    end_interrupted_call(regs, action);
    self->restore_blocked = false;
    if (self->rseq != 0) {
        linux_rseq_signal(regs);
    }
    if (signal_frame_push(regs, action, info, saved) != 0) {
        /* No stack for the handler. When it is SIGSEGV's own, that is the end. */
        if (info->signo == SIGSEGV) {
            unsigned long flags = spin_lock_irqsave(&self->process->signal_lock);
            struct linux_handlers *handlers = self->process->handlers;
            spin_lock(&handlers->lock);
            handlers->actions[SIGSEGV - 1].handler = SIG_DFL;
            handlers_update_locked(handlers, SIGSEGV);
            spin_unlock(&handlers->lock);
            spin_unlock_irqrestore(&self->process->signal_lock, flags);
        }
        signal_force(&(struct linux_siginfo){.signo = SIGSEGV, .code = SI_KERNEL});
        return;
    }
    uint64_t mask = self->blocked | action->mask;
    if (!(action->flags & SA_NODEFER)) {
        mask |= SIGNAL_BIT(info->signo);
    }
    signal_set_blocked(mask);
}

/* REQUIRES signal_lock. What is to be done for signo; SA_RESETHAND takes effect. */
static struct linux_action take_action_locked(struct linux_process *process, int signo)
{
    struct linux_handlers *handlers = process->handlers;
    spin_lock(&handlers->lock);
    struct linux_action *place = &handlers->actions[signo - 1], action = *place;
    if ((action.flags & SA_RESETHAND) && action.handler != SIG_IGN && action.handler != SIG_DFL) {
        place->handler = SIG_DFL;
        handlers_update_locked(handlers, signo);
    }
    spin_unlock(&handlers->lock);
    return action;
}

/* The default actions of signal(7). May not return. */
static void default_action(struct linux_thread *self, const struct linux_siginfo *info)
{
    uint64_t bit = SIGNAL_BIT(info->signo);
    if (bit & SIGNALS_IGNORED_BY_DEFAULT) {
        return;
    }
    if (self->process->unkillable) {
        return;
    }
    if (bit & SIGNALS_STOP) {
        job_stop_signal(self, info->signo);
        return;
    }
    linux_exit_process(info->signo);
}

/* Takes one signal and acts on it; false: there is none. */
static bool deliver_one(struct arch_regs *regs, struct linux_thread *self)
{
    struct linux_process *process = self->process;
    struct linux_siginfo info;
    struct linux_action action;
    unsigned long flags = spin_lock_irqsave(&process->signal_lock);
    int signo = signal_take_locked(self, ~self->blocked, &info);
    if (signo == 0) {
        spin_unlock_irqrestore(&process->signal_lock, flags);
        return false;
    }
    action = take_action_locked(process, signo);
    self->stop_pending = (SIGNAL_BIT(signo) & SIGNALS_STOP) != 0;
    spin_unlock_irqrestore(&process->signal_lock, flags);
    if (action.handler == SIG_DFL) {
        default_action(self, &info);
    } else if (action.handler != SIG_IGN) {
        run_handler(regs, self, &action, &info);
    }
    return true;
}

void linux_return_to_user(struct arch_regs *regs)
{
    struct linux_thread *self = linux_current();
    struct linux_process *process = self->process;
    __atomic_fetch_and(&current->work, ~(unsigned)THREAD_WORK_SIGNAL, __ATOMIC_SEQ_CST);
    thread_clear_interrupt();
    for (;;) {
        if (signal_must_exit(self)) {
            linux_exit_thread(0);
        }
        if (__atomic_load_n(&process->stopped, __ATOMIC_RELAXED)) {
            job_stop_here(self);
            continue;
        }
        if (!deliver_one(regs, self) || !signal_is_pending(self)) {
            break;
        }
    }
    go_on_with_call(regs);
    if (self->restore_blocked) {
        self->restore_blocked = false;
        signal_set_blocked(self->saved_blocked);
    }
}

/* Signal and code for an exception; page faults are decided by what the space said. */
static void describe_fault(const struct arch_regs *regs, const struct arch_fault *fault,
                           struct linux_siginfo *info)
{
    info->code = SI_KERNEL;
    info->addr = arch_user_ip(regs);
    switch (fault->kind) {
    case ARCH_FAULT_PAGE:
        info->addr = fault->addr;
        info->signo = fault->error == -ENXIO ? SIGBUS : SIGSEGV;
        info->code = fault->error == -ENXIO    ? BUS_ADRERR
                     : fault->error == -EACCES ? SEGV_ACCERR
                                               : SEGV_MAPERR;
        break;
    case ARCH_FAULT_ILLEGAL:
        info->signo = SIGILL;
        info->code = ILL_ILLOPN;
        break;
    case ARCH_FAULT_DIVIDE:
        info->signo = SIGFPE;
        info->code = FPE_INTDIV;
        break;
    case ARCH_FAULT_FPU:
        info->signo = SIGFPE;
        info->code = fault->code;
        break;
    case ARCH_FAULT_ALIGN:
        info->signo = SIGBUS;
        info->code = BUS_ADRALN;
        info->addr = 0;
        break;
    case ARCH_FAULT_BREAKPOINT:
        info->signo = SIGTRAP;
        break;
    case ARCH_FAULT_DEBUG:
        info->signo = SIGTRAP;
        info->code = fault->code != 0 ? fault->code : TRAP_TRACE;
        break;
    case ARCH_FAULT_STACK:
    case ARCH_FAULT_SEGMENT:
        info->signo = SIGBUS;
        break;
    case ARCH_FAULT_OVERFLOW:
    case ARCH_FAULT_PROTECTION:
        info->signo = SIGSEGV;
        break;
    }
}

void linux_fault(struct arch_regs *regs, const struct arch_fault *fault)
{
    struct linux_thread *self = linux_current();
    struct linux_siginfo info = {.signo = 0};
    arch_forget_call(regs);
    if (fault->kind == ARCH_FAULT_PAGE && fault->error == -ENOMEM) {
        linux_out_of_memory();
        return;
    }
    self->fault_trap = fault->trap;
    self->fault_error = fault->error_code;
    if (fault->kind == ARCH_FAULT_PAGE) {
        self->fault_addr = fault->addr;
    }
    describe_fault(regs, fault, &info);
    uint64_t bit = SIGNAL_BIT(info.signo);
    if (info.signo != SIGTRAP &&
        ((self->process->handlers->caught & bit) == 0 || (self->blocked & bit) != 0)) {
        log_info("%s[%d]: signal %d at %#lx ip %#lx sp %#lx error %lx", current->name, self->tid,
                 info.signo, (unsigned long)info.addr, (unsigned long)arch_user_ip(regs),
                 (unsigned long)arch_user_sp(regs), fault->error_code);
    }
    signal_force(&info);
}
