/* SPDX-License-Identifier: BSD-2-Clause */
/* The keyboard: what scan codes type, with every modifier, and codes that type nothing. */
// sources: lib/keyboard.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/keyboard.h"

static struct keyboard keyboard;
static char typed[256];
static size_t size;

static void press(const char *codes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char bytes[KEYBOARD_BYTES_MAX];
        size_t more = keyboard_take(&keyboard, (uint8_t)codes[i], bytes);
        assert_true(more <= sizeof(bytes) && size + more <= sizeof(typed));
        memcpy(typed + size, bytes, more);
        size += more;
    }
}

/* From a keyboard nobody has touched; the string's own zero is no code. */
#define EXPECT(codes, text) expect(codes, sizeof(codes) - 1, text, sizeof(text) - 1)
static void expect(const char *codes, size_t count, const char *text, size_t length)
{
    memset(&keyboard, 0, sizeof(keyboard));
    size = 0;
    press(codes, count);
    if (size != length || memcmp(typed, text, length) != 0) {
        print_error("typed \"%.*s\" instead of \"%s\"\n", (int)size, typed, text);
        fail();
    }
    assert_int_equal(keyboard.held, 0);
}

static void test_characters(void **state)
{
    (void)state;
    EXPECT("\x10\x90\x11\x91\x1c\x9c\x39\xb9\x0f\x8f\x0e\x8e\x01\x81", "qw\r \t\x7f\x1b");
    EXPECT("\x02\x0b\x0c\x0d\x1a\x1b\x27\x28\x29\x2b\x33\x34\x35\x56", "10-=[];'`\\,./<");
    EXPECT("\x2a\x02\x0b\x0c\x0d\x1a\x1b\x27\x28\x29\x2b\x33\x34\x35\x56\xaa", "!)_+{}:\"~|<>?>");
    EXPECT("\x2a\x1e\xaa\x1e\x36\x1e\xb6\x1e", "AaAa");
    EXPECT("\x3a\xba\x1e\x02\x2a\x1e\x02\xaa\x3a\xba\x1e", "A1a!a");
}

static void test_ctrl_and_alt(void **state)
{
    (void)state;
    EXPECT("\x1d\x2e\x9d", "\x03");
    EXPECT("\x1d\x1e\x2c\x1a\x2b\x1b\x9d", "\x01\x1a\x1b\x1c\x1d");
    EXPECT("\x1d\x39\x03\x04\x08\x09\x35\x9d", "\0\0\x1b\x1f\x7f\x1f");
    EXPECT("\x1d\x0e\x1c\x9d", "\b\r");
    EXPECT("\xe0\x1d\x2e\xe0\x9d", "\x03");
    EXPECT("\x38\x30\xb8", "\x1b"
                           "b");
    EXPECT("\xe0\x38\x30\xe0\xb8", "\x1b"
                                   "b");
    EXPECT("\x2a\x0f\xaa", "\x1b\t");
    EXPECT("\x1d\x38\x2e\xb8\x9d", "\x1b\x03");
}

static void test_keys_that_move(void **state)
{
    (void)state;
    EXPECT("\xe0\x48\xe0\xc8\xe0\x50\xe0\x4d\xe0\x4b", "\x1b[A\x1b[B\x1b[C\x1b[D");
    EXPECT("\xe0\x47\xe0\x4f\xe0\x49\xe0\x51\xe0\x52\xe0\x53",
           "\x1b[1~\x1b[4~\x1b[5~\x1b[6~\x1b[2~\x1b[3~");
    /* With Num Lock or Shift they come in the company of shifts that nobody pressed. */
    EXPECT("\xe0\x2a\xe0\x48\xe0\xc8\xe0\xaa\x10", "\x1b[Aq");
    memset(&keyboard, 0, sizeof(keyboard));
    keyboard.cursor_keys = true;
    size = 0;
    press("\xe0\x48\xe0\x47", 4);
    assert_int_equal(size, 7);
    assert_memory_equal(typed, "\x1bOA\x1b[1~", 7);
}

static void test_keypad(void **state)
{
    (void)state;
    EXPECT("\x47\x48\x4c\x53\x4a\x4e\x37", "\x1b[1~\x1b[A\x1b[G\x1b[3~-+*");
    EXPECT("\x45\xc5\x47\x48\x4c\x53\x4a\x4e\x52", "785.-+0");
    EXPECT("\x45\xc5\x2a\x48\xaa\x45\xc5\x2a\x48\xaa", "\x1b[A8");
    EXPECT("\x45\xc5\xe0\x48", "\x1b[A");
    EXPECT("\xe0\x1c\xe0\x35", "\r/");
}

static void test_function_keys(void **state)
{
    (void)state;
    EXPECT("\x3b\x3c\x3f\x40\x44\x57\x58", "\x1b[[A\x1b[[B\x1b[[E\x1b[17~\x1b[21~\x1b[23~\x1b[24~");
    EXPECT("\x2a\x3b\x42\x43\xaa", "\x1b[25~\x1b[34~");
}

static void test_nothing(void **state)
{
    (void)state;
    /* Pause; Windows and menu keys; Print; codes that no key has; answers of the keyboard. */
    EXPECT("\xe1\x1d\x45\xe1\x9d\xc5\xe0\x5b\xe0\xdb\xe0\x5d\xe0\x37\xe0\xb7\x59\x7f\xfa\xfe", "");
    EXPECT("\xe0\x46\xe0\xc6\x46\xc6\x1e", "a");
    assert_int_equal(keyboard.locks, KEYBOARD_SCROLL);
}

static void test_attention(void **state)
{
    (void)state;
    EXPECT("\x1d\x38\xe0\x53\xe0\xd3\xb8\x9d", "");
    assert_true(keyboard.attention);
    EXPECT("\x1d\x38\x53\xd3\xb8\x9d", "");
    assert_true(keyboard.attention);
    EXPECT("\x1d\xe0\x53\xe0\xd3\x9d", "\x1b[3~");
    assert_false(keyboard.attention);
}

static void test_new_line(void **state)
{
    (void)state;
    memset(&keyboard, 0, sizeof(keyboard));
    keyboard.new_line = true;
    size = 0;
    press("\x1c", 1);
    assert_int_equal(size, 2);
    assert_memory_equal(typed, "\r\n", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters),     cmocka_unit_test(test_ctrl_and_alt),
        cmocka_unit_test(test_keys_that_move), cmocka_unit_test(test_keypad),
        cmocka_unit_test(test_function_keys),  cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_attention),      cmocka_unit_test(test_new_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
