/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Reader of cpio archives in the "newc" and "crc" formats (070701, 070702; Linux's
 * Documentation/driver-api/early-userspace/buffer-format.rst): several archives one after another,
 * with zero bytes between. Nothing is copied: names and data point into the archive. Everything is
 * checked against the archive's size.
 */
#include "lib/types.h"

struct cpio {
    const uint8_t *bytes;
    uint64_t size;
    uint64_t at;      /* offset of the next header */
    unsigned archive; /* which one of those in a row: inode numbers mean nothing beyond it */
};

struct cpio_entry {
    uint32_t ino, mode, uid, gid, nlink, mtime;
    uint32_t dev_major, dev_minor, rdev_major, rdev_minor;
    const char *name; /* zero-terminated inside the archive */
    uint32_t name_size;
    uint32_t data_size;
    const uint8_t *data;
};

static inline void cpio_begin(struct cpio *cpio, const void *bytes, uint64_t size)
{
    *cpio = (struct cpio){bytes, size, 0, 0};
}

/*
 * The next entry: 1; 0: there is none; or -EINVAL (not an archive or damaged), -ENOTSUP (packed or
 * another format), with *error saying what is wrong. After an error about an entry whose name could
 * be read, entry->name is that name, else NULL.
 */
int cpio_next(struct cpio *cpio, struct cpio_entry *entry, const char **error);

/* Is the name one that may be unpacked below a root directory? NULL: yes, else what is wrong. */
const char *cpio_name_error(const char *name);
