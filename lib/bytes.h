/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Comparing short runs of bytes inline, a word at a time, with overlapping words at the end. */
#include "lib/types.h"

static inline uint64_t bytes_load8(const void *p)
{
    uint64_t value;
    __builtin_memcpy(&value, p, sizeof(value));
    return value;
}

static inline uint32_t bytes_load4(const void *p)
{
    uint32_t value;
    __builtin_memcpy(&value, p, sizeof(value));
    return value;
}

static inline bool bytes_equal(const void *a, const void *b, size_t size)
{
    const uint8_t *p = a, *q = b;
    if (size >= 8) {
        for (size_t i = 0; i < size - 8; i += 8) {
            if (bytes_load8(p + i) != bytes_load8(q + i)) {
                return false;
            }
        }
        return bytes_load8(p + size - 8) == bytes_load8(q + size - 8);
    }
    if (size >= 4) {
        return bytes_load4(p) == bytes_load4(q) &&
               bytes_load4(p + size - 4) == bytes_load4(q + size - 4);
    }
    for (size_t i = 0; i < size; i++) {
        if (p[i] != q[i]) {
            return false;
        }
    }
    return true;
}
