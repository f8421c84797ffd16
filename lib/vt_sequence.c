/* SPDX-License-Identifier: BSD-2-Clause */
/* What the terminal's escape sequences do (console_codes(4), "Linux Console Controls"). */
#include "lib/format.h"
#include "lib/string.h"
#include "lib/vt.h"

enum { DEFAULT_COLOUR = 7, WHITE = 7 };

/* The numbers of ECMA-48's eight colours as the VGA has them: red and blue change places. */
static uint8_t vga_colour(unsigned number)
{
    return (uint8_t)((number & 2) | (number & 1) << 2 | (number & 4) >> 2);
}

void vt_default_palette(struct vt *vt)
{
    for (unsigned i = 0; i < ARRAY_SIZE(vt->palette); i++) {
        /* Bits 2, 1 and 0 of a VGA colour are red, green and blue, bit 3 makes all brighter. */
        uint32_t dark = i & 8 ? 0x55 : 0, light = dark + 0xaa;
        vt->palette[i] = (i & 4 ? light : dark) << 16 | (i & 2 ? light : dark) << 8 |
                         (i & 1 ? light : dark);
    }
    vt->palette[6] = 0xaa5500; /* the CGA's brown */
    vt_touch_all(vt);
}

void vt_set_colour(struct vt *vt)
{
    unsigned number = vt->params[0];
    uint32_t value = 0;
    for (unsigned i = 1; i < 7; i++) {
        value = value << 4 | vt->params[i];
    }
    vt->palette[vga_colour(number & 7) | (number & 8)] = value;
    vt_touch_all(vt);
}

static void default_tabs(struct vt *vt)
{
    memset(vt->tabs, 1, sizeof(vt->tabs)); /* each eighth bit */
}

void vt_reset(struct vt *vt)
{
    vt->at = (struct vt_place){.pen = {.colour = DEFAULT_COLOUR, .intensity = VT_NORMAL}};
    vt->saved = vt->at;
    vt->top = 0;
    vt->bottom = vt->rows;
    vt->hidden = vt->reverse_screen = vt->origin = vt->no_wrap = vt->insert = false;
    vt->new_line = vt->cursor_keys = vt->bytes = false;
    vt->state = 0;
    default_tabs(vt);
    vt_clear(vt, 0, vt->rows * vt->columns);
}

static void reply(struct vt *vt, const char *text)
{
    size_t size = strlen(text);
    if (size <= sizeof(vt->reply) - vt->reply_size) {
        memcpy(vt->reply + vt->reply_size, text, size);
        vt->reply_size += (unsigned)size;
    }
}

static void restore(struct vt *vt)
{
    vt->at = vt->saved;
    vt->at.wrap = false;
}

void vt_escape(struct vt *vt, uint32_t code)
{
    unsigned column = vt->at.column;
    switch (code) {
    case 'c':
        vt_reset(vt);
        break;
    case 'E':
        vt->at.column = 0;
        __attribute__((fallthrough));
    case 'D':
        vt_line_feed(vt);
        break;
    case 'M':
        vt_reverse_line_feed(vt);
        break;
    case 'H':
        vt->tabs[column / 32] |= 1u << column % 32;
        break;
    case 'Z':
        reply(vt, "\033[?6c");
        break;
    case '7':
        vt->saved = vt->at;
        break;
    case '8':
        restore(vt);
        break;
    default: /* '>' and '=' are about the keypad, which has no second meaning here */
        break;
    }
}

/* The nearest of the sixteen; for the background of the eight. */
static uint8_t nearest(unsigned r, unsigned g, unsigned b, bool background)
{
    unsigned most = MAX(r, MAX(g, b)), limit = background ? 0x7f : most / 2;
    unsigned hue = (r > limit ? 4u : 0) | (g > limit ? 2u : 0) | (b > limit ? 1u : 0);
    if (background) {
        return (uint8_t)hue;
    }
    if (hue == WHITE && most <= 0x55) {
        return 8;
    }
    return (uint8_t)(hue | (most > 0xaa ? 8 : 0));
}

/* Of the 256 colours: 16, a cube of 6 * 6 * 6, 24 greys. */
static uint8_t indexed(unsigned number, bool background)
{
    if (number < 16) {
        return (uint8_t)(vga_colour(number & 7) | (background ? 0 : number & 8));
    }
    if (number < 232) {
        number -= 16;
        return nearest(number / 36 * 51, number / 6 % 6 * 51, number % 6 * 51, background);
    }
    unsigned grey = (number - 232) * 10 + 8;
    return nearest(grey, grey, grey, background);
}

static void set_colour(struct vt_pen *pen, uint8_t colour, bool background)
{
    pen->colour = (uint8_t)(background ? (pen->colour & 0x0f) | colour << 4
                                       : (pen->colour & 0xf0) | colour);
}

/* 38 and 48: 5 and a number, or 2 and red, green, blue. Returns the last parameter that is used;
 * what follows one that is unknown counts again. */
static unsigned extended(struct vt *vt, unsigned at)
{
    bool background = vt->params[at] == 48;
    const unsigned *more = &vt->params[at + 1];
    if (at + 2 < vt->count && more[0] == 5) {
        if (more[1] < 256) {
            set_colour(&vt->at.pen, indexed(more[1], background), background);
        }
        return at + 2;
    }
    if (at + 4 < vt->count && more[0] == 2) {
        uint8_t colour = nearest(more[1] & 255, more[2] & 255, more[3] & 255, background);
        set_colour(&vt->at.pen, colour, background);
        return at + 4;
    }
    return at + 1;
}

/* A parameter of SGR that is a colour. */
static void colour_attribute(struct vt_pen *pen, unsigned value)
{
    if (value == 39 || value == 49) {
        set_colour(pen, value == 39 ? DEFAULT_COLOUR : 0, value == 49);
    } else if ((value >= 30 && value <= 37) || (value >= 40 && value <= 47)) {
        set_colour(pen, vga_colour(value % 10), value >= 40);
    } else if ((value >= 90 && value <= 97) || (value >= 100 && value <= 107)) {
        set_colour(pen, vga_colour(value % 10) | 8, value >= 100);
    }
}

static void attribute(struct vt *vt, unsigned value)
{
    struct vt_pen *pen = &vt->at.pen;
    switch (value) {
    case 0:
        *pen = (struct vt_pen){.colour = DEFAULT_COLOUR, .intensity = VT_NORMAL};
        break;
    case 1:
    case 2:
        pen->intensity = value == 1 ? VT_BOLD : VT_HALF;
        break;
    case 22:
        pen->intensity = VT_NORMAL;
        break;
    case 3:
    case 23:
        pen->italic = value == 3;
        break;
    case 4:
    case 21:
    case 24:
        pen->underline = value != 24;
        break;
    case 5:
    case 25:
        pen->blink = value == 5;
        break;
    case 7:
    case 27:
        pen->reverse = value == 7;
        break;
    default:
        colour_attribute(pen, value);
        break;
    }
}

static void set_attributes(struct vt *vt)
{
    for (unsigned i = 0; i < MAX(vt->count, 1u); i++) {
        if (vt->params[i] == 38 || vt->params[i] == 48) {
            i = extended(vt, i);
        } else {
            attribute(vt, vt->params[i]);
        }
    }
}

static void set_private_mode(struct vt *vt, unsigned mode, bool on)
{
    switch (mode) {
    case 1:
        vt->cursor_keys = on;
        break;
    case 5:
        if (vt->reverse_screen != on) {
            vt->reverse_screen = on;
            vt_touch_all(vt);
        }
        break;
    case 6:
        vt->origin = on;
        vt_move_absolute(vt, 0, 0);
        break;
    case 7:
        vt->no_wrap = !on;
        break;
    case 25:
        vt->hidden = !on;
        break;
    default:
        break;
    }
}

static void set_modes(struct vt *vt, bool on)
{
    for (unsigned i = 0; i < vt->count; i++) {
        unsigned mode = vt->params[i];
        if (vt->prefix == '?') {
            set_private_mode(vt, mode, on);
        } else if (mode == 4) {
            vt->insert = on;
        } else if (mode == 20) {
            vt->new_line = on;
        }
    }
}

/* ED (J) and EL (K): 0 from the cursor on, 1 up to it, 2 all. */
static void erase(struct vt *vt, bool line)
{
    unsigned how = vt->params[0];
    unsigned here = vt->at.row * vt->columns + vt->at.column;
    unsigned start = line ? vt->at.row * vt->columns : 0;
    unsigned end = line ? start + vt->columns : vt->rows * vt->columns;
    if (how > (line ? 2 : 3)) {
        return;
    }
    start = how == 0 ? here : start;
    end = how == 1 ? here + 1 : end;
    vt->at.wrap = false;
    vt_clear(vt, start, end - start);
}

static void status(struct vt *vt)
{
    char text[24];
    if (vt->params[0] == 5) {
        reply(vt, "\033[0n");
    } else if (vt->params[0] == 6) {
        unsigned row = vt->at.row - (vt->origin ? vt->top : 0);
        snprintf(text, sizeof(text), "\033[%u;%uR", row + 1, vt->at.column + 1);
        reply(vt, text);
    }
}

static void set_region(struct vt *vt)
{
    unsigned top = MAX(vt->params[0], 1u);
    unsigned bottom = vt->params[1] == 0 ? vt->rows : vt->params[1];
    if (top < bottom && bottom <= vt->rows) {
        vt->top = top - 1;
        vt->bottom = bottom;
        vt_move_absolute(vt, 0, 0);
    }
}

static void clear_tabs(struct vt *vt)
{
    unsigned column = vt->at.column;
    if (vt->params[0] == 0) {
        vt->tabs[column / 32] &= ~(1u << column % 32);
    } else if (vt->params[0] == 3) {
        memset(vt->tabs, 0, sizeof(vt->tabs));
    }
}

/* Sequences that move the cursor; false: it is another. */
static bool move(struct vt *vt, uint32_t final)
{
    long row = vt->at.row, column = vt->at.column, n = (long)MAX(vt->params[0], 1u);
    switch (final) {
    case 'A':
        vt_move(vt, row - n, column);
        break;
    case 'B':
    case 'e':
        vt_move(vt, row + n, column);
        break;
    case 'C':
    case 'a':
        vt_move(vt, row, column + n);
        break;
    case 'D':
        vt_move(vt, row, column - n);
        break;
    case 'E':
        vt_move(vt, row + n, 0);
        break;
    case 'F':
        vt_move(vt, row - n, 0);
        break;
    case 'G':
    case '`':
        vt_move(vt, row, n - 1);
        break;
    case 'H':
    case 'f':
        vt_move_absolute(vt, n - 1, (long)vt->params[1] - 1);
        break;
    case 'd':
        vt_move_absolute(vt, n - 1, column);
        break;
    default:
        return false;
    }
    return true;
}

static void edit(struct vt *vt, uint32_t final)
{
    long n = (long)MAX(vt->params[0], 1u);
    unsigned here = vt->at.row * vt->columns + vt->at.column;
    switch (final) {
    case 'J':
    case 'K':
        erase(vt, final == 'K');
        break;
    case 'L':
    case 'M':
        vt_scroll(vt, vt->at.row, vt->bottom, final == 'M' ? n : -n);
        vt->at.wrap = false;
        break;
    case '@':
    case 'P':
        vt_shift(vt, final == '@' ? n : -n);
        break;
    case 'X':
        vt_clear(vt, here, MIN((unsigned)n, vt->columns - vt->at.column));
        vt->at.wrap = false;
        break;
    default:
        break;
    }
}

void vt_sequence(struct vt *vt, uint32_t final)
{
    bool is_mode = final == 'h' || final == 'l';
    if (is_mode && (vt->prefix == 0 || vt->prefix == '?')) {
        set_modes(vt, final == 'h');
        return;
    }
    if (vt->prefix != 0 || move(vt, final)) {
        return;
    }
    switch (final) {
    case 'c':
        vt_escape(vt, vt->params[0] == 0 ? 'Z' : 0);
        break;
    case 'g':
        clear_tabs(vt);
        break;
    case 'm':
        set_attributes(vt);
        break;
    case 'n':
        status(vt);
        break;
    case 'r':
        set_region(vt);
        break;
    case 's':
    case 'u':
        vt_escape(vt, final == 's' ? '7' : '8');
        break;
    default:
        edit(vt, final);
        break;
    }
}
