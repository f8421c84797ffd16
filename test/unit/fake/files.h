/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What the file system layer needs beyond fake/port.h: wait queues for one thread, and a clock. A
 * sleep calls fake_sleep, which does what another thread would have done meanwhile and says how the
 * sleep ended; without one it is the end.
 */
#include "kernel/fs/inode.h"

extern int (*fake_sleep)(void);
extern unsigned fake_wakes;  /* calls of waitq_wake_* */
extern uint64_t fake_now_ns; /* real time; every look at a clock adds one */

/* Starts port and file system layer, mounts a root, and gives a walk at it with all rights. */
void fake_start_files(struct walk *walk);
/* A cred with these IDs and no capabilities; not freed. */
struct cred *fake_cred(uint32_t uid, uint32_t gid);
