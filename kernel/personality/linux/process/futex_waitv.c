/* SPDX-License-Identifier: BSD-2-Clause */
/* futex_waitv(2): sleeps on up to 128 words until one of them is woken. */
#include "kernel/arch/user.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/futex.h"
#include "kernel/personality/linux/time/timespec.h"

#define WORDS_MAX 128u
#define FUTEX_32  2u
enum { CLOCK_REALTIME, CLOCK_MONOTONIC };

/* struct futex_waitv of uapi linux/futex.h. */
struct word {
    uint64_t value, addr;
    uint32_t flags, reserved;
};
static_assert(sizeof(struct word) == 24, "ABI");

struct sleeper {
    struct futex_waiter waiter;
    struct word word;
};

static int read_words(vaddr_t words, struct sleeper *sleepers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct word *word = &sleepers[i].word;
        if (get_user(*word, words + i * sizeof(*word)) != 0) {
            return -EFAULT;
        }
        if ((word->flags & ~(uint32_t)FUTEX_PRIVATE_FLAG) != FUTEX_32 || word->reserved != 0) {
            return -EINVAL;
        }
        sleepers[i].waiter = (struct futex_waiter){.thread = current, .bitset = FUTEX_BITSET_ALL};
    }
    return 0;
}

static int get_keys(struct sleeper *sleepers, unsigned count)
{
    int result = 0;
    for (unsigned i = 0; i < count && result == 0; i++) {
        const struct word *word = &sleepers[i].word;
        unsigned access = word->flags & FUTEX_PRIVATE_FLAG ? FUTEX_PRIVATE : 0;
        struct futex_waiter *waiter = &sleepers[i].waiter;
        result = futex_key_get(word->addr, access | FUTEX_READ, &waiter->key, &waiter->held);
    }
    return result;
}

static bool is_woken(const struct sleeper *sleepers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (__atomic_load_n(&sleepers[i].waiter.bucket, __ATOMIC_ACQUIRE) == NULL) {
            return true;
        }
    }
    return false;
}

static int sleep_on_all(const struct sleeper *sleepers, unsigned count, uint64_t deadline)
{
    int slept = 0;
    for (;;) {
        wait_prepare(WAIT_INTERRUPTIBLE);
        if (slept != 0 || is_woken(sleepers, count)) {
            wait_cancel();
            return slept;
        }
        slept = wait_sleep(deadline);
    }
}

/* The index of a word that was woken, or an error. */
static int wait_on_all(struct sleeper *sleepers, unsigned count, uint64_t deadline)
{
    unsigned queued = 0;
    int result = get_keys(sleepers, count), woken = -1;
    while (result == 0 && queued < count) {
        const struct word *word = &sleepers[queued].word;
        result = futex_enqueue_if(&sleepers[queued].waiter, word->addr, (uint32_t)word->value);
        queued += result == 0;
    }
    if (result == 0) {
        result = sleep_on_all(sleepers, count, deadline);
    }
    for (unsigned i = 0; i < queued; i++) {
        woken = futex_dequeue(&sleepers[i].waiter) ? woken : (int)i;
    }
    for (unsigned i = 0; i < count; i++) {
        futex_key_put(sleepers[i].waiter.held);
    }
    return woken >= 0 ? woken : result;
}

LINUX_CALL5(futex_waitv, vaddr_t, words, unsigned, count, unsigned, flags, vaddr_t, timeout, int,
            clock)
{
    uint64_t ns, deadline = WAIT_FOREVER;
    int result = 0;
    if (flags != 0 || count == 0 || count > WORDS_MAX || words == 0) {
        return -EINVAL;
    }
    if (timeout != 0) {
        if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) {
            return -EINVAL;
        }
        result = timespec_from_user(timeout, &ns);
        if (result != 0) {
            return result;
        }
        deadline = futex_deadline(ns, clock == CLOCK_REALTIME);
    }
    struct sleeper *sleepers = kcalloc(count, sizeof(*sleepers));
    if (sleepers == NULL) {
        return -ENOMEM;
    }
    result = read_words(words, sleepers, count);
    if (result == 0) {
        result = wait_on_all(sleepers, count, deadline);
    }
    kfree(sleepers);
    return result == -EINTR ? -ERESTARTSYS : result;
}
