/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * futex(2): sleeping on words of user memory, waking and moving who sleeps there. Words and
 * buckets: futex_queue.c; words that have an owner: futex_pi.c; several words at once:
 * futex_waitv.c; what a thread leaves behind: robust.c.
 */
#include "kernel/personality/linux/process/futex.h"
#include "kernel/arch/user.h"
#include "kernel/core/space.h"
#include "kernel/core/timer.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/time/timespec.h"

int linux_futex_wake(vaddr_t addr, int count)
{
    struct futex_key key;
    struct vmo *held;
    int result = futex_key_get(addr, FUTEX_READ, &key, &held);
    if (result == 0) {
        result = futex_wake_key(&key, count, FUTEX_BITSET_ALL);
        futex_key_put(held);
    }
    return result;
}

static int sleep_queued(struct futex_waiter *waiter, uint64_t deadline)
{
    int slept = 0;
    for (;;) {
        wait_prepare(WAIT_INTERRUPTIBLE);
        if (__atomic_load_n(&waiter->bucket, __ATOMIC_ACQUIRE) == NULL || slept != 0) {
            wait_cancel();
            break;
        }
        slept = wait_sleep(deadline);
    }
    return futex_dequeue(waiter) ? slept : 0;
}

/* 0: woken; -EAGAIN: the word has another value; -EINTR, -ETIMEDOUT, -EFAULT. */
static int wait_on(vaddr_t addr, unsigned access, uint32_t expected, uint32_t bitset,
                   uint64_t deadline)
{
    struct futex_waiter waiter = {.thread = current, .bitset = bitset};
    int result = futex_key_get(addr, access, &waiter.key, &waiter.held);
    if (result != 0) {
        return result;
    }
    result = futex_enqueue_if(&waiter, addr, expected);
    if (result == 0) {
        result = sleep_queued(&waiter, deadline);
    }
    futex_key_put(waiter.held);
    return result;
}

static long restart_wait(struct linux_thread *self)
{
    const uint64_t *arg = self->restart_arg;
    int result = wait_on(arg[0], (unsigned)arg[1], (uint32_t)arg[2], (uint32_t)arg[3], arg[4]);
    if (result == -EINTR) {
        self->restart = restart_wait;
        return -ERESTART_RESTARTBLOCK;
    }
    return result;
}

static long futex_wait(vaddr_t addr, unsigned access, uint32_t expected, uint64_t deadline,
                       uint32_t bitset)
{
    struct linux_thread *self = linux_current();
    if (bitset == 0) {
        return -EINVAL;
    }
    int result = wait_on(addr, access, expected, bitset, deadline);
    if (result != -EINTR) {
        return result;
    }
    if (deadline == WAIT_FOREVER) {
        return -ERESTARTSYS;
    }
    self->restart = restart_wait;
    self->restart_arg[0] = addr;
    self->restart_arg[1] = access;
    self->restart_arg[2] = expected;
    self->restart_arg[3] = bitset;
    self->restart_arg[4] = deadline;
    return -ERESTART_RESTARTBLOCK;
}

/* Wakes words->count sleepers and moves words->count2 others to the second word. */
static int requeue_keys(const struct futex_key keys[2], const struct futex_two_words *words,
                        struct vmo *held)
{
    struct futex_bucket *source = futex_bucket(&keys[0]), *target = futex_bucket(&keys[1]);
    struct futex_waiter *waiter, *next;
    int woken = 0, moved = 0;
    list_for_each_safe (waiter, next, &source->waiters, link) {
        if (woken >= words->count && moved >= words->count2) {
            break;
        }
        if (!futex_same_key(&waiter->key, &keys[0])) {
            continue;
        }
        if (waiter->kind != FUTEX_PLAIN) {
            return -EINVAL;
        }
        if (woken < words->count) {
            futex_wake_waiter_locked(waiter);
            woken++;
        } else {
            futex_move_locked(waiter, target, &keys[1], held);
            moved++;
        }
    }
    return woken + moved;
}

static int get_keys(const struct futex_two_words *words, unsigned access2, struct futex_key keys[2],
                    struct vmo *held[2])
{
    int result = futex_key_get(words->addr, words->access | FUTEX_READ, &keys[0], &held[0]);
    if (result == 0) {
        result = futex_key_get(words->addr2, words->access | access2, &keys[1], &held[1]);
        if (result != 0) {
            futex_key_put(held[0]);
        }
    }
    return result;
}

static long futex_requeue(const struct futex_two_words *words, const uint32_t *expected)
{
    struct futex_key keys[2];
    struct vmo *held[2];
    if (words->count < 0 || words->count2 < 0) {
        return -EINVAL;
    }
    int result = get_keys(words, FUTEX_READ, keys, held);
    if (result != 0) {
        return result;
    }
    struct futex_bucket *source = futex_bucket(&keys[0]), *target = futex_bucket(&keys[1]);
    for (;;) {
        uint32_t value;
        futex_lock_two(source, target);
        result = expected != NULL ? user_load_u32(words->addr, &value) : 0;
        if (result == 0) {
            result = expected != NULL && value != *expected ? -EAGAIN
                                                            : requeue_keys(keys, words, held[1]);
            futex_unlock_two(source, target);
            break;
        }
        futex_unlock_two(source, target);
        result = user_load_u32(words->addr, &value);
        if (result != 0) {
            break;
        }
    }
    futex_key_put(held[0]);
    futex_key_put(held[1]);
    return result;
}

/* futex(2), FUTEX_WAKE_OP: op in bits 28-31 (8: shift the operand), comparison in 24-27. */
static int compare(unsigned how, int old, int operand)
{
    switch (how) {
    case 0:
        return old == operand;
    case 1:
        return old != operand;
    case 2:
        return old < operand;
    case 3:
        return old <= operand;
    case 4:
        return old > operand;
    case 5:
        return old >= operand;
    default:
        return -ENOSYS;
    }
}

static int apply_op(vaddr_t addr, uint32_t encoded)
{
    unsigned op = encoded >> 28 & 7, how = encoded >> 24 & 15;
    int operand = (int)(encoded << 8) >> 20, compared = (int)(encoded << 20) >> 20;
    uint32_t old;
    if (encoded >> 31) {
        operand = (int)(1u << (operand & 31));
    }
    if (op > 4) {
        return -ENOSYS;
    }
    int result = user_atomic_op_u32(addr, op, (uint32_t)operand, &old);
    return result != 0 ? result : compare(how, (int)old, compared);
}

static long futex_wake_op(const struct futex_two_words *words, uint32_t encoded)
{
    struct futex_key keys[2];
    struct vmo *held[2];
    int result = get_keys(words, FUTEX_WRITE, keys, held);
    if (result != 0) {
        return result;
    }
    int also = apply_op(words->addr2, encoded);
    result = also;
    if (also >= 0) {
        result = futex_wake_key(&keys[0], words->count, FUTEX_BITSET_ALL);
        if (also > 0 && result >= 0) {
            also = futex_wake_key(&keys[1], words->count2, FUTEX_BITSET_ALL);
            result = also < 0 ? also : result + also;
        }
    }
    futex_key_put(held[0]);
    futex_key_put(held[1]);
    return result;
}

uint64_t futex_deadline(uint64_t ns, bool realtime)
{
    if (ns >= TIMESPEC_NS_MAX) {
        return WAIT_FOREVER;
    }
    if (realtime) {
        uint64_t real = clock_realtime_ns();
        return ns > real ? clock_monotonic_ns() + (ns - real) : 0;
    }
    return ns;
}

/* When a wait ends: relative for FUTEX_WAIT, absolute for the others. */
static int deadline_from_user(unsigned op, unsigned command, vaddr_t addr, uint64_t *deadline)
{
    uint64_t ns;
    *deadline = WAIT_FOREVER;
    if (addr == 0) {
        return 0;
    }
    int result = timespec_from_user(addr, &ns);
    if (result != 0) {
        return result;
    }
    if (command == FUTEX_WAIT && ns < TIMESPEC_NS_MAX) {
        ns += clock_monotonic_ns();
    }
    *deadline = futex_deadline(ns, command == FUTEX_LOCK_PI || (op & FUTEX_CLOCK_REALTIME));
    return 0;
}

static long futex_wake(vaddr_t addr, unsigned access, int count, uint32_t bitset)
{
    struct futex_key key;
    struct vmo *held;
    if (bitset == 0) {
        return -EINVAL;
    }
    int result = futex_key_get(addr, access | FUTEX_READ, &key, &held);
    if (result == 0) {
        result = futex_wake_key(&key, count, bitset);
        futex_key_put(held);
    }
    return result;
}

/* The operations on two words that do not wait. */
static __attribute__((noinline)) long futex_two(unsigned command,
                                                const struct futex_two_words *words,
                                                uint32_t value3)
{
    switch (command) {
    case FUTEX_REQUEUE:
        return futex_requeue(words, NULL);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(words, &value3);
    case FUTEX_WAKE_OP:
        return futex_wake_op(words, value3);
    case FUTEX_CMP_REQUEUE_PI:
        return futex_cmp_requeue_pi(words, value3);
    case FUTEX_UNLOCK_PI:
        return futex_unlock_pi(words->addr, words->access);
    case FUTEX_TRYLOCK_PI:
        return futex_lock_pi(words->addr, words->access, WAIT_FOREVER, true);
    default:
        return -ENOSYS;
    }
}

/* Those that wait; `value` is words->count, too. */
static __attribute__((noinline)) long futex_waits(unsigned op, const struct futex_two_words *words,
                                                  vaddr_t timeout, uint32_t value3)
{
    unsigned command = op & ~(unsigned)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    uint32_t value = (uint32_t)words->count;
    uint64_t deadline;
    int result = deadline_from_user(op, command, timeout, &deadline);
    if (result != 0) {
        return result;
    }
    if ((op & FUTEX_CLOCK_REALTIME) && command != FUTEX_WAIT_BITSET &&
        command != FUTEX_WAIT_REQUEUE_PI && command != FUTEX_LOCK_PI2) {
        return -ENOSYS;
    }
    switch (command) {
    case FUTEX_WAIT:
        return futex_wait(words->addr, words->access, value, deadline, FUTEX_BITSET_ALL);
    case FUTEX_WAIT_BITSET:
        return futex_wait(words->addr, words->access, value, deadline, value3);
    case FUTEX_WAIT_REQUEUE_PI:
        return futex_wait_requeue_pi(words, value, deadline);
    default:
        return futex_lock_pi(words->addr, words->access, deadline, false);
    }
}

LINUX_CALL6(futex, vaddr_t, addr, unsigned, op, uint32_t, value, uint64_t, arg, vaddr_t, addr2,
            uint32_t, value3)
{
    unsigned command = op & ~(unsigned)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    unsigned access = op & FUTEX_PRIVATE_FLAG ? FUTEX_PRIVATE : 0;
    if (command == FUTEX_WAKE && !(op & FUTEX_CLOCK_REALTIME)) {
        return futex_wake(addr, access, (int)value, FUTEX_BITSET_ALL);
    }
    const struct futex_two_words words = {addr, addr2, access, (int)value, (int)arg};
    switch (command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
    case FUTEX_WAIT_REQUEUE_PI:
        return futex_waits(op, &words, arg, value3);
    default:
        if (op & FUTEX_CLOCK_REALTIME) {
            return -ENOSYS;
        }
        return command == FUTEX_WAKE_BITSET ? futex_wake(addr, access, (int)value, value3)
                                            : futex_two(command, &words, value3);
    }
}
