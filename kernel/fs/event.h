/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Files to wait for: counters (eventfd) and sets of watched files (epoll). What the calls check
 * before is in personality/linux/file/event_calls.c.
 */
#include "kernel/fs/file.h"

/* A counter; semaphore: reads take one at a time. 0 or a negative errno. */
int eventfd_create(uint64_t count, bool semaphore, unsigned flags, struct file **out);

/* struct epoll_event of the ABI: packed on x86-64 only. */
struct epoll_event {
    uint32_t events;
    uint64_t data;
}
#ifdef __x86_64__
__attribute__((packed))
#endif
;

enum {
    EPOLLEXCLUSIVE = 1u << 28,
    EPOLLWAKEUP = 1u << 29,
    EPOLLONESHOT = 1u << 30,
    EPOLLET = 1u << 31,
};

/* An empty set. 0 or a negative errno. */
int epoll_create(struct file **out);
bool file_is_epoll(const struct file *file);
/* Watches a file under a descriptor's number, changes that, ends it. epoll is such a set; the
 * caller holds both files. -EEXIST, -ENOENT, -EPERM (a file that is always ready), -ELOOP (a set
 * that would watch itself, or too deep), -EINVAL, -ENOMEM. */
int epoll_add(struct file *epoll, struct file *file, int fd, const struct epoll_event *event);
int epoll_modify(struct file *epoll, struct file *file, int fd, const struct epoll_event *event);
int epoll_delete(struct file *epoll, struct file *file, int fd);
/* Waits until something is ready, and gives up to `max` events to the program. Their number, 0 at
 * the deadline (0: does not wait), -EINTR, -EFAULT. */
long epoll_wait(struct file *epoll, vaddr_t events, unsigned max, uint64_t deadline_ns);
/* The last reference to a watched file has gone. */
void epoll_file_gone(struct file *file);
