/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What fcntl(2) asks of pipes beyond file operations; pipe_create is in file.h. */
#include "kernel/fs/file.h"

#define FILE_IOCTL_FIONREAD 0x541bu /* bytes that can be read now, ioctl_tty(2) */

/* F_GETPIPE_SZ, F_SETPIPE_SZ: bytes; -EBADF: not a pipe; -EPERM, -EBUSY, -ENOMEM. */
long pipe_capacity(struct file *file);
long pipe_set_capacity(struct file *file, unsigned long size);
