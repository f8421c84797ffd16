/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the cpio reader: any bytes. Every entry it returns must lie inside the archive, and it
 * must always come to an end.
 */
// sources: lib/cpio.c
#include <stdlib.h>
#include <string.h>

#include "lib/cpio.h"

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cpio cpio;
    struct cpio_entry entry;
    const char *error = NULL;
    int result;
    uint64_t before = 0;

    cpio_begin(&cpio, data, size);
    while ((result = cpio_next(&cpio, &entry, &error)) > 0) {
        require(cpio.at > before && cpio.at <= size);
        before = cpio.at;
        require((const uint8_t *)entry.name >= data && strlen(entry.name) < entry.name_size);
        require((const uint8_t *)entry.name + entry.name_size <= data + size);
        require(entry.data >= data && entry.data_size <= (uint64_t)(data + size - entry.data));
        (void)cpio_name_error(entry.name);
    }
    require(result == 0 || (error != NULL && strlen(error) > 0));
    return 0;
}
