/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * A PC keyboard's scan codes (set 1, as the controller translates them) become the bytes that
 * Linux's console gives programs (TERM=linux), on the US layout. Pure.
 */
#include "lib/types.h"

#define KEYBOARD_BYTES_MAX 8u

enum keyboard_lock { KEYBOARD_SCROLL = 1, KEYBOARD_NUM = 2, KEYBOARD_CAPS = 4 };

struct keyboard {
    uint8_t held;     /* modifier keys, enum modifier of keyboard.c */
    uint8_t locks;    /* enum keyboard_lock, in the order of the keyboard's lights */
    bool extended;    /* the last code was e0 */
    uint8_t skip;     /* codes to come that belong to one that means nothing */
    bool cursor_keys; /* by the terminal: arrows are ESC O instead of ESC [ */
    bool new_line;    /* by the terminal: Enter is CR LF */
    bool attention;   /* Ctrl-Alt-Del was typed; whoever reads it clears it */
};

/* The next byte of the keyboard's; returns how many bytes were typed, 0 for most. */
size_t keyboard_take(struct keyboard *keyboard, uint8_t code, char typed[KEYBOARD_BYTES_MAX]);
