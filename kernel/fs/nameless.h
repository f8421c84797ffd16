/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Files that no directory names: pipes, events, sockets. Each kind belongs to a file system that
 * nobody can mount; it is made with the first file.
 */
#include "kernel/fs/inode.h"

struct nameless_fs {
    struct fs_type type;
    uint32_t mode;                   /* of its inodes */
    const struct inode_ops *ops;     /* theirs: what opening one again (/proc/PID/fd) does */
    const struct file_ops *file_ops; /* of files opened again, before ops->open */
    struct mount *mount;             /* atomic: NULL until the first file; constant then */
};

/* A new inode, and a path to it with a reference: 0 or -ENOMEM. text: what /proc/PID/fd shows:
 * "pipe" as "pipe:[INO]"; with a colon as it is. It must stay. */
int nameless_path(struct nameless_fs *fs, const char *text, struct path *out);

/* A file that is nothing but its ops: events, timers, ... Its name is "anon_inode:[...]". It cannot
 * be opened again. 0 or a negative errno. */
int anon_file_create(const char *text, const struct file_ops *ops, unsigned flags, void *priv,
                     struct file **out);
