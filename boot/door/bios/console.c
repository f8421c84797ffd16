/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text and keys. All text goes to the screen, by int 10h, and to the first serial line, as a VT100
 * understands it; keys come from both, by int 16h and as a VT100 sends them.
 */
#include "boot/arch/x86_64/cpu.h"
#include "boot/door/bios/manager.h"
#include "boot/door/linux/setup/io.h"
#include "lib/format.h"
#include "lib/string.h"

enum { COLUMNS = 80, LINE_SIZE = 200, NORMAL = 0x07, CHOSEN = 0x70 };
enum { BDA_TICKS = 0x6c };
enum { LINE_STATUS = 5, RECEIVED = 1, MAY_SEND = 0x20, NO_PORT = 0xff };
enum { ZERO_FLAG = 0x40, SHIFT_KEYS = 0x0f, ESCAPE_TICKS = 3 };

static bool on_screen;
static bool early_byte;      /* one that came over the serial line before we set it up */
static bool new_line = true; /* whether the cursor is known to be at the start of a line */

/* A byte from the serial line, or -1. */
static int serial_byte(void)
{
    uint8_t status = inb(SERIAL_PORT + LINE_STATUS);
    return status != NO_PORT && (status & RECEIVED) ? inb(SERIAL_PORT) : -1;
}

void console_begin(void)
{
    on_screen = has_screen();
    /* 115200 baud, 8 bits, no parity; FIFOs on, which empties them; DTR and RTS (16550 data sheet,
     * table 4). */
    static const uint8_t setup[][2] = {{1, 0}, {3, 0x80}, {0, 1}, {1, 0}, {3, 3}, {2, 7}, {4, 3}};
    early_byte = serial_byte() >= 0;
    for (size_t i = 0; i < ARRAY_SIZE(setup); i++) {
        outb((uint16_t)(SERIAL_PORT + setup[i][0]), setup[i][1]);
    }
}

static void put_serial(char c)
{
    for (unsigned tries = 0; tries < 0xffff && !(inb(SERIAL_PORT + LINE_STATUS) & MAY_SEND);
         tries++) {
        continue;
    }
    outb(SERIAL_PORT, (uint8_t)c);
}

static void serial_text(const char *text)
{
    while (*text != 0) {
        put_serial(*text++);
    }
}

static void screen_call(uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
    struct bios_regs regs = {.eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx};
    if (on_screen) {
        bios_call(0x10, &regs);
    }
}

static void put(char c)
{
    screen_call(0x0e00 | (uint8_t)c, NORMAL, 0, 0); /* teletype; the colour stays in text modes */
    put_serial(c);
    new_line = c == '\n';
}

void console_print(const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    for (const char *c = line; *c != 0; c++) {
        if (*c == '\n') {
            put('\r');
        }
        put(*c);
    }
}

void complain(const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    console_print("%sAlba: %s\n", new_line ? "" : "\n", line);
}

void console_clear(void)
{
    screen_call(0x0003, 0, 0, 0); /* mode 3: 80 by 25, colours */
    serial_text("\033[0m\033[2J\033[H");
    new_line = true;
}

void console_move(unsigned row, unsigned column)
{
    char text[16];
    screen_call(0x0200, 0, 0, row << 8 | column);
    snprintf(text, sizeof(text), "\033[%u;%uH", row + 1, column + 1);
    serial_text(text);
    new_line = column == 0;
}

void console_row(unsigned row, bool chosen, const char *text, size_t size)
{
    console_move(row, 0);
    screen_call(0x0920, chosen ? CHOSEN : NORMAL, COLUMNS, 0); /* blanks of that colour */
    serial_text(chosen ? "\033[7m" : "\033[K");
    for (size_t i = 0; i < size && i < COLUMNS - 1; i++) {
        put(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    }
    serial_text(chosen ? "\033[0m" : "");
}

static bool keyboard_waits(void)
{
    struct bios_regs regs = {.eax = 0x0100};
    bios_call(0x16, &regs);
    return !(regs.eflags & ZERO_FLAG);
}

bool console_key_held(void)
{
    struct bios_regs regs = {.eax = 0x0200};
    bios_call(0x16, &regs);
    if ((regs.eax & SHIFT_KEYS) || keyboard_waits()) {
        return true;
    }
    return early_byte || serial_byte() >= 0;
}

/* Scan codes of the keys without a character (IBM PC AT technical reference, keyboard). */
static enum key keyboard_key(void)
{
    static const struct {
        uint8_t scan;
        enum key key;
    } keys[] = {{0x48, KEY_UP},   {0x50, KEY_DOWN}, {0x4b, KEY_LEFT},  {0x4d, KEY_RIGHT},
                {0x47, KEY_HOME}, {0x4f, KEY_END},  {0x53, KEY_DELETE}};
    if (!keyboard_waits()) {
        return KEY_NONE;
    }
    struct bios_regs regs = {.eax = 0};
    bios_call(0x16, &regs);
    uint8_t scan = (uint8_t)(regs.eax >> 8), character = (uint8_t)regs.eax;
    for (size_t i = 0; i < ARRAY_SIZE(keys) && (character == 0 || character == 0xe0); i++) {
        if (keys[i].scan == scan) {
            return keys[i].key;
        }
    }
    return character;
}

static uint32_t ticks_now(void)
{
    return far_read32(BDA_SEGMENT, BDA_TICKS);
}

/* A byte from the serial line within so many ticks, or -1. */
static int serial_byte_soon(unsigned ticks)
{
    int byte = serial_byte();
    for (uint32_t last = ticks_now(); byte < 0 && ticks > 0; byte = serial_byte()) {
        wait_interrupt();
        uint32_t now = ticks_now();
        ticks -= now != last; /* the count starts anew at midnight */
        last = now;
    }
    return byte;
}

/* What follows an escape character: ESC [ A or ESC O A, or a number and '~' (ECMA-48). */
static enum key escape_sequence(void)
{
    static const struct {
        char final, number;
        enum key key;
    } keys[] = {{'A', 0, KEY_UP},     {'B', 0, KEY_DOWN},     {'C', 0, KEY_RIGHT},
                {'D', 0, KEY_LEFT},   {'H', 0, KEY_HOME},     {'F', 0, KEY_END},
                {'~', '1', KEY_HOME}, {'~', '3', KEY_DELETE}, {'~', '4', KEY_END}};
    int byte = serial_byte_soon(ESCAPE_TICKS);
    if (byte != '[' && byte != 'O') {
        return KEY_ESCAPE;
    }
    char number = 0;
    do {
        byte = serial_byte_soon(ESCAPE_TICKS);
        if (byte >= '0' && byte <= '9') {
            number = (char)byte;
        }
    } while ((byte >= '0' && byte <= '9') || byte == ';');
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].final == byte && (byte != '~' || keys[i].number == number)) {
            return keys[i].key;
        }
    }
    return KEY_NONE;
}

static enum key serial_key(void)
{
    int byte = serial_byte();
    switch (byte) {
    case -1:
        return KEY_NONE;
    case '\n':
        return KEY_ENTER;
    case 0x7f:
        return KEY_BACKSPACE;
    case KEY_ESCAPE:
        return escape_sequence();
    default:
        return (enum key)byte;
    }
}

enum key console_key(unsigned ticks)
{
    for (uint32_t last = ticks_now();;) {
        enum key key = keyboard_key();
        if (key == KEY_NONE) {
            key = serial_key();
        }
        if (key != KEY_NONE || ticks == 0) {
            return key;
        }
        wait_interrupt();
        uint32_t now = ticks_now();
        ticks -= now != last && ticks != WAIT_FOR_EVER;
        last = now;
    }
}
