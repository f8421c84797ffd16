/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes the MultiProcessor tables, with and without a checksum that is right. */
// sources: lib/mptable.c
#include <stdlib.h>
#include <string.h>

#include "lib/mptable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mp_pointer pointer;
    struct mp_table table;
    struct mp_entry entry;
    uint8_t *bytes = malloc(size + 1);
    memcpy(bytes, data, size);
    if (size >= MP_POINTER_SIZE) {
        (void)mp_parse_pointer(bytes, &pointer);
    }
    if (size >= MP_HEADER_SIZE && size <= MP_TABLE_MAX) {
        memcpy(bytes, "PCMP", 4);
        bytes[4] = (uint8_t)size;
        bytes[5] = (uint8_t)(size >> 8);
        uint8_t sum = 0;
        for (size_t i = 0; i < size; i++) {
            sum = (uint8_t)(sum + bytes[i]);
        }
        bytes[7] = (uint8_t)(bytes[7] - sum);
        if (mp_open(&table, bytes, size) != 0) {
            abort();
        }
        for (size_t position = 0; mp_next(&table, &position, &entry);) {
            if (position > size || strnlen(entry.bus, sizeof(entry.bus)) == sizeof(entry.bus)) {
                abort();
            }
        }
    }
    free(bytes);
    return 0;
}
