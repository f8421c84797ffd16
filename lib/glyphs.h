/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Which characters the screen's font has, and in which order: a byte for each of the rows of a
 * glyph, the highest bit on the left; tools/mkfont.c makes it of a Debian package's.
 */
#include "lib/types.h"

#define GLYPHS            322u
#define GLYPHS_VGA        256u /* those that the VGA's text mode has, too */
#define GLYPH_WIDTH       8u
#define GLYPH_HEIGHT      16u
#define GLYPH_REPLACEMENT (GLYPHS - 1) /* for what the font does not have */

/* Unicode's numbers of the glyphs 0 to 31 and from 127 on; the others are as in ASCII. */
extern const uint16_t glyph_low[32];
extern const uint16_t glyph_high[GLYPHS - 127];

/* The glyph for a character of Unicode, or GLYPH_REPLACEMENT. */
unsigned glyph_find(uint32_t code);
