/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The ChaCha20 block function (RFC 8439, section 2.3) and the key stream made of it. Pure; the
 * cipher itself, which would only add an exclusive-or, is not needed.
 */
#include <stddef.h>
#include <stdint.h>

#define CHACHA20_KEY_WORDS   8
#define CHACHA20_KEY_BYTES   32u
#define CHACHA20_BLOCK_BYTES 64u

/* One block of key stream. Words are little-endian numbers, as the RFC reads them from bytes. */
void chacha20_block(const uint32_t key[CHACHA20_KEY_WORDS], uint32_t counter,
                    const uint32_t nonce[3], uint8_t out[CHACHA20_BLOCK_BYTES]);

/* The first `size` bytes of the key stream that starts at block `counter`; at most 2^32 blocks. */
void chacha20_stream(const uint32_t key[CHACHA20_KEY_WORDS], uint32_t counter,
                     const uint32_t nonce[3], void *out, size_t size);
