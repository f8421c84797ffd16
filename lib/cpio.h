/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Reader of cpio archives in the "newc" and "crc" formats (070701, 070702; Linux's
 * Documentation/driver-api/early-userspace/buffer-format.rst): several archives one after another,
 * with zero bytes between. Nothing is copied: names and data point into the archive. Everything is
 * checked against the archive's size.
 */
#include "lib/types.h"

/* The numbers of a header, in its order. */
struct cpio_numbers {
    uint32_t ino, mode, uid, gid, nlink, mtime, data_size;
    uint32_t dev_major, dev_minor, rdev_major, rdev_minor;
    uint32_t name_size, check;
};
#define CPIO_NUMBERS 13
static_assert(sizeof(struct cpio_numbers) == CPIO_NUMBERS * sizeof(uint32_t), "used as an array");

struct cpio_entry {
    struct cpio_numbers n;
    const char *name; /* zero-terminated inside the archive */
    const uint8_t *data;
};

struct cpio {
    const uint8_t *bytes;
    uint64_t size;
    uint64_t at;             /* offset of the next header */
    unsigned archive;        /* which one of those in a row: inode numbers mean nothing beyond it */
    const uint8_t *previous; /* digits that entry.n was read from */
    struct cpio_entry entry;
};

void cpio_begin(struct cpio *cpio, const void *bytes, uint64_t size);

/*
 * Reads the next entry into cpio->entry: 1; 0: there is none; or -EINVAL (not an archive or
 * damaged), -ENOTSUP (packed or another format), with *error saying what is wrong. After an error
 * about an entry whose name could be read, entry.name is that name, else NULL.
 */
int cpio_next(struct cpio *cpio, const char **error);

/* May the name be unpacked below a root directory (where slashes in front mean nothing, as on
 * Linux)? NULL: yes, else what is wrong. */
const char *cpio_name_error(const char *name);
