/* SPDX-License-Identifier: BSD-2-Clause */
/* The cells of a terminal (lib/vt.h): writing, moving, scrolling, clearing. */
#include "lib/string.h"
#include "lib/vt.h"

/* A pair of colours the other way round; what is bright or blinks does so still. */
static uint8_t swapped(uint8_t colour)
{
    return (uint8_t)((colour & 0x88) | (colour & 0x70) >> 4 | (colour & 0x07) << 4);
}

/* The pen as the VGA has it. Italics, underlines and dim text have colours of their own. */
static uint8_t pen_colour(const struct vt_pen *pen)
{
    enum { ITALIC = 2, UNDERLINE = 3, DIM = 8 };
    uint8_t colour = pen->colour;
    if (pen->italic || pen->underline || pen->intensity == VT_HALF) {
        unsigned other = pen->italic ? ITALIC : pen->underline ? UNDERLINE : DIM;
        colour = (uint8_t)((colour & 0xf0) | other);
    }
    if (pen->reverse) {
        colour = swapped(colour);
    }
    return (uint8_t)(colour | (pen->blink ? 0x80 : 0) | (pen->intensity == VT_BOLD ? 8 : 0));
}

/* What is cleared has the pen's background, and blinks with it, but is neither bold nor reversed.
 */
static struct vt_cell blank(const struct vt *vt)
{
    const struct vt_pen *pen = &vt->at.pen;
    uint8_t colour = (uint8_t)((pen->colour & ~8u) | (pen->blink ? 0x80 : 0));
    return (struct vt_cell){.code = ' ', .colour = colour};
}

struct vt_cell vt_look(const struct vt *vt, unsigned row, unsigned column)
{
    struct vt_cell cell = vt_row(vt, row)[column];
    if (vt->reverse_screen) {
        cell.colour = swapped(cell.colour);
    }
    if (!vt->hidden && row == vt->at.row && column == vt->at.column) {
        cell.mark |= VT_CURSOR;
    }
    return cell;
}

void vt_touch_all(struct vt *vt)
{
    memset(vt->dirty, true, vt->rows * sizeof(vt->dirty[0]));
}

void vt_clear(struct vt *vt, unsigned from, unsigned count)
{
    struct vt_cell empty = blank(vt);
    unsigned row = from / vt->columns, column = from % vt->columns;
    for (; count > 0 && row < vt->rows; row++, column = 0) {
        struct vt_cell *cells = vt_row(vt, row);
        vt->dirty[row] = true;
        for (; count > 0 && column < vt->columns; column++, count--) {
            cells[column] = empty;
        }
    }
}

void vt_scroll(struct vt *vt, unsigned top, unsigned bottom, long by)
{
    uint8_t leave[VT_ROWS_MAX];
    if (top >= bottom || by == 0) {
        return;
    }
    unsigned count = (unsigned)MIN((unsigned long)(by < 0 ? -by : by), bottom - top);
    unsigned kept = bottom - top - count;
    uint8_t *line = vt->line + top;
    if (by > 0) {
        memcpy(leave, line, count);
        memmove(line, line + count, kept);
        memcpy(line + kept, leave, count);
    } else {
        memcpy(leave, line + kept, count);
        memmove(line + count, line, kept);
        memcpy(line, leave, count);
    }
    memset(vt->dirty + top, true, bottom - top);
    vt_clear(vt, (by > 0 ? top + kept : top) * vt->columns, count * vt->columns);
}

void vt_shift(struct vt *vt, long count)
{
    unsigned column = vt->at.column, room = vt->columns - column;
    unsigned by = (unsigned)MIN((unsigned long)(count < 0 ? -count : count), room);
    unsigned start = vt->at.row * vt->columns + column;
    struct vt_cell *here = vt_row(vt, vt->at.row) + column;
    size_t size = (room - by) * sizeof(*here);
    if (count > 0) {
        memmove(here + by, here, size);
    } else {
        memmove(here, here + by, size);
    }
    vt->dirty[vt->at.row] = true;
    vt->at.wrap = false;
    vt_clear(vt, count > 0 ? start : start + room - by, by);
}

void vt_move(struct vt *vt, long row, long column)
{
    long low = vt->origin ? vt->top : 0, high = vt->origin ? vt->bottom : vt->rows;
    vt->at.row = (unsigned)MIN(MAX(row, low), high - 1);
    vt->at.column = (unsigned)MIN(MAX(column, 0), (long)vt->columns - 1);
    vt->at.wrap = false;
}

void vt_move_absolute(struct vt *vt, long row, long column)
{
    vt_move(vt, vt->origin ? row + vt->top : row, column);
}

void vt_line_feed(struct vt *vt)
{
    if (vt->at.row + 1 == vt->bottom) {
        vt_scroll(vt, vt->top, vt->bottom, 1);
    } else if (vt->at.row + 1 < vt->rows) {
        vt->at.row++;
    }
    vt->at.wrap = false;
}

void vt_reverse_line_feed(struct vt *vt)
{
    if (vt->at.row == vt->top) {
        vt_scroll(vt, vt->top, vt->bottom, -1);
    } else if (vt->at.row > 0) {
        vt->at.row--;
    }
    vt->at.wrap = false;
}

void vt_tab(struct vt *vt)
{
    while (vt->at.column + 1 < vt->columns) {
        unsigned column = ++vt->at.column;
        if (vt->tabs[column / 32] >> column % 32 & 1) {
            return;
        }
    }
}

static void put_cell(struct vt *vt, uint32_t code)
{
    struct vt_place *at = &vt->at;
    if (at->wrap) {
        at->column = 0;
        vt_line_feed(vt);
    }
    if (vt->insert) {
        vt_shift(vt, 1);
    }
    vt_row(vt, at->row)[at->column] = (struct vt_cell){.code = (uint16_t)code,
                                                       .colour = pen_colour(&at->pen)};
    vt->dirty[at->row] = true;
    if (at->column + 1 < vt->columns) {
        at->column++;
    } else {
        at->wrap = !vt->no_wrap;
    }
}

struct range {
    uint32_t first, last;
};

static bool is_in(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

void vt_put(struct vt *vt, uint32_t code)
{
    /* Unicode's general categories Mn and Cf as far as texts have them; East Asian Width W and F
     * (Unicode Standard Annex 11), roughly by block. */
    static const struct range nothing[] = {{0x300, 0x36f},   {0x200b, 0x200f}, {0x202a, 0x202e},
                                           {0x2060, 0x206f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f},
                                           {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}};
    static const struct range wide[] = {{0x1100, 0x115f},  {0x2e80, 0x303e}, {0x3041, 0xa4cf},
                                        {0xac00, 0xd7a3},  {0xf900, 0xfaff}, {0xfe30, 0xfe6f},
                                        {0xff00, 0xff60},  {0xffe0, 0xffe6}, {0x1f300, 0x1faff},
                                        {0x20000, 0x3fffd}};
    if (code < 0x300) {
        put_cell(vt, code);
    } else if (!is_in(code, nothing, ARRAY_SIZE(nothing))) {
        bool two = is_in(code, wide, ARRAY_SIZE(wide));
        put_cell(vt, code > 0xffff ? VT_REPLACEMENT : code);
        if (two) {
            put_cell(vt, ' ');
        }
    }
}
