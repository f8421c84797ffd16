/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals: actions, pending sets, and sending. A signal that is sent waits in the set of a thread
 * or of the process; the threads that may take it are woken and deliver it themselves on their way
 * to user mode (signal_deliver.c). Semantics of signal(7); what is decided when a signal is sent
 * (ignored, stop and continue cancel each other, PID 1) is decided here.
 */
#include "abi/errno.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/signal/signal_state.h"
#include "lib/string.h"

static struct cache *record_cache; /* constant after signal_init */

void signal_init(void)
{
    record_cache = cache_create("signal", sizeof(struct signal_record));
}

struct linux_handlers *handlers_create(void)
{
    struct linux_handlers *handlers = kzalloc(sizeof(*handlers));
    if (handlers != NULL) {
        ref_init(&handlers->refs, 1);
        spin_init(&handlers->lock, LOCK_HANDLERS);
        handlers->ignored = SIGNALS_IGNORED_BY_DEFAULT;
    }
    return handlers;
}

struct linux_handlers *handlers_copy(struct linux_handlers *from)
{
    struct linux_handlers *handlers = kmalloc(sizeof(*handlers));
    if (handlers == NULL) {
        return NULL;
    }
    ref_init(&handlers->refs, 1);
    spin_init(&handlers->lock, LOCK_HANDLERS);
    unsigned long flags = spin_lock_irqsave(&from->lock);
    handlers->ignored = from->ignored;
    handlers->caught = from->caught;
    memcpy(handlers->actions, from->actions, sizeof(handlers->actions));
    spin_unlock_irqrestore(&from->lock, flags);
    return handlers;
}

void handlers_put(struct linux_handlers *handlers)
{
    if (ref_put(&handlers->refs)) {
        kfree(handlers);
    }
}

struct linux_action handlers_get(struct linux_handlers *handlers, int signo)
{
    unsigned long flags = spin_lock_irqsave(&handlers->lock);
    struct linux_action action = handlers->actions[signo - 1];
    spin_unlock_irqrestore(&handlers->lock, flags);
    return action;
}

void handlers_update_locked(struct linux_handlers *handlers, int signo)
{
    uint64_t bit = SIGNAL_BIT(signo), handler = handlers->actions[signo - 1].handler;
    bool ignored = handler == SIG_IGN ||
                   (handler == SIG_DFL && (bit & SIGNALS_IGNORED_BY_DEFAULT) != 0);
    bool caught = handler != SIG_IGN && handler != SIG_DFL;
    handlers->ignored = (handlers->ignored & ~bit) | (ignored ? bit : 0);
    handlers->caught = (handlers->caught & ~bit) | (caught ? bit : 0);
}

void handlers_reset(struct linux_handlers *handlers)
{
    unsigned long flags = spin_lock_irqsave(&handlers->lock);
    for (int signo = 1; signo <= SIGRTMAX; signo++) {
        struct linux_action *action = &handlers->actions[signo - 1];
        uint64_t handler = action->handler == SIG_IGN ? SIG_IGN : SIG_DFL;
        if (action->handler != handler || action->flags != 0 || action->mask != 0) {
            *action = (struct linux_action){.handler = handler};
            handlers_update_locked(handlers, signo);
        }
    }
    spin_unlock_irqrestore(&handlers->lock, flags);
}

/* Counted for the payer's user; NULL: beyond the limit, or no memory. */
static struct signal_record *make_record(const struct linux_thread *payer, bool limited)
{
    struct linux_user *user = payer->cred->user;
    unsigned count = __atomic_add_fetch(&user->signals, 1, __ATOMIC_RELAXED);
    struct signal_record *record = NULL;
    if (!limited || count <= payer->process->limits[RLIMIT_SIGPENDING].soft) {
        record = cache_alloc(record_cache);
    }
    if (record == NULL) {
        __atomic_fetch_sub(&user->signals, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    ref_get(&user->refs);
    record->user = user;
    return record;
}

static void free_record(struct signal_record *record)
{
    __atomic_fetch_sub(&record->user->signals, 1, __ATOMIC_RELAXED);
    linux_user_put(record->user);
    cache_free(record_cache, record);
}

void pending_init(struct linux_pending *pending)
{
    pending->set = 0;
    list_init(&pending->queue);
}

void pending_remove_locked(struct linux_pending *pending, uint64_t set)
{
    struct signal_record *record, *next;
    if ((pending->set & set) == 0) {
        return;
    }
    pending->set &= ~set;
    list_for_each_safe (record, next, &pending->queue, link) {
        if (SIGNAL_BIT(record->info.signo) & set) {
            list_del(&record->link);
            free_record(record);
        }
    }
}

void pending_flush(struct linux_process *process, struct linux_pending *pending)
{
    unsigned long flags = spin_lock_irqsave(&process->signal_lock);
    pending_remove_locked(pending, SIGNALS_ALL);
    spin_unlock_irqrestore(&process->signal_lock, flags);
}

static void pending_remove_all_locked(struct linux_process *process, uint64_t set)
{
    struct linux_thread *thread;
    pending_remove_locked(&process->pending, set);
    list_for_each (thread, &process->threads, link) {
        pending_remove_locked(&thread->pending, set);
    }
}

/* The lowest signal goes first, faults before all others. */
static int take_from(struct linux_process *process, struct linux_pending *pending, uint64_t set,
                     struct linux_siginfo *info)
{
    uint64_t ready = pending->set & set;
    if (ready == 0) {
        return 0;
    }
    if (ready & SIGNALS_SYNCHRONOUS) {
        ready &= SIGNALS_SYNCHRONOUS;
    }
    int signo = __builtin_ctzll(ready) + 1;
    struct signal_record *record, *found = NULL;
    bool more = false;
    list_for_each (record, &pending->queue, link) {
        if (record->info.signo == signo) {
            if (found != NULL) {
                more = true;
                break;
            }
            found = record;
        }
    }
    if (!more) {
        pending->set &= ~SIGNAL_BIT(signo);
    }
    if (found == NULL) {
        /* There was no memory for a record. */
        *info = (struct linux_siginfo){.signo = signo, .code = SI_USER};
        return signo;
    }
    *info = found->info;
    list_del(&found->link);
    free_record(found);
    if (info->code == SI_TIMER) {
        linux_timer_taken_locked(process, info);
    }
    return signo;
}

int signal_take_locked(struct linux_thread *self, uint64_t set, struct linux_siginfo *info)
{
    struct linux_process *process = self->process;
    int signo = take_from(process, &self->pending, set, info);
    return signo != 0 ? signo : take_from(process, &process->pending, set, info);
}

/* A standard signal is pending once; real-time ones queue up to the limit of the payer's user. The
 * payer is the current thread, or the tree lock keeps its credentials. */
static int add_pending_locked(const struct linux_thread *payer, struct linux_pending *pending,
                              const struct linux_siginfo *info)
{
    uint64_t bit = SIGNAL_BIT(info->signo);
    bool real_time = info->signo >= SIGRTMIN;
    if (!real_time && (pending->set & bit) != 0) {
        return 0;
    }
    /* What the kernel or kill(2) says of a standard signal is not held back by the limit. */
    bool limited = real_time || info->code < SI_USER;
    struct signal_record *record = make_record(payer, limited);
    if (record == NULL) {
        if (real_time && info->code < SI_USER) {
            return -EAGAIN;
        }
    } else {
        record->info = *info;
        list_add_tail(&pending->queue, &record->link);
    }
    __atomic_store_n(&pending->set, pending->set | bit, __ATOMIC_RELAXED);
    /* Pairs with signal_set_blocked: it sees the signal, or the sender that it is let in. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (unlikely(waitq_active(&linux_signalfd_wait))) {
        waitq_wake_all(&linux_signalfd_wait);
    }
    return 0;
}

/* Some signals act on others, or on a stopped process, when they are sent. REQUIRES signal_lock;
 * true: the parent is to hear of a continued child. */
static bool prepare_locked(struct linux_process *process, int signo)
{
    struct linux_thread *thread;
    bool was_stopped = false;
    if (SIGNAL_BIT(signo) & SIGNALS_STOP) {
        pending_remove_all_locked(process, SIGNAL_BIT(SIGCONT));
    } else if (signo == SIGCONT || signo == SIGKILL) {
        if (signo == SIGCONT) {
            pending_remove_all_locked(process, SIGNALS_STOP);
        }
        list_for_each (thread, &process->threads, link) {
            thread->stop_pending = false;
        }
        if (process->stopped) {
            was_stopped = signo == SIGCONT && process->stop_left == 0;
            process->stopped = false;
            process->stop_left = 0;
            process->continued = was_stopped;
            process->continue_reported = false;
            waitq_wake_all(&process->stop_wait);
        }
    }
    return was_stopped;
}

static uint64_t blocked_by(const struct linux_thread *thread)
{
    return __atomic_load_n(&thread->blocked, __ATOMIC_RELAXED);
}

/* Whether sending has no effect at all. A blocked signal stays pending even when it is ignored, for
 * it may be caught by the time it is let in. REQUIRES signal_lock. */
static bool ignored_locked(const struct linux_process *process, const struct linux_thread *thread,
                           int signo)
{
    uint64_t bit = SIGNAL_BIT(signo);
    const struct linux_handlers *handlers = process->handlers;
    if (handlers == NULL) {
        return true;
    }
    if ((blocked_by(thread) | __atomic_load_n(&thread->real_blocked, __ATOMIC_RELAXED)) & bit) {
        return false;
    }
    if (process->unkillable && (__atomic_load_n(&handlers->caught, __ATOMIC_RELAXED) & bit) == 0) {
        return true;
    }
    return (__atomic_load_n(&handlers->ignored, __ATOMIC_RELAXED) & bit) != 0;
}

static bool wants(const struct linux_thread *thread, int signo)
{
    return !thread->exiting && (blocked_by(thread) & SIGNAL_BIT(signo)) == 0;
}

static void wake_for_locked(struct linux_process *process, struct linux_thread *target, int signo)
{
    struct linux_thread *thread;
    if (signo == SIGKILL) {
        list_for_each (thread, &process->threads, link) {
            thread_interrupt(thread->thread, true);
        }
        return;
    }
    if (target != NULL) {
        if (wants(target, signo)) {
            thread_interrupt(target->thread, false);
        }
        return;
    }
    list_for_each (thread, &process->threads, link) {
        if (wants(thread, signo)) {
            thread_interrupt(thread->thread, false);
            return;
        }
    }
}

int signal_send_locked(struct linux_process *process, struct linux_thread *thread,
                       const struct linux_siginfo *info)
{
    int result = 0;
    if (process->state != PROCESS_ALIVE || list_empty(&process->threads)) {
        return 0;
    }
    unsigned long flags = spin_lock_irqsave(&process->signal_lock);
    bool continued = prepare_locked(process, info->signo);
    const struct linux_thread *judge =
        thread != NULL ? thread : list_first(&process->threads, struct linux_thread, link);
    if (!ignored_locked(process, judge, info->signo)) {
        struct linux_pending *pending = thread != NULL && info->signo != SIGKILL
                                            ? &thread->pending
                                            : &process->pending;
        result = add_pending_locked(thread != NULL ? thread : process->leader, pending, info);
        if (result == 0) {
            wake_for_locked(process, thread, info->signo);
        }
    }
    spin_unlock_irqrestore(&process->signal_lock, flags);
    if (continued) {
        job_notify_parent_locked(process, CLD_CONTINUED, SIGCONT);
    }
    return result;
}

/* Signals that do nothing but reach the one they are sent to. */
#define SIGNALS_SIMPLE (~(SIGNALS_STOP | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGKILL)))

bool signal_send_self(const struct linux_siginfo *info, bool to_process, int *result)
{
    struct linux_thread *self = linux_current();
    struct linux_process *process = self->process;
    /* Other threads of the process are found in the tree only. */
    if ((SIGNAL_BIT(info->signo) & SIGNALS_SIMPLE) == 0 ||
        (to_process && __atomic_load_n(&process->thread_count, __ATOMIC_RELAXED) != 1)) {
        return false;
    }
    unsigned long flags = spin_lock_irqsave(&process->signal_lock);
    *result = 0;
    if (!ignored_locked(process, self, info->signo)) {
        *result = add_pending_locked(self, to_process ? &process->pending : &self->pending, info);
        if (*result == 0) {
            wake_for_locked(process, self, info->signo);
        }
    }
    spin_unlock_irqrestore(&process->signal_lock, flags);
    return true;
}

bool signal_timer_pending_locked(const struct linux_process *process,
                                 const struct linux_thread *thread,
                                 const struct linux_siginfo *info)
{
    const struct linux_pending *pending = thread != NULL ? &thread->pending : &process->pending;
    const struct signal_record *record;
    list_for_each (record, &pending->queue, link) {
        if (record->info.code == SI_TIMER && record->info.timer_id == info->timer_id) {
            return true;
        }
    }
    return false;
}

int signal_send_process(struct linux_process *process, const struct linux_siginfo *info)
{
    unsigned long flags = process_tree_acquire();
    int result = signal_send_locked(process, NULL, info);
    process_tree_release(flags);
    return result;
}

int signal_send_thread(struct linux_thread *thread, const struct linux_siginfo *info)
{
    unsigned long flags = process_tree_acquire();
    int result = signal_send_locked(thread->process, thread, info);
    process_tree_release(flags);
    return result;
}

int signal_send_pgrp_locked(int pgrp, const struct linux_siginfo *info)
{
    struct list *group = pid_group(pgrp);
    struct linux_process *member;
    if (group == NULL || list_empty(group)) {
        return -ESRCH;
    }
    list_for_each (member, group, pgrp_link) {
        (void)signal_send_locked(member, NULL, info);
    }
    return 0;
}

int signal_send_pgrp(int pgrp, int signo)
{
    struct linux_siginfo info = {.signo = signo, .code = SI_KERNEL};
    unsigned long flags = process_tree_acquire();
    int result = signal_send_pgrp_locked(pgrp, &info);
    process_tree_release(flags);
    return result;
}

bool signal_ignored_or_blocked(int signo)
{
    const struct linux_thread *self = linux_current();
    const uint64_t *handler = &self->process->handlers->actions[signo - 1].handler;
    return (self->blocked & SIGNAL_BIT(signo)) != 0 ||
           __atomic_load_n(handler, __ATOMIC_RELAXED) == SIG_IGN;
}

void signal_force(const struct linux_siginfo *info)
{
    struct linux_thread *self = linux_current();
    struct linux_process *process = self->process;
    struct linux_handlers *handlers = process->handlers;
    uint64_t bit = SIGNAL_BIT(info->signo);
    unsigned long flags = spin_lock_irqsave(&process->signal_lock);
    spin_lock(&handlers->lock);
    struct linux_action *action = &handlers->actions[info->signo - 1];
    if (action->handler == SIG_IGN || (self->blocked & bit) != 0) {
        action->handler = SIG_DFL;
        self->blocked &= ~bit;
        handlers_update_locked(handlers, info->signo);
    }
    if (action->handler == SIG_DFL) {
        process->unkillable = false;
    }
    spin_unlock(&handlers->lock);
    (void)add_pending_locked(self, &self->pending, info);
    thread_interrupt(self->thread, false);
    spin_unlock_irqrestore(&process->signal_lock, flags);
}

bool signal_is_pending(struct linux_thread *self)
{
    struct linux_process *process = self->process;
    uint64_t set = __atomic_load_n(&self->pending.set, __ATOMIC_RELAXED) |
                   __atomic_load_n(&process->pending.set, __ATOMIC_RELAXED);
    return (set & ~self->blocked) != 0 || __atomic_load_n(&process->stopped, __ATOMIC_RELAXED) ||
           signal_must_exit(self);
}

bool signal_must_exit(const struct linux_thread *self)
{
    const struct linux_process *process = self->process;
    const struct linux_thread *exec = __atomic_load_n(&process->exec_thread, __ATOMIC_RELAXED);
    return __atomic_load_n(&process->group_exiting, __ATOMIC_RELAXED) ||
           (exec != NULL && exec != self);
}

void signal_recheck(void)
{
    if (signal_is_pending(linux_current())) {
        thread_interrupt(current, false);
    }
}

void signal_retarget_locked(struct linux_process *process, uint64_t set)
{
    struct linux_thread *thread;
    uint64_t shared = process->pending.set & set;
    if (shared == 0) {
        return;
    }
    list_for_each (thread, &process->threads, link) {
        if (!thread->exiting && (shared & ~blocked_by(thread)) != 0) {
            thread_interrupt(thread->thread, false);
        }
    }
}

void signal_set_blocked(uint64_t mask)
{
    struct linux_thread *self = linux_current();
    struct linux_process *process = self->process;
    mask &= ~SIGNALS_UNMASKED;
    uint64_t newly_blocked = mask & ~self->blocked;
    /* Before what is pending is read, see add_pending_locked. */
    __atomic_store_n(&self->blocked, mask, __ATOMIC_SEQ_CST);
    /* What others could take may have been waiting for this thread. */
    if ((__atomic_load_n(&process->pending.set, __ATOMIC_RELAXED) & newly_blocked) != 0 &&
        __atomic_load_n(&process->thread_count, __ATOMIC_RELAXED) > 1) {
        unsigned long flags = process_tree_acquire();
        spin_lock(&process->signal_lock);
        signal_retarget_locked(process, newly_blocked);
        spin_unlock(&process->signal_lock);
        process_tree_release(flags);
    }
    signal_recheck();
}

void signal_set_blocked_temporarily(uint64_t mask)
{
    struct linux_thread *self = linux_current();
    if (!self->restore_blocked) {
        self->saved_blocked = self->blocked;
        self->restore_blocked = true;
    }
    signal_set_blocked(mask);
}
