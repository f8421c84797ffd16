/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes how the boot manager reads a kernel's setup header and looks for places in memory: a
 * header, then ranges of a memory map. A place that was found must be memory by the plainest
 * reading.
 */
// sources: boot/door/bios/image.c boot/door/bios/place.c
#include <stdlib.h>
#include <string.h>

#include "boot/door/bios/image.h"
#include "boot/door/bios/place.h"

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool holds(const struct linux_range *range, uint64_t byte)
{
    return byte >= range->start && byte - range->start < range->size;
}

/* Whether one byte is memory. Ranges that reach beyond 2^64 end there. */
static bool is_memory(const struct linux_range *ranges, unsigned count, uint64_t byte)
{
    bool memory = false;
    for (unsigned i = 0; i < count; i++) {
        if (holds(&ranges[i], byte) && ranges[i].type != 1) {
            return false;
        }
        memory |= holds(&ranges[i], byte);
    }
    return memory;
}

static void check_places(const struct linux_range *ranges, unsigned count,
                         const struct image *image)
{
    uint64_t size = image->system_size;
    uint64_t at = place_highest(ranges, count, size, image->initrd_low, image->initrd_end);
    if (at == 0) {
        return;
    }
    require(at % 4096 == 0 && at >= image->initrd_low && at + size <= image->initrd_end);
    require(is_memory(ranges, count, at) && is_memory(ranges, count, at + size - 1));
    for (unsigned i = 0; i < count; i++) { /* where something begins or ends */
        uint64_t edges[] = {ranges[i].start, ranges[i].start + ranges[i].size};
        for (unsigned n = 0; n < 2; n++) {
            if (edges[n] >= at && edges[n] - at < size) {
                require(is_memory(ranges, count, edges[n]));
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t head[IMAGE_HEAD] = {0};
    struct linux_range ranges[16] = {0};
    struct image image;
    const size_t header = sizeof(struct linux_header);
    uint32_t file_size;
    if (size < sizeof(file_size) + header) {
        return 0;
    }
    memcpy(&file_size, data, sizeof(file_size));
    memcpy(head + IMAGE_HEADER_AT, data + sizeof(file_size), header);
    /* Without its magic numbers there is nothing to see. */
    memcpy(head + 0x1fe, "\x55\xaa", 2);
    memcpy(head + 0x202, "HdrS", 4);
    data += sizeof(file_size) + header;
    size -= sizeof(file_size) + header;
    memcpy(ranges, data, MIN(size, sizeof(ranges)));
    if (image_check(&image, head, file_size) != NULL) {
        return 0;
    }
    require(image.setup_size >= 2 * 512 && image.setup_size + image.system_size == file_size);
    require(image.memory_end >= IMAGE_LOAD_AT + (uint64_t)image.system_size);
    check_places(ranges, (unsigned)MIN(size / sizeof(ranges[0]), ARRAY_SIZE(ranges)), &image);
    return 0;
}
