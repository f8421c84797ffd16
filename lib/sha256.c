/* SPDX-License-Identifier: BSD-2-Clause */
/* See sha256.h. Sections and names are those of FIPS 180-4. */
#include "lib/sha256.h"
#include "abi/errno.h"
#include "lib/string.h"
#include "lib/types.h"

/* 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* 5.3.3: the same of the square roots of the first eight. */
static const uint32_t first_state[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static inline uint32_t rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static inline uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void store_be32(uint8_t *p, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

/*
 * 6.2.2, steps 1 to 4: one block. Small rather than fast: boot code carries it always, and runs it
 * only when somebody asks.
 */
static void add_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64];
    for (unsigned t = 0; t < 16; t++) {
        w[t] = load_be32(block + 4 * t);
    }
    for (unsigned t = 16; t < 64; t++) {
        uint32_t x = w[t - 2], y = w[t - 15];
        w[t] = (rotate(x, 17) ^ rotate(x, 19) ^ x >> 10) + w[t - 7] +
               (rotate(y, 7) ^ rotate(y, 18) ^ y >> 3) + w[t - 16];
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (unsigned t = 0; t < 64; t++) {
        uint32_t t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & (f ^ g)) ^ g) +
                      constants[t] + w[t];
        uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) | (c & (a | b)));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    const uint32_t sums[8] = {a, b, c, d, e, f, g, h};
    for (unsigned i = 0; i < 8; i++) {
        state[i] += sums[i];
    }
}

void sha256_init(struct sha256 *sha)
{
    memcpy(sha->state, first_state, sizeof(sha->state));
    sha->size = 0;
}

void sha256_update(struct sha256 *sha, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    size_t have = sha->size % SHA256_BLOCK_BYTES;
    sha->size += size;
    if (have > 0) {
        size_t some = MIN(size, SHA256_BLOCK_BYTES - have);
        memcpy(sha->block + have, from, some);
        if (have + some < SHA256_BLOCK_BYTES) {
            return;
        }
        add_block(sha->state, sha->block);
        from += some;
        size -= some;
    }
    for (; size >= SHA256_BLOCK_BYTES; size -= SHA256_BLOCK_BYTES) {
        add_block(sha->state, from);
        from += SHA256_BLOCK_BYTES;
    }
    if (size > 0) {
        memcpy(sha->block, from, size);
    }
}

void sha256_final(struct sha256 *sha, uint8_t digest[SHA256_BYTES])
{
    /* 5.1.1: a bit 1, zeros, and the size in bits as 64 bits, up to a whole block. */
    static const uint8_t padding[SHA256_BLOCK_BYTES] = {0x80};
    uint64_t bits = sha->size * 8;
    uint8_t tail[8];
    store_be32(tail, (uint32_t)(bits >> 32));
    store_be32(tail + 4, (uint32_t)bits);
    sha256_update(sha, padding, 1 + (119 - sha->size % SHA256_BLOCK_BYTES) % SHA256_BLOCK_BYTES);
    sha256_update(sha, tail, sizeof(tail));
    for (unsigned i = 0; i < 8; i++) {
        store_be32(digest + 4 * i, sha->state[i]);
    }
}

void sha256(const void *bytes, size_t size, uint8_t digest[SHA256_BYTES])
{
    struct sha256 sha;
    sha256_init(&sha);
    sha256_update(&sha, bytes, size);
    sha256_final(&sha, digest);
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int sha256_parse(const char *text, size_t size, uint8_t digest[SHA256_BYTES])
{
    uint8_t bytes[SHA256_BYTES];
    if (size != SHA256_HEX) {
        return -EINVAL;
    }
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return -EINVAL;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(digest, bytes, sizeof(bytes));
    return 0;
}

void sha256_format(const uint8_t digest[SHA256_BYTES], char text[SHA256_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[SHA256_HEX] = 0;
}
