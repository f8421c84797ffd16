/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mkfont OUT <font.psf: the screen's font, glyph by glyph in the order of lib/glyphs.h, from a
 * PC screen font of version 1 with 8 by 16 pixels and a Unicode table (psfaddtable(1)).
 */
#include "lib/glyphs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC = 0x0436, MODE_512 = 1, MODE_TABLE = 2, HEADER = 4, END = 0xffff, SEQUENCE = 0xfffe };

static uint8_t file[1 << 16];
static uint8_t font[GLYPHS][GLYPH_HEIGHT];

static _Noreturn void fail(const char *text)
{
    fprintf(stderr, "mkfont: %s\n", text);
    exit(1);
}

static uint32_t code_of(unsigned glyph)
{
    return glyph < 32 ? glyph_low[glyph] : glyph < 127 ? glyph : glyph_high[glyph - 127];
}

/* The number of the glyph in the file that has this code, or -1. */
static long find(const uint8_t *table, size_t size, uint32_t code)
{
    long glyph = 0;
    bool alone = true; /* not inside a sequence of characters that make one glyph together */
    for (size_t i = 0; i + 1 < size; i += 2) {
        uint32_t entry = table[i] | (uint32_t)table[i + 1] << 8;
        if (entry == END) {
            glyph++;
        } else if (alone && entry == code) {
            return glyph;
        }
        alone = entry == END || (alone && entry != SEQUENCE);
    }
    return -1;
}

/* Halves and the dark shade are left out by fonts that are short of room. */
static bool draw(uint32_t code, uint8_t glyph[GLYPH_HEIGHT])
{
    for (unsigned row = 0; row < GLYPH_HEIGHT; row++) {
        bool lower = row >= GLYPH_HEIGHT / 2;
        switch (code) {
        case 0x2580:
            glyph[row] = lower ? 0 : 0xff;
            break;
        case 0x2584:
            glyph[row] = lower ? 0xff : 0;
            break;
        case 0x258c:
            glyph[row] = 0xf0;
            break;
        case 0x2590:
            glyph[row] = 0x0f;
            break;
        case 0x2593:
            glyph[row] = row % 2 == 0 ? 0xdd : 0x77;
            break;
        default:
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    size_t size = fread(file, 1, sizeof(file), stdin);
    size_t count = size > HEADER && (file[2] & MODE_512) ? 512 : 256;
    size_t table = HEADER + count * GLYPH_HEIGHT;
    if (argc != 2 || size <= table || (file[0] | file[1] << 8) != MAGIC ||
        file[3] != GLYPH_HEIGHT || !(file[2] & MODE_TABLE)) {
        fail("usage: mkfont OUT <FONT, a PSF 1 file of 16 rows with a Unicode table");
    }
    long missing = find(file + table, size - table, code_of(GLYPH_REPLACEMENT));
    if (missing < 0) {
        fail("the font has no replacement character");
    }
    for (unsigned i = 0; i < GLYPHS; i++) {
        long at = find(file + table, size - table, code_of(i));
        if (at >= (long)count) {
            fail("the font's table names glyphs that it does not have");
        }
        if (at >= 0 || !draw(code_of(i), font[i])) {
            memcpy(font[i], file + HEADER + (size_t)(at < 0 ? missing : at) * GLYPH_HEIGHT,
                   GLYPH_HEIGHT);
        }
    }
    FILE *out = fopen(argv[1], "wb");
    if (out == NULL || fwrite(font, sizeof(font), 1, out) != 1 || fclose(out) != 0) {
        fail("cannot write the font");
    }
    return 0;
}
