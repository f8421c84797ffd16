/* SPDX-License-Identifier: BSD-2-Clause */
/* The frame buffer as the screen's surface; drawing itself is lib/fb.c. */
#include "kernel/base/init.h"
#include "kernel/dev/screen/surface.h"
#include "lib/fb.h"
#include "lib/glyphs.h"

static_assert(FB_ROWS_MAX <= VT_ROWS_MAX && FB_COLUMNS_MAX <= VT_COLUMNS_MAX, "no larger");

/* font.S */
extern const uint8_t screen_font[GLYPHS][GLYPH_HEIGHT];

static struct fb fb;        /* constant after early init */
static uint32_t pixels[16]; /* [screen_lock] the colours */

static void fb_surface_clear(void)
{
    fb_clear(&fb, fb_pixel(&fb, 0, 0));
}

static void fb_surface_draw(unsigned row, unsigned column, struct vt_cell cell)
{
    struct fb_ink ink = {.fore = pixels[cell.colour & 15],
                         .back = pixels[cell.colour >> 4],
                         .cursor = (cell.mark & VT_CURSOR) != 0};
    fb_glyph(&fb, row, column, screen_font[glyph_find(cell.code)], &ink);
}

static void fb_surface_palette(const uint32_t palette[16])
{
    for (unsigned i = 0; i < ARRAY_SIZE(pixels); i++) {
        pixels[i] = fb_pixel(&fb, i, palette[i]);
    }
}

static struct surface surface = {
    .clear = fb_surface_clear,
    .draw = fb_surface_draw,
    .set_palette = fb_surface_palette,
};

INIT_TEXT struct surface *fb_surface(const struct bootinfo *info)
{
    if (info->framebuffer_va == 0 ||
        fb_init(&fb, &info->framebuffer, (void *)info->framebuffer_va) != 0) {
        return NULL;
    }
    surface.rows = fb.rows;
    surface.columns = fb.columns;
    return &surface;
}
