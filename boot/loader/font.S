/* SPDX-License-Identifier: BSD-2-Clause */
/* The loader's part of the screen's font (lib/glyphs.h): ASCII without the controls. */
        .section .rodata.loader_font, "a"
        .globl  loader_font
        .hidden loader_font
loader_font:
        .incbin FONT, 32 * 16, 95 * 16
        .section .note.GNU-stack, "", @progbits
