/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * newc archives. A header is 6 magic characters and 13 numbers of 8 hexadecimal digits; each number
 * is decoded as one 64-bit word, as a boot with thousands of files spends its time here.
 */
#include "lib/cpio.h"
#include "abi/errno.h"
#include "lib/bytes.h"
#include "lib/string.h"

#define HEADER_SIZE   110u
#define NAME_MAX_SIZE 4096u /* c_namesize with padding: Linux's PATH_MAX */
#define TRAILER       "TRAILER!!!"

#define ONES          0x0101010101010101ull

/* Eight hexadecimal digits; *bad gets bits set when there is another character. */
static uint32_t hex_field(const uint8_t *digits, uint64_t *bad)
{
    uint64_t x = bytes_load8(digits);
    uint64_t letter = x >> 6 & ONES; /* 0x41.. and 0x61.. against 0x30.. */
    uint64_t value = (x & 0x0f * ONES) + letter * 9;
    /* Upper halves: 3 for digits, 4 or 6 for letters. Values: below 10, or from 10 to 15. */
    *bad |= ((x & (0xf0 * ONES ^ letter << 5)) ^ (0x30 * ONES ^ letter * 0x70));
    *bad |= (((value + 6 * ONES) >> 4 & ONES) ^ letter) | (value & 0xf0 * ONES);
    value = (value << 4 | value >> 8) & 0x00ff00ff00ff00ffull;
    value = (value << 8 | value >> 16) & 0x0000ffff0000ffffull;
    return (uint32_t)(value << 16 | value >> 32);
}

static const char *packed_error(const uint8_t *bytes, uint64_t left)
{
    static const struct {
        uint8_t magic[6];
        uint8_t size;
        const char *error;
    } formats[] = {
        {{0x1f, 0x8b}, 2, "is compressed with gzip, which Alba does not unpack yet"},
        {{0x28, 0xb5, 0x2f, 0xfd}, 4, "is compressed with zstd, which Alba does not unpack yet"},
        {{0xfd, '7', 'z', 'X', 'Z', 0}, 6, "is compressed with xz, which Alba does not unpack yet"},
        {{0x02, 0x21, 0x4c, 0x18}, 4, "is compressed with lz4, but not from its beginning on"},
        {{0x04, 0x22, 0x4d, 0x18}, 4, "is compressed with lz4 in its newer format; use lz4 -l"},
        {{'B', 'Z', 'h'}, 3, "is compressed with bzip2, which Alba does not unpack yet"},
        {{0x5d, 0, 0}, 3, "is compressed with lzma, which Alba does not unpack yet"},
        {{0x89, 'L', 'Z', 'O'}, 4, "is compressed with lzo, which Alba does not unpack yet"},
        {{'0', '7', '0', '7', '0', '7'}, 6, "is a cpio archive of the old format; use newc"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (left >= formats[i].size && memcmp(bytes, formats[i].magic, formats[i].size) == 0) {
            return formats[i].error;
        }
    }
    return NULL;
}

static int fail(const char **error, int number, const char *text)
{
    *error = text;
    return number;
}

/* Between archives: zero bytes, eight at a time where they are many. */
static void skip_zeroes(struct cpio *cpio)
{
    while (cpio->size - cpio->at >= 8) {
        if (bytes_load8(cpio->bytes + cpio->at) != 0) {
            break;
        }
        cpio->at += 8;
    }
    while (cpio->at < cpio->size && cpio->bytes[cpio->at] == 0) {
        cpio->at++;
    }
}

static bool magic_ok(const uint8_t *header)
{
    return bytes_equal(header, "0707", 4) && header[4] == '0' &&
           (header[5] == '1' || header[5] == '2');
}

static int check_start(struct cpio *cpio, const char **error)
{
    const uint8_t *header = cpio->bytes + cpio->at;
    uint64_t left = cpio->size - cpio->at;
    if (left >= HEADER_SIZE && likely(magic_ok(header))) {
        return 0;
    }
    const char *packed = packed_error(header, left);
    if (packed != NULL) {
        return fail(error, -ENOTSUP, packed);
    }
    if (left >= 6 && !magic_ok(header)) {
        return fail(error, -EINVAL, "is not a cpio archive of the newc format");
    }
    return fail(error, -EINVAL, "ends inside a header");
}

static const uint8_t zero_digits[8 * CPIO_NUMBERS + 1] = "0000000000000000000000000000000000000000"
                                                         "0000000000000000000000000000000000000000"
                                                         "000000000000000000000000";

void cpio_begin(struct cpio *cpio, const void *bytes, uint64_t size)
{
    *cpio = (struct cpio){.bytes = bytes, .size = size, .previous = zero_digits};
}

/* Most numbers are those of the entry before: only the others are decoded. */
static int read_header(struct cpio *cpio, const char **error)
{
    const uint8_t *digits = cpio->bytes + cpio->at + 6, *previous = cpio->previous;
    uint32_t *numbers = &cpio->entry.n.ino;
    uint64_t bad = 0;
    for (unsigned i = 0; i < CPIO_NUMBERS; i++) {
        if (bytes_load8(digits + 8 * i) != bytes_load8(previous + 8 * i)) {
            numbers[i] = hex_field(digits + 8 * i, &bad);
        }
    }
    cpio->previous = digits;
    return bad == 0 ? 0 : fail(error, -EINVAL, "has a header with characters that are no digits");
}

/* Name and data, checked; moves on behind them. */
static int read_body(struct cpio *cpio, const char **error)
{
    struct cpio_entry *e = &cpio->entry;
    uint64_t left = cpio->size - cpio->at - HEADER_SIZE;
    const uint8_t *name = cpio->bytes + cpio->at + HEADER_SIZE;
    if (e->n.name_size == 0 || e->n.name_size > NAME_MAX_SIZE) {
        return fail(error, -EINVAL, "has a name of impossible size");
    }
    if (e->n.name_size > left) {
        return fail(error, -EINVAL, "ends inside a name");
    }
    if (name[e->n.name_size - 1] != '\0') {
        return fail(error, -EINVAL, "has a name that does not end");
    }
    e->name = (const char *)name;
    uint64_t data = ALIGN_UP(cpio->at + HEADER_SIZE + e->n.name_size, 4);
    if (data > cpio->size || e->n.data_size > cpio->size - data) {
        return fail(error, -EINVAL, "ends before the data does");
    }
    e->data = cpio->bytes + data;
    cpio->at = MIN(ALIGN_UP(data + e->n.data_size, 4), cpio->size);
    return 1;
}

int cpio_next(struct cpio *cpio, const char **error)
{
    for (;;) {
        cpio->entry.name = NULL;
        if (cpio->at < cpio->size && cpio->bytes[cpio->at] == 0) {
            skip_zeroes(cpio);
        }
        if (cpio->at >= cpio->size) {
            return 0;
        }
        int result = check_start(cpio, error);
        if (result == 0) {
            result = read_header(cpio, error);
        }
        if (result == 0) {
            result = read_body(cpio, error);
        }
        if (result < 0 || cpio->entry.name[0] != 'T' || strcmp(cpio->entry.name, TRAILER) != 0) {
            return result;
        }
        cpio->archive++;
    }
}

const char *cpio_name_error(const char *name)
{
    if (*name == '\0') {
        return "has an empty name";
    }
    for (const char *p = name; *p != '\0';) {
        if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || p[2] == '\0')) {
            return "has a name with \"..\"";
        }
        size_t size = 0;
        while (p[size] != '\0' && p[size] != '/') {
            size++;
        }
        if (size > 255) {
            return "has a name with a part longer than 255 bytes";
        }
        p += size;
        while (*p == '/') {
            p++;
        }
    }
    return NULL;
}
