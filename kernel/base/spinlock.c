/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting for a spinlock that another CPU holds. */
#include "kernel/base/spinlock.h"

/* Between two looks at the lock: its line stays with the holder meanwhile, and the host of a
 * virtual machine learns from many PAUSEs that the CPU is better given to somebody else. */
#define PAUSES_MAX 64u

static void wait_until_free(const struct spinlock *lock)
{
    unsigned pauses = 1;
    do {
        for (unsigned i = 0; i < pauses; i++) {
            arch_cpu_relax();
        }
        pauses = pauses < PAUSES_MAX ? pauses * 2 : PAUSES_MAX;
    } while (spin_is_locked(lock));
}

void spin_wait(struct spinlock *lock)
{
    do {
        wait_until_free(lock);
    } while (!spin_try(lock));
}

void spin_wait_irq(struct spinlock *lock, unsigned long flags)
{
    do {
        arch_irq_restore(flags);
        wait_until_free(lock);
        (void)arch_irq_save();
    } while (!spin_try(lock));
}
