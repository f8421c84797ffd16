/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot sector and the boot manager come from boot/door/bios, inside alba; everything else is
 * made here. GUIDs and serial numbers are digests of the content: the same content is the same
 * disk, and two different ones can be in one machine.
 */
#include "host/disk.h"
#include "abi/disk.h"
#include "host/bytes.h"
#include "host/gpt.h"
#include "host/iso.h"
#include "host/mkfat.h"
#include "host/say.h"
#include "host/text.h"
#include "lib/sha256.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECTOR = 512,
    MANAGER_MAX = 127 * SECTOR, /* bytes, see struct disk_patch */
    ALIGN = 2048,               /* sectors: 1 MiB, the grain of partitions and of disks */
    FILES = 4
};

/* From host/embed.S. */
extern const uint8_t embedded_boot_sector[], embedded_boot_manager[], embedded_boot_manager_end[];

/* Bytes that depend on the content and on what they are for. */
static void derive(const struct disk *disk, const char *purpose, void *bytes, size_t size)
{
    struct sha256 sha;
    uint8_t digest[SHA256_BYTES];
    sha256_init(&sha);
    sha256_update(&sha, disk->identity, sizeof(disk->identity));
    sha256_update(&sha, purpose, strlen(purpose));
    sha256_final(&sha, digest);
    memcpy(bytes, digest, size);
}

/* A GUID of version 8, "custom" (RFC 9562, 5.8), with the mixed byte order of UEFI. */
static void derive_guid(const struct disk *disk, const char *purpose, uint8_t guid[16])
{
    derive(disk, purpose, guid, 16);
    guid[7] = (uint8_t)((guid[7] & 0x0f) | 0x80);
    guid[8] = (uint8_t)((guid[8] & 0x3f) | 0x80);
}

static uint32_t derive_number(const struct disk *disk, const char *purpose)
{
    uint32_t number;
    derive(disk, purpose, &number, sizeof(number));
    return number;
}

/* The manager in whole sectors, behind the boot sector that knows it; *size is that of both. */
static uint8_t *make_boot(uint64_t manager_lba, size_t *size)
{
    size_t bytes = (size_t)(embedded_boot_manager_end - embedded_boot_manager);
    size_t sectors = (bytes + SECTOR - 1) / SECTOR;
    if (bytes > MANAGER_MAX) {
        fail(STATUS_ALBA, "alba was built with a boot manager that is too large");
    }
    *size = (1 + sectors) * SECTOR;
    uint8_t *boot = text_resize(NULL, *size);
    memset(boot, 0, *size);
    memcpy(boot, embedded_boot_sector, SECTOR);
    memcpy(boot + SECTOR, embedded_boot_manager, bytes);
    uint32_t sum = 0;
    for (size_t i = SECTOR; i < *size; i += 4) {
        uint32_t word;
        memcpy(&word, boot + i, sizeof(word));
        sum += le32toh(word);
    }
    uint8_t *patch = boot + DISK_PATCH_OFFSET;
    put64(patch + offsetof(struct disk_patch, manager_lba), manager_lba);
    put16(patch + offsetof(struct disk_patch, manager_sectors), (uint32_t)sectors);
    put16(patch + offsetof(struct disk_patch, zero), 0);
    put32(patch + offsetof(struct disk_patch, manager_sum), 0 - sum);
    return boot;
}

/* The files of the system partition; small ones first, where a reader finds them soon. */
static void plan_files(const struct disk *disk, struct mkfat_file files[FILES], struct mkfat *fat,
                       bool removable, uint32_t align)
{
    files[0] = (struct mkfat_file){DISK_CONFIG, disk->config, -1, strlen(disk->config)};
    files[1] = (struct mkfat_file){DISK_EFI_BOOT, NULL, disk->kernel_fd, disk->kernel_size};
    files[2] = (struct mkfat_file){DISK_KERNEL, NULL, disk->kernel_fd, disk->kernel_size};
    files[3] = (struct mkfat_file){DISK_INITRD, NULL, disk->initrd_fd, disk->initrd_size};
    fat->serial = derive_number(disk, "volume");
    fat->time = disk->time;
    mkfat_plan(fat, files, FILES, removable, align);
}

static void write_tables(const struct disk *disk, struct output *output, uint8_t *boot_sector,
                         uint32_t esp_sectors, uint64_t sectors)
{
    static uint8_t front[GPT_SIZE], back[GPT_SIZE];
    struct gpt_partition partitions[] = {
        {.first = DISK_MANAGER_LBA, .last = DISK_ESP_LBA - 1, .name = "Alba boot manager"},
        {.first = DISK_ESP_LBA, .last = DISK_ESP_LBA + esp_sectors - 1, .name = "Alba"},
    };
    struct gpt_disk table = {.sectors = sectors, .partitions = partitions, .partition_count = 2};
    memcpy(partitions[0].type, gpt_type_bios_boot, 16);
    memcpy(partitions[1].type, gpt_type_esp, 16);
    derive_guid(disk, "manager", partitions[0].id);
    derive_guid(disk, "esp", partitions[1].id);
    derive_guid(disk, "disk", table.id);
    table.signature = derive_number(disk, "signature");
    gpt_make_hybrid(&table, &partitions[1], boot_sector);
    gpt_make(&table, front, back);
    output_write(output, boot_sector, SECTOR, 0);
    output_write(output, front, sizeof(front), SECTOR);
    output_write(output, back, sizeof(back), (sectors - GPT_SECTORS) * SECTOR);
}

uint64_t disk_write(const struct disk *disk, struct output *output)
{
    struct mkfat_file files[FILES];
    struct mkfat fat = {.hidden = DISK_ESP_LBA};
    size_t boot_size;
    plan_files(disk, files, &fat, false, ALIGN);
    uint64_t sectors = DISK_ESP_LBA + (uint64_t)fat.sectors + ALIGN;
    uint8_t *boot = make_boot(DISK_MANAGER_LBA, &boot_size);
    output_set_size(output, sectors * SECTOR);
    write_tables(disk, output, boot, fat.sectors, sectors);
    output_write(output, boot + SECTOR, boot_size - SECTOR, DISK_MANAGER_LBA * SECTOR);
    mkfat_write(&fat, output, DISK_ESP_LBA * SECTOR);
    free(boot);
    return sectors * SECTOR;
}

void disk_write_cd(const struct disk *disk, struct output *output)
{
    struct mkfat_file files[FILES];
    struct mkfat fat = {.hidden = 0};
    struct iso iso = {.time = disk->time};
    plan_files(disk, files, &fat, true, ISO_SECTOR / SECTOR);
    uint8_t *boot = make_boot(0, &iso.boot_size); /* the manager is loaded with the boot sector */
    iso.boot = boot;
    iso.esp_size = (uint64_t)fat.sectors * SECTOR;
    iso_plan(&iso);
    iso_write(&iso, output);
    mkfat_write(&fat, output, iso.esp_offset);
    free(boot);
}
