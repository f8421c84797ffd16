/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What threads have to undo at their end (SEM_UNDO of semop(2)): made by sem_op.c, counted. */
#include <stdbool.h>

struct linux_thread;

/* A new thread: with `share` (CLONE_SYSVSEM) it has the caller's list. -ENOMEM. */
int linux_sem_clone(struct linux_thread *child, bool share);
/* The thread ends, or was never started: undoes what is left when it was the list's last user. */
void linux_sem_exit(struct linux_thread *self);
