/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LZ4 blocks (lib/lz4.h): a block is a row of sequences, each some literal bytes and then a match,
 * that is a distance back and a length; the last one has literals only.
 */
#include "lib/lz4.h"
#include "abi/errno.h"
#include "lib/string.h"
#include "lib/types.h"

enum { MORE = 15, LEAST_MATCH = 4 };

/* A length of four bits in the token; 15 goes on in bytes, as long as they are 255. */
static bool read_length(const uint8_t **at, const uint8_t *end, size_t *length)
{
    if (*length < MORE) {
        return true;
    }
    uint8_t byte;
    do {
        if (*at == end) {
            return false;
        }
        byte = *(*at)++;
        *length += byte;
    } while (byte == 255);
    return true;
}

/* Copies a match. It may overlap what it makes: then the bytes in between repeat. */
static void copy_match(uint8_t *to, size_t distance, size_t length)
{
    const uint8_t *from = to - distance;
    if (distance >= length) {
        memcpy(to, from, length);
        return;
    }
    while (length-- > 0) {
        *to++ = *from++;
    }
}

long lz4_unpack(const uint8_t *from, size_t packed, uint8_t *to, size_t room)
{
    const uint8_t *at = from, *end = from + packed;
    size_t done = 0;
    while (at < end) {
        uint8_t token = *at++;
        size_t length = token >> 4;
        if (!read_length(&at, end, &length) || length > (size_t)(end - at) ||
            length > room - done) {
            return -EINVAL;
        }
        memcpy(to + done, at, length);
        at += length;
        done += length;
        if (at == end) {
            return (long)done;
        }
        if (end - at < 2) {
            return -EINVAL;
        }
        size_t distance = (size_t)(at[0] | at[1] << 8);
        at += 2;
        length = token & 15;
        if (!read_length(&at, end, &length) || distance == 0 || distance > done ||
            length + LEAST_MATCH > room - done) {
            return -EINVAL;
        }
        copy_match(to + done, distance, length + LEAST_MATCH);
        done += length + LEAST_MATCH;
    }
    return -EINVAL; /* the last sequence has no match */
}
