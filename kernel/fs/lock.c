/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advisory file locks. An inode gets its list when the first lock is set. One mutex for all of
 * them: they are rare and the lists are short.
 */
#include "kernel/fs/lock.h"
#include "abi/errno.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"

struct file_locks {
    struct list list; /* [locks_mutex] struct file_lock */
    struct waitq wq;  /* woken when one goes */
};

static struct mutex locks_mutex = MUTEX_INIT(locks_mutex, LOCK_FILE_LOCKS);

/* Who waits for whom, to find circles: [locks_mutex]. */
struct waiter {
    struct list link;
    const void *owner, *blocker;
};
static struct list waiters = LIST_INIT(waiters); /* [locks_mutex] */

static struct file_locks *locks_of(struct inode *inode)
{
    if (inode->locks == NULL) {
        struct file_locks *locks = kmalloc(sizeof(*locks));
        if (locks == NULL) {
            return NULL;
        }
        list_init(&locks->list);
        waitq_init(&locks->wq);
        __atomic_store_n(&inode->locks, locks, __ATOMIC_RELEASE);
    }
    return inode->locks;
}

static bool overlaps(const struct file_lock *a, const struct file_lock *b)
{
    return a->start <= b->end && b->start <= a->end;
}

static struct file_lock *find_conflict(struct file_locks *locks, const struct file_lock *want)
{
    struct file_lock *lock;
    list_for_each (lock, &locks->list, link) {
        if (lock->owner != want->owner && lock->whole == want->whole && overlaps(lock, want) &&
            (lock->type == LOCK_WRITE || want->type == LOCK_WRITE)) {
            return lock;
        }
    }
    return NULL;
}

static struct file_lock *lock_copy(const struct file_lock *from)
{
    struct file_lock *lock = kmalloc(sizeof(*lock));
    if (lock != NULL) {
        *lock = *from;
    }
    return lock;
}

/* Cuts [want->start, want->end] out of the owner's locks; *spare serves a split, and is cleared. */
static bool cut_out(struct file_locks *locks, const struct file_lock *want,
                    struct file_lock **spare)
{
    bool changed = false;
    struct file_lock *lock, *next;
    list_for_each_safe (lock, next, &locks->list, link) {
        if (lock->owner != want->owner || lock->whole != want->whole || !overlaps(lock, want)) {
            continue;
        }
        changed = true;
        bool head = lock->start<want->start, tail = lock->end> want->end;
        if (head && tail) {
            struct file_lock *rest = *spare;
            *spare = NULL;
            *rest = *lock;
            rest->start = want->end + 1;
            lock->end = want->start - 1;
            list_add(&lock->link, &rest->link);
            break; /* nothing else of this owner can overlap */
        }
        if (head) {
            lock->end = want->start - 1;
        } else if (tail) {
            lock->start = want->end + 1;
        } else {
            list_del(&lock->link);
            kfree(lock);
        }
    }
    return changed;
}

/* Joins a new lock with its owner's neighbours of the same type. */
static void merge(struct file_locks *locks, struct file_lock *added)
{
    struct file_lock *lock, *next;
    list_for_each_safe (lock, next, &locks->list, link) {
        if (lock == added || lock->owner != added->owner || lock->whole != added->whole ||
            lock->type != added->type) {
            continue;
        }
        if (lock->end + 1 == added->start) {
            added->start = lock->start;
        } else if (added->end != UINT64_MAX && added->end + 1 == lock->start) {
            added->end = lock->end;
        } else {
            continue;
        }
        list_del(&lock->link);
        kfree(lock);
    }
}

static int apply(struct file_locks *locks, const struct file_lock *want)
{
    struct file_lock *spare = lock_copy(want), *added = NULL;
    if (want->type != LOCK_NONE) {
        added = lock_copy(want);
    }
    if (spare == NULL || (added == NULL && want->type != LOCK_NONE)) {
        kfree(spare);
        kfree(added);
        return -ENOLCK;
    }
    bool changed = cut_out(locks, want, &spare);
    kfree(spare);
    if (added != NULL) {
        list_add_tail(&locks->list, &added->link);
        if (!added->whole) {
            merge(locks, added);
        }
    }
    if (changed) {
        waitq_wake_all(&locks->wq);
    }
    return 0;
}

/* Would waiting for `blocker` close a circle back to `owner`? */
static bool deadlock(const void *owner, const void *blocker)
{
    struct waiter *waiter;
    for (unsigned steps = 0; steps < 64; steps++) {
        const void *next = NULL;
        list_for_each (waiter, &waiters, link) {
            if (waiter->owner == blocker) {
                next = waiter->blocker;
                break;
            }
        }
        if (next == NULL) {
            return false;
        }
        if (next == owner) {
            return true;
        }
        blocker = next;
    }
    return false;
}

/* One sleep until a lock goes; locks_mutex is dropped meanwhile. */
static int wait_for_change(struct file_locks *locks, const struct file_lock *want,
                           const void *blocker)
{
    struct waiter waiter = {.owner = want->owner, .blocker = blocker};
    struct wait_entry entry = {.thread = NULL};
    if (!want->whole && deadlock(want->owner, blocker)) {
        return -EDEADLOCK;
    }
    list_add(&waiters, &waiter.link);
    wait_prepare(WAIT_INTERRUPTIBLE);
    wait_begin(&locks->wq, &entry);
    mutex_unlock(&locks_mutex);
    int error = wait_sleep(WAIT_FOREVER);
    wait_end(&locks->wq, &entry);
    mutex_lock(&locks_mutex);
    list_del(&waiter.link);
    return error == 0 ? 0 : -ERESTARTSYS;
}

int file_lock_set(struct inode *inode, const struct file_lock *want, bool wait)
{
    mutex_lock(&locks_mutex);
    struct file_locks *locks = locks_of(inode);
    int error = locks != NULL ? 0 : -ENOLCK;
    while (error == 0 && want->type != LOCK_NONE) {
        const struct file_lock *conflict = find_conflict(locks, want);
        if (conflict == NULL) {
            break;
        }
        error = wait ? wait_for_change(locks, want, conflict->owner) : -EAGAIN;
    }
    if (error == 0) {
        error = apply(locks, want);
    }
    mutex_unlock(&locks_mutex);
    return error;
}

bool file_lock_test(struct inode *inode, const struct file_lock *want, struct file_lock *found)
{
    mutex_lock(&locks_mutex);
    const struct file_lock *lock = NULL;
    if (inode->locks != NULL) {
        lock = find_conflict(inode->locks, want);
    }
    if (lock != NULL) {
        *found = *lock;
    }
    mutex_unlock(&locks_mutex);
    return lock != NULL;
}

static void drop(struct inode *inode, const void *owner, bool whole_too)
{
    bool changed = false;
    struct file_lock *lock, *next;
    mutex_lock(&locks_mutex);
    list_for_each_safe (lock, next, &inode->locks->list, link) {
        if (lock->owner == owner && (whole_too || !lock->whole)) {
            list_del(&lock->link);
            kfree(lock);
            changed = true;
        }
    }
    if (changed) {
        waitq_wake_all(&inode->locks->wq);
    }
    mutex_unlock(&locks_mutex);
}

void file_locks_drop_owner(struct inode *inode, const void *owner)
{
    if (inode_has_locks(inode)) {
        drop(inode, owner, false);
    }
}

void file_locks_drop_file(struct file *file)
{
    if (inode_has_locks(file->inode)) {
        drop(file->inode, file, true);
    }
}
