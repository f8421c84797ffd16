/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Drawing text into a frame buffer of 8, 15, 16, 24 or 32 bits a pixel. Used by the loader and by
 * the kernel. Pixels are only written: reading video memory is slow.
 */
#include "abi/bootinfo.h"
#include "lib/types.h"

/* More text is not drawn, however large it is. */
#define FB_ROWS_MAX    256u
#define FB_COLUMNS_MAX 512u

struct fb {
    uint8_t *pixels;
    uint32_t width, height, stride; /* pixels, pixels, bytes */
    uint32_t scale;                 /* a pixel of a glyph is so many wide and high */
    uint32_t rows, columns;         /* of glyphs */
    uint8_t bytes;                  /* a pixel */
    uint8_t shift[3], bits[3];      /* of red, green and blue; of a pixel of more than a byte */
};

/* Checks what the door was told; pixels is where the frame buffer is mapped. -EINVAL: it
 * contradicts itself or is of a kind that we cannot use. */
int fb_init(struct fb *fb, const struct boot_framebuffer *from, void *pixels);

/* Bytes from the first pixel on. */
size_t fb_size(const struct boot_framebuffer *from);

/* The pixel for colour `number` of the VGA's sixteen, which is 0xrrggbb. */
uint32_t fb_pixel(const struct fb *fb, unsigned number, uint32_t rgb);

struct fb_ink {
    uint32_t fore, back; /* pixels */
    bool cursor;         /* the glyph is underlined by one */
};

/* The glyph (lib/glyphs.h) at this place, counted in glyphs; it must be on the screen. */
void fb_glyph(const struct fb *fb, unsigned row, unsigned column, const uint8_t *glyph,
              const struct fb_ink *ink);
/* Clears all of it. */
void fb_clear(const struct fb *fb, uint32_t pixel);
