/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Processes as files: pidfd_open(2). */
#include "kernel/personality/linux/file/files.h"

/* A descriptor for the process, closed on exec; flags O_NONBLOCK. Or a negative errno. */
long pidfd_create(struct linux_process *process, unsigned flags);
/* The process of a descriptor, which ref keeps (the caller gives that back, always); NULL: it is
 * none. */
struct linux_process *pidfd_borrow(int fd, struct fd_ref *ref);
