/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ChaCha20 as RFC 8439 describes it, written for small code: twenty rounds over a matrix of sixteen
 * words, a column round and a diagonal round in turn.
 */
#include "lib/chacha20.h"
#include "lib/string.h"
#include "lib/types.h"

/* The words go to memory as they are. */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "our machines are little endian");

static inline uint32_t rotate_left(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

/* RFC 8439, section 2.1. */
#define QUARTER_ROUND(a, b, c, d)                                                                  \
    do {                                                                                           \
        a += b, d = rotate_left(d ^ a, 16);                                                        \
        c += d, b = rotate_left(b ^ c, 12);                                                        \
        a += b, d = rotate_left(d ^ a, 8);                                                         \
        c += d, b = rotate_left(b ^ c, 7);                                                         \
    } while (0)

void chacha20_block(const uint32_t key[CHACHA20_KEY_WORDS], uint32_t counter,
                    const uint32_t nonce[3], uint8_t out[CHACHA20_BLOCK_BYTES])
{
    /* "expand 32-byte k", the key, the counter and the nonce: section 2.3. */
    const uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, key[0], key[1],
                                key[2],     key[3],     key[4],     key[5],     key[6], key[7],
                                counter,    nonce[0],   nonce[1],   nonce[2]};
    uint32_t x[16];

    memcpy(x, start, sizeof(x));
    for (unsigned i = 0; i < 10; i++) {
        QUARTER_ROUND(x[0], x[4], x[8], x[12]);
        QUARTER_ROUND(x[1], x[5], x[9], x[13]);
        QUARTER_ROUND(x[2], x[6], x[10], x[14]);
        QUARTER_ROUND(x[3], x[7], x[11], x[15]);
        QUARTER_ROUND(x[0], x[5], x[10], x[15]);
        QUARTER_ROUND(x[1], x[6], x[11], x[12]);
        QUARTER_ROUND(x[2], x[7], x[8], x[13]);
        QUARTER_ROUND(x[3], x[4], x[9], x[14]);
    }
    for (unsigned i = 0; i < 16; i++) {
        x[i] += start[i];
    }
    memcpy(out, x, sizeof(x));
}

void chacha20_stream(const uint32_t key[CHACHA20_KEY_WORDS], uint32_t counter,
                     const uint32_t nonce[3], void *out, size_t size)
{
    uint8_t *bytes = out;
    uint8_t block[CHACHA20_BLOCK_BYTES];

    for (; size >= sizeof(block); size -= sizeof(block), bytes += sizeof(block)) {
        chacha20_block(key, counter++, nonce, bytes);
    }
    if (size > 0) {
        chacha20_block(key, counter, nonce, block);
        memcpy(bytes, block, size);
        memset(block, 0, sizeof(block));
        __asm__ volatile("" : : "r"(block) : "memory"); /* the wipe above must not be dropped */
    }
}
