/* SPDX-License-Identifier: BSD-2-Clause */
/* Frame buffers: which are good, the colours' places in a pixel, and what drawing touches. */
// sources: lib/fb.c lib/glyphs.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/fb.h"
#include "lib/glyphs.h"

static struct boot_framebuffer describe(unsigned depth, unsigned red, unsigned green, unsigned blue)
{
    return (struct boot_framebuffer){.address = 0xe0000000,
                                     .width = 320,
                                     .height = 200,
                                     .stride = 320 * ((depth + 7) / 8) + 8,
                                     .bits_per_pixel = (uint8_t)depth,
                                     .red_shift = (uint8_t)red,
                                     .green_shift = (uint8_t)green,
                                     .blue_shift = (uint8_t)blue};
}

static const struct {
    unsigned depth, red, green, blue;
    uint32_t white, orange; /* 0xff8000 */
} formats[] = {
    {15, 10, 5, 0, 0x7fff, 0x7e00},          {16, 10, 5, 0, 0x7fff, 0x7e00},
    {16, 11, 5, 0, 0xffff, 0xfc00},          {16, 0, 5, 11, 0xffff, 0x041f},
    {24, 16, 8, 0, 0xffffff, 0xff8000},      {32, 16, 8, 0, 0xffffff, 0xff8000},
    {32, 0, 8, 16, 0xffffff, 0x0080ff},      {32, 8, 16, 24, 0xffffff00, 0x0080ff00},
    {32, 20, 10, 0, 0x3fcff3fc, 0x3fc80000}, {8, 0, 0, 0, 15, 15},
};

static void test_formats(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        struct boot_framebuffer from = describe(formats[i].depth, formats[i].red, formats[i].green,
                                                formats[i].blue);
        struct fb fb;
        assert_int_equal(fb_init(&fb, &from, NULL), 0);
        assert_int_equal(fb.rows, 12);
        assert_int_equal(fb.columns, 40);
        assert_int_equal(fb_pixel(&fb, 15, 0xffffff), formats[i].white);
        assert_int_equal(fb_pixel(&fb, 15, 0xff8000), formats[i].orange);
        assert_int_equal(fb_pixel(&fb, 0, 0), 0);
    }
}

static void test_bad_ones(void **state)
{
    (void)state;
    struct fb fb;
    struct boot_framebuffer good = describe(32, 16, 8, 0), bad;
#define REFUSED(change)                                                                            \
    bad = good;                                                                                    \
    bad.change;                                                                                    \
    assert_int_not_equal(fb_init(&fb, &bad, NULL), 0)
    REFUSED(bits_per_pixel = 4);
    REFUSED(bits_per_pixel = 64);
    REFUSED(bits_per_pixel = 0);
    REFUSED(width = 0);
    REFUSED(width = 159);
    REFUSED(height = 79);
    REFUSED(width = 20000);
    REFUSED(height = 0xffffffff);
    REFUSED(stride = 320 * 4 - 1);
    REFUSED(stride = 0xffffffff);
    REFUSED(address = 0xfffffffffffff000);
    REFUSED(red_shift = 8);
    REFUSED(red_shift = 32);
    REFUSED(blue_shift = 255);
}

static void test_scale(void **state)
{
    (void)state;
    static const struct {
        unsigned width, height, scale, columns, rows;
    } sizes[] = {{640, 480, 1, 80, 30},    {1024, 768, 1, 128, 48},  {1920, 1080, 2, 120, 33},
                 {2560, 1440, 2, 160, 45}, {3840, 2160, 3, 160, 45}, {200, 16000, 1, 25, 256}};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct boot_framebuffer from = describe(32, 16, 8, 0);
        struct fb fb;
        from.width = sizes[i].width;
        from.height = sizes[i].height;
        from.stride = from.width * 4;
        assert_int_equal(fb_init(&fb, &from, NULL), 0);
        assert_int_equal(fb.scale, sizes[i].scale);
        assert_int_equal(fb.columns, sizes[i].columns);
        assert_int_equal(fb.rows, sizes[i].rows);
    }
}

static uint32_t pixel_at(const struct fb *fb, unsigned x, unsigned y)
{
    uint32_t pixel = 0;
    memcpy(&pixel, fb->pixels + (size_t)y * fb->stride + (size_t)x * fb->bytes, fb->bytes);
    return pixel;
}

static void check_glyph(const struct fb *fb, const uint8_t *glyph, const struct fb_ink *ink)
{
    unsigned scale = fb->scale;
    unsigned left = (fb->columns - 1) * GLYPH_WIDTH * scale;
    unsigned top = (fb->rows - 1) * GLYPH_HEIGHT * scale;
    for (unsigned y = 0; y < GLYPH_HEIGHT * scale; y++) {
        for (unsigned x = 0; x < GLYPH_WIDTH * scale; x++) {
            bool set = glyph[y / scale] >> (7 - x / scale) & 1;
            set |= ink->cursor && y / scale >= GLYPH_HEIGHT - 2;
            assert_int_equal(pixel_at(fb, left + x, top + y), set ? ink->fore : ink->back);
        }
    }
    assert_int_equal(pixel_at(fb, left - 1, top), 0);
    assert_int_equal(pixel_at(fb, left, top - 1), 0);
}

/* The last cell, in memory that ends with the last pixel: the sanitizer sees what goes beyond. */
static void test_drawing(void **state)
{
    (void)state;
    uint8_t glyph[GLYPH_HEIGHT];
    for (unsigned i = 0; i < sizeof(glyph); i++) {
        glyph[i] = (uint8_t)(i * 37 + 1);
    }
    for (size_t i = 0; i < 2 * ARRAY_SIZE(formats); i++) {
        size_t format = i / 2;
        struct boot_framebuffer from = describe(formats[format].depth, formats[format].red,
                                                formats[format].green, formats[format].blue);
        from.width = i % 2 == 0 ? 320 : 1920;
        from.stride = from.width * ((from.bits_per_pixel + 7u) / 8);
        from.height = i % 2 == 0 ? 192 : 160;
        uint8_t *memory = malloc(fb_size(&from));
        struct fb fb;
        assert_non_null(memory);
        assert_int_equal(fb_init(&fb, &from, memory), 0);
        memset(memory, 0x5a, fb_size(&from));
        fb_clear(&fb, 0);
        for (size_t at = 0; at < fb_size(&from); at++) {
            assert_int_equal(memory[at], 0);
        }
        struct fb_ink ink = {.fore = formats[format].orange, .back = formats[format].white};
        fb_glyph(&fb, fb.rows - 1, fb.columns - 1, glyph, &ink);
        check_glyph(&fb, glyph, &ink);
        ink.cursor = true;
        fb_glyph(&fb, fb.rows - 1, fb.columns - 1, glyph, &ink);
        check_glyph(&fb, glyph, &ink);
        free(memory);
    }
}

static void test_glyphs(void **state)
{
    (void)state;
    assert_int_equal(glyph_find('A'), 'A');
    assert_int_equal(glyph_find('~'), '~');
    assert_int_equal(glyph_find(0xe4), 0x84);   /* a umlaut in code page 437 */
    assert_int_equal(glyph_find(0x2500), 0xc4); /* a horizontal line */
    assert_int_equal(glyph_find(0x2191), 0x18); /* an arrow up */
    assert_int_equal(glyph_find(0xa0), 0xff);
    assert_int_equal(glyph_find(0), ' ');
    assert_true(glyph_find(0xc0) >= GLYPHS_VGA && glyph_find(0xc0) < GLYPHS);
    assert_int_equal(glyph_find(0x4e2d), GLYPH_REPLACEMENT);
    assert_int_equal(glyph_find(0xfffd), GLYPH_REPLACEMENT);
    for (uint32_t code = 0; code < 0x20000; code++) {
        assert_true(glyph_find(code) < GLYPHS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats), cmocka_unit_test(test_bad_ones),
        cmocka_unit_test(test_scale),   cmocka_unit_test(test_drawing),
        cmocka_unit_test(test_glyphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
