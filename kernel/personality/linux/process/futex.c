/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * futex(2): sleeping on words of user memory (robust.c: what a thread leaves behind). A word is
 * known by its space and address, or by its memory object and offset when it lies in shared memory
 * and the call is not told that it is private.
 *
 * A waiter queues itself first and looks at the word then: a waker that changed the word before is
 * seen, one that changes it after finds the waiter. Priority inheritance is not there yet (ENOSYS).
 */
#include "kernel/arch/user.h"
#include "kernel/core/sched.h"
#include "kernel/core/space.h"
#include "kernel/core/timer.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/process.h"

enum futex_op {
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE = 4,
    FUTEX_WAKE_OP = 5,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET = 10,
    FUTEX_PRIVATE_FLAG = 128,
    FUTEX_CLOCK_REALTIME = 256,
};
#define FUTEX_BITSET_ALL 0xffffffffu
#define BUCKETS          256u

struct futex_key {
    const void *object; /* struct space or struct vmo */
    uint64_t offset;    /* address, or offset in the object */
};

struct bucket {
    struct spinlock lock;
    struct list waiters; /* [lock]; a zeroed head is an empty list that was never used */
};
static struct bucket buckets[BUCKETS] = {[0 ... BUCKETS - 1] = {.lock = SPINLOCK_INIT(LOCK_FUTEX)}};

/* Lives on the sleeper's stack; leaves it only after it is out of every list. */
struct waiter {
    struct list link;      /* [bucket->lock] */
    struct bucket *bucket; /* where it queues; changed by requeue under both locks; NULL: woken */
    struct futex_key key;  /* [bucket->lock] */
    struct thread *thread;
    uint32_t bitset;
};

static struct bucket *bucket_of(const struct futex_key *key)
{
    uint64_t hash = ((uint64_t)(uintptr_t)key->object >> 6) + (key->offset >> 2);
    hash *= 0x9e3779b97f4a7c15ull;
    return &buckets[hash >> 56];
}

static bool bucket_is_empty(const struct bucket *bucket)
{
    return bucket->waiters.next == NULL || list_empty(&bucket->waiters);
}

static bool same_key(const struct futex_key *a, const struct futex_key *b)
{
    return a->object == b->object && a->offset == b->offset;
}

/* The memory object under an address of shared memory, counted until key_put. */
static int find_shared(vaddr_t addr, struct futex_key *key, struct vmo **held)
{
    struct space *space = current->space;
    int result = -EFAULT;
    mutex_lock(&space->lock);
    struct region *region = space_find_locked(space, addr);
    if (region != NULL && region->start <= addr) {
        result = 0;
        if (region->flags & REGION_SHARED) {
            *held = region->vmo;
            vmo_get(region->vmo);
            *key = (struct futex_key){region->vmo, region->offset + (addr - region->start)};
        }
    }
    mutex_unlock(&space->lock);
    return result;
}

/* *held is an object to be put with key_put, or NULL. */
static int key_get(vaddr_t addr, bool is_private, struct futex_key *key, struct vmo **held)
{
    *held = NULL;
    if (addr & 3) {
        return -EINVAL;
    }
    if (addr >= LAYOUT_USER_END) {
        return -EFAULT;
    }
    *key = (struct futex_key){current->space, addr};
    return is_private ? 0 : find_shared(addr, key, held);
}

static void key_put(struct vmo *held)
{
    if (held != NULL) {
        vmo_put(held);
    }
}

static void enqueue(struct waiter *waiter)
{
    struct bucket *bucket = bucket_of(&waiter->key);
    spin_lock(&bucket->lock);
    if (bucket->waiters.next == NULL) {
        list_init(&bucket->waiters);
    }
    waiter->bucket = bucket;
    list_add_tail(&bucket->waiters, &waiter->link);
    spin_unlock(&bucket->lock);
}

/* True: it was still queued; false: a waker was faster, and is done with it. */
static bool dequeue(struct waiter *waiter)
{
    for (;;) {
        struct bucket *bucket = __atomic_load_n(&waiter->bucket, __ATOMIC_ACQUIRE);
        if (bucket == NULL) {
            return false;
        }
        spin_lock(&bucket->lock);
        if (waiter->bucket == bucket) {
            list_del(&waiter->link);
            waiter->bucket = NULL;
            spin_unlock(&bucket->lock);
            return true;
        }
        spin_unlock(&bucket->lock);
    }
}

/* REQUIRES the bucket's lock. The waiter's stack may go as soon as bucket is NULL, so its thread is
 * held until it has been woken. */
static void wake_waiter_locked(struct waiter *waiter)
{
    struct thread *thread = waiter->thread;
    thread_get(thread);
    list_del(&waiter->link);
    __atomic_store_n(&waiter->bucket, NULL, __ATOMIC_RELEASE);
    sched_wake(thread, WAIT_UNINTERRUPTIBLE);
    thread_put(thread);
}

static int wake_key(const struct futex_key *key, unsigned count, uint32_t bitset)
{
    struct bucket *bucket = bucket_of(key);
    struct waiter *waiter, *next;
    int woken = 0;
    /* The word was written before this is read; the waiter queues before it reads the word. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (bucket_is_empty(bucket)) {
        return 0;
    }
    spin_lock(&bucket->lock);
    list_for_each_safe (waiter, next, &bucket->waiters, link) {
        if ((unsigned)woken >= count) {
            break;
        }
        if (same_key(&waiter->key, key) && (waiter->bitset & bitset) != 0) {
            wake_waiter_locked(waiter);
            woken++;
        }
    }
    spin_unlock(&bucket->lock);
    return woken;
}

int linux_futex_wake(vaddr_t addr, unsigned count)
{
    struct futex_key key;
    struct vmo *held;
    /* The memory may be shared with another space: both kinds of waiters are to hear of it. */
    int result = key_get(addr, true, &key, &held);
    if (result != 0) {
        return result;
    }
    int woken = wake_key(&key, count, FUTEX_BITSET_ALL);
    if (key_get(addr, false, &key, &held) == 0 && held != NULL) {
        woken += wake_key(&key, count, FUTEX_BITSET_ALL);
        key_put(held);
    }
    return woken;
}

static int sleep_queued(struct waiter *waiter, uint64_t deadline)
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
    return dequeue(waiter) ? slept : 0;
}

/* 0: woken; -EAGAIN: the word has another value; -EINTR, -ETIMEDOUT, -EFAULT. */
static int wait_on(vaddr_t addr, bool is_private, uint32_t expected, uint32_t bitset,
                   uint64_t deadline)
{
    struct waiter waiter = {.thread = current, .bitset = bitset};
    struct vmo *held;
    uint32_t value;
    int result = key_get(addr, is_private, &waiter.key, &held);
    if (result != 0) {
        return result;
    }
    enqueue(&waiter);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    result = user_load_u32(addr, &value);
    if (result != 0 || value != expected) {
        /* A wake that was spent on this waiter may not be lost. */
        result = !dequeue(&waiter) ? 0 : result != 0 ? result : -EAGAIN;
    } else {
        result = sleep_queued(&waiter, deadline);
    }
    key_put(held);
    return result;
}

static long restart_wait(struct linux_thread *self)
{
    const uint64_t *arg = self->restart_arg;
    int result = wait_on(arg[0], arg[1] != 0, (uint32_t)arg[2], (uint32_t)arg[3], arg[4]);
    if (result == -EINTR) {
        self->restart = restart_wait;
        return -ERESTART_RESTARTBLOCK;
    }
    return result;
}

static long futex_wait(vaddr_t addr, unsigned op, uint32_t expected, uint64_t deadline,
                       uint32_t bitset)
{
    struct linux_thread *self = linux_current();
    bool is_private = (op & FUTEX_PRIVATE_FLAG) != 0;
    if (bitset == 0) {
        return -EINVAL;
    }
    int result = wait_on(addr, is_private, expected, bitset, deadline);
    if (result != -EINTR) {
        return result;
    }
    if (deadline == WAIT_FOREVER) {
        return -ERESTARTSYS;
    }
    self->restart = restart_wait;
    self->restart_arg[0] = addr;
    self->restart_arg[1] = is_private;
    self->restart_arg[2] = expected;
    self->restart_arg[3] = bitset;
    self->restart_arg[4] = deadline;
    return -ERESTART_RESTARTBLOCK;
}

/* Locks two buckets in the order of their addresses. */
static void lock_two(struct bucket *a, struct bucket *b)
{
    if (a > b) {
        struct bucket *c = a;
        a = b;
        b = c;
    }
    spin_lock(&a->lock);
    if (a != b) {
        spin_lock(&b->lock);
    }
}

static void unlock_two(struct bucket *a, struct bucket *b)
{
    spin_unlock(&a->lock);
    if (a != b) {
        spin_unlock(&b->lock);
    }
}

/* Wakes `wake` waiters and moves `move` others to another word. */
static int requeue_keys(const struct futex_key *from, const struct futex_key *to, unsigned wake,
                        unsigned move)
{
    struct bucket *source = bucket_of(from), *target = bucket_of(to);
    struct waiter *waiter, *next;
    unsigned woken = 0, moved = 0;
    lock_two(source, target);
    if (target->waiters.next == NULL) {
        list_init(&target->waiters);
    }
    if (source->waiters.next == NULL) {
        list_init(&source->waiters);
    }
    list_for_each_safe (waiter, next, &source->waiters, link) {
        if (!same_key(&waiter->key, from)) {
            continue;
        }
        if (woken < wake) {
            wake_waiter_locked(waiter);
            woken++;
        } else if (moved < move) {
            waiter->key = *to;
            if (source != target) {
                list_del(&waiter->link);
                list_add_tail(&target->waiters, &waiter->link);
                __atomic_store_n(&waiter->bucket, target, __ATOMIC_RELEASE);
            }
            moved++;
        } else {
            break;
        }
    }
    unlock_two(source, target);
    return (int)(woken + moved);
}

struct two_words {
    vaddr_t addr, addr2;
    bool is_private;
    unsigned count, count2;
};

static int get_keys(const struct two_words *words, struct futex_key keys[2], struct vmo *held[2])
{
    int result = key_get(words->addr, words->is_private, &keys[0], &held[0]);
    if (result == 0) {
        result = key_get(words->addr2, words->is_private, &keys[1], &held[1]);
        if (result != 0) {
            key_put(held[0]);
        }
    }
    return result;
}

static long futex_requeue(const struct two_words *words, const uint32_t *expected)
{
    struct futex_key keys[2];
    struct vmo *held[2];
    uint32_t value;
    if ((int)words->count < 0 || (int)words->count2 < 0) {
        return -EINVAL;
    }
    int result = get_keys(words, keys, held);
    if (result != 0) {
        return result;
    }
    if (expected != NULL) {
        result = user_load_u32(words->addr, &value);
        if (result == 0 && value != *expected) {
            result = -EAGAIN;
        }
    }
    if (result == 0) {
        result = requeue_keys(&keys[0], &keys[1], words->count, words->count2);
    }
    key_put(held[0]);
    key_put(held[1]);
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

static long futex_wake_op(const struct two_words *words, uint32_t encoded)
{
    struct futex_key keys[2];
    struct vmo *held[2];
    int result = get_keys(words, keys, held);
    if (result != 0) {
        return result;
    }
    int also = apply_op(words->addr2, encoded);
    result = also;
    if (also >= 0) {
        result = wake_key(&keys[0], words->count, FUTEX_BITSET_ALL);
        if (also > 0) {
            result += wake_key(&keys[1], words->count2, FUTEX_BITSET_ALL);
        }
    }
    key_put(held[0]);
    key_put(held[1]);
    return result;
}

/* When a wait ends: relative for FUTEX_WAIT, absolute for the others. */
static int deadline_from_user(unsigned op, vaddr_t addr, uint64_t *deadline)
{
    struct {
        int64_t sec, nsec;
    } time;
    *deadline = WAIT_FOREVER;
    if (addr == 0) {
        return 0;
    }
    if (get_user(time, addr) != 0) {
        return -EFAULT;
    }
    if (time.sec < 0 || time.nsec < 0 || time.nsec >= (int64_t)NSEC_PER_SEC) {
        return -EINVAL;
    }
    if ((uint64_t)time.sec >= WAIT_FOREVER / NSEC_PER_SEC / 2) {
        return 0;
    }
    uint64_t ns = (uint64_t)time.sec * NSEC_PER_SEC + (uint64_t)time.nsec;
    uint64_t now = clock_monotonic_ns();
    if ((op & 127) == FUTEX_WAIT) {
        *deadline = now + ns;
    } else if (op & FUTEX_CLOCK_REALTIME) {
        uint64_t real = clock_realtime_ns();
        *deadline = ns > real ? now + (ns - real) : 0;
    } else {
        *deadline = ns;
    }
    return 0;
}

static long futex_wake(vaddr_t addr, bool is_private, unsigned count, uint32_t bitset)
{
    struct futex_key key;
    struct vmo *held;
    if (bitset == 0) {
        return -EINVAL;
    }
    int result = key_get(addr, is_private, &key, &held);
    if (result == 0) {
        /* Linux wakes one even when asked for none. */
        result = wake_key(&key, (int)count < 1 ? 1 : count, bitset);
        key_put(held);
    }
    return result;
}

/* The operations on two words. */
static __attribute__((noinline)) long futex_two(unsigned command, const struct two_words *words,
                                                uint32_t value3)
{
    switch (command) {
    case FUTEX_REQUEUE:
        return futex_requeue(words, NULL);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(words, &value3);
    case FUTEX_WAKE_OP:
        return futex_wake_op(words, value3);
    default:
        return -ENOSYS;
    }
}

static __attribute__((noinline)) long futex_wait_user(vaddr_t addr, unsigned op, uint32_t value,
                                                      vaddr_t timeout, uint32_t bitset)
{
    uint64_t deadline;
    int result = deadline_from_user(op, timeout, &deadline);
    return result != 0 ? result : futex_wait(addr, op, value, deadline, bitset);
}

LINUX_CALL6(futex, vaddr_t, addr, unsigned, op, uint32_t, value, uint64_t, arg, vaddr_t, addr2,
            uint32_t, value3)
{
    bool is_private = (op & FUTEX_PRIVATE_FLAG) != 0;
    unsigned command = op & ~(unsigned)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    if ((op & FUTEX_CLOCK_REALTIME) && command != FUTEX_WAIT && command != FUTEX_WAIT_BITSET) {
        return -ENOSYS;
    }
    switch (command) {
    case FUTEX_WAKE:
        return futex_wake(addr, is_private, value, FUTEX_BITSET_ALL);
    case FUTEX_WAKE_BITSET:
        return futex_wake(addr, is_private, value, value3);
    case FUTEX_WAIT:
        return futex_wait_user(addr, op, value, arg, FUTEX_BITSET_ALL);
    case FUTEX_WAIT_BITSET:
        return futex_wait_user(addr, op, value, arg, value3);
    default:
        return futex_two(
            command, &(struct two_words){addr, addr2, is_private, value, (unsigned)arg}, value3);
    }
}
