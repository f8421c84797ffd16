/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VGA in text mode as the screen's surface: a character of code page 437 and its colours in two
 * bytes a cell (IBM VGA/XGA Technical Reference, "Alphanumeric modes"), and a cursor that the CRT
 * controller draws.
 */
#include "kernel/arch/port_io.h"
#include "kernel/base/init.h"
#include "kernel/dev/screen/surface.h"
#include "kernel/mm/physmap.h"
#include "lib/glyphs.h"

enum {
    CRTC_INDEX = 0x3d4,
    CRTC_DATA = 0x3d5,
    CRTC_CURSOR_START = 0x0a, /* bit 5: there is none */
    CRTC_CURSOR_HIGH = 0x0e,
    CRTC_CURSOR_LOW = 0x0f,
    CURSOR_OFF = 0x20,
    CURSOR_FIRST_LINE = 13, /* of 16: an underline */
    COLOURS = 0x7f,         /* the highest bit would make it blink */
};

static volatile uint16_t *cells; /* constant after early init; the content: [screen_lock] */
static struct surface surface;

static void vga_draw(unsigned row, unsigned column, struct vt_cell cell)
{
    unsigned glyph = glyph_find(cell.code);
    cells[row * surface.columns + column] = (uint16_t)((cell.colour & COLOURS) << 8 |
                                                       (glyph < GLYPHS_VGA ? glyph : '?'));
}

static void vga_clear(void)
{
    for (unsigned i = 0; i < surface.rows * surface.columns; i++) {
        cells[i] = 7 << 8 | ' ';
    }
}

static void set_register(uint8_t number, uint8_t value)
{
    out8(CRTC_INDEX, number);
    out8(CRTC_DATA, value);
}

static void vga_set_cursor(unsigned row, unsigned column, bool hidden)
{
    unsigned at = row * surface.columns + column;
    set_register(CRTC_CURSOR_START, hidden ? CURSOR_OFF : CURSOR_FIRST_LINE);
    set_register(CRTC_CURSOR_HIGH, (uint8_t)(at >> 8));
    set_register(CRTC_CURSOR_LOW, (uint8_t)at);
}

static struct surface surface = {
    .clear = vga_clear,
    .draw = vga_draw,
    .set_cursor = vga_set_cursor,
};

INIT_TEXT struct surface *vga_surface(const struct bootinfo *info)
{
    if (info->text.columns == 0) {
        return NULL;
    }
    cells = phys_to_virt(info->text.address);
    surface.rows = info->text.rows;
    surface.columns = info->text.columns;
    return &surface;
}
