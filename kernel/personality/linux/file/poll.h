/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Waiting for several files at once, for poll(2) and select(2): a set of places in wait queues. The
 * caller scans its files in a loop; the first scan enters their queues.
 */
#include "kernel/personality/linux/file/files.h"

struct poll_place {
    struct wait_entry entry;
    struct waitq *wq;
    struct file *file; /* counted: its queue must not go */
};

struct poll_more; /* places beyond the first ones */

#define POLL_PLACES 6
struct poll_set {
    struct poll_table table; /* add is NULL once no more queues are to be entered */
    struct file *file;       /* being asked */
    unsigned count;          /* places used, of the newest block */
    int error;               /* -ENOMEM: a queue could not be entered */
    struct poll_more *more;
    struct poll_place first[POLL_PLACES];
};

/* Events of a file; the set enters its queues while the table has an add. */
unsigned poll_ask(struct poll_set *set, struct file *file);

/*
 * Calls scan until it returns other than 0, the deadline passes (0), or a signal comes (-EINTR).
 * deadline 0: scan once only.
 */
long poll_loop(long (*scan)(void *arg, struct poll_set *set), void *arg, uint64_t deadline_ns);

/* A relative time as an absolute deadline; -EINVAL when it is not a time. */
int poll_deadline(const struct linux_timespec *timeout, uint64_t *deadline_ns);
/* What is left until the deadline, written back as Linux does for ppoll and pselect; ignores
 * faults. */
void poll_put_timespec(vaddr_t addr, uint64_t deadline_ns);
void poll_put_timeval(vaddr_t addr, uint64_t deadline_ns);
/* Sets a signal mask for the call: addr 0: none. -EINVAL, -EFAULT. */
int poll_set_mask(vaddr_t addr, size_t size);
/* Puts the mask back, unless a signal (-ERESTARTNOHAND) is to be delivered under it first. */
void poll_reset_mask(bool was_set, long result);
