/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * A terminal as Linux's console is one (TERM=linux, console_codes(4)): bytes go in, a grid of cells
 * comes out, and now and then an answer. Pure: it knows nothing of pixels. What a cell looks like
 * is asked by vt_look(), row by row where vt->dirty says that something has changed.
 *
 * Files: vt.c (bytes to characters and sequences), vt_sequence.c (what sequences do), vt_grid.c
 * (the cells).
 */
#include "lib/types.h"

#define VT_ROWS_MAX    256u
#define VT_COLUMNS_MAX 512u
#define VT_PARAMS      16u
#define VT_REPLY_MAX   32u

/* What is shown where nothing better can be. */
#define VT_REPLACEMENT 0xfffdu

/* One character on the screen. */
struct vt_cell {
    uint16_t code;  /* Unicode */
    uint8_t colour; /* as the VGA has it: foreground, background * 16; 8 is bright */
    uint8_t mark;   /* VT_CURSOR, in what vt_look gives */
};
#define VT_CURSOR 1u

enum vt_intensity { VT_HALF, VT_NORMAL, VT_BOLD };

/* How the next character will look. */
struct vt_pen {
    uint8_t colour;
    uint8_t intensity; /* enum vt_intensity */
    bool italic, underline, reverse, blink;
};

/* What is saved and restored together. */
struct vt_place {
    unsigned row, column;
    bool wrap; /* the last column is written: the next character goes to the next row */
    struct vt_pen pen;
    uint8_t set;      /* which of `graphics` counts: 0 or 1 */
    bool graphics[2]; /* G0 and G1: the VT100's line drawing characters */
};

struct vt {
    struct vt_cell *cells; /* rows * columns of them, the owner's */
    unsigned rows, columns;
    uint8_t line[VT_ROWS_MAX]; /* which of the rows of cells is shown here: rows move by number */
    bool dirty[VT_ROWS_MAX];   /* rows that may look another way; the owner clears them */
    struct vt_place at, saved;
    unsigned top, bottom; /* rows that scroll: [top, bottom) */
    uint32_t tabs[VT_COLUMNS_MAX / 32];
    uint32_t palette[16]; /* 0xrrggbb, numbered as in vt_cell */

    bool hidden;         /* the cursor */
    bool reverse_screen; /* DECSCNM */
    bool origin;         /* DECOM */
    bool no_wrap;        /* not DECAWM */
    bool insert;         /* IRM */
    bool new_line;       /* LNM; the keyboard's, too */
    bool cursor_keys;    /* DECCKM: for the keyboard */
    bool bytes;          /* not UTF-8 but Latin-1 */

    uint8_t state; /* enum vt_state of vt.c */
    uint8_t prefix;
    uint8_t count; /* of params */
    unsigned params[VT_PARAMS];
    uint32_t code; /* of a UTF-8 sequence that is under way */
    uint32_t code_min;
    uint8_t code_left;

    char reply[VT_REPLY_MAX]; /* to be sent as if typed; the owner takes it and clears the size */
    unsigned reply_size;
};

/* An empty screen; rows and columns are from 1 to the maxima, cells has rows * columns of them. */
void vt_init(struct vt *vt, struct vt_cell *cells, unsigned rows, unsigned columns);
void vt_write(struct vt *vt, const void *bytes, size_t size);
/* What is to be seen at a place, with the cursor, on a reversed screen, too. */
struct vt_cell vt_look(const struct vt *vt, unsigned row, unsigned column);

/* Below: between the files of the terminal. */

static_assert(VT_ROWS_MAX <= 256, "line[] has their numbers");
static inline struct vt_cell *vt_row(const struct vt *vt, unsigned row)
{
    return vt->cells + vt->line[row] * vt->columns;
}

/* vt_sequence.c */
void vt_reset(struct vt *vt);
void vt_escape(struct vt *vt, uint32_t code);
void vt_sequence(struct vt *vt, uint32_t final);
/* ESC ] P: seven hexadecimal digits in params. */
void vt_set_colour(struct vt *vt);
void vt_default_palette(struct vt *vt);

/* vt_grid.c. Rows and columns are cut to what there is. */
void vt_put(struct vt *vt, uint32_t code);
void vt_line_feed(struct vt *vt);
void vt_reverse_line_feed(struct vt *vt);
void vt_tab(struct vt *vt);
/* To row and column, which may be anything; from the top of the region when origin is set. */
void vt_move(struct vt *vt, long row, long column);
void vt_move_absolute(struct vt *vt, long row, long column);
/* Moves the rows [top, bottom) by `by` rows, up when it is positive. */
void vt_scroll(struct vt *vt, unsigned top, unsigned bottom, long by);
/* Clears `count` cells from the one numbered `from` on, counted over all rows. */
void vt_clear(struct vt *vt, unsigned from, unsigned count);
/* Moves what is at and right of the cursor: right when count is positive, else left. */
void vt_shift(struct vt *vt, long count);
void vt_touch_all(struct vt *vt);
