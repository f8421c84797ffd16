/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * A disk that Alba starts from, as `alba image` writes it and the BIOS door reads it.
 *
 *   sector 0         boot sector (boot/door/bios) with a hybrid partition table
 *   1 to 33          GPT (UEFI 2.10, 5.3); its copy at the end of the disk
 *   DISK_MANAGER_LBA the boot manager, in a "BIOS boot" partition that ends before
 *   DISK_ESP_LBA     the EFI system partition: a FAT file system with all files
 *
 * Files of the system partition, found by name by the boot manager and by the EFI door alike:
 * DISK_CONFIG (lib/bootcfg.h) names the kernels, initramfs and command lines.
 *
 * A CD is El Torito without emulation: its BIOS entry is the boot sector with the boot manager
 * right behind it, loaded whole (patched with a manager_lba of 0), its EFI entry the image of the
 * same FAT file system, which the boot manager finds through the boot catalogue.
 */
#include <stdint.h>

#define DISK_MANAGER_LBA 64u
#define DISK_ESP_LBA     2048u
#define DISK_CONFIG      "/alba/alba.cfg"
#define DISK_KERNEL      "/alba/kernel.img"      /* an alba.bzImage */
#define DISK_INITRD      "/alba/initrd.img"      /* an initramfs */
#define DISK_EFI_BOOT    "/EFI/BOOT/BOOTX64.EFI" /* the same alba.bzImage, as UEFI looks for it */

/* In the boot sector, at this offset: where the boot manager lies. Written with the disk. */
#define DISK_PATCH_OFFSET 424u
struct disk_patch {
    uint64_t manager_lba;     /* of 512 bytes; 0: right behind the boot sector, in memory */
    uint16_t manager_sectors; /* of 512 bytes, at most 127 */
    uint16_t zero;
    uint32_t manager_sum; /* all 32-bit words of the manager and this one add up to 0 */
} __attribute__((packed));

_Static_assert(sizeof(struct disk_patch) == 16, "the boot sector's disk signature follows");
