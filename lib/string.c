/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The string functions of lib/string.h and memcmp, memchr; plain ISO C. The block functions
 * (memcpy, memmove, memset) are in lib/mem.c, or in a machine's own version.
 */
#include "lib/string.h"
#include "lib/types.h"

int memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *p = a, *q = b;
    /* Eight bytes at a time while they are equal: the difference is then found bytewise. */
    while (size >= 8) {
        uint64_t x, y;
        __builtin_memcpy(&x, p, 8);
        __builtin_memcpy(&y, q, 8);
        if (x != y) {
            break;
        }
        p += 8;
        q += 8;
        size -= 8;
    }
    for (; size > 0; size--, p++, q++) {
        if (*p != *q) {
            return *p - *q;
        }
    }
    return 0;
}

void *memchr(const void *s, int byte, size_t size)
{
    const unsigned char *p = s;
    for (; size > 0; size--, p++) {
        if (*p == (unsigned char)byte) {
            return (void *)(uintptr_t)p;
        }
    }
    return NULL;
}

size_t strlen(const char *s)
{
    const char *p = s;
    while (*p != 0) {
        p++;
    }
    return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;
    while (n < max && s[n] != 0) {
        n++;
    }
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a != 0 && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t max)
{
    for (; max > 0; max--, a++, b++) {
        if (*a != *b || *a == 0) {
            return (unsigned char)*a - (unsigned char)*b;
        }
    }
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c) {
            return (char *)(uintptr_t)s;
        }
        if (*s == 0) {
            return NULL;
        }
    }
}

char *strrchr(const char *s, int c)
{
    const char *found = NULL;
    for (;; s++) {
        if (*s == (char)c) {
            found = s;
        }
        if (*s == 0) {
            return (char *)(uintptr_t)found;
        }
    }
}

char *strstr(const char *haystack, const char *needle)
{
    size_t size = strlen(needle);
    for (; strlen(haystack) >= size; haystack++) {
        if (strncmp(haystack, needle, size) == 0) {
            return (char *)(uintptr_t)haystack;
        }
        if (*haystack == 0) {
            break;
        }
    }
    return NULL;
}

size_t strlcpy(char *restrict dst, const char *restrict src, size_t size)
{
    size_t length = strlen(src);
    if (size > 0) {
        size_t n = MIN(length, size - 1);
        memcpy(dst, src, n);
        dst[n] = 0;
    }
    return length;
}
