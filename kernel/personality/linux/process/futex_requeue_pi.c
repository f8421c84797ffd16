/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Condition variables of locks with an owner: sleepers go from a word without an owner to one with
 * (futex_pi.c). Source: futex(2), FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI.
 */
#include "kernel/arch/user.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/futex.h"

long futex_wait_requeue_pi(const struct futex_two_words *words, uint32_t expected,
                           uint64_t deadline)
{
    struct futex_pi_waiter waiter = futex_pi_waiter(words->addr2, FUTEX_TO_PI);
    enum futex_kind kind = FUTEX_TO_PI;
    struct vmo *target_held;
    if (words->addr == words->addr2) {
        return -EINVAL;
    }
    int result = futex_key_get(words->addr2, words->access | FUTEX_WRITE, &waiter.target,
                               &target_held);
    if (result != 0) {
        return result;
    }
    result = futex_key_get(words->addr, words->access | FUTEX_READ, &waiter.base.key,
                           &waiter.base.held);
    if (result == 0) {
        result = futex_same_key(&waiter.base.key, &waiter.target)
                     ? -EINVAL
                     : futex_enqueue_if(&waiter.base, words->addr, expected);
        if (result == 0) {
            result = futex_sleep_for_word(&waiter, deadline, &kind);
            if (result == -EINTR) {
                /* Once moved it cannot begin again: the first word has changed. */
                result = kind == FUTEX_PI ? -EAGAIN : -ERESTARTNOINTR;
            }
        }
        futex_key_put(waiter.base.held);
    }
    futex_key_put(target_held);
    return result;
}

struct requeue {
    struct futex_key keys[2];
    struct vmo *held[2];
    struct futex_bucket *source, *target;
};

/* One waiter gets the second word, or is moved to it: 0, or as futex_take_word_locked. REQUIRES
 * both buckets' locks. */
static int requeue_one_locked(struct requeue *requeue, struct futex_pi_waiter *waiter,
                              const struct futex_two_words *words, bool first)
{
    if (waiter->base.kind != FUTEX_TO_PI || !futex_same_key(&waiter->target, &requeue->keys[1])) {
        return -EINVAL;
    }
    uint32_t mark = !first || words->count2 > 0 ? FUTEX_WAITERS : 0;
    int result = futex_take_word_locked(requeue->target, waiter, words->addr2, mark);
    if (result == 0) {
        futex_grant_locked(waiter);
    } else if (result == 1) {
        waiter->base.kind = FUTEX_PI;
        futex_move_locked(&waiter->base, requeue->target, &requeue->keys[1], requeue->held[1]);
        result = 0;
    }
    return result;
}

/* Adds to *count who woke or moved: 0; 1: the first word has another value; or an error that may be
 * mended. REQUIRES both locks. */
static int requeue_locked(struct requeue *requeue, const struct futex_two_words *words,
                          uint32_t expected, int *count)
{
    struct futex_waiter *waiter, *next;
    uint32_t value;
    if (user_load_u32(words->addr, &value) != 0) {
        return -EFAULT;
    }
    if (value != expected) {
        return 1;
    }
    if (user_load_u32(words->addr2, &value) != 0) {
        return -EFAULT;
    }
    list_for_each_safe (waiter, next, &requeue->source->waiters, link) {
        if (*count - 1 >= words->count2) {
            break;
        }
        if (futex_same_key(&waiter->key, &requeue->keys[0])) {
            if (waiter->kind == FUTEX_PLAIN) {
                return -EINVAL;
            }
            int result = requeue_one_locked(requeue, futex_pi_waiter_of(waiter), words,
                                            *count == 0);
            if (result != 0) {
                return result;
            }
            ++*count;
        }
    }
    return 0;
}

static int requeue_all(struct requeue *requeue, const struct futex_two_words *words,
                       uint32_t expected)
{
    int count = 0;
    for (;;) {
        futex_lock_two(requeue->source, requeue->target);
        int result = requeue_locked(requeue, words, expected, &count);
        futex_unlock_two(requeue->source, requeue->target);
        if (result >= 0) {
            return result == 0 || count != 0 ? count : -EAGAIN;
        }
        uint32_t value;
        result = futex_mend(result, words->addr2);
        if (result == 0) {
            result = user_load_u32(words->addr, &value);
        }
        if (result != 0) {
            return result;
        }
    }
}

long futex_cmp_requeue_pi(const struct futex_two_words *words, uint32_t expected)
{
    struct requeue requeue;
    if (words->count < 0 || words->count2 < 0 || words->count != 1 || words->addr == words->addr2) {
        return -EINVAL;
    }
    int result = futex_key_get(words->addr, words->access | FUTEX_READ, &requeue.keys[0],
                               &requeue.held[0]);
    if (result != 0) {
        return result;
    }
    result = futex_key_get(words->addr2, words->access | FUTEX_WRITE, &requeue.keys[1],
                           &requeue.held[1]);
    if (result == 0) {
        requeue.source = futex_bucket(&requeue.keys[0]);
        requeue.target = futex_bucket(&requeue.keys[1]);
        result = futex_same_key(&requeue.keys[0], &requeue.keys[1])
                     ? -EINVAL
                     : requeue_all(&requeue, words, expected);
        futex_key_put(requeue.held[1]);
    }
    futex_key_put(requeue.held[0]);
    return result;
}
