/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Files in memory without a name (memfd_create(2)), and seals: what can never be done again to such
 * a file (fcntl(2), F_ADD_SEALS). Other files of a tmpfs have seals, too, but only the one that no
 * more can be added.
 */
#include "kernel/fs/inode.h"

enum { /* fcntl(2)'s numbers */
       SEAL_SEAL = 1,
       SEAL_SHRINK = 2,
       SEAL_GROW = 4,
       SEAL_WRITE = 8,
       SEAL_FUTURE_WRITE = 16, /* mappings that are there may go on */
};

/* A new file, open for reading and writing; name: "memfd:" and at most 249 bytes. 0, -ENOMEM,
 * -ENFILE. */
int memfd_create(const struct cred *cred, const char *name, bool sealable, struct file **out);

bool file_has_seals(const struct file *file);
/* Those it has; 0 for files that cannot have any. */
static inline unsigned file_seals(const struct file *file)
{
    return __atomic_load_n(&file->inode->seals, __ATOMIC_RELAXED);
}
/* 0; -EPERM: not open for writing, or SEAL_SEAL; -EINVAL: unknown, or a file without seals; -EBUSY:
 * SEAL_WRITE while a mapping may write. */
int file_add_seals(struct file *file, unsigned long seals);
