/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * A CD that PCs start from: an ISO 9660 file system (ECMA-119) with three files, which are the boot
 * catalogue ("El Torito" 1.0) and what it names: code for the BIOS, loaded without emulation, and
 * for UEFI an image of a FAT file system (UEFI 2.10, 13.3.2.1).
 */
#include "host/output.h"

enum { ISO_SECTOR = 2048 };

struct iso {
    int64_t time;     /* of all, seconds since 1970 */
    const void *boot; /* what the BIOS loads */
    size_t boot_size; /* at most 65535 * 512 bytes */
    uint64_t esp_size;

    /* From iso_plan: bytes. */
    uint64_t esp_offset, size;
};

/* Ends alba when the disk would be too large. */
void iso_plan(struct iso *iso);
/* Writes all but the system partition, which is the caller's. */
void iso_write(const struct iso *iso, struct output *output);
