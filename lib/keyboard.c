/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scan codes to bytes (lib/keyboard.h). Codes: IBM PS/2 Hardware Interface Technical Reference,
 * "Keyboards", scan code set 1; what keys send: terminfo(5)'s entry "linux".
 */
#include "lib/keyboard.h"
#include "lib/string.h"

enum modifier {
    SHIFT_LEFT = 1,
    SHIFT_RIGHT = 2,
    CTRL_LEFT = 4,
    CTRL_RIGHT = 8,
    ALT_LEFT = 16,
    ALT_RIGHT = 32
};
enum {
    SHIFT = SHIFT_LEFT | SHIFT_RIGHT,
    CTRL = CTRL_LEFT | CTRL_RIGHT,
    ALT = ALT_LEFT | ALT_RIGHT
};

enum scan_code {
    CODE_BACKSPACE = 0x0e,
    CODE_TAB = 0x0f,
    CODE_ENTER = 0x1c,
    CODE_CTRL = 0x1d,
    CODE_SHIFT_LEFT = 0x2a,
    CODE_SLASH = 0x35,
    CODE_SHIFT_RIGHT = 0x36,
    CODE_STAR = 0x37,
    CODE_ALT = 0x38,
    CODE_CAPS = 0x3a,
    CODE_F1 = 0x3b,
    CODE_F10 = 0x44,
    CODE_NUM = 0x45,
    CODE_SCROLL = 0x46,
    CODE_HOME = 0x47, /* the first of the keypad; with e0 the keys beside it */
    CODE_DELETE = 0x53,
    CODE_102ND = 0x56,
    CODE_F11 = 0x57,
    CODE_F12 = 0x58,
    CODE_RELEASED = 0x80,
    CODE_EXTENDED = 0xe0,
    CODE_PAUSE = 0xe1,
};

#define DELETE_CHARACTER "\x7f"
/* By scan code; a zero is a key that types nothing. */
static const char plain[] = "\0\033"
                            "1234567890-=" DELETE_CHARACTER "\tqwertyuiop[]\r\0asdfghjkl;'`\0\\"
                            "zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033"
                              "!@#$%^&*()_+" DELETE_CHARACTER "\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|"
                              "ZXCVBNM<>?\0*\0 ";
static const char keypad[] = "789-456+1230."; /* from CODE_HOME on */

static uint8_t modifier_of(uint8_t code, bool extended)
{
    switch (code) {
    case CODE_SHIFT_LEFT:
        return extended ? 0 : SHIFT_LEFT; /* e0 2a comes with keys that "are shifted" */
    case CODE_SHIFT_RIGHT:
        return extended ? 0 : SHIFT_RIGHT;
    case CODE_CTRL:
        return extended ? CTRL_RIGHT : CTRL_LEFT;
    case CODE_ALT:
        return extended ? ALT_RIGHT : ALT_LEFT;
    default:
        return 0;
    }
}

/* ESC [ number ~ */
static size_t numbered(char *typed, unsigned number)
{
    size_t size = 0;
    typed[size++] = '\033';
    typed[size++] = '[';
    if (number >= 10) {
        typed[size++] = (char)('0' + number / 10);
    }
    typed[size++] = (char)('0' + number % 10);
    typed[size++] = '~';
    return size;
}

/* The keys of the keypad without its numbers, and those that stand for them alone. */
static size_t navigate(const struct keyboard *keyboard, uint8_t code, char *typed)
{
    /* Home up PgUp - left centre right + End down PgDn Ins Del: a letter, or a number. */
    static const char means[] = "\1A\5-DGC+\4B\6\2\3";
    char what = means[code - CODE_HOME];
    if (what < ' ') {
        return numbered(typed, (unsigned)what);
    }
    if (what == '-' || what == '+') {
        typed[0] = what;
        return 1;
    }
    typed[0] = '\033';
    typed[1] = keyboard->cursor_keys && what != 'G' ? 'O' : '[';
    typed[2] = what;
    return 3;
}

static size_t function_key(const struct keyboard *keyboard, unsigned number, char *typed)
{
    /* F6 to F12, then Shift with F1 to F8, which are F13 to F20. */
    static const uint8_t numbers[] = {17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34};
    number += (keyboard->held & SHIFT) ? 12 : 0;
    if (number <= 5) {
        memcpy(typed, "\033[[", 3);
        typed[3] = (char)('A' + number - 1);
        return 4;
    }
    return number - 6 < ARRAY_SIZE(numbers) ? numbered(typed, numbers[number - 6]) : 0;
}

static char with_ctrl(char c)
{
    static const char digits[] = {0, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x7f}; /* 2 to 8 */
    if ((c >= '@' && c <= '_') || (c >= 'a' && c <= 'z')) {
        return (char)(c & 0x1f);
    }
    if (c >= '2' && c <= '8') {
        return digits[c - '2'];
    }
    switch (c) {
    case ' ':
        return 0;
    case '/':
    case '-':
        return 0x1f;
    case '?':
        return 0x7f;
    case 0x7f:
        return '\b';
    default:
        return c;
    }
}

/* A key that types a character, which is not 0. */
static size_t character(const struct keyboard *keyboard, char c, char *typed)
{
    size_t size = 0;
    if (c == '\t' && (keyboard->held & SHIFT)) {
        typed[size++] = '\033';
    }
    if (keyboard->held & CTRL) {
        c = with_ctrl(c);
    }
    if (keyboard->held & ALT) {
        typed[size++] = '\033';
    }
    typed[size++] = c;
    if (c == '\r' && keyboard->new_line) {
        typed[size++] = '\n';
    }
    return size;
}

static char character_of(const struct keyboard *keyboard, uint8_t code)
{
    bool shift = (keyboard->held & SHIFT) != 0;
    if (code == CODE_102ND) {
        return shift ? '>' : '<';
    }
    if (code >= sizeof(plain)) {
        return 0;
    }
    char c = plain[code];
    bool letter = c >= 'a' && c <= 'z';
    return shift != (letter && (keyboard->locks & KEYBOARD_CAPS)) ? shifted[code] : c;
}

static size_t on_keypad(struct keyboard *keyboard, uint8_t code, bool extended, char *typed)
{
    bool numbers = ((keyboard->locks & KEYBOARD_NUM) != 0) != ((keyboard->held & SHIFT) != 0);
    if (code == CODE_DELETE && (keyboard->held & CTRL) && (keyboard->held & ALT)) {
        keyboard->attention = true;
        return 0;
    }
    if (numbers && !extended) {
        return character(keyboard, keypad[code - CODE_HOME], typed);
    }
    return navigate(keyboard, code, typed);
}

static size_t pressed(struct keyboard *keyboard, uint8_t code, bool extended, char *typed)
{
    uint8_t lock = code == CODE_CAPS     ? KEYBOARD_CAPS
                   : code == CODE_NUM    ? KEYBOARD_NUM
                   : code == CODE_SCROLL ? KEYBOARD_SCROLL
                                         : 0;
    if (code >= CODE_HOME && code <= CODE_DELETE) {
        return on_keypad(keyboard, code, extended, typed);
    }
    if (extended && code != CODE_ENTER && code != CODE_SLASH) {
        return 0;
    }
    if (lock != 0) {
        keyboard->locks ^= lock;
        return 0;
    }
    if (code >= CODE_F1 && code <= CODE_F10) {
        return function_key(keyboard, code - CODE_F1 + 1u, typed);
    }
    if (code == CODE_F11 || code == CODE_F12) {
        return function_key(keyboard, code - CODE_F11 + 11u, typed);
    }
    char c = extended && code == CODE_SLASH ? '/' : character_of(keyboard, code);
    return c != 0 ? character(keyboard, c, typed) : 0;
}

size_t keyboard_take(struct keyboard *keyboard, uint8_t code, char typed[KEYBOARD_BYTES_MAX])
{
    bool extended = keyboard->extended;
    keyboard->extended = false;
    if (keyboard->skip > 0) {
        keyboard->skip--;
        return 0;
    }
    if (code == CODE_EXTENDED) {
        keyboard->extended = true;
        return 0;
    }
    if (code == CODE_PAUSE) {
        keyboard->skip = 2; /* e1 1d 45, e1 9d c5 */
        return 0;
    }
    uint8_t key = code & (uint8_t)~CODE_RELEASED;
    uint8_t modifier = modifier_of(key, extended);
    if (code & CODE_RELEASED) {
        keyboard->held &= (uint8_t)~modifier;
        return 0;
    }
    keyboard->held |= modifier;
    return modifier != 0 ? 0 : pressed(keyboard, key, extended, typed);
}
