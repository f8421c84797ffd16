/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Disks and CDs that start one system under BIOS and UEFI, laid out as abi/disk.h says. */
#include "host/output.h"

struct disk {
    int kernel_fd, initrd_fd; /* an alba.bzImage, an initramfs */
    uint64_t kernel_size, initrd_size;
    const char *config;   /* the text of DISK_CONFIG */
    int64_t time;         /* of all files, seconds since 1970 */
    uint8_t identity[32]; /* of the content: what else has to be unique is made from it */
};

/* Returns the size in bytes. */
uint64_t disk_write(const struct disk *disk, struct output *output);
void disk_write_cd(const struct disk *disk, struct output *output);
