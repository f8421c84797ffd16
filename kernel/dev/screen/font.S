/* SPDX-License-Identifier: BSD-2-Clause */
/* The screen's font, as tools/mkfont.c made it: lib/glyphs.h has the order. */
        .section .rodata.screen_font, "a"
        .globl  screen_font
        .hidden screen_font
screen_font:
        .incbin FONT
        .section .note.GNU-stack, "", @progbits
