/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes. One word says who holds a mutex and whether anybody waits, so that taking and releasing
 * one that nobody wants is one instruction on it each. Who finds it taken looks on for a moment if
 * the holder runs, then sleeps in order of arrival. The first sleeper is woken by the release and
 * must be quicker than whoever comes by; the second time it is given the mutex.
 */
#include "kernel/base/lock_check.h"
#include "kernel/core/sched.h"
#include "kernel/core/smp.h"

#define LOOKS_MAX 200u /* PAUSEs; a longer section's holder is better left alone */

void mutex_setup(struct mutex *mutex)
{
    mutex->word = 0;
    waitq_init(&mutex->wq);
}

static struct thread *holder_of(uintptr_t word)
{
    return (struct thread *)(word & ~MUTEX_FLAGS);
}

static bool change(struct mutex *mutex, uintptr_t from, uintptr_t to)
{
    return __atomic_compare_exchange_n(&mutex->word, &from, to, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

static uintptr_t word_of(const struct mutex *mutex)
{
    return __atomic_load_n(&mutex->word, __ATOMIC_RELAXED);
}

/* Takes it if it is free, whoever may sleep. */
static bool take(struct mutex *mutex, uintptr_t word)
{
    return holder_of(word) == NULL && change(mutex, word, word | (uintptr_t)current);
}

/* The holder that is looked at may be gone by now: its struct's memory can still be read, and
 * whatever it says is only a guess of how long to look. */
static bool take_soon(struct mutex *mutex)
{
    for (unsigned looks = 0; looks < LOOKS_MAX; looks++) {
        uintptr_t word = word_of(mutex);
        if (take(mutex, word)) {
            return true;
        }
        const struct thread *holder = holder_of(word);
        if ((word & MUTEX_FLAGS) != 0 ||
            (holder != NULL && !__atomic_load_n(&holder->on_cpu, __ATOMIC_RELAXED))) {
            return false;
        }
        arch_cpu_relax();
    }
    return false;
}

/* Out of the queue with the mutex. */
static void leave(struct mutex *mutex, struct wait_entry *entry)
{
    unsigned long flags = spin_lock_irqsave(&mutex->wq.lock);
    list_del(&entry->link);
    if (list_empty(&mutex->wq.entries)) {
        __atomic_fetch_and(&mutex->word, ~MUTEX_FLAGS, __ATOMIC_RELAXED);
    }
    spin_unlock_irqrestore(&mutex->wq.lock, flags);
}

static __attribute__((noinline)) void lock_slowly(struct mutex *mutex)
{
    assert(!mutex_is_held(mutex));
    if (cpu_online_count() > 1 && take_soon(mutex)) {
        return;
    }
    struct wait_entry entry = {.thread = NULL, .exclusive = true};
    uintptr_t wish = MUTEX_WAITERS;
    for (;;) {
        wait_prepare(WAIT_UNINTERRUPTIBLE);
        if (entry.thread == NULL) {
            wait_begin(&mutex->wq, &entry);
        }
        uintptr_t word = word_of(mutex);
        while (!mutex_is_held(mutex) && !take(mutex, word) &&
               (holder_of(word) == NULL || !change(mutex, word, word | wish))) {
            word = word_of(mutex);
        }
        if (mutex_is_held(mutex)) {
            break;
        }
        wait_sleep(WAIT_FOREVER);
        wish = MUTEX_FLAGS;
    }
    wait_cancel();
    __atomic_thread_fence(__ATOMIC_ACQUIRE); /* of what was handed over */
    leave(mutex, &entry);
}

bool mutex_trylock(struct mutex *mutex)
{
    if (!take(mutex, word_of(mutex))) {
        return false;
    }
    lock_check_take(&mutex->info, LOCK_TRY);
    lock_check_taken(&mutex->info, (vaddr_t)__builtin_return_address(0));
    return true;
}

static void lock(struct mutex *mutex, enum lock_how how, const void *caller)
{
    (void)how, (void)caller;
    lock_check_take(&mutex->info, how);
    if (unlikely(!change(mutex, 0, (uintptr_t)current))) {
        lock_slowly(mutex);
    }
    lock_check_taken(&mutex->info, (vaddr_t)caller);
}

void mutex_lock(struct mutex *mutex)
{
    lock(mutex, LOCK_TAKE, __builtin_return_address(0));
}

void mutex_lock_nested(struct mutex *mutex)
{
    lock(mutex, LOCK_NESTED, __builtin_return_address(0));
}

static __attribute__((noinline)) void unlock_slowly(struct mutex *mutex)
{
    assert(mutex_is_held(mutex));
    unsigned long flags = spin_lock_irqsave(&mutex->wq.lock);
    struct list *entries = &mutex->wq.entries;
    struct thread *first = NULL;
    if (!list_empty(entries)) {
        first = list_first(entries, struct wait_entry, link)->thread;
    }
    if (first != NULL && (word_of(mutex) & MUTEX_HANDOFF) != 0) {
        __atomic_store_n(&mutex->word, (uintptr_t)first | MUTEX_WAITERS, __ATOMIC_RELEASE);
    } else {
        __atomic_fetch_and(&mutex->word, MUTEX_FLAGS, __ATOMIC_RELEASE);
    }
    if (first != NULL) {
        sched_wake(first, WAIT_UNINTERRUPTIBLE);
    }
    spin_unlock_irqrestore(&mutex->wq.lock, flags);
}

void mutex_unlock(struct mutex *mutex)
{
    lock_check_release(&mutex->info);
    if (unlikely(!change(mutex, (uintptr_t)current, 0))) {
        unlock_slowly(mutex);
    }
}

bool mutex_is_held(const struct mutex *mutex)
{
    return holder_of(word_of(mutex)) == current;
}
