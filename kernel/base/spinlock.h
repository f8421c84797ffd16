/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Spinlocks. spin_lock turns preemption off; nobody may sleep while holding one. A lock that an
 * interrupt handler also takes must be taken with spin_lock_irqsave everywhere else.
 * doc/locking.md and lock_rank.def say in which order they are taken.
 */
#include "kernel/arch/cpu.h"
#include "kernel/base/lock_check.h"
#include "kernel/base/panic.h"
#include "kernel/base/preempt.h"

struct spinlock {
    unsigned locked;
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

/* ACQUIRES lock. */
static inline void spin_lock(struct spinlock *lock)
{
    preempt_disable();
    while (__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(&lock->locked, __ATOMIC_RELAXED)) {
            arch_cpu_relax();
        }
    }
}

/* RELEASES lock. */
static inline void spin_unlock(struct spinlock *lock)
{
    __atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
    preempt_enable();
}

/* ACQUIRES lock with interrupts off; the result goes to spin_unlock_irqrestore. */
static inline unsigned long spin_lock_irqsave(struct spinlock *lock)
{
    unsigned long flags = arch_irq_save();
    spin_lock(lock);
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
