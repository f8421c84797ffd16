/* SPDX-License-Identifier: BSD-2-Clause */
/* Text in a frame buffer (lib/fb.h). */
#include "lib/fb.h"
#include "abi/errno.h"
#include "lib/glyphs.h"

enum { SIZE_MAX_PIXELS = 16384, STRIDE_MAX = 1 << 18, CURSOR_ROWS = 2 };

/*
 * How many bits a colour has is not handed over: they reach up to the next colour's, and the
 * topmost colour has as many as the lowest (5-5-5, 5-6-5, 8-8-8, 10-10-10).
 */
static bool find_bits(struct fb *fb, unsigned depth)
{
    unsigned low = MIN(fb->shift[0], MIN(fb->shift[1], fb->shift[2]));
    unsigned low_bits = depth;
    for (unsigned i = 0; i < 3; i++) {
        if (fb->shift[i] > low) {
            low_bits = MIN(low_bits, fb->shift[i] - low);
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        unsigned end = depth;
        bool topmost = true;
        for (unsigned j = 0; j < 3; j++) {
            if (j != i && fb->shift[j] == fb->shift[i]) {
                return false;
            }
            if (fb->shift[j] > fb->shift[i]) {
                end = MIN(end, fb->shift[j]);
                topmost = false;
            }
        }
        unsigned bits = end > fb->shift[i] ? end - fb->shift[i] : 0;
        fb->bits[i] = (uint8_t)MIN(bits, topmost ? low_bits : 16u);
        if (fb->bits[i] == 0) {
            return false;
        }
    }
    return true;
}

int fb_init(struct fb *fb, const struct boot_framebuffer *from, void *pixels)
{
    unsigned depth = from->bits_per_pixel;
    *fb = (struct fb){
        .pixels = pixels,
        .width = from->width,
        .height = from->height,
        .stride = from->stride,
        .bytes = (uint8_t)((depth + 7) / 8),
        .shift = {from->red_shift, from->green_shift, from->blue_shift},
    };
    bool known = depth == 8 || depth == 15 || depth == 16 || depth == 24 || depth == 32;
    if (!known || fb->width > SIZE_MAX_PIXELS || fb->height > SIZE_MAX_PIXELS ||
        fb->stride > STRIDE_MAX || fb->stride < fb->width * fb->bytes ||
        from->address + fb_size(from) < from->address || (depth > 8 && !find_bits(fb, depth))) {
        return -EINVAL;
    }
    fb->scale = fb->width >= 3200 ? 3 : fb->width >= 1920 ? 2 : 1;
    fb->columns = MIN(fb->width / (GLYPH_WIDTH * fb->scale), FB_COLUMNS_MAX);
    fb->rows = MIN(fb->height / (GLYPH_HEIGHT * fb->scale), FB_ROWS_MAX);
    return fb->columns >= 20 && fb->rows >= 5 ? 0 : -EINVAL;
}

size_t fb_size(const struct boot_framebuffer *from)
{
    return (size_t)from->stride * from->height;
}

uint32_t fb_pixel(const struct fb *fb, unsigned number, uint32_t rgb)
{
    uint32_t pixel = 0;
    if (fb->bytes == 1) {
        /* A palette: a mode set loads the VGA's, which starts with its sixteen colours (VBE 3.0,
         * function 02). */
        return number;
    }
    for (unsigned i = 0; i < 3; i++) {
        uint32_t value = rgb >> (16 - 8 * i) & 0xff;
        unsigned bits = fb->bits[i];
        value = bits <= 8 ? value >> (8 - bits) : value << (bits - 8);
        pixel |= value << fb->shift[i];
    }
    return pixel;
}

/* Returns where the next pixel is. Rows may start anywhere. */
static uint8_t *store(uint8_t *to, unsigned bytes, uint32_t pixel)
{
    if (bytes == 4) {
        __builtin_memcpy(to, &pixel, 4);
    } else if (bytes == 2) {
        __builtin_memcpy(to, &pixel, 2);
    } else if (bytes == 3) {
        __builtin_memcpy(to, &pixel, 2);
        to[2] = (uint8_t)(pixel >> 16);
    } else {
        *to = (uint8_t)pixel;
    }
    return to + bytes;
}

void fb_glyph(const struct fb *fb, unsigned row, unsigned column, const uint8_t *glyph,
              const struct fb_ink *ink)
{
    uint8_t *line = fb->pixels + (size_t)row * GLYPH_HEIGHT * fb->scale * fb->stride +
                    (size_t)column * GLYPH_WIDTH * fb->scale * fb->bytes;
    for (unsigned y = 0; y < GLYPH_HEIGHT * fb->scale; y++, line += fb->stride) {
        unsigned from = y / fb->scale;
        unsigned bits = ink->cursor && from >= GLYPH_HEIGHT - CURSOR_ROWS ? 0xff : glyph[from];
        uint8_t *to = line;
        for (unsigned mask = 0x80; mask != 0; mask >>= 1) {
            uint32_t pixel = bits & mask ? ink->fore : ink->back;
            for (unsigned x = 0; x < fb->scale; x++) {
                to = store(to, fb->bytes, pixel);
            }
        }
    }
}

void fb_clear(const struct fb *fb, uint32_t pixel)
{
    for (unsigned y = 0; y < fb->height; y++) {
        uint8_t *to = fb->pixels + (size_t)y * fb->stride;
        for (unsigned x = 0; x < fb->width; x++) {
            to = store(to, fb->bytes, pixel);
        }
    }
}
