/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What the screen is drawn on: a frame buffer, or the VGA in text mode. */
#include "abi/bootinfo.h"
#include "lib/vt.h"

struct surface {
    unsigned rows, columns;
    /* All REQUIRE the screen's lock; any context. */
    void (*clear)(void);
    void (*draw)(unsigned row, unsigned column, struct vt_cell cell);
    /* NULL: there is no such thing. */
    void (*set_palette)(const uint32_t palette[16]);
    void (*set_cursor)(unsigned row, unsigned column, bool hidden);
};

/* The surface, or NULL when there is none of this kind. */
struct surface *fb_surface(const struct bootinfo *info);
struct surface *vga_surface(const struct bootinfo *info);
