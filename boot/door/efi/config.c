/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration of a disk that `alba image` made (lib/bootcfg.h), for firmware that starts us
 * from it without a word: the default entry's command line and initramfs. The kernel is what runs.
 */
#include "abi/disk.h"
#include "boot/door/efi/door.h"
#include "lib/bootcfg.h"
#include "lib/sha256.h"
#include "lib/string.h"

static efi_status take_initrd(struct efi_door *door, const struct bootcfg_entry *entry)
{
    const char *path = entry->initrd.at;
    size_t length = entry->initrd.size;
    struct efi_bytes file;
    efi_status status = efi_read_file(door, path, length, SIZE_MAX, &file);
    if (status == EFI_SUCCESS && entry->has_initrd_sha256) {
        uint8_t digest[SHA256_BYTES];
        sha256((const void *)file.address, file.size, digest);
        if (memcmp(digest, entry->initrd_sha256, sizeof(digest)) != 0) {
            status = EFI_CRC_ERROR;
        }
    }
    if (status != EFI_SUCCESS) {
        return efi_complain(door, status, "the initramfs %.*s", (int)MIN(length, (size_t)128),
                            path);
    }
    door->initrd = file.address;
    door->initrd_size = file.size;
    return status;
}

efi_status efi_take_config(struct efi_door *door)
{
    static struct bootcfg config;
    struct efi_bytes file;
    uint32_t line;
    const char *why;
    efi_status status = efi_read_file(door, DISK_CONFIG, sizeof(DISK_CONFIG) - 1, BOOTCFG_MAX_SIZE,
                                      &file);
    if (status == EFI_NOT_FOUND) {
        return EFI_SUCCESS;
    }
    if (status != EFI_SUCCESS) {
        return efi_complain(door, status, DISK_CONFIG);
    }
    if (bootcfg_parse(&config, (const char *)file.address, file.size, &line, &why) != 0) {
        return efi_complain(door, EFI_ABORTED, DISK_CONFIG ", line %u: %s", line, why);
    }
    const struct bootcfg_entry *entry = &config.entries[config.default_entry];
    if (entry->cmdline.size > 0) {
        status = efi_keep_cmdline(door, entry->cmdline.at, entry->cmdline.size);
    }
    if (status == EFI_SUCCESS && entry->initrd.size > 0) {
        status = take_initrd(door, entry);
    }
    efi_drop(door, file.address);
    return status;
}
