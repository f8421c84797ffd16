/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the reader of FAT file systems. The input is a volume with holes: its size in units, then
 * records of a unit's number and its bytes; what no record covers is zero. Files are found by name
 * and read; no byte of the buffer beyond what was asked for may change.
 */
// sources: lib/fat.c
// sources: lib/string.c
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bytes.h"
#include "lib/fat.h"

enum { RECORD = 4 + FAT_UNIT, READ_MAX = 64 * FAT_UNIT, FILE_MAX = 1 << 20 };

struct volume {
    const uint8_t *records;
    size_t count;
    uint64_t units; /* 0: not known; then it ends at 4 GiB */
};

static int read_units(void *context, uint64_t first, uint32_t count, void *buffer)
{
    const struct volume *volume = context;
    uint64_t limit = volume->units != 0 ? volume->units : 1u << 23;
    if (first >= limit || count > limit - first || count == 0) {
        return -EIO;
    }
    memset(buffer, 0, (size_t)count * FAT_UNIT);
    for (size_t i = 0; i < volume->count; i++) {
        const uint8_t *record = volume->records + i * RECORD;
        uint64_t unit = bytes_load4(record);
        if (unit >= first && unit - first < count) {
            memcpy((uint8_t *)buffer + (unit - first) * FAT_UNIT, record + 4, FAT_UNIT);
        }
    }
    return 0;
}

static void read_file(struct fat *fat, struct fat_file *file)
{
    uint32_t left = file->size < FILE_MAX ? file->size : FILE_MAX;
    for (uint32_t size; left > 0; left -= size) {
        size = left < READ_MAX ? left : READ_MAX;
        if (size == left && left != file->size - file->position) {
            size -= size % FAT_UNIT;
        }
        if (size == 0) {
            return;
        }
        uint8_t *buffer = malloc((size + FAT_UNIT - 1) / FAT_UNIT * FAT_UNIT);
        int err = fat_read(fat, file, buffer, size);
        free(buffer);
        if (err != 0) {
            if (err > 0 || fat->error == NULL) {
                abort();
            }
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = {
        "/alba/alba.cfg", "/ALBA/kernel.img", "/a file.text", "/EFI/BOOT/BOOTX64.EFI", "/a", "/"};
    if (size < 4) {
        return 0;
    }
    struct volume volume = {
        .records = data + 4, .count = (size - 4) / RECORD, .units = bytes_load4(data)};
    struct fat fat;
    int err = fat_mount(&fat, read_units, &volume, volume.units);
    if (err != 0) {
        if (err > 0 || fat.error == NULL) {
            abort();
        }
        return 0;
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct fat_file file;
        err = fat_open(&fat, paths[i], strlen(paths[i]), &file);
        if (err > 0 || (err != 0 && fat.error == NULL)) {
            abort();
        }
        if (err == 0) {
            read_file(&fat, &file);
        }
    }
    return 0;
}
