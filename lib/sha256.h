/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * SHA-256 (FIPS 180-4, "Secure Hash Standard"), for data in pieces or at once, and digests as
 * `sha256sum` writes them. Pure; about 65 instructions a byte.
 */
#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES       32u
#define SHA256_HEX         64u
#define SHA256_BLOCK_BYTES 64u

struct sha256 {
    uint32_t state[8];
    uint64_t size; /* bytes so far */
    uint8_t block[SHA256_BLOCK_BYTES];
};

/* init, any number of updates, final. */
void sha256_init(struct sha256 *sha);
void sha256_update(struct sha256 *sha, const void *bytes, size_t size);
void sha256_final(struct sha256 *sha, uint8_t digest[SHA256_BYTES]);

/* All three. */
void sha256(const void *bytes, size_t size, uint8_t digest[SHA256_BYTES]);

/* Reads 64 hexadecimal digits, in upper or lower case. -EINVAL: it is not that; digest is left. */
int sha256_parse(const char *text, size_t size, uint8_t digest[SHA256_BYTES]);

/* Writes 64 digits in lower case, and a zero. */
void sha256_format(const uint8_t digest[SHA256_BYTES], char text[SHA256_HEX + 1]);
