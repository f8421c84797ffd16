/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The inside of futexes, for the files that wait, wake, requeue and inherit priority. A word of
 * user memory is known by its key; who sleeps on it is in the key's bucket. The bucket's lock is a
 * spinlock: user memory is touched under it only with routines that fail where they would sleep,
 * which they do while preemption is off (kernel/core/thread.c).
 */
#include "kernel/core/vmo.h"
#include "kernel/personality/linux/process/process.h"

enum futex_op {
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE = 4,
    FUTEX_WAKE_OP = 5,
    FUTEX_LOCK_PI = 6,
    FUTEX_UNLOCK_PI = 7,
    FUTEX_TRYLOCK_PI = 8,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET = 10,
    FUTEX_WAIT_REQUEUE_PI = 11,
    FUTEX_CMP_REQUEUE_PI = 12,
    FUTEX_LOCK_PI2 = 13,
    FUTEX_PRIVATE_FLAG = 128,
    FUTEX_CLOCK_REALTIME = 256,
};
#define FUTEX_BITSET_ALL 0xffffffffu

/* What a word of a lock with an owner says: uapi linux/futex.h. */
#define FUTEX_WAITERS    0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK   0x3fffffffu

/*
 * Words are multiples of four, so that the lowest bits of the offset tell kinds of keys apart, as
 * on Linux: a waiter that said "private" is not found by a waker that did not.
 */
struct futex_key {
    const void *object; /* struct space or struct vmo */
    uint64_t offset;    /* address, or offset in the object; + FUTEX_KEY_* */
};
enum { FUTEX_KEY_PRIVATE = 0, FUTEX_KEY_SPACE = 1, FUTEX_KEY_OBJECT = 2 };

struct futex_bucket {
    struct spinlock lock;
    struct list waiters; /* [lock] in order of arrival; zeroed: empty and never used */
} __attribute__((aligned(64)));

enum futex_kind {
    FUTEX_PLAIN, /* sleeps until it is woken */
    FUTEX_TO_PI, /* FUTEX_WAIT_REQUEUE_PI that was not moved yet */
    FUTEX_PI,    /* wants to own the word: a struct futex_pi_waiter, as the one before */
};

/* Lives on the sleeper's stack, which is left only when it is in no list any more. */
struct futex_waiter {
    struct list link; /* [bucket] */
    /* Where it queues, changed by requeue under both locks; NULL: woken. Atomic. */
    struct futex_bucket *bucket;
    struct futex_key key; /* [bucket] */
    struct vmo *held;     /* [bucket] what the key counts on, or NULL */
    struct thread *thread;
    uint32_t bitset;
    enum futex_kind kind; /* [bucket] */
};

/* How far one who wants a lock has got. */
enum futex_grant {
    FUTEX_WAITING,
    FUTEX_BEQUEATHED, /* its owner died: it is the owner, but has to say so in the word itself */
    FUTEX_OWNED,      /* it is the owner, the word says so, and it is in no list */
};
struct futex_pi_waiter {
    struct futex_waiter base;
    struct linux_thread *self;
    vaddr_t addr;               /* of the word in its own space */
    bool only_try;              /* does not wait */
    struct futex_key target;    /* constant: the word to own */
    enum futex_grant grant;     /* [bucket] */
    struct linux_thread *owner; /* [pi_lock] whom it waits for */
    struct list owner_link;     /* [pi_lock] in owner->pi_waiters */
};

/* What a call names: a word, and whether it may be written to and is this space's alone. */
enum futex_access { FUTEX_READ = 1, FUTEX_WRITE = 2, FUTEX_PRIVATE = 4 };

/* futex_queue.c */
/* The key of a word, and in *held what is to be given to futex_key_put: 0, -EINVAL (misaligned),
 * -EFAULT. May sleep. */
int futex_key_get(vaddr_t addr, unsigned access, struct futex_key *key, struct vmo **held);
void futex_key_put(struct vmo *held);
struct futex_bucket *futex_bucket(const struct futex_key *key);
static inline bool futex_same_key(const struct futex_key *a, const struct futex_key *b)
{
    return a->object == b->object && a->offset == b->offset;
}
/* Puts it into its key's bucket if the word still is what was expected: 0, -EAGAIN, -EFAULT. No
 * wake-up is lost in between, and none is spent on one that does not sleep. May sleep. */
int futex_enqueue_if(struct futex_waiter *waiter, vaddr_t addr, uint32_t expected);
/* REQUIRES the bucket's lock. */
void futex_enqueue_locked(struct futex_bucket *bucket, struct futex_waiter *waiter);
/* Locks the bucket that the waiter is in: NULL when it is in none any more. */
struct futex_bucket *futex_lock_bucket(struct futex_waiter *waiter);
/* True: it was still queued; false: a waker was faster, and is done with it. */
bool futex_dequeue(struct futex_waiter *waiter);
/* Takes it out and wakes it. REQUIRES the bucket's lock. */
void futex_wake_waiter_locked(struct futex_waiter *waiter);
/* Moves it to another word. REQUIRES both buckets' locks. */
void futex_move_locked(struct futex_waiter *waiter, struct futex_bucket *target,
                       const struct futex_key *key, struct vmo *held);
/* Locks two buckets in the order of their addresses. */
void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b);
void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b);
/* Wakes up to `count` plain sleepers, and one when that is less than one, as Linux does: how many,
 * or -EINVAL when sleepers of another kind are among them. */
int futex_wake_key(const struct futex_key *key, int count, uint32_t bitset);

/* Two words of one call, see futex_two. */
struct futex_two_words {
    vaddr_t addr, addr2;
    unsigned access; /* FUTEX_PRIVATE or 0 */
    int count, count2;
};

/* futex_pi.c */
long futex_lock_pi(vaddr_t addr, unsigned access, uint64_t deadline, bool only_try);
long futex_unlock_pi(vaddr_t addr, unsigned access);
/* The current thread, which wants the word there. */
struct futex_pi_waiter futex_pi_waiter(vaddr_t addr, enum futex_kind kind);
static inline struct futex_pi_waiter *futex_pi_waiter_of(struct futex_waiter *waiter)
{
    return container_of(waiter, struct futex_pi_waiter, base);
}
/*
 * The first half of locking a word for waiter->self: 0: it owns it now, and the word says so; 1: it
 * has to queue, and is known to its owner. -EAGAIN: once more; -EFAULT: once the page is there;
 * -EBUSY: when the owner has gone; or what the call is to return. REQUIRES the bucket's lock;
 * `mark`: others are about to wait.
 */
int futex_take_word_locked(struct futex_bucket *bucket, struct futex_pi_waiter *waiter,
                           vaddr_t addr, uint32_t mark);
/* After an error of futex_take_word_locked that can be mended: 0: try again. No lock held. */
int futex_mend(int error, vaddr_t addr);
/* The word says that it owns it already. REQUIRES the bucket's lock. */
void futex_grant_locked(struct futex_pi_waiter *waiter);
/* Sleeps until the word is the waiter's: 0, -EFAULT, -ETIMEDOUT, -EINTR; in *kind how far it got.
 */
int futex_sleep_for_word(struct futex_pi_waiter *waiter, uint64_t deadline, enum futex_kind *kind);

/* futex_requeue_pi.c */
long futex_wait_requeue_pi(const struct futex_two_words *words, uint32_t expected,
                           uint64_t deadline);
long futex_cmp_requeue_pi(const struct futex_two_words *words, uint32_t expected);

/* futex.c: an absolute time of either clock as a deadline of wait_sleep. */
uint64_t futex_deadline(uint64_t ns, bool realtime);
