/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal of the screen: what a sequence leaves in the cells, where the cursor is then, which
 * colours it has, what it answers. Expectations are what Linux's console shows: 464 random texts of
 * all these sequences were compared with /dev/vcsa and /dev/vcsu of Linux 6.1 in a VGA's text mode.
 * Ours differs where that one is odd: it scrolls no more rows than there are but one (IL, DL), sets
 * tabs where ESC [ g should clear them, has no line drawing and no combining marks in UTF-8, and no
 * bright backgrounds (100 to 107).
 */
// sources: lib/vt.c lib/vt_grid.c lib/vt_sequence.c lib/format.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/vt.h"

enum { ROWS = 4, COLUMNS = 10 };
static unsigned wrong; /* so that all of a table are seen */
static struct vt vt;
static struct vt_cell cells[ROWS * COLUMNS];

static void feed(const char *text)
{
    vt_write(&vt, text, strlen(text));
}

static void start(const char *text)
{
    vt_init(&vt, cells, ROWS, COLUMNS);
    feed(text);
}

static char *put_utf8(char *at, unsigned code)
{
    if (code < 0x80) {
        *at++ = (char)code;
    } else if (code < 0x800) {
        *at++ = (char)(0xc0 | code >> 6);
        *at++ = (char)(0x80 | (code & 0x3f));
    } else {
        *at++ = (char)(0xe0 | code >> 12);
        *at++ = (char)(0x80 | (code >> 6 & 0x3f));
        *at++ = (char)(0x80 | (code & 0x3f));
    }
    return at;
}

/* The rows without blanks at their ends, those below the last one with text left out. */
static const char *shown(void)
{
    static char text[ROWS * (COLUMNS * 3 + 1) + 1];
    char *at = text;
    for (unsigned row = 0; row < ROWS; row++) {
        char *line = at;
        for (unsigned column = 0; column < COLUMNS; column++) {
            unsigned code = vt_look(&vt, row, column).code;
            at = put_utf8(at, code);
            line = code != ' ' ? at : line;
        }
        at = line;
        *at++ = '|';
    }
    while (at > text && at[-1] == '|') {
        at--;
    }
    *at = 0;
    return text;
}

static void expect(const char *input, const char *text, unsigned row, unsigned column)
{
    if (strcmp(shown(), text) != 0 || vt.at.row != row || vt.at.column != column) {
        print_error("after \"%s\"\n  there is \"%s\" %u:%u\n  instead of \"%s\" %u:%u\n", input,
                    shown(), vt.at.row, vt.at.column, text, row, column);
        wrong++;
    }
}

struct screen_case {
    const char *input, *shown;
    unsigned row, column;
};
#define FULL "0123456789\r\nabcdefghij\r\nABCDEFGHIJ\r\nklmnopqrst"

static const struct screen_case cases[] = {
    /* Text, controls, the end of a row, the end of the screen. */
    {"hello\r\nworld", "hello|world", 1, 5},
    {"a\nb\vc\fd", "a| b|  c|   d", 3, 4},
    {"ab\bc", "ac", 0, 2},
    {"\b\b!", "!", 0, 1},
    {"0123456789", "0123456789", 0, 9},
    {"0123456789a", "0123456789|a", 1, 1},
    {"0123456789\r\nx", "0123456789|x", 1, 1},
    {"0123456789\b!", "01234567!9", 0, 9},
    {"0123456789\x1b[D!", "01234567!9", 0, 9},
    {"\x1b[?7l0123456789ab", "012345678b", 0, 9},
    {"1\r\n2\r\n3\r\n4\r\n5", "2|3|4|5", 3, 1},
    {FULL "u", "abcdefghij|ABCDEFGHIJ|klmnopqrst|u", 3, 1},
    {"a\tb\tc", "a       bc", 0, 9},
    {"\x1b[3g\tx", "         x", 0, 9},
    {"   \x1bH\r\tx\x1b[1;4H\x1b[g\r\ty", "   x    y", 0, 9},
    {"a\177b\aaa", "abaa", 0, 4},
    {"\x1b[20ha\nb", "a|b", 1, 1},
    /* ESC. */
    {"ab\x1b"
     "Dc\x1b"
     "Ed",
     "ab|  c|d", 2, 1},
    {"\x1bMx", "x", 0, 1},
    {"a\r\nb\x1b[H\x1bMx", "x|a|b", 0, 1},
    {"ab\x1b"
     "7\x1b[3;3Hx\x1b"
     "8y",
     "aby||  x", 0, 3},
    {"ab\x1b[s\x1b[3;3Hx\x1b[uy", "aby||  x", 0, 3},
    {FULL "\x1b"
          "cx",
     "x", 0, 1},
    {"\x1b#8\x1b[4;10H", "EEEEEEEEEE|EEEEEEEEEE|EEEEEEEEEE|EEEEEEEEEE", 3, 9},
    {"a\x1b[\x18"
     "b\x1b\x1a"
     "c",
     "abc", 0, 3},
    {"a\x1b[3\nCb", "a|    b", 1, 5},
    {"a\x1b[1\x1b[2Cb", "a  b", 0, 4},
    /* Strings that mean nothing here. */
    {"a\x1b]0;title\ab\x1b]2;x\x1b\\c", "abc", 0, 3},
    {"a\x1bPq#1\x1b\\b\x1b_x\x1b\\c\x1b^y\x1b\\d\x1bXz\x1b\\e", "abcde", 0, 5},
    {"a\x1b[[Ab\x1b[>4;2mc\x1b[=1hd\x1b[!pe\x1b[1 qf\x1b[?1;2zg", "abcdefg", 0, 7},
    {"\x1b]P1ff0000x\x1b]Ry\x1b]P1gz", "xyz", 0, 3},
    /* Moving. */
    {"\x1b[2;3Hx\x1b[Hy\x1b[3fz", "y|  x|z", 2, 1},
    {"\x1b[99;99Hx\x1b[0;0Hy", "y|||         x", 0, 1},
    {"\x1b[3B\x1b[4Cx\x1b[Ay\x1b[2Dz\x1b[9A\x1b[9Dw", "w||    zy|    x", 0, 1},
    {"abc\x1b[2Ed\x1b[Fe\x1b[7Gf\x1b[3dg\x1b[2`h", "abc|e     f|dh     g", 2, 2},
    {"\x1b[2ax\x1b[2ey", "  x||   y", 2, 4},
    /* Erasing. */
    {FULL "\x1b[2;5H\x1b[K", "0123456789|abcd|ABCDEFGHIJ|klmnopqrst", 1, 4},
    {FULL "\x1b[2;5H\x1b[1K", "0123456789|     fghij|ABCDEFGHIJ|klmnopqrst", 1, 4},
    {FULL "\x1b[2;5H\x1b[2K", "0123456789||ABCDEFGHIJ|klmnopqrst", 1, 4},
    {FULL "\x1b[2;5H\x1b[J", "0123456789|abcd", 1, 4},
    {FULL "\x1b[2;5H\x1b[1J", "|     fghij|ABCDEFGHIJ|klmnopqrst", 1, 4},
    {FULL "\x1b[2;5H\x1b[2J", "", 1, 4},
    {FULL "\x1b[2;5H\x1b[3J\x1b[H", "", 0, 0},
    {FULL "\x1b[2;5H\x1b[4K\x1b[7J", "0123456789|abcdefghij|ABCDEFGHIJ|klmnopqrst", 1, 4},
    {FULL "\x1b[2;5H\x1b[3X", "0123456789|abcd   hij|ABCDEFGHIJ|klmnopqrst", 1, 4},
    {FULL "\x1b[2;9H\x1b[9X", "0123456789|abcdefgh|ABCDEFGHIJ|klmnopqrst", 1, 8},
    /* Inserting and deleting. */
    {"abcdef\x1b[3G\x1b[2@", "ab  cdef", 0, 2},
    {"0123456789\x1b[3G\x1b[99@x", "01x", 0, 3},
    {"abcdef\x1b[3G\x1b[2P", "abef", 0, 2},
    {"0123456789\x1b[3G\x1b[99Px", "01x", 0, 3},
    {"abcd\x1b[4h\rxy\x1b[4lz", "xyzbcd", 0, 3},
    {FULL "\x1b[2;3H\x1b[L", "0123456789||abcdefghij|ABCDEFGHIJ", 1, 2},
    {FULL "\x1b[2;3H\x1b[2M", "0123456789|klmnopqrst", 1, 2},
    {FULL "\x1b[2;3H\x1b[99L", "0123456789", 1, 2},
    /* Scroll regions. */
    {FULL "\x1b[2;3r\x1b[3;1H\nx", "0123456789|ABCDEFGHIJ|x|klmnopqrst", 2, 1},
    {FULL "\x1b[2;3r\x1b[2;1H\x1bMx", "0123456789|x|abcdefghij|klmnopqrst", 1, 1},
    {FULL "\x1b[2;3r\x1b[4;1H\n\nx", "0123456789|abcdefghij|ABCDEFGHIJ|xlmnopqrst", 3, 1},
    {FULL "\x1b[2;3r\x1b[2;1H\x1b[M", "0123456789|ABCDEFGHIJ||klmnopqrst", 1, 0},
    {FULL "\x1b[2;3r\x1b[?6h\x1b[9;1Hx\x1b[1;1Hy", "0123456789|ybcdefghij|xBCDEFGHIJ|klmnopqrst", 1,
     1},
    {FULL "\x1b[3;2r\x1b[2;9r\n", "abcdefghij|ABCDEFGHIJ|klmnopqrst", 3, 9},
    {FULL "\x1b[2;3r\x1b[rx", "x123456789|abcdefghij|ABCDEFGHIJ|klmnopqrst", 0, 1},
    /* UTF-8, what is twice as wide, what has no width. */
    {"\xc3\xa4\xe2\x82\xac!", "\xc3\xa4\xe2\x82\xac!", 0, 3},
    {"a\xff"
     "b\xc3(\xe2\x82x",
     "a\xef\xbf\xbd"
     "b\xef\xbf\xbd(\xef\xbf\xbdx",
     0, 7},
    {"\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80.", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd.",
     0, 5},
    {"\xf0\x9f\x98\x80.", "\xef\xbf\xbd .", 0, 3},
    {"\xe4\xb8\xad.", "\xe4\xb8\xad .", 0, 3},
    {"e\xcc\x81\xe2\x80\x8b.", "e.", 0, 2},
    {"\x1b%@\xe4\x1b%G\xc3\xa4", "\xc3\xa4\xc3\xa4", 0, 2},
    {"a\xc2\x9b"
     "2Cb\xc2\x85",
     "a  b", 0, 4},
    /* Line drawing. */
    {"\x1b(0lqk\x1b(Blqk", "\xe2\x94\x8c\xe2\x94\x80\xe2\x94\x90lqk", 0, 6},
    {"\x1b)0\x0ex\x0fx", "\xe2\x94\x82x", 0, 2},
};

static void test_screens(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct screen_case *c = &cases[i];
        char text[128];
        size_t size = 0;
        /* The table may have the ends of lines as a program writes them. */
        for (const char *from = c->shown; *from != 0; from++) {
            if (*from != '\r') {
                text[size++] = *from == '\n' ? '|' : *from;
            }
        }
        text[size] = 0;
        start(c->input);
        expect(c->input, text, c->row, c->column);
        /* However it is cut into writes. */
        vt_init(&vt, cells, ROWS, COLUMNS);
        for (const char *from = c->input; *from != 0; from++) {
            vt_write(&vt, from, 1);
        }
        expect(c->input, text, c->row, c->column);
    }
    assert_int_equal(wrong, 0);
}

static void expect_colour(const char *input, unsigned colour)
{
    start(input);
    feed("x");
    struct vt_cell cell = vt_look(&vt, vt.at.row, vt.at.column - 1);
    if (cell.code != 'x' || cell.colour != colour) {
        print_error("after \"%s\" the colour is %02x instead of %02x\n", input, cell.colour,
                    colour);
        fail();
    }
}

static void test_colours(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        unsigned colour;
    } expected[] = {
        {"", 0x07},
        {"\x1b[31m", 0x04},
        {"\x1b[34m", 0x01},
        {"\x1b[1;33m", 0x0e},
        {"\x1b[1m\x1b[22m", 0x07},
        {"\x1b[2m", 0x08},
        {"\x1b[7m", 0x70},
        {"\x1b[7;27m", 0x07},
        {"\x1b[44;37m", 0x17},
        {"\x1b[4m", 0x03},
        {"\x1b[4;24m", 0x07},
        {"\x1b[21m", 0x03},
        {"\x1b[3m", 0x02},
        {"\x1b[3;23m", 0x07},
        {"\x1b[5m", 0x87},
        {"\x1b[1;7;31m", 0x48},
        {"\x1b[91m", 0x0c},
        {"\x1b[104m", 0x97},
        {"\x1b[35;46;39m", 0x37},
        {"\x1b[35;46;49m", 0x05},
        {"\x1b[35;46m\x1b[m", 0x07},
        {"\x1b[38;5;1m", 0x04},
        {"\x1b[38;5;12m", 0x09},
        {"\x1b[38;5;196m", 0x0c},
        {"\x1b[38;5;240m", 0x07},
        {"\x1b[38;5;232m", 0x08},
        {"\x1b[48;5;21m", 0x17},
        {"\x1b[38;2;255;255;0m", 0x0e},
        {"\x1b[38;2;10;10;10m", 0x08},
        {"\x1b[48;2;200;0;0;1m", 0x4f},
        {"\x1b[38;5m", 0x07},
        {"\x1b[38;7;1m", 0x0f},
        {"\x1b[38;5;300m", 0x07},
        {"\x1b[1;2;3;4;5;6;7;8;9;0;1;2;3;4;5;6;7m", 0x07},
        {"\x1b[?31m", 0x07},
        {"\x1b[31;0;32m", 0x02},
        {"\x1b[31m\x1b"
         "7\x1b[m\x1b"
         "8",
         0x04},
    };
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        expect_colour(expected[i].input, expected[i].colour);
    }
    /* What is cleared takes the background, and neither reverse nor bold. */
    start("\x1b[1;7;44;31m\x1b[J");
    assert_int_equal(vt_look(&vt, 0, 5).colour, 0x14);
    start("\x1b[45m\r\n\n\n\n");
    assert_int_equal(vt_look(&vt, ROWS - 1, 5).colour, 0x57);
    assert_int_equal(vt_look(&vt, 0, 5).colour, 0x07);
}

static void test_palette(void **state)
{
    (void)state;
    start("\x1b]P1123456\x1b]Pcabcdef");
    assert_int_equal(vt.palette[4], 0x123456);
    assert_int_equal(vt.palette[9], 0xabcdef);
    assert_int_equal(vt.palette[6], 0xaa5500);
    feed("\x1b]R");
    assert_int_equal(vt.palette[4], 0xaa0000);
    assert_int_equal(vt.palette[9], 0x5555ff);
}

static void expect_reply(const char *input, const char *reply)
{
    start(input);
    assert_int_equal(vt.reply_size, strlen(reply));
    assert_memory_equal(vt.reply, reply, strlen(reply));
}

static void test_replies(void **state)
{
    (void)state;
    expect_reply("\x1b[5n", "\x1b[0n");
    expect_reply("\x1b[3;4H\x1b[6n", "\x1b[3;4R");
    expect_reply("\x1b[2;4r\x1b[?6h\x1b[2;1H\x1b[6n", "\x1b[2;1R");
    expect_reply("\x1b[c\x1bZ\x1b[0c", "\x1b[?6c\x1b[?6c\x1b[?6c");
    expect_reply("\x1b[1c\x1b[7n\x1b[>c\x1b[?6n", "");
    /* What nobody reads does not grow. */
    start("");
    for (int i = 0; i < 100; i++) {
        feed("\x1b[c");
    }
    assert_true(vt.reply_size <= sizeof(vt.reply));
}

static void test_cursor_and_modes(void **state)
{
    (void)state;
    start("ab");
    assert_int_equal(vt_look(&vt, 0, 2).mark, VT_CURSOR);
    assert_int_equal(vt_look(&vt, 0, 1).mark, 0);
    feed("\x1b[?25l");
    assert_int_equal(vt_look(&vt, 0, 2).mark, 0);
    feed("\x1b[?25h\x1b[?1h\x1b[20h");
    assert_int_equal(vt_look(&vt, 0, 2).mark, VT_CURSOR);
    assert_true(vt.cursor_keys && vt.new_line);
    feed("\x1b[?1;5l\x1b[20l");
    assert_false(vt.cursor_keys || vt.new_line);
    feed("\x1b[31;1mx\x1b[?5h");
    assert_int_equal(vt_look(&vt, 0, 0).colour, 0x70);
    assert_int_equal(vt_look(&vt, 0, 2).colour, 0x48);
    feed("\x1b"
         "c");
    assert_int_equal(vt_look(&vt, 0, 0).colour, 0x07);
}

static void test_dirty_rows(void **state)
{
    (void)state;
    start("");
    memset(vt.dirty, 0, sizeof(vt.dirty));
    feed("\x1b[3;3Hx");
    assert_true(vt.dirty[0] && !vt.dirty[1] && vt.dirty[2] && !vt.dirty[3]);
    memset(vt.dirty, 0, sizeof(vt.dirty));
    feed("\x1b[2;3r\x1b[3;1H\n");
    assert_true(vt.dirty[1] && vt.dirty[2] && !vt.dirty[3]);
    memset(vt.dirty, 0, sizeof(vt.dirty));
    feed("\x1b[?5h");
    assert_true(vt.dirty[0] && vt.dirty[1] && vt.dirty[2] && vt.dirty[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screens),          cmocka_unit_test(test_colours),
        cmocka_unit_test(test_palette),          cmocka_unit_test(test_replies),
        cmocka_unit_test(test_cursor_and_modes), cmocka_unit_test(test_dirty_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
