/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Advisory locks on files: ranges (fcntl(2), by process or by open file) and whole files
 * (flock(2)). An owner is an address: the descriptor table for POSIX locks, the struct file for
 * open file description locks and flock.
 */
#include "kernel/fs/file.h"

enum lock_type { LOCK_READ, LOCK_WRITE, LOCK_NONE };

struct file_lock {
    struct list link; /* [locks' lock] */
    const void *owner;
    uint64_t start, end; /* bytes, end inclusive */
    enum lock_type type;
    bool whole; /* flock's: these meet only each other */
    int pid;    /* for F_GETLK; -1: an open file description's */
};

/* Sets or takes away (LOCK_NONE) what `want` says; wait: sleeps until it can: -EAGAIN, -ENOLCK,
 * -EDEADLOCK, -ERESTARTSYS. */
int file_lock_set(struct inode *inode, const struct file_lock *want, bool wait);
/* The first lock that would be in the way: true, and *found is a copy. */
bool file_lock_test(struct inode *inode, const struct file_lock *want, struct file_lock *found);
/* A descriptor of the owner's was closed: its range locks go (POSIX, fcntl(2)). */
void file_locks_drop_owner(struct inode *inode, const void *owner);
/* The open file goes: flock's and open file description locks go. */
void file_locks_drop_file(struct file *file);
