/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware's texts, UTF-16, and ours, UTF-8 (RFC 3629, RFC 2781). */
#include "boot/door/efi/door.h"
#include "lib/string.h"

enum { REPLACEMENT = 0xfffd, HIGH = 0xd800, LOW = 0xdc00, SURROGATES_END = 0xe000 };

/* The next character of UTF-16 in *units units; 0 at the end. */
static uint32_t next_utf16(const uint8_t **at, size_t *units)
{
    uint16_t unit[2] = {0};
    if (*units == 0) {
        return 0;
    }
    memcpy(unit, *at, MIN(*units, (size_t)2) * sizeof(unit[0]));
    bool pair = unit[0] >= HIGH && unit[0] < LOW && unit[1] >= LOW && unit[1] < SURROGATES_END;
    *at += pair ? 4 : 2;
    *units -= pair ? 2 : 1;
    if (pair) {
        return 0x10000 + ((unit[0] - HIGH) << 10 | (unit[1] - LOW));
    }
    return unit[0] >= HIGH && unit[0] < SURROGATES_END ? REPLACEMENT : unit[0];
}

size_t efi_to_utf8(char *to, size_t room, const void *from, size_t size)
{
    const uint8_t *at = from;
    size_t units = size / sizeof(efi_char), length = 0;
    for (uint32_t c; (c = next_utf16(&at, &units)) != 0;) {
        unsigned more = (c >= 0x80) + (c >= 0x800) + (c >= 0x10000);
        if (length + more + 1 >= room) {
            return room;
        }
        static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
        to[length++] = (char)(lead[more] | c >> 6 * more);
        while (more-- > 0) {
            to[length++] = (char)(0x80 | (c >> 6 * more & 0x3f));
        }
    }
    to[length] = 0;
    return length;
}

/* The next character of UTF-8; 0: it is not one. */
static uint32_t next_utf8(const uint8_t **at, const uint8_t *end)
{
    static const uint32_t least[] = {1, 0x80, 0x800, 0x10000};
    uint32_t c = *(*at)++;
    unsigned more = (c >= 0xc0) + (c >= 0xe0) + (c >= 0xf0), count = more;
    if ((c >= 0x80 && c < 0xc0) || c >= 0xf8) {
        return 0;
    }
    c &= count == 0 ? 0x7f : 0x3fu >> count;
    for (; more > 0; more--) {
        if (*at == end || (**at & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (*(*at)++ & 0x3f);
    }
    bool half = c >= HIGH && c < SURROGATES_END;
    return c < least[count] || c > 0x10ffff || half ? 0 : c;
}

bool efi_to_path(efi_char *to, size_t room, const char *from, size_t size)
{
    const uint8_t *at = (const uint8_t *)from, *end = at + size;
    size_t length = 0;
    while (at < end) {
        uint32_t c = next_utf8(&at, end);
        if (c == 0 || length + 2 >= room) {
            return false;
        }
        if (c >= 0x10000) {
            to[length++] = (efi_char)(HIGH + ((c - 0x10000) >> 10));
            c = LOW + (c & 0x3ff);
        }
        to[length++] = c == '/' ? '\\' : (efi_char)c;
    }
    to[length] = 0;
    return length > 0;
}

char *efi_skip_word(char *text)
{
    while (*text == ' ') {
        text++;
    }
    char end = *text == '"' ? '"' : ' ';
    text += end == '"';
    while (*text != 0 && *text != end) {
        text++;
    }
    return text + (*text == '"');
}

bool efi_next_initrd(const char **at, const char **path, size_t *size)
{
    static const char name[] = "initrd=";
    const size_t length = sizeof(name) - 1;
    for (const char *c = *at; *c != 0;) {
        size_t word = 0;
        while (c[word] != 0 && c[word] != ' ') {
            word++;
        }
        if (word > length && memcmp(c, name, length) == 0) {
            *path = c + length;
            *size = word - length;
            *at = c + word;
            return true;
        }
        c += word + (c[word] == ' ');
    }
    return false;
}
