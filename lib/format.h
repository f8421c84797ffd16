/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * printf-style formatting into a buffer. Conversions: d i u x X o c s p %; flags - 0 + space #;
 * width and precision as numbers or *; lengths hh h l ll z j t. No floating point.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Writes at most size-1 characters and a zero (nothing when size is 0); returns the full length. */
int snprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

/* As snprintf, but returns the number of characters stored without the zero. */
int scnprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Reads an unsigned number in C notation (0x and 0 prefixes when base is 0). *end is set to the
 * first byte not used. Returns 0, -EINVAL when there is no digit, -ERANGE when it is too large.
 */
int parse_u64(const char *s, const char **end, unsigned base, uint64_t *value);
