/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the PVH start info. Memory is the input, at an address, and nothing else; what is read
 * without an error can be walked.
 */
// sources: boot/door/pvh/start_info.c
#include <stdlib.h>
#include <string.h>

#include "boot/door/pvh/start_info.h"

enum { BASE = 0x1000 };
static uint8_t *bytes;
static size_t bytes_size;

static void *memory(uint64_t paddr, size_t size)
{
    bool inside = paddr >= BASE && paddr - BASE <= bytes_size &&
                  size <= bytes_size - (paddr - BASE);
    /* The machine may read words at any address; the sanitizer wants them aligned. */
    return inside && paddr % 8 == 0 ? bytes + (paddr - BASE) : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pvh_info info;
    uint64_t sum = 0;
    bytes = malloc(size + 1);
    bytes_size = size;
    memcpy(bytes, data, size);
    if (pvh_read(memory, BASE, &info) == NULL) {
        if (info.range_count == 0) {
            abort();
        }
        for (uint32_t i = 0; i < info.range_count; i++) {
            sum += info.ranges[i].start ^ info.ranges[i].size ^ info.ranges[i].type;
        }
    }
    volatile uint64_t keep = sum;
    (void)keep;
    free(bytes);
    return 0;
}
