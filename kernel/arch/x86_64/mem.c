/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memcpy, memmove and memset for x86_64 (in place of lib/mem.c): small sizes by overlapping words,
 * large ones by REP string instructions (Intel SDM vol. 1, 7.3.9.3).
 */
#include "lib/string.h"
#include "lib/types.h"

static inline uint64_t load8(const void *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, 8);
    return v;
}

static inline void store8(void *p, uint64_t v)
{
    __builtin_memcpy(p, &v, 8);
}

/* Up to 16 bytes, all loads before all stores, so that overlapping is allowed. */
static inline void move_small(unsigned char *d, const unsigned char *s, size_t size)
{
    if (size >= 8) {
        uint64_t head = load8(s), tail = load8(s + size - 8);
        store8(d, head);
        store8(d + size - 8, tail);
    } else if (size >= 4) {
        uint32_t head, tail;
        __builtin_memcpy(&head, s, 4);
        __builtin_memcpy(&tail, s + size - 4, 4);
        __builtin_memcpy(d, &head, 4);
        __builtin_memcpy(d + size - 4, &tail, 4);
    } else if (size > 0) {
        unsigned char head = s[0], middle = s[size / 2], tail = s[size - 1];
        d[0] = head;
        d[size / 2] = middle;
        d[size - 1] = tail;
    }
}

void *memcpy(void *restrict dst, const void *restrict src, size_t size)
{
    unsigned char *d = dst;
    const unsigned char *s = src;
    if (size <= 16) {
        move_small(d, s, size);
        return dst;
    }
    store8(d + size - 8, load8(s + size - 8));
    size_t words = (size - 1) / 8;
    __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
    return dst;
}

void *memmove(void *dst, const void *src, size_t size)
{
    unsigned char *d = dst;
    const unsigned char *s = src;
    if (size <= 16) {
        move_small(d, s, size);
        return dst;
    }
    if ((uintptr_t)d - (uintptr_t)s >= size) {
        uint64_t tail = load8(s + size - 8);
        size_t words = (size - 1) / 8;
        unsigned char *end = d + size - 8;
        __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
        store8(end, tail);
        return dst;
    }
    uint64_t head = load8(s);
    size_t words = (size - 1) / 8;
    unsigned char *d_last = d + size - 8;
    const unsigned char *s_last = s + size - 8;
    __asm__ volatile("std\n\trep movsq\n\tcld"
                     : "+D"(d_last), "+S"(s_last), "+c"(words)
                     :
                     : "memory");
    store8(d, head);
    return dst;
}

void *memset(void *dst, int byte, size_t size)
{
    unsigned char *d = dst;
    uint64_t word = (unsigned char)byte * 0x0101010101010101ull;
    if (size < 8) {
        for (size_t i = 0; i < size; i++) {
            d[i] = (unsigned char)byte;
        }
        return dst;
    }
    store8(d + size - 8, word);
    size_t words = (size - 1) / 8;
    __asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(word) : "memory");
    return dst;
}
