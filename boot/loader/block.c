/* SPDX-License-Identifier: BSD-2-Clause */
/* See block.h. Compiled with the machine's 16-byte registers in use. */
#include "boot/loader/block.h"

typedef uint64_t lanes __attribute__((vector_size(16)));

enum { LANES = BLOCK_SIZE / sizeof(lanes) };

struct block_sum block_checksum(const void *bytes, size_t size)
{
    /* Not zero at first, so that leading zeros count too. */
    lanes sum = {0x616c6261, 0x6b65726e}, order = {0, 0};
    const lanes *v = bytes;
    for (const lanes *end = v + size / sizeof(*v); v < end; v += LANES) {
#pragma GCC unroll 16
        for (unsigned i = 0; i < LANES; i++) {
            sum += v[i];
        }
        order += sum;
    }
    return (struct block_sum){{sum[0], sum[1], order[0], order[1]}};
}

void block_clear(void *bytes, size_t size)
{
    const lanes zero = {0, 0};
    lanes *v = bytes;
    for (lanes *end = v + size / BLOCK_SIZE * LANES; v < end; v += LANES) {
#pragma GCC unroll 16
        for (unsigned i = 0; i < LANES; i++) {
            v[i] = zero;
        }
    }
    for (size %= BLOCK_SIZE; size > 0; size -= sizeof(*v)) {
        *v++ = zero;
    }
}
