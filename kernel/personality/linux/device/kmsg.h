/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The kernel log as files: /dev/kmsg (records) and /proc/kmsg (lines, as syslog(2) gives them).
 */
#include "kernel/fs/file.h"
#include "kernel/fs/pseudo.h"

/* /dev/kmsg: its open hook, as in struct chrdev, and its operations. */
int kmsg_open(struct file *file, dev_number dev);
extern const struct file_ops kmsg_file_ops;

/* Lines that nobody has read yet by this or /proc/kmsg; waits for one: bytes, -EINVAL (too long for
 * io), -EAGAIN, -ERESTARTSYS. */
ssize_type kmsg_read_lines(struct io *io, bool nonblock);

/* /proc/kmsg, as a pseudo_node's ops. */
extern const struct file_ops proc_kmsg_ops;
