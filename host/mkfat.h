/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Makes a FAT16 or FAT32 file system that holds a few files and is never changed in place
 * (Microsoft, "FAT: General Overview of On-Disk Format", 1.03): directories first, then each file
 * in one piece, in the order given. Names are of the short form, 8.3.
 */
#include "host/output.h"
#include <stdbool.h>

enum { MKFAT_SECTOR = 512, MKFAT_FILES_MAX = 8 };

struct mkfat_file {
    const char *path;  /* "/DIRECTORY/NAME.EXT"; case does not matter */
    const void *bytes; /* NULL: from fd */
    int fd;
    uint64_t size;
};

struct mkfat_node {
    char name[11];
    bool is_directory;
    int parent; /* index of its directory; the root is 0 */
    const struct mkfat_file *file;
    uint32_t first_cluster, clusters;
};

struct mkfat {
    uint32_t serial; /* of the volume */
    int64_t time;    /* of all files, seconds since 1970 */
    uint32_t hidden; /* sectors before the file system on its disk */

    /* From mkfat_plan: */
    bool is_fat32;
    uint32_t cluster_sectors, clusters, used;                        /* clusters used */
    uint32_t reserved_sectors, table_sectors, root_sectors, sectors; /* sectors: all */
    struct mkfat_node nodes[1 + 3 * MKFAT_FILES_MAX];
    int node_count;
};

/*
 * Decides sizes and places: fat->sectors is a multiple of align_sectors. A removable medium has
 * FAT16 where that is large enough, any other FAT32, as UEFI wants it (UEFI 2.10, 13.3.1.1).
 */
void mkfat_plan(struct mkfat *fat, const struct mkfat_file *files, size_t count, bool removable,
                uint32_t align_sectors);
/* Writes it, from byte offset of the output on, after the fields above mkfat_plan's were set. */
void mkfat_write(const struct mkfat *fat, struct output *output, uint64_t offset);
