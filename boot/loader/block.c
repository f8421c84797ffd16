/* SPDX-License-Identifier: BSD-2-Clause */
/* See block.h. Compiled with the machine's 16-byte registers in use. */
#include "boot/loader/block.h"

static_assert(BLOCK_SIZE == 8 * 16, "the loops below are unrolled for this");

typedef uint64_t lanes __attribute__((vector_size(16)));

struct block_sum block_checksum(const void *bytes, size_t size)
{
    /* Not zero at first, so that leading zeros count too. */
    lanes sum = {0x616c6261, 0x6b65726e}, order = {0, 0};
    const lanes *v = bytes;
    const lanes *end = v + size / sizeof(*v);
#pragma GCC unroll 8
    for (; v < end; v++) {
        sum += *v;
        order += sum;
    }
    return (struct block_sum){{sum[0], sum[1], order[0], order[1]}};
}

void block_clear(void *bytes, size_t size)
{
    const lanes zero = {0, 0};
    lanes *v = bytes;
    for (lanes *end = v + size / BLOCK_SIZE * 8; v < end; v += 8) {
        v[0] = v[1] = v[2] = v[3] = v[4] = v[5] = v[6] = v[7] = zero;
    }
    for (size %= BLOCK_SIZE; size > 0; size -= sizeof(*v)) {
        *v++ = zero;
    }
}
