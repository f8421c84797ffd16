/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Futex words that have an owner, whose TID is in the word: FUTEX_LOCK_PI and its like. The word is
 * given from owner to owner by the kernel, to the waiter of the highest priority, and an owner has
 * at least the priority of those who wait for it (priority inheritance). Source: futex(2),
 * "Priority-inheritance futexes".
 *
 * While somebody waits, the kernel knows the owner, too: each waiter points to it, and it has a
 * list of them. pi_lock guards these pointers and lists of all threads, so that chains of owners
 * that wait themselves can be followed; only contended locks come here.
 */
#include "kernel/arch/user.h"
#include "kernel/core/sched.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/futex.h"

#define CHAIN_MAX           1024 /* owners in a chain; beyond, it counts as a deadlock, as on Linux */
#define SCHED_REAL_TIME_END 99

static struct spinlock pi_lock = SPINLOCK_INIT(LOCK_PI);
static struct waitq owner_gone = WAITQ_INIT(owner_gone); /* who found an owner in FUTEX_LEAVING */

/* --- priorities ------------------------------------------------------------------------------ */

/* What a thread lends to those it waits for: its real-time priority, its own or one lent to it. All
 * others are equal. */
static int priority_of(const struct linux_thread *thread)
{
    int priority = sched_priority(thread->thread);
    return priority < SCHED_REAL_TIME_END ? priority : SCHED_NO_BOOST;
}

/* Recomputes what is lent to a thread, and on along the chain of owners. REQUIRES pi_lock. */
static void inherit_locked(struct linux_thread *thread)
{
    for (int depth = 0; thread != NULL && depth < CHAIN_MAX; depth++) {
        const struct futex_pi_waiter *waiter;
        int priority = SCHED_NO_BOOST;
        list_for_each (waiter, &thread->pi_waiters, owner_link) {
            priority = MIN(priority, priority_of(waiter->self));
        }
        if (priority == thread->pi_boost) {
            return;
        }
        thread->pi_boost = priority;
        sched_boost(thread->thread, priority);
        thread = thread->pi_blocked != NULL ? thread->pi_blocked->owner : NULL;
    }
}

/* --- owners ---------------------------------------------------------------------------------- */

/* Would `self` wait for itself by waiting for the owner? REQUIRES pi_lock. */
static bool is_deadlock_locked(const struct linux_thread *self, const struct linux_thread *owner)
{
    for (int depth = 0; owner != NULL; depth++) {
        if (owner == self || depth == CHAIN_MAX) {
            return true;
        }
        owner = owner->pi_blocked != NULL ? owner->pi_blocked->owner : NULL;
    }
    return false;
}

/* The waiter waits for this owner from now on: 0; -ETIMEDOUT: it does not want to; -EDEADLK;
 * -ESRCH: the owner has let go of everything. REQUIRES the bucket's lock. */
static int set_owner_locked(struct futex_pi_waiter *waiter, struct linux_thread *owner)
{
    int result = 0;
    unsigned long flags = spin_lock_irqsave(&pi_lock);
    if (owner->futex_state == FUTEX_GONE) {
        result = -ESRCH;
    } else if (waiter->only_try) {
        result = -ETIMEDOUT;
    } else if (is_deadlock_locked(waiter->self, owner)) {
        result = -EDEADLK;
    } else {
        waiter->owner = owner;
        waiter->self->pi_blocked = waiter;
        list_add_tail(&owner->pi_waiters, &waiter->owner_link);
        inherit_locked(owner);
    }
    spin_unlock_irqrestore(&pi_lock, flags);
    return result;
}

/* It waits for nobody any more. REQUIRES pi_lock. */
static void clear_owner_locked(struct futex_pi_waiter *waiter)
{
    if (waiter->owner != NULL) {
        list_del(&waiter->owner_link);
        waiter->owner = NULL;
        waiter->self->pi_blocked = NULL;
    }
}

/* The thread with this TID as the waiter's owner: -ESRCH: there is none; -EPERM: a kernel thread;
 * -EBUSY: it is about to let go of all it owns; -EDEADLK. REQUIRES the bucket's lock. */
static int set_owner_by_tid_locked(struct futex_pi_waiter *waiter, uint32_t tid)
{
    int result;
    unsigned long flags = process_tree_acquire();
    struct linux_thread *owner = pid_thread((int)tid);
    if (owner == NULL) {
        result = -ESRCH;
    } else if (owner->process->is_kernel) {
        result = -EPERM;
    } else if (__atomic_load_n(&owner->futex_state, __ATOMIC_RELAXED) == FUTEX_LEAVING) {
        result = -EBUSY;
    } else {
        result = set_owner_locked(waiter, owner);
    }
    process_tree_release(flags);
    return result;
}

/* Anybody who sleeps for the key: REQUIRES the bucket's lock. */
static struct futex_waiter *first_waiter_locked(struct futex_bucket *bucket,
                                                const struct futex_key *key)
{
    struct futex_waiter *waiter;
    if (bucket->waiters.next == NULL) {
        return NULL;
    }
    list_for_each (waiter, &bucket->waiters, link) {
        if (futex_same_key(&waiter->key, key)) {
            return waiter;
        }
    }
    return NULL;
}

/* Who owns a word that this one waits for, or was left. REQUIRES the bucket's lock. */
static struct linux_thread *owner_by_waiter(const struct futex_pi_waiter *waiter)
{
    return waiter->grant == FUTEX_BEQUEATHED ? waiter->self : waiter->owner;
}

/* --- the word -------------------------------------------------------------------------------- */

/* Changes the word from one value to another: -EAGAIN: it has a third one. Preemption off: -EFAULT
 * when its page is not there, or not to be written to, see fault_in. */
static int change_word(vaddr_t addr, uint32_t from, uint32_t to)
{
    uint32_t old;
    int result = user_cmpxchg_u32(addr, from, to, &old);
    return result != 0 ? result : old == from ? 0 : -EAGAIN;
}

/* Makes the word's page writable; the word stays as it is. */
static int fault_in(vaddr_t addr)
{
    uint32_t old;
    return user_cmpxchg_u32(addr, 0, 0, &old);
}

int futex_take_word_locked(struct futex_bucket *bucket, struct futex_pi_waiter *waiter,
                           vaddr_t addr, uint32_t mark)
{
    uint32_t value, tid = (uint32_t)waiter->self->tid;
    if (user_load_u32(addr, &value) != 0) {
        return -EFAULT;
    }
    if ((value & FUTEX_TID_MASK) == tid) {
        return -EDEADLK;
    }
    struct futex_waiter *other = first_waiter_locked(bucket, &waiter->target);
    if (other != NULL && other->kind != FUTEX_PI) {
        return -EINVAL;
    }
    if (other == NULL && (value & FUTEX_TID_MASK) == 0) {
        return change_word(addr, value, (value & FUTEX_OWNER_DIED) | tid | mark);
    }
    /* Whoever unlocks it has to come to the kernel. */
    int result = (value & FUTEX_WAITERS) ? 0 : change_word(addr, value, value | FUTEX_WAITERS);
    if (result != 0) {
        return result;
    }
    if (other == NULL) {
        result = set_owner_by_tid_locked(waiter, value & FUTEX_TID_MASK);
        uint32_t now;
        /* Nobody has this TID, or an owner has just unlocked it and gone. */
        if (result == -ESRCH && user_load_u32(addr, &now) == 0 && now != (value | FUTEX_WAITERS)) {
            result = -EAGAIN;
        }
    } else {
        struct linux_thread *owner = owner_by_waiter(futex_pi_waiter_of(other));
        bool left = futex_pi_waiter_of(other)->grant == FUTEX_BEQUEATHED ||
                    (value & FUTEX_OWNER_DIED) != 0;
        /* User space may write what it likes there. */
        result = (value & FUTEX_TID_MASK) != (uint32_t)owner->tid && !left
                     ? -EINVAL
                     : set_owner_locked(waiter, owner);
    }
    return result == 0 ? 1 : result;
}

static bool is_leaving(uint32_t tid)
{
    unsigned long flags = process_tree_acquire();
    const struct linux_thread *thread = pid_thread((int)tid);
    bool leaving = thread != NULL &&
                   __atomic_load_n(&thread->futex_state, __ATOMIC_ACQUIRE) == FUTEX_LEAVING;
    process_tree_release(flags);
    return leaving;
}

int futex_mend(int error, vaddr_t addr)
{
    uint32_t value;
    switch (error) {
    case -EAGAIN:
        return 0;
    case -EFAULT:
        return fault_in(addr);
    case -EBUSY:
        if (user_load_u32(addr, &value) != 0) {
            return -EFAULT;
        }
        return wait_event_mode(&owner_gone, !is_leaving(value & FUTEX_TID_MASK), WAIT_KILLABLE,
                               WAIT_FOREVER);
    default:
        return error;
    }
}

/* --- giving the word away -------------------------------------------------------------------- */

/* Whose turn it is: the highest priority, the first among equals. REQUIRES the bucket's lock. */
static struct futex_pi_waiter *next_owner_locked(struct futex_bucket *bucket,
                                                 const struct futex_key *key)
{
    struct futex_waiter *waiter;
    struct futex_pi_waiter *best = NULL;
    unsigned long flags = spin_lock_irqsave(&pi_lock);
    list_for_each (waiter, &bucket->waiters, link) {
        if (futex_same_key(&waiter->key, key) && waiter->kind == FUTEX_PI &&
            (best == NULL ||
             priority_of(futex_pi_waiter_of(waiter)->self) < priority_of(best->self))) {
            best = futex_pi_waiter_of(waiter);
        }
    }
    spin_unlock_irqrestore(&pi_lock, flags);
    return best;
}

/* All others wait for `heir` from now on. REQUIRES the bucket's lock. */
static void make_owner_locked(struct futex_bucket *bucket, struct futex_pi_waiter *heir)
{
    struct futex_waiter *waiter;
    unsigned long flags = spin_lock_irqsave(&pi_lock);
    struct linux_thread *old = heir->owner;
    clear_owner_locked(heir);
    list_for_each (waiter, &bucket->waiters, link) {
        if (futex_same_key(&waiter->key, &heir->base.key) && waiter != &heir->base) {
            struct futex_pi_waiter *other = futex_pi_waiter_of(waiter);
            clear_owner_locked(other);
            other->owner = heir->self;
            other->self->pi_blocked = other;
            list_add_tail(&heir->self->pi_waiters, &other->owner_link);
        }
    }
    if (old != NULL) {
        inherit_locked(old);
    }
    inherit_locked(heir->self);
    spin_unlock_irqrestore(&pi_lock, flags);
}

void futex_grant_locked(struct futex_pi_waiter *waiter)
{
    waiter->grant = FUTEX_OWNED;
    futex_wake_waiter_locked(&waiter->base);
}

/* The owner ends, or the heir could not say that it is the owner: the next one is to do that. Its
 * thread is held by the bucket's lock, which is REQUIRED. */
static void bequeath_locked(struct futex_bucket *bucket, const struct futex_key *key)
{
    struct futex_pi_waiter *heir = next_owner_locked(bucket, key);
    if (heir != NULL) {
        make_owner_locked(bucket, heir);
        heir->grant = FUTEX_BEQUEATHED;
        sched_wake(heir->base.thread, WAIT_UNINTERRUPTIBLE);
    }
}

void linux_futex_leave(struct linux_thread *self, enum futex_state after)
{
    for (;;) {
        unsigned long flags = spin_lock_irqsave(&pi_lock);
        if (list_empty(&self->pi_waiters)) {
            __atomic_store_n(&self->futex_state, after, __ATOMIC_RELEASE);
            spin_unlock_irqrestore(&pi_lock, flags);
            break;
        }
        struct futex_pi_waiter *waiter = list_first(&self->pi_waiters, struct futex_pi_waiter,
                                                    owner_link);
        struct futex_key key = waiter->target;
        spin_unlock_irqrestore(&pi_lock, flags);
        struct futex_bucket *bucket = futex_bucket(&key);
        spin_lock(&bucket->lock);
        struct futex_waiter *first = first_waiter_locked(bucket, &key);
        if (first != NULL && first->kind == FUTEX_PI && futex_pi_waiter_of(first)->owner == self) {
            bequeath_locked(bucket, &key);
        }
        spin_unlock(&bucket->lock);
    }
    waitq_wake_all(&owner_gone);
}

/* An heir writes its TID into the word, and that it has it from one who died. */
static int claim(struct futex_pi_waiter *waiter)
{
    uint32_t value, mine = (uint32_t)waiter->self->tid | FUTEX_WAITERS | FUTEX_OWNER_DIED;
    int result;
    do {
        result = user_load_u32(waiter->addr, &value);
        if (result == 0) {
            result = change_word(waiter->addr, value, mine);
        }
    } while (result == -EAGAIN);
    struct futex_bucket *bucket = futex_lock_bucket(&waiter->base);
    list_del(&waiter->base.link);
    waiter->base.bucket = NULL;
    if (result != 0) {
        bequeath_locked(bucket, &waiter->target);
    }
    spin_unlock(&bucket->lock);
    return result;
}

/* --- waiting --------------------------------------------------------------------------------- */

/* Gives up waiting, unless it has been made the owner in the meantime. */
static enum futex_grant stop_waiting(struct futex_pi_waiter *waiter, enum futex_kind *kind)
{
    struct futex_bucket *bucket = futex_lock_bucket(&waiter->base);
    if (bucket == NULL) {
        return FUTEX_OWNED;
    }
    enum futex_grant grant = waiter->grant;
    *kind = waiter->base.kind;
    if (grant == FUTEX_WAITING) {
        unsigned long flags = spin_lock_irqsave(&pi_lock);
        struct linux_thread *owner = waiter->owner;
        clear_owner_locked(waiter);
        if (owner != NULL) {
            inherit_locked(owner);
        }
        spin_unlock_irqrestore(&pi_lock, flags);
        list_del(&waiter->base.link);
        waiter->base.bucket = NULL;
    }
    spin_unlock(&bucket->lock);
    return grant;
}

int futex_sleep_for_word(struct futex_pi_waiter *waiter, uint64_t deadline, enum futex_kind *kind)
{
    int slept = 0;
    for (;;) {
        wait_prepare(WAIT_INTERRUPTIBLE);
        if (__atomic_load_n(&waiter->grant, __ATOMIC_ACQUIRE) != FUTEX_WAITING || slept != 0) {
            wait_cancel();
            break;
        }
        slept = wait_sleep(deadline);
    }
    switch (stop_waiting(waiter, kind)) {
    case FUTEX_OWNED:
        return 0;
    case FUTEX_BEQUEATHED:
        return claim(waiter);
    default:
        return slept;
    }
}

struct futex_pi_waiter futex_pi_waiter(vaddr_t addr, enum futex_kind kind)
{
    return (struct futex_pi_waiter){
        .base = {.thread = current, .bitset = FUTEX_BITSET_ALL, .kind = kind},
        .self = linux_current(),
        .addr = addr,
    };
}

long futex_lock_pi(vaddr_t addr, unsigned access, uint64_t deadline, bool only_try)
{
    struct futex_pi_waiter waiter = futex_pi_waiter(addr, FUTEX_PI);
    enum futex_kind kind;
    int result = futex_key_get(addr, access | FUTEX_WRITE, &waiter.target, &waiter.base.held);
    if (result != 0) {
        return result;
    }
    waiter.base.key = waiter.target;
    waiter.only_try = only_try;
    struct futex_bucket *bucket = futex_bucket(&waiter.target);
    do {
        spin_lock(&bucket->lock);
        result = futex_take_word_locked(bucket, &waiter, addr, 0);
        if (result == 1) {
            futex_enqueue_locked(bucket, &waiter.base);
        }
        spin_unlock(&bucket->lock);
    } while (result < 0 && (result = futex_mend(result, addr)) == 0);
    if (result == 1) {
        result = futex_sleep_for_word(&waiter, deadline, &kind);
    }
    if (result == -EINTR) {
        result = -ERESTARTNOINTR;
    } else if (result == -ETIMEDOUT && only_try) {
        result = -EAGAIN;
    }
    futex_key_put(waiter.base.held);
    return result;
}

/* One attempt: -EAGAIN, -EFAULT: as futex_take_word_locked. REQUIRES the bucket's lock. */
static int unlock_word_locked(struct futex_bucket *bucket, const struct futex_key *key,
                              vaddr_t addr)
{
    struct linux_thread *self = linux_current();
    uint32_t value;
    if (user_load_u32(addr, &value) != 0) {
        return -EFAULT;
    }
    if ((value & FUTEX_TID_MASK) != (uint32_t)self->tid) {
        return -EPERM;
    }
    struct futex_waiter *other = first_waiter_locked(bucket, key);
    if (other == NULL) {
        return change_word(addr, value, 0);
    }
    if (other->kind != FUTEX_PI || owner_by_waiter(futex_pi_waiter_of(other)) != self) {
        return -EINVAL;
    }
    struct futex_pi_waiter *next = next_owner_locked(bucket, key);
    int result = change_word(addr, value, (uint32_t)next->self->tid | FUTEX_WAITERS);
    if (result == 0) {
        make_owner_locked(bucket, next);
        futex_grant_locked(next);
    }
    return result;
}

long futex_unlock_pi(vaddr_t addr, unsigned access)
{
    struct futex_key key;
    struct vmo *held;
    uint32_t value;
    if (get_user(value, addr) != 0) {
        return -EFAULT;
    }
    if ((value & FUTEX_TID_MASK) != (uint32_t)linux_current()->tid) {
        return -EPERM;
    }
    int result = futex_key_get(addr, access | FUTEX_WRITE, &key, &held);
    if (result != 0) {
        return result;
    }
    struct futex_bucket *bucket = futex_bucket(&key);
    for (;;) {
        spin_lock(&bucket->lock);
        result = unlock_word_locked(bucket, &key, addr);
        spin_unlock(&bucket->lock);
        if (result == -EFAULT) {
            result = fault_in(addr);
            if (result != 0) {
                break;
            }
        } else if (result != -EAGAIN) {
            break;
        }
    }
    futex_key_put(held);
    return result;
}
