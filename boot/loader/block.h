/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Work on whole blocks of memory, 16 bytes at a time: it is most of what the loader does. Used on
 * the host too, by the program that makes the payload.
 */
#include "lib/types.h"

#define BLOCK_SIZE 256u

/*
 * A checksum in the manner of Fletcher's, over two lanes of 64 bits: the sum of all words, and the
 * sum of that sum after each block. Every change within a single word changes it, and so do blocks
 * in another order.
 */
struct block_sum {
    uint64_t word[4];
};

/* bytes is aligned to 16, size a multiple of BLOCK_SIZE. */
struct block_sum block_checksum(const void *bytes, size_t size);

/* Clears; bytes and size are multiples of 16. */
void block_clear(void *bytes, size_t size);
