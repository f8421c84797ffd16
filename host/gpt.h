/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Partition tables: a GPT (UEFI 2.10, chapter 5.3) and, in the boot sector, a hybrid table of the
 * old kind (5.2.3): an entry of type 0xEE from sector 1 on, by which firmware knows the GPT, and
 * one of the system partition, marked active, since some BIOSes start from no other disk.
 */
#include <stddef.h>
#include <stdint.h>

enum { GPT_SECTOR = 512, GPT_SECTORS = 33, GPT_SIZE = GPT_SECTORS * GPT_SECTOR };

/* GUIDs are as they lie on the disk. */
struct gpt_partition {
    uint8_t type[16], id[16];
    uint64_t first, last; /* sectors */
    const char *name;     /* ASCII */
};

struct gpt_disk {
    uint64_t sectors;
    uint8_t id[16];
    uint32_t signature; /* of the old table */
    const struct gpt_partition *partitions;
    size_t partition_count; /* at most 128 */
};

extern const uint8_t gpt_type_bios_boot[16], gpt_type_esp[16];

/* front: sectors 1 to 33 of the disk; back: the last 33. The partitions lie between them. */
void gpt_make(const struct gpt_disk *disk, uint8_t front[GPT_SIZE], uint8_t back[GPT_SIZE]);

/* The hybrid table in the boot sector. */
void gpt_make_hybrid(const struct gpt_disk *disk, const struct gpt_partition *esp,
                     uint8_t sector[GPT_SECTOR]);
