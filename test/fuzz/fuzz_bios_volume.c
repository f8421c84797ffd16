/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes what the boot manager reads of partition tables and boot catalogues: any bytes as a disk
 * of any sector size. It must come to an end, with the whole disk as the last of its places.
 */
// sources: boot/door/bios/volume.c
#include <stdlib.h>
#include <string.h>

#include "abi/errno.h"
#include "boot/door/bios/volume.h"

struct bytes {
    const uint8_t *data;
    uint64_t units;
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* The disk is the data, and goes on with it as a circle, so that small inputs reach far. */
static int read_bytes(void *context, uint64_t first, uint32_t count, void *buffer)
{
    const struct bytes *bytes = context;
    for (uint32_t i = 0; i < count; i++) {
        memcpy((uint8_t *)buffer + i * FAT_UNIT,
               bytes->data + (first + i) % bytes->units * FAT_UNIT, FAT_UNIT);
    }
    return first < 1ull << 41 ? 0 : -EIO;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t sector_units[] = {1, 4, 8};
    struct bytes bytes = {data, size / FAT_UNIT};
    for (size_t i = 0; i < ARRAY_SIZE(sector_units) && bytes.units > 0; i++) {
        struct volume volumes[VOLUME_MAX];
        struct volume_disk disk = {
            .read = read_bytes, .context = &bytes, .sector_units = sector_units[i], .units = 5000};
        int count = volume_find(&disk, volumes);
        require(count == -EIO || (count > 0 && count <= (int)VOLUME_MAX));
        for (int n = 0; n < count; n++) {
            require(volumes[n].start < 1ull << 40 && volumes[n].size < 1ull << 40);
        }
        require(count < 0 || (volumes[count - 1].start == 0 && volumes[count - 1].size == 5000));
    }
    return 0;
}
