/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of the volume that the image came from, and the initramfs: by LoadFile2 on the vendor media
 * path that Linux defined (Documentation/arch/x86/boot.rst and "efi-stub" of the Linux
 * documentation), or by name, as `initrd=` says.
 */
#include "boot/door/efi/door.h"
#include "lib/string.h"

enum {
    PATH_MAX_CHARS = 512,
    NAME_MAX_CHARS = 256,
    READ_MAX = 1 << 20, /* bytes at once: some firmware does not manage more */
};

/* Bytes; no machine has memory for more. */
#define INITRD_MAX (1ull << 50)

static const struct efi_guid file_system_guid = {
    0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid file_info_guid = {
    0x09576e92, 0x6d3f, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid load_file2_guid = {
    0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}};

static efi_status open_volume(struct efi_door *door)
{
    struct efi_file_system *system = NULL;
    if (door->volume != NULL) {
        return EFI_SUCCESS;
    }
    if (door->loaded == NULL || door->loaded->device == NULL) {
        return EFI_NOT_FOUND;
    }
    efi_status status = door->services->handle_protocol(door->loaded->device, &file_system_guid,
                                                        (void **)&system);
    if (status != EFI_SUCCESS) {
        return EFI_NOT_FOUND; /* the network, for one */
    }
    return system->open_volume(system, &door->volume);
}

static efi_status file_size(struct efi_file *file, uint64_t *size)
{
    /* The name follows: 255 characters at most on a FAT. */
    struct {
        struct efi_file_info info;
        efi_char name[NAME_MAX_CHARS];
    } answer;
    size_t room = sizeof(answer);
    efi_status status = file->get_info(file, &file_info_guid, &room, &answer);
    if (status != EFI_SUCCESS) {
        return status;
    }
    *size = answer.info.file_size;
    return answer.info.attributes & EFI_FILE_DIRECTORY ? EFI_NOT_FOUND : EFI_SUCCESS;
}

/* Opens it; path is UTF-8, with slashes of any kind. */
static efi_status open_file(struct efi_door *door, const char *path, size_t length,
                            struct efi_file **file, uint64_t *size)
{
    efi_char name[PATH_MAX_CHARS];
    if (!efi_to_path(name, PATH_MAX_CHARS, path, length)) {
        return EFI_NOT_FOUND;
    }
    efi_status status = open_volume(door);
    if (status == EFI_SUCCESS) {
        status = door->volume->open(door->volume, file, name, EFI_FILE_READ, 0);
    }
    if (status != EFI_SUCCESS) {
        return status;
    }
    status = file_size(*file, size);
    if (status != EFI_SUCCESS) {
        (*file)->close(*file);
    }
    return status;
}

static efi_status read_all(struct efi_file *file, uint8_t *to, uint64_t size)
{
    while (size > 0) {
        size_t some = MIN(size, (uint64_t)READ_MAX), asked = some;
        efi_status status = file->read(file, &some, to);
        if (status != EFI_SUCCESS) {
            return status;
        }
        if (some == 0 || some > asked) {
            return EFI_LOAD_ERROR; /* shorter than it said */
        }
        to += some;
        size -= some;
    }
    return EFI_SUCCESS;
}

efi_status efi_read_file(struct efi_door *door, const char *path, size_t length, size_t limit,
                         struct efi_bytes *bytes)
{
    struct efi_file *file;
    *bytes = (struct efi_bytes){0};
    efi_status status = open_file(door, path, length, &file, &bytes->size);
    if (status != EFI_SUCCESS) {
        return status;
    }
    if (bytes->size > limit) {
        status = EFI_BUFFER_TOO_SMALL;
    } else if (bytes->size > 0) {
        status = efi_take(door, bytes->size, &bytes->address);
    }
    if (status == EFI_SUCCESS) {
        status = read_all(file, (uint8_t *)bytes->address, bytes->size);
    }
    file->close(file);
    return status;
}

efi_status efi_initrd_by_protocol(struct efi_door *door)
{
    /* Media, vendor-defined (10.3.5.3), LINUX_EFI_INITRD_MEDIA_GUID; the end (10.3.1). */
    static const struct {
        struct efi_path_node vendor;
        struct efi_guid guid;
        struct efi_path_node end;
    } offer = {{4, 3, {20, 0}},
               {0x5568e427, 0x68fc, 0x4f3d, {0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68}},
               {0x7f, 0xff, {4, 0}}};
    struct efi_boot_services *services = door->services;
    struct efi_path_node *path = (struct efi_path_node *)&offer;
    efi_handle handle;
    struct efi_load_file *loader = NULL;
    if (services->locate_device_path(&load_file2_guid, &path, &handle) != EFI_SUCCESS ||
        services->handle_protocol(handle, &load_file2_guid, (void **)&loader) != EFI_SUCCESS) {
        return EFI_NOT_FOUND;
    }
    size_t size = 0;
    efi_status status = loader->load(loader, path, 0, &size, NULL);
    if (status == EFI_SUCCESS || (status == EFI_BUFFER_TOO_SMALL && size == 0)) {
        return EFI_NOT_FOUND; /* an empty one is none */
    }
    uint64_t address = 0;
    if (status == EFI_BUFFER_TOO_SMALL) {
        status = efi_take(door, size, &address);
        if (status == EFI_SUCCESS) {
            status = loader->load(loader, path, 0, &size, (void *)address);
        }
    }
    if (status != EFI_SUCCESS) {
        efi_drop(door, address);
        return efi_complain(door, status, "the initramfs that the boot loader offers (LoadFile2)");
    }
    door->initrd = address;
    door->initrd_size = size;
    return EFI_SUCCESS;
}

/*
 * The files that initrd= names, one behind the other, each from a multiple of four bytes on, as
 * cpio has it. To NULL: only adds up their sizes; else what does not fit is not as it was then.
 */
static efi_status walk_initrds(struct efi_door *door, uint8_t *to, uint64_t room, uint64_t *total)
{
    const char *at = door->cmdline, *path;
    size_t length;
    *total = 0;
    while (efi_next_initrd(&at, &path, &length)) {
        struct efi_file *file;
        uint64_t size = 0;
        efi_status status = open_file(door, path, length, &file, &size);
        if (status == EFI_SUCCESS) {
            if (size > room - *total) {
                status = EFI_LOAD_ERROR;
            } else if (to != NULL) {
                status = read_all(file, to + *total, size);
                memset(to + *total + size, 0, ALIGN_UP(size, 4u) - size);
            }
            file->close(file);
        }
        if (status != EFI_SUCCESS) {
            return efi_complain(door, status, "the initramfs %.*s", (int)MIN(length, (size_t)128),
                                path);
        }
        *total += ALIGN_UP(size, 4u);
    }
    return EFI_SUCCESS;
}

efi_status efi_initrd_by_name(struct efi_door *door)
{
    uint64_t size = 0, address = 0;
    if (door->cmdline == NULL) {
        return EFI_SUCCESS;
    }
    efi_status status = walk_initrds(door, NULL, INITRD_MAX, &size);
    if (status != EFI_SUCCESS || size == 0) {
        return status;
    }
    status = efi_take(door, size, &address);
    if (status != EFI_SUCCESS) {
        return efi_complain(door, status, "an initramfs of %llu KiB",
                            (unsigned long long)size >> 10);
    }
    status = walk_initrds(door, (uint8_t *)address, size, &door->initrd_size);
    door->initrd = address;
    return status;
}
