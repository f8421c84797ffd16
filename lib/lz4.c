/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LZ4 blocks (lib/lz4.h): a block is a row of sequences, each some literal bytes and then a match,
 * that is a distance back and a length; the last one has literals only. Nearly all sequences are
 * short and lie far from both ends: those are copied by whole words, beyond what they need, which
 * the next sequence covers.
 */
#include "lib/lz4.h"
#include "abi/errno.h"
#include "lib/string.h"
#include "lib/types.h"

enum { MORE = 15, LEAST_MATCH = 4, WORD = 8 };

/* A block on its way. */
struct lz4 {
    const uint8_t *at, *end;
    uint8_t *start, *to, *limit;
};

static inline void copy_word(uint8_t *to, const uint8_t *from)
{
    uint64_t word;
    __builtin_memcpy(&word, from, WORD);
    __builtin_memcpy(to, &word, WORD);
}

/* A length of four bits in the token; 15 goes on in bytes, as long as they are 255. */
static bool read_length(struct lz4 *block, size_t *length)
{
    if (*length < MORE) {
        return true;
    }
    uint8_t byte;
    do {
        if (block->at == block->end) {
            return false;
        }
        byte = *block->at++;
        *length += byte;
    } while (byte == 255);
    return true;
}

/* Copies a match. It may overlap what it makes: then the bytes in between repeat. */
static void copy_match(uint8_t *to, size_t distance, size_t length)
{
    /* What repeats at a distance does so at twice the distance, once it is there. */
    for (; distance < WORD && length > 0; distance *= 2) {
        for (size_t i = 0; i < distance && length > 0; i++, length--, to++) {
            *to = *(to - distance);
        }
    }
    for (; length >= WORD; length -= WORD, to += WORD) {
        copy_word(to, to - distance);
    }
    for (; length > 0; length--, to++) {
        *to = *(to - distance);
    }
}

/* Short sequences, as many as come in a row and have room to spare; stops before any other. */
static void take_short(struct lz4 *block)
{
    /* Two words of literals and three of a match are moved. */
    enum { LITERALS = 2 * WORD, MATCH = 3 * WORD, READ = 1 + LITERALS + 2 };
    const uint8_t *at = block->at;
    uint8_t *to = block->to;
    if (block->end - at <= READ || block->limit - to <= LITERALS + MATCH) {
        return;
    }
    const uint8_t *at_last = block->end - READ;
    uint8_t *to_last = block->limit - LITERALS - MATCH;
    while (at < at_last && to < to_last) {
        size_t literals = *at >> 4, match = *at & 15;
        if (literals == MORE || match == MORE) {
            break;
        }
        copy_word(to, at + 1);
        copy_word(to + WORD, at + 1 + WORD);
        const uint8_t *back = at + 1 + literals;
        uint8_t *copy = to + literals;
        size_t distance = (size_t)(back[0] | back[1] << 8);
        if (distance < WORD || distance > (size_t)(copy - block->start)) {
            break;
        }
        const uint8_t *from = copy - distance;
        copy_word(copy, from);
        copy_word(copy + WORD, from + WORD);
        copy_word(copy + 2 * WORD, from + 2 * WORD);
        at = back + 2;
        to = copy + match + LEAST_MATCH;
    }
    block->at = at;
    block->to = to;
}

/* Any sequence: 1; 0: it was the last one; or -EINVAL. */
static int take_sequence(struct lz4 *block)
{
    if (block->at == block->end) {
        return -EINVAL; /* the last sequence has no match */
    }
    uint8_t token = *block->at++;
    size_t length = token >> 4;
    if (!read_length(block, &length) || length > (size_t)(block->end - block->at) ||
        length > (size_t)(block->limit - block->to)) {
        return -EINVAL;
    }
    memcpy(block->to, block->at, length);
    block->at += length;
    block->to += length;
    if (block->at == block->end) {
        return 0;
    }
    if (block->end - block->at < 2) {
        return -EINVAL;
    }
    size_t distance = (size_t)(block->at[0] | block->at[1] << 8);
    block->at += 2;
    length = token & 15;
    if (!read_length(block, &length) || distance == 0 ||
        distance > (size_t)(block->to - block->start) ||
        length + LEAST_MATCH > (size_t)(block->limit - block->to)) {
        return -EINVAL;
    }
    copy_match(block->to, distance, length + LEAST_MATCH);
    block->to += length + LEAST_MATCH;
    return 1;
}

long lz4_unpack(const uint8_t *from, size_t packed, uint8_t *to, size_t room)
{
    struct lz4 block = {
        .at = from, .end = from + packed, .start = to, .to = to, .limit = to + room};
    int more;
    do {
        take_short(&block);
        more = take_sequence(&block);
    } while (more > 0);
    return more < 0 ? more : block.to - block.start;
}

static uint32_t load_le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

bool lz4_is_legacy(const uint8_t *from, size_t packed)
{
    return packed >= 4 && load_le32(from) == LZ4_LEGACY_MAGIC;
}

/* The next block of [*at, end): its size, with *at at its bytes; 0: there is none; or -EINVAL. */
static long next_block(const uint8_t **at, const uint8_t *end)
{
    while (lz4_is_legacy(*at, (size_t)(end - *at))) {
        *at += 4;
    }
    if (end - *at >= 4 && load_le32(*at) != 0) {
        long size = load_le32(*at);
        *at += 4;
        return size <= end - *at ? size : -EINVAL;
    }
    for (; *at < end; ++*at) {
        if (**at != 0) {
            return -EINVAL;
        }
    }
    return 0;
}

long lz4_legacy_bound(const uint8_t *from, size_t packed)
{
    const uint8_t *end = from + packed;
    long size, total = 0;
    while ((size = next_block(&from, end)) > 0) {
        /* A byte of length is what stands for the most. */
        total += MIN(255 * size, (long)LZ4_LEGACY_BLOCK);
        from += size;
    }
    return size < 0 ? size : total;
}

long lz4_legacy_unpack(const uint8_t *from, size_t packed, uint8_t *to, size_t room)
{
    const uint8_t *end = from + packed;
    long size, total = 0;
    while ((size = next_block(&from, end)) > 0) {
        size_t left = MIN(room - (size_t)total, (size_t)LZ4_LEGACY_BLOCK);
        long got = lz4_unpack(from, (size_t)size, to + total, left);
        if (got < 0) {
            return got;
        }
        total += got;
        from += size;
    }
    return size < 0 ? size : total;
}
