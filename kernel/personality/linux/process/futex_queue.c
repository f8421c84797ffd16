/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys of futex words and the buckets in which their sleepers queue (futex.h). A word is known by
 * its space and address, or by its memory object and offset when it lies in shared memory and the
 * call is not told that it is private.
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/core/sched.h"
#include "kernel/core/space.h"
#include "kernel/personality/linux/process/futex.h"

#define BUCKET_BITS 8

static struct futex_bucket buckets[1u << BUCKET_BITS] = {
    [0 ...(1u << BUCKET_BITS) - 1] = {.lock = SPINLOCK_INIT(LOCK_FUTEX)}};

struct futex_bucket *futex_bucket(const struct futex_key *key)
{
    uint64_t hash = ((uint64_t)(uintptr_t)key->object >> 6) + (key->offset >> 2);
    return &buckets[hash * 0x9e3779b97f4a7c15ull >> (64 - BUCKET_BITS)];
}

/*
 * What a region makes of a word that is not said to be private. Memory that nobody can change is
 * no place to wait: -EFAULT, as on Linux.
 */
static int key_in_region(const struct region *region, vaddr_t addr, unsigned access,
                         struct futex_key *key)
{
    bool writable = (region->flags & REGION_WRITE) != 0;
    if (!(region->flags & REGION_RIGHTS) || (!writable && (access & FUTEX_WRITE))) {
        return -EFAULT;
    }
    if (!(region->flags & REGION_SHARED) && (writable || region->vmo == NULL)) {
        return writable ? 0 : -EFAULT;
    }
    uint64_t offset = region->offset + (addr - region->start), size = vmo_size(region->vmo);
    if (offset / PAGE_SIZE >= size / PAGE_SIZE + ((size & PAGE_MASK) != 0)) {
        return -EFAULT;
    }
    *key = (struct futex_key){region->vmo, offset | FUTEX_KEY_OBJECT};
    return 0;
}

static int find_shared(vaddr_t addr, unsigned access, struct futex_key *key, struct vmo **held)
{
    struct space *space = current->space;
    int result = -EFAULT;
    rw_read_lock(&space->lock);
    struct region *region = space_find_locked(space, addr);
    if (region != NULL && region->start <= addr) {
        result = key_in_region(region, addr, access, key);
        if (result == 0 && (key->offset & FUTEX_KEY_OBJECT)) {
            *held = region->vmo;
            vmo_get(region->vmo);
        }
    }
    rw_read_unlock(&space->lock);
    return result;
}

int futex_key_get(vaddr_t addr, unsigned access, struct futex_key *key, struct vmo **held)
{
    *held = NULL;
    if (addr & 3) {
        return -EINVAL;
    }
    if (addr >= LAYOUT_USER_END) {
        return -EFAULT;
    }
    if (access & FUTEX_PRIVATE) {
        *key = (struct futex_key){current->space, addr | FUTEX_KEY_PRIVATE};
        return 0;
    }
    *key = (struct futex_key){current->space, addr | FUTEX_KEY_SPACE};
    return find_shared(addr, access, key, held);
}

void futex_key_put(struct vmo *held)
{
    if (held != NULL) {
        vmo_put(held);
    }
}

static void use_bucket_locked(struct futex_bucket *bucket)
{
    if (bucket->waiters.next == NULL) {
        list_init(&bucket->waiters);
    }
}

void futex_enqueue_locked(struct futex_bucket *bucket, struct futex_waiter *waiter)
{
    use_bucket_locked(bucket);
    waiter->bucket = bucket;
    list_add_tail(&bucket->waiters, &waiter->link);
}

int futex_enqueue_if(struct futex_waiter *waiter, vaddr_t addr, uint32_t expected)
{
    struct futex_bucket *bucket = futex_bucket(&waiter->key);
    for (;;) {
        uint32_t value;
        spin_lock(&bucket->lock);
        futex_enqueue_locked(bucket, waiter);
        /* Pairs with futex_wake_key: who changes the word after this read finds the waiter. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        int result = user_load_u32(addr, &value);
        if (likely(result == 0 && value == expected)) {
            spin_unlock(&bucket->lock);
            return 0;
        }
        list_del(&waiter->link);
        waiter->bucket = NULL;
        spin_unlock(&bucket->lock);
        if (result == 0) {
            return -EAGAIN;
        }
        /* The page is not there: once it is, all over again. */
        result = user_load_u32(addr, &value);
        if (result != 0) {
            return result;
        }
    }
}

struct futex_bucket *futex_lock_bucket(struct futex_waiter *waiter)
{
    for (;;) {
        struct futex_bucket *bucket = __atomic_load_n(&waiter->bucket, __ATOMIC_ACQUIRE);
        if (bucket == NULL) {
            return NULL;
        }
        spin_lock(&bucket->lock);
        if (waiter->bucket == bucket) {
            return bucket;
        }
        spin_unlock(&bucket->lock);
    }
}

bool futex_dequeue(struct futex_waiter *waiter)
{
    struct futex_bucket *bucket = futex_lock_bucket(waiter);
    if (bucket == NULL) {
        return false;
    }
    list_del(&waiter->link);
    waiter->bucket = NULL;
    spin_unlock(&bucket->lock);
    return true;
}

void futex_wake_waiter_locked(struct futex_waiter *waiter)
{
    struct thread *thread = waiter->thread;
    /* The waiter's stack may go as soon as bucket is NULL: the thread is held until it is woken. */
    thread_get(thread);
    list_del(&waiter->link);
    __atomic_store_n(&waiter->bucket, NULL, __ATOMIC_RELEASE);
    sched_wake(thread, WAIT_UNINTERRUPTIBLE);
    thread_put(thread);
}

void futex_move_locked(struct futex_waiter *waiter, struct futex_bucket *target,
                       const struct futex_key *key, struct vmo *held)
{
    struct vmo *old = waiter->held;
    if (held != NULL) {
        vmo_get(held);
    }
    waiter->held = held;
    waiter->key = *key;
    if (waiter->bucket != target) {
        use_bucket_locked(target);
        list_del(&waiter->link);
        list_add_tail(&target->waiters, &waiter->link);
        __atomic_store_n(&waiter->bucket, target, __ATOMIC_RELEASE);
    }
    /* Not the last one: the caller holds both words' objects, too. */
    futex_key_put(old);
}

void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    spin_lock(a < b ? &a->lock : &b->lock);
    if (a != b) {
        spin_lock_nested(a < b ? &b->lock : &a->lock);
    }
    use_bucket_locked(a);
    use_bucket_locked(b);
}

void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    spin_unlock(&a->lock);
    if (a != b) {
        spin_unlock(&b->lock);
    }
}

int futex_wake_key(const struct futex_key *key, int count, uint32_t bitset)
{
    struct futex_bucket *bucket = futex_bucket(key);
    struct futex_waiter *waiter, *next;
    int woken = 0;
    /* The word was written before this is read; the waiter queues before it reads the word. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    const struct list *first = __atomic_load_n(&bucket->waiters.next, __ATOMIC_RELAXED);
    if (first == NULL || first == &bucket->waiters) {
        return 0;
    }
    spin_lock(&bucket->lock);
    list_for_each_safe (waiter, next, &bucket->waiters, link) {
        if (!futex_same_key(&waiter->key, key)) {
            continue;
        }
        if (waiter->kind != FUTEX_PLAIN) {
            woken = -EINVAL;
            break;
        }
        if ((waiter->bitset & bitset) != 0) {
            futex_wake_waiter_locked(waiter);
            if (++woken >= count) {
                break;
            }
        }
    }
    spin_unlock(&bucket->lock);
    return woken;
}
