/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Breaks each rule of kernel/debug/lock_check.c once, with locks of its own. Runs on one thread
 * before the first program.
 */
#include "kernel/debug/lock_self_test.h"
#include "kernel/base/log.h"
#include "kernel/base/spinlock.h"
#include "kernel/core/thread.h"

static const struct thread *tester; /* atomic: who breaks rules; NULL: nobody */
static unsigned noticed;            /* owner: tester */

static struct spinlock outer = SPINLOCK_INIT(LOCK_TTY), inner = SPINLOCK_INIT(LOCK_PORT),
                       plain = SPINLOCK_INIT(LOCK_VFS), no_class;
/* Of one class, the second higher in memory. */
static struct spinlock buckets[2] = {SPINLOCK_INIT(LOCK_FUTEX), SPINLOCK_INIT(LOCK_FUTEX)};
static struct mutex first = MUTEX_INIT(first, LOCK_FS_CONTEXT),
                    second = MUTEX_INIT(second, LOCK_SPACE);

bool lock_self_test_expects(void)
{
    if (current == NULL || __atomic_load_n(&tester, __ATOMIC_RELAXED) != current) {
        return false;
    }
    noticed++;
    return true;
}

static void both(struct spinlock *a, struct spinlock *b)
{
    unsigned long flags = spin_lock_irqsave(a);
    spin_lock(b);
    spin_unlock(b);
    spin_unlock_irqrestore(a, flags);
}

static void in_order(void)
{
    both(&outer, &inner);
    both(&plain, &outer);
    spin_lock(&buckets[0]);
    spin_lock_nested(&buckets[1]);
    spin_unlock(&buckets[0]);
    spin_unlock(&buckets[1]);
    mutex_lock(&first);
    mutex_lock(&second);
    mutex_unlock(&first);
    mutex_unlock(&second);
}

static void wrong_way_round(void)
{
    both(&inner, &outer);
}

static void plain_under_irq(void)
{
    both(&outer, &plain);
}

static void two_of_a_class(void)
{
    both(&buckets[0], &buckets[1]);
}

static void against_address(void)
{
    spin_lock(&buckets[1]);
    spin_lock_nested(&buckets[0]);
    spin_unlock(&buckets[0]);
    spin_unlock(&buckets[1]);
}

static void taken_again(void)
{
    unsigned long flags = spin_lock_irqsave(&outer);
    lock_check_take(&outer.info, LOCK_TAKE); /* the real thing would wait for ever */
    spin_unlock_irqrestore(&outer, flags);
}

static void interrupts_on(void)
{
    spin_lock(&outer);
    spin_unlock(&outer);
}

static void plain_in_interrupt(void)
{
    unsigned long flags = arch_irq_save();
    lock_check_irq_enter();
    spin_lock(&plain);
    spin_unlock(&plain);
    lock_check_irq_exit();
    arch_irq_restore(flags);
}

static void without_class(void)
{
    lock_check_take(&no_class.info, LOCK_TAKE);
}

static void released_twice(void)
{
    unsigned long flags = spin_lock_irqsave(&outer);
    lock_check_release(&outer.info);
    spin_unlock_irqrestore(&outer, flags);
}

static void mutexes_wrong(void)
{
    mutex_lock(&second);
    mutex_lock(&first);
    mutex_unlock(&first);
    mutex_unlock(&second);
}

static void sleep_with_spinlock(void)
{
    spin_lock(&plain);
    lock_check_sleep();
    spin_unlock(&plain);
}

static void sleep_without_interrupts(void)
{
    unsigned long flags = arch_irq_save();
    lock_check_sleep();
    arch_irq_restore(flags);
}

static void sleep_without_preemption(void)
{
    preempt_disable();
    lock_check_sleep();
    preempt_enable();
}

static void user_memory_under_space(void)
{
    mutex_lock(&second);
    lock_check_user_access();
    mutex_unlock(&second);
}

static void mutex_to_user_mode(void)
{
    mutex_lock(&first);
    lock_check_nothing_held();
    mutex_unlock(&first);
}

void lock_check_self_test(void)
{
    static void (*const wrongs[])(void) = {
        wrong_way_round,
        plain_under_irq,
        two_of_a_class,
        against_address,
        taken_again,
        interrupts_on,
        plain_in_interrupt,
        without_class,
        released_twice,
        mutexes_wrong,
        sleep_with_spinlock,
        sleep_without_interrupts,
        sleep_without_preemption,
        user_memory_under_space,
        mutex_to_user_mode,
    };
    lock_check_threads_run();
    in_order();
    lock_check_nothing_held();
    __atomic_store_n(&tester, current, __ATOMIC_RELAXED);
    for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
        noticed = 0;
        wrongs[i]();
        if (noticed != 1) {
            __atomic_store_n(&tester, NULL, __ATOMIC_RELAXED);
            panic("lock self-test: case %zu was noticed %u times", i, noticed);
        }
    }
    __atomic_store_n(&tester, NULL, __ATOMIC_RELAXED);
    log_info("locks: all rules are checked, the self-test of %zu passed", ARRAY_SIZE(wrongs));
}
