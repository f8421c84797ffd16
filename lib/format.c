/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * printf-style formatting, see lib/format.h. One pass over the format; a struct spec holds what was
 * read of a conversion, put_* write its result.
 */
#include "lib/format.h"
#include "abi/errno.h"
#include "lib/string.h"
#include "lib/types.h"

struct out {
    char *buf;
    size_t size; /* room, the zero included */
    size_t length;
};

struct spec {
    bool left, zero, plus, space, alternate, upper;
    int width;
    int precision; /* -1: none given */
    int length;    /* bytes of the argument */
};

static void put_char(struct out *out, char c)
{
    if (out->length + 1 < out->size) {
        out->buf[out->length] = c;
    }
    out->length++;
}

static void put_repeated(struct out *out, char c, int count)
{
    for (; count > 0; count--) {
        put_char(out, c);
    }
}

static void put_string(struct out *out, const struct spec *spec, const char *s)
{
    if (s == NULL) {
        s = "(null)";
    }
    size_t n = spec->precision >= 0 ? strnlen(s, (size_t)spec->precision) : strlen(s);
    int padding = spec->width - (int)n;
    if (!spec->left) {
        put_repeated(out, ' ', padding);
    }
    for (size_t i = 0; i < n; i++) {
        put_char(out, s[i]);
    }
    if (spec->left) {
        put_repeated(out, ' ', padding);
    }
}

/* Digits go to the end of digits[66]; returns how many. */
static int make_digits(char *digits, uint64_t value, unsigned base, bool upper)
{
    const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    int n = 0;
    while (value != 0) {
        digits[65 - n++] = set[value % base];
        value /= base;
    }
    return n;
}

static void put_number(struct out *out, const struct spec *spec, uint64_t value, unsigned base,
                       const char *prefix)
{
    char digits[66];
    int n = make_digits(digits, value, base, spec->upper);
    int zeros = (spec->precision >= 0 ? spec->precision : 1) - n;
    int prefix_length = (int)strlen(prefix);
    zeros = MAX(zeros, 0);
    if (spec->zero && !spec->left && spec->precision < 0) {
        zeros = MAX(zeros, spec->width - prefix_length - n);
    }
    int padding = spec->width - prefix_length - zeros - n;
    if (!spec->left) {
        put_repeated(out, ' ', padding);
    }
    for (; *prefix != 0; prefix++) {
        put_char(out, *prefix);
    }
    put_repeated(out, '0', zeros);
    for (int i = 0; i < n; i++) {
        put_char(out, digits[66 - n + i]);
    }
    if (spec->left) {
        put_repeated(out, ' ', padding);
    }
}

static const char *read_flags(const char *fmt, struct spec *spec)
{
    for (;; fmt++) {
        switch (*fmt) {
        case '-':
            spec->left = true;
            break;
        case '0':
            spec->zero = true;
            break;
        case '+':
            spec->plus = true;
            break;
        case ' ':
            spec->space = true;
            break;
        case '#':
            spec->alternate = true;
            break;
        default:
            return fmt;
        }
    }
}

static const char *read_int(const char *fmt, int *value)
{
    *value = 0;
    while (*fmt >= '0' && *fmt <= '9') {
        *value = *value * 10 + (*fmt++ - '0');
    }
    return fmt;
}

static const char *read_length(const char *fmt, struct spec *spec)
{
    spec->length = (int)sizeof(int);
    switch (*fmt) {
    case 'h':
        spec->length = fmt[1] == 'h' ? 1 : 2;
        return fmt + (fmt[1] == 'h' ? 2 : 1);
    case 'l':
        spec->length = fmt[1] == 'l' ? (int)sizeof(long long) : (int)sizeof(long);
        return fmt + (fmt[1] == 'l' ? 2 : 1);
    case 'z':
    case 't': /* ptrdiff_t has the size of size_t */
        spec->length = (int)sizeof(size_t);
        return fmt + 1;
    case 'j':
        spec->length = (int)sizeof(intmax_t);
        return fmt + 1;
    default:
        return fmt;
    }
}

/* Cuts an argument that was passed as 64 bits to its true length. */
static uint64_t cut(uint64_t value, int length, bool is_signed)
{
    unsigned shift = 64 - 8 * (unsigned)length;
    return is_signed ? (uint64_t)((int64_t)(value << shift) >> shift) : value << shift >> shift;
}

static void convert(struct out *out, struct spec *spec, char conversion, uint64_t value)
{
    switch (conversion) {
    case 'd':
    case 'i': {
        int64_t number = (int64_t)cut(value, spec->length, true);
        const char *sign = number < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";
        put_number(out, spec, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 10, sign);
        break;
    }
    case 'u':
        put_number(out, spec, cut(value, spec->length, false), 10, "");
        break;
    case 'o':
        value = cut(value, spec->length, false);
        put_number(out, spec, value, 8, spec->alternate && value != 0 ? "0" : "");
        break;
    case 'p':
        put_number(out, spec, value, 16, "0x");
        break;
    case 'X':
        spec->upper = true;
        __attribute__((fallthrough));
    default: /* x */
        value = cut(value, spec->length, false);
        put_number(out, spec, value, 16,
                   !spec->alternate || value == 0 ? ""
                   : spec->upper                  ? "0X"
                                                  : "0x");
        break;
    }
}

/* Width and precision may be '*': taken from the arguments by the caller through these. */
static const char *read_width(const char *fmt, struct spec *spec, va_list *args)
{
    if (*fmt == '*') {
        spec->width = va_arg(*args, int);
        if (spec->width < 0) {
            spec->left = true;
            spec->width = -spec->width;
        }
        fmt++;
    } else {
        fmt = read_int(fmt, &spec->width);
    }
    spec->precision = -1;
    if (*fmt == '.') {
        fmt++;
        if (*fmt == '*') {
            spec->precision = va_arg(*args, int);
            fmt++;
        } else {
            fmt = read_int(fmt, &spec->precision);
        }
    }
    return fmt;
}

static const char *format_one(struct out *out, const char *fmt, va_list *args)
{
    struct spec spec = {0};
    fmt = read_flags(fmt, &spec);
    fmt = read_width(fmt, &spec, args);
    fmt = read_length(fmt, &spec);
    char conversion = *fmt;
    switch (conversion) {
    case 0:
        return fmt;
    case '%':
        put_char(out, '%');
        break;
    case 'c': {
        char text[2] = {(char)va_arg(*args, int), 0};
        spec.precision = -1;
        if (text[0] == 0) {
            put_char(out, 0);
        } else {
            put_string(out, &spec, text);
        }
        break;
    }
    case 's':
        put_string(out, &spec, va_arg(*args, const char *));
        break;
    case 'p':
        convert(out, &spec, 'p', (uintptr_t)va_arg(*args, void *));
        break;
    default:
        convert(out, &spec, conversion,
                spec.length == 8 ? va_arg(*args, uint64_t) : va_arg(*args, unsigned));
        break;
    }
    return fmt + 1;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
    struct out out = {buf, size, 0};
    va_list copy;
    va_copy(copy, args);
    while (*fmt != 0) {
        if (*fmt != '%') {
            put_char(&out, *fmt++);
        } else {
            fmt = format_one(&out, fmt + 1, &copy);
        }
    }
    va_end(copy);
    if (size > 0) {
        buf[MIN(out.length, size - 1)] = 0;
    }
    return (int)out.length;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(buf, size, fmt, args);
    va_end(args);
    return n;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(buf, size, fmt, args);
    va_end(args);
    return size == 0 ? 0 : MIN(n, (int)size - 1);
}

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? (unsigned)(c - 'a' + 10) : 99;
}

int parse_u64(const char *s, const char **end, unsigned base, uint64_t *value)
{
    bool hex_prefix = s[0] == '0' && (s[1] | 0x20) == 'x' && digit_value(s[2]) < 16;
    if (base == 0) {
        base = hex_prefix ? 16 : s[0] == '0' ? 8 : 10;
    }
    if (base == 16 && hex_prefix) {
        s += 2;
    }
    if (digit_value(*s) >= base) {
        return -EINVAL;
    }
    uint64_t v = 0;
    int error = 0;
    for (unsigned digit; (digit = digit_value(*s)) < base; s++) {
        if (v > (UINT64_MAX - digit) / base) {
            error = -ERANGE;
        }
        v = v * base + digit;
    }
    if (end != NULL) {
        *end = s;
    }
    *value = v;
    return error;
}
