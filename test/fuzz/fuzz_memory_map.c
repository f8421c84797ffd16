/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the loader's memory map: any ranges, then any taking and reserving. At every moment the
 * ranges are sorted, whole pages, and do not overlap; no byte of memory is lost or made.
 */
// sources: boot/loader/memory.c
#include <stdlib.h>
#include <string.h>

#include "boot/loader/memory.h"

struct claim {
    uint64_t start, size;
    uint32_t type;
};

static uint64_t check(const struct memory_map *map)
{
    uint64_t total = 0, end = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        const struct boot_range *r = &map->ranges[i];
        if (r->size == 0 || r->start < end || ((r->start | r->size) & PAGE_MASK) != 0) {
            abort();
        }
        end = r->start + r->size;
        total += r->size;
    }
    return total;
}

static struct claim next(const uint8_t *data, bool wild)
{
    struct claim c;
    memcpy(&c.start, data, 8);
    memcpy(&c.size, data + 8, 8);
    c.type = data[16] % 6;
    if (!wild) {
        c.start &= 0x1ffffff;
        c.size &= 0x3ffff;
    }
    return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { CLAIM = 17, MAX = 24 };
    struct memory_map map = {.ranges = malloc(MAX * sizeof(struct boot_range)), .max = MAX};
    size_t count = size / CLAIM;
    bool wild = size % 2;
    for (size_t i = 0; i < count / 2; i++) {
        struct claim c = next(data + i * CLAIM, wild);
        (void)memory_add(&map, c.start, c.size, c.type);
    }
    if (count > 0 && memory_sanitise(&map, 20 + data[0] % 40) == 0) {
        uint64_t total = check(&map), start;
        for (size_t i = count / 2; i < count; i++) {
            struct claim c = next(data + i * CLAIM, wild);
            if (c.type < 3) {
                (void)memory_reserve(&map, c.start, c.size, BOOT_MEM_INITRD);
            } else if (c.size > 0 && c.size < 1ul << 40) {
                (void)memory_take(&map, c.size, BOOT_MEM_KERNEL, &start);
            }
            if (check(&map) != total) {
                abort();
            }
        }
    }
    free(map.ranges);
    return 0;
}
