/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Where on a disk there may be a system partition: the EFI system partitions of a GPT (UEFI 2.10,
 * 5.3), partitions of FAT types of a boot record (5.2), the whole disk, and on a CD the images for
 * EFI in its boot catalogue ("El Torito" 1.0; UEFI 2.10, 13.3.2). Nothing on the disk is trusted.
 */
#include "lib/fat.h"

struct volume {
    uint64_t start, size; /* units of FAT_UNIT; size 0: not known */
    const char *kind;     /* for people */
};
#define VOLUME_MAX 12u

struct volume_disk {
    fat_read_units *read;
    void *context;
    uint32_t sector_units; /* units in one sector of the disk */
    uint64_t units;        /* of the disk; 0: not known */
};

/*
 * Finds up to VOLUME_MAX places, the most promising first; what they hold nobody has looked at.
 * Returns how many, at least the whole disk; or what `read` returned.
 */
int volume_find(const struct volume_disk *disk, struct volume volumes[VOLUME_MAX]);
