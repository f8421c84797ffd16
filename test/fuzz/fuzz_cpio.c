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
    const char *error = NULL;
    int result;
    uint64_t before = 0;

    cpio_begin(&cpio, data, size);
    while ((result = cpio_next(&cpio, &error)) > 0) {
        require(cpio.at > before && cpio.at <= size);
        before = cpio.at;
        require((const uint8_t *)cpio.entry.name >= data &&
                strlen(cpio.entry.name) < cpio.entry.n.name_size);
        require((const uint8_t *)cpio.entry.name + cpio.entry.n.name_size <= data + size);
        require(cpio.entry.data >= data &&
                cpio.entry.n.data_size <= (uint64_t)(data + size - cpio.entry.data));
        (void)cpio_name_error(cpio.entry.name);
    }
    require(result == 0 || (error != NULL && strlen(error) > 0));
    return 0;
}
