/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Reader of FAT12, FAT16 and FAT32 file systems by file name, short or long ("Microsoft FAT
 * Specification", 2005). Nothing on the volume is trusted: every chain of clusters and every
 * directory has a limit, so that loops and lies end in an error.
 *
 * The volume is read through a function in units of 512 bytes, whatever the disk's sectors are.
 * Errors are negative errno, and fat->error says what was wrong, for people, to be put behind the
 * path: "there is no such file".
 */
#include "lib/types.h"

#define FAT_UNIT 512u

/* Reads `count` units from unit `first` of the volume on; 0, or a negative errno. */
typedef int fat_read_units(void *context, uint64_t first, uint32_t count, void *buffer);

struct fat {
    fat_read_units *read;
    void *context;
    const char *error;

    /* The geometry, checked by fat_mount. Places and sizes in units. */
    uint32_t bits;          /* of an entry of the table: 12, 16, 32 */
    uint32_t clusters;      /* numbered from 2 */
    uint32_t cluster_units; /* in one cluster */
    uint32_t table_units;
    uint32_t root_units;   /* FAT12 and FAT16: of the root directory */
    uint32_t root_cluster; /* FAT32: its first cluster */
    uint64_t table_start, root_start, data_start;

    /* The part of the table that was read last. */
    uint64_t window_offset; /* bytes into the table */
    uint32_t window_size;   /* bytes; 0: nothing yet */
    uint8_t window[8 * FAT_UNIT];
};

struct fat_file {
    uint32_t size;
    uint32_t position; /* of the next byte to read */
    uint32_t cluster;  /* that it lies in */
};

/*
 * Checks the boot sector and takes the geometry from it. size_units: of the volume, 0 when it is
 * not known. Returns 0, -EINVAL (not a FAT file system, or one that contradicts itself), or what
 * `read` returned.
 */
int fat_mount(struct fat *fat, fat_read_units *read, void *context, uint64_t size_units);

/*
 * Finds a file by its path of path_size bytes in UTF-8, with '/' between the names; the letters A
 * to Z are the same as a to z. Returns 0, -ENOENT, -ENOTDIR, -EISDIR, -EIO (the volume lies), or
 * what `read` returned.
 */
int fat_open(struct fat *fat, const char *path, size_t path_size, struct fat_file *file);

/*
 * Reads the next `size` bytes of the file in pieces as large as they lie together. `size` is at
 * most what is left, and a multiple of FAT_UNIT unless it ends the file; the buffer has room for
 * `size` rounded up to FAT_UNIT. With the last byte it is checked that the chain ends there too.
 */
int fat_read(struct fat *fat, struct fat_file *file, void *buffer, uint32_t size);
