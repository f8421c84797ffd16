/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memcpy, memmove and memset in ISO C, word by word: for the loader and for machines that have no
 * version of their own in kernel/arch.
 */
#include "lib/string.h"
#include "lib/types.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t size)
{
    unsigned char *d = dst;
    const unsigned char *s = src;
    for (; size >= 8; size -= 8, d += 8, s += 8) {
        uint64_t word;
        __builtin_memcpy(&word, s, 8);
        __builtin_memcpy(d, &word, 8);
    }
    while (size-- > 0) {
        *d++ = *s++;
    }
    return dst;
}

void *memmove(void *dst, const void *src, size_t size)
{
    unsigned char *d = dst;
    const unsigned char *s = src;
    if ((uintptr_t)d - (uintptr_t)s >= size) {
        return memcpy(dst, src, size);
    }
    while (size-- > 0) {
        d[size] = s[size];
    }
    return dst;
}

void *memset(void *dst, int byte, size_t size)
{
    unsigned char *d = dst;
    uint64_t word = (unsigned char)byte * 0x0101010101010101ull;
    for (; size >= 8; size -= 8, d += 8) {
        __builtin_memcpy(d, &word, 8);
    }
    while (size-- > 0) {
        *d++ = (unsigned char)byte;
    }
    return dst;
}
