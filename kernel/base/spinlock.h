/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Spinlocks. spin_lock turns preemption off; nobody may sleep while holding one. A lock that an
 * interrupt handler also takes must be taken with spin_lock_irqsave everywhere else.
 * doc/locking.md and lock_rank.def say in which order they are taken.
 *
 * Nobody queues: whoever comes when the lock is free has it. On a virtual machine the next in a
 * queue is often a CPU that the host does not run, and all behind it would wait for the host.
 */
#include "kernel/arch/cpu.h"
#include "kernel/base/lock_check.h"
#include "kernel/base/panic.h"
#include "kernel/base/preempt.h"

struct spinlock {
    unsigned locked; /* atomic */
    struct lock_info info;
};
/* Its class is one of kernel/base/lock_rank.def: SPINLOCK_INIT(LOCK_LOG). */
#define SPINLOCK_INIT(class)                                                                       \
    {                                                                                              \
        0 * (class), LOCK_INFO_INIT(class)                                                         \
    }

static inline void spin_init(struct spinlock *lock, enum lock_class class)
{
    lock->locked = 0;
    lock_info_init(&lock->info, class);
}

/* Return with the lock, once it was found taken. The second one has interrupts on meanwhile, if
 * they were on by flags: they need not wait for the holder, too. */
void spin_wait(struct spinlock *lock);
void spin_wait_irq(struct spinlock *lock, unsigned long flags);

/* The steps of the functions below. */
static inline bool spin_try(struct spinlock *lock)
{
    return likely(__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE) == 0);
}
#define SPIN_LOCK(lock, how)                                                                       \
    do {                                                                                           \
        preempt_disable();                                                                         \
        lock_check_take(&(lock)->info, how);                                                       \
        if (!spin_try(lock)) {                                                                     \
            spin_wait(lock);                                                                       \
        }                                                                                          \
        lock_check_taken(&(lock)->info, 0);                                                        \
    } while (0)

/* ACQUIRES lock. */
static inline void spin_lock(struct spinlock *lock)
{
    SPIN_LOCK(lock, LOCK_TAKE);
}

/* The second lock of its class that the caller holds, in the order that its row says. */
static inline void spin_lock_nested(struct spinlock *lock)
{
    SPIN_LOCK(lock, LOCK_NESTED);
}

/* ACQUIRES lock when true. */
static inline bool spin_trylock(struct spinlock *lock)
{
    preempt_disable();
    if (!spin_try(lock)) {
        preempt_enable();
        return false;
    }
    lock_check_take(&lock->info, LOCK_TRY);
    lock_check_taken(&lock->info, 0);
    return true;
}

/* RELEASES lock. */
static inline void spin_unlock(struct spinlock *lock)
{
    lock_check_release(&lock->info);
    __atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
    preempt_enable();
}

/* ACQUIRES lock with interrupts off; the result goes to spin_unlock_irqrestore. */
static inline unsigned long spin_lock_irqsave(struct spinlock *lock)
{
    unsigned long flags = arch_irq_save();
    preempt_disable();
    lock_check_take(&lock->info, LOCK_TAKE);
    if (!spin_try(lock)) {
        spin_wait_irq(lock, flags);
    }
    lock_check_taken(&lock->info, 0);
    return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *lock, unsigned long flags)
{
    spin_unlock(lock);
    arch_irq_restore(flags);
}

static inline bool spin_is_locked(const struct spinlock *lock)
{
    return __atomic_load_n(&lock->locked, __ATOMIC_RELAXED) != 0;
}
