/* SPDX-License-Identifier: BSD-2-Clause */
/* See files.h. */
#include "files.h"
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "kernel/fs/event.h"
#include "kernel/mm/heap.h"
#include "port.h"
#include <stdlib.h>
#include <string.h>

int (*fake_sleep)(void);
unsigned fake_wakes;
#define START_NS (1700000000ull * NSEC_PER_SEC)
uint64_t fake_now_ns = START_NS;

/* No file here is in an epoll set. */
void epoll_file_gone(struct file *file)
{
    (void)file;
    abort();
}

uint64_t clock_realtime_ns(void)
{
    return ++fake_now_ns;
}

uint64_t clock_monotonic_ns(void)
{
    return ++fake_now_ns - START_NS;
}

void waitq_init(struct waitq *wq)
{
    spin_init(&wq->lock, LOCK_WAITQ);
    list_init(&wq->entries);
}

void waitq_wake_one(struct waitq *wq)
{
    (void)wq;
    fake_wakes++;
}

void waitq_wake_all(struct waitq *wq)
{
    (void)wq;
    fake_wakes++;
}

void wait_prepare(enum wait_mode mode)
{
    (void)mode;
    if (!fake_is_calm()) {
        fake_die("sleep where sleeping is not allowed");
    }
}

void wait_begin(struct waitq *wq, struct wait_entry *entry)
{
    list_add_tail(&wq->entries, &entry->link);
    entry->thread = fake_current;
}

int wait_sleep(uint64_t deadline_ns)
{
    (void)deadline_ns;
    if (fake_sleep == NULL) {
        fake_die("sleeps for ever");
    }
    return fake_sleep();
}

void wait_end(struct waitq *wq, struct wait_entry *entry)
{
    (void)wq;
    if (entry->thread != NULL) {
        list_del(&entry->link);
    }
}

void wait_cancel(void)
{
}

void fake_start_files(struct walk *walk)
{
    static struct cred root = {.refs = {1}, .cap_effective = ~0ull, .cap_permitted = ~0ull};
    struct path path;
    fake_start_small();
    vfs_init();
    if (vfs_mount_root("tmpfs", &path) != 0) {
        fake_die("no root");
    }
    *walk = (struct walk){.cred = &root, .root = path, .base = path};
}

struct cred *fake_cred(uint32_t uid, uint32_t gid)
{
    struct cred *cred = calloc(1, sizeof(*cred));
    ref_init(&cred->refs, 1);
    cred->uid = cred->euid = cred->suid = cred->fsuid = uid;
    cred->gid = cred->egid = cred->sgid = cred->fsgid = gid;
    return cred;
}

int copy_to_user(vaddr_t dst, const void *src, size_t size)
{
    return copy_to_user_partial(dst, src, size) == 0 ? 0 : -EFAULT;
}

unsigned cpu_present_count(void)
{
    return 1;
}

void sched_point(void)
{
}

/* Nobody else reads; but who hands something over may not hold a lock that freeing it takes. */
void rcu_call(struct rcu_head *head, void (*done)(struct rcu_head *head))
{
    done(head);
}
