/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes the unpacking of LZ4 blocks and frames: any bytes, into a buffer of any size. */
// sources: lib/lz4.c
#include <stdlib.h>
#include <string.h>

#include "lib/lz4.h"
#include "lib/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t room = (size_t)(data[0] | data[1] << 8);
    uint8_t *to = malloc(room + (room == 0));
    uint8_t *from = malloc(size - 2 + (size == 2));
    memcpy(from, data + 2, size - 2);
    long got = lz4_unpack(from, size - 2, to, room);
    if (got > (long)room) {
        abort();
    }
    /* Exactly as much room as it takes must do, one byte less must not. */
    if (got > 0 && (lz4_unpack(from, size - 2, to, (size_t)got) != got ||
                    lz4_unpack(from, size - 2, to, (size_t)got - 1) >= 0)) {
        abort();
    }
    long bound = lz4_legacy_bound(from, size - 2);
    got = lz4_legacy_unpack(from, size - 2, to, room);
    if (got > (long)room || got > MAX(bound, 0)) {
        abort();
    }
    free(to);
    free(from);
    return 0;
}
