/* SPDX-License-Identifier: BSD-2-Clause */
/* Terminal input: canonical editing and echo, raw mode with VMIN and VTIME, signals, flow control.
 */
// sources: test/unit/fake/tty.c
// sources: kernel/personality/linux/tty/tty_input.c
// sources: kernel/personality/linux/tty/tty_output.c
// sources: kernel/personality/linux/tty/tty_read.c
// sources: kernel/personality/linux/tty/tty_termios.c
// sources: kernel/personality/linux/tty/tty_ioctl.c
// sources: kernel/personality/linux/tty/tty_screen.c
// sources: kernel/personality/linux/tty/tty_job.c
// sources: kernel/core/io.c
#include "test/unit/fake/tty.h"

/* ---- Canonical input ---- */
static void test_line(void **state)
{
    (void)state;
    char buf[10];
    type("hello");
    assert_shown("hello");
    assert_int_equal(get_now(buf, sizeof(buf)), -EAGAIN);
    type("\r");
    assert_shown("\r\n");
    assert_read("hello\n");
}

static void test_two_lines_are_two_reads(void **state)
{
    (void)state;
    type("one\ntwo\n");
    assert_read("one\n");
    assert_read("two\n");
}

static void test_line_in_pieces(void **state)
{
    (void)state;
    char buf[4];
    type("abcdef\n");
    assert_int_equal(get(buf, 4), 4);
    assert_memory_equal(buf, "abcd", 4);
    assert_int_equal(get(buf, 4), 3);
    assert_memory_equal(buf, "ef\n", 3);
}

static void test_long_line_in_one_read(void **state)
{
    (void)state;
    char text[1002];
    memset(text, 'x', 1000);
    strcpy(text + 1000, "\n");
    type(text);
    assert_read(text);
}

static void test_end_of_file(void **state)
{
    (void)state;
    char buf[10];
    type("\004");
    assert_int_equal(get(buf, sizeof(buf)), 0);
    type("ab\004");
    assert_read("ab");
    assert_int_equal(get_now(buf, sizeof(buf)), -EAGAIN);
    /* The mark goes with a read that is exactly filled. */
    type("abc\004");
    assert_int_equal(get(buf, 3), 3);
    assert_int_equal(get_now(buf, sizeof(buf)), -EAGAIN);
    assert_shown("ababc");
}

static void test_erase(void **state)
{
    (void)state;
    type("abc\177\177d\n");
    assert_shown("abc\b \b\b \bd\r\n");
    assert_read("ad\n");
    type("\177x\n");
    assert_shown("x\r\n");
    assert_read("x\n");
}

static void test_erase_control_and_tab(void **state)
{
    (void)state;
    type("\001\177\n");
    assert_shown("^A\b \b\b \b\r\n");
    assert_read("\n");
    /* A prompt of two columns, one letter, a tab from 3 to 8. */
    say("$ ");
    type("a\t\177");
    assert_shown("$ a\t\b\b\b\b\b");
    type("b\n");
    assert_read("ab\n");
}

static void test_erase_utf8(void **state)
{
    (void)state;
    tty.termios.c_iflag |= IUTF8;
    type("a\xc3\xa9\177");
    assert_shown("a\xc3\xa9\b \b");
    type("\n");
    assert_read("a\n");
    tty.termios.c_iflag &= ~(uint32_t)IUTF8;
    type("\xc3\xa9\177\n");
    assert_read("\xc3\n");
}

static void test_kill_and_word(void **state)
{
    (void)state;
    type("abc\025de\n");
    assert_shown("abc\b \b\b \b\b \bde\r\n");
    assert_read("de\n");
    type("one two_3  \027x\n");
    assert_read("one x\n");
    set_flags(ECHOKE, 0);
    shown_size = 0;
    type("abc\025");
    assert_shown("abc^U\r\n");
}

static void test_literal_next(void **state)
{
    (void)state;
    type("\026\003\n");
    assert_shown("^\b^C\r\n");
    assert_read("\003\n");
    assert_int_equal(sent_count, 0);
}

static void test_reprint(void **state)
{
    (void)state;
    type("ab\022c\n");
    assert_shown("ab^R\r\nabc\r\n");
    assert_read("abc\n");
}

static void test_eol_characters(void **state)
{
    (void)state;
    tty.termios.c_cc[VEOL] = ';';
    tty.termios.c_cc[VEOL2] = ',';
    type("a;b,c\n");
    assert_read("a;");
    assert_read("b,");
    assert_read("c\n");
    set_flags(IEXTEN, 0);
    type("a,b\n");
    assert_read("a,b\n");
}

static void test_no_echo(void **state)
{
    (void)state;
    set_flags(ECHO, 0);
    type("secret\177\n");
    assert_shown("");
    assert_read("secre\n");
    set_flags(0, ECHONL);
    type("x\n");
    assert_shown("\r\n");
}

static void test_echoprt(void **state)
{
    (void)state;
    set_flags(ECHOE, ECHOPRT);
    type("abc\177\177d\n");
    assert_shown("abc\\cb/d\r\n");
    assert_read("ad\n");
}

static void test_input_mapping(void **state)
{
    (void)state;
    tty.termios.c_iflag = INLCR | IGNCR;
    type("a\n\rb\004");
    assert_read("a\rb");
    tty.termios.c_iflag = ISTRIP;
    type("\xe1\n");
    assert_read("a\n");
    tty.termios.c_iflag = PARMRK;
    type("\xff\n");
    assert_read("\xff\xff\n");
}

static void test_line_too_long(void **state)
{
    (void)state;
    char buf[TTY_RING];
    tty.termios.c_lflag &= ~(uint32_t)ECHO;
    tty.termios.c_iflag |= IMAXBEL;
    for (int i = 0; i < 5000; i++) {
        type("x");
    }
    assert_int_equal(shown_size, 5000 - 4095);
    assert_int_equal(shown[0], '\a');
    type("\n");
    assert_int_equal(get(buf, sizeof(buf)), 4096);
    assert_int_equal(buf[4095], '\n');
}

static void test_full_buffer_throttles(void **state)
{
    (void)state;
    char line[101], buf[200];
    memset(line, 'y', 99);
    strcpy(line + 99, "\n");
    size_t total = 0;
    for (int i = 0; i < 100; i++) {
        size_t taken = tty_receive(&tty, line, 100);
        total += taken;
        if (taken < 100) {
            break;
        }
    }
    assert_int_equal(total, 4095);
    assert_true(tty.in_full);
    assert_int_equal(get(buf, sizeof(buf)), 100);
    assert_int_equal(unthrottles, 1);
    assert_false(tty.in_full);
}

/* ---- Other modes ---- */
static int type_ab(uint64_t deadline_ns)
{
    (void)deadline_ns;
    type("ab");
    return 0;
}

static int type_once(uint64_t deadline_ns)
{
    if (sleeps == 1) {
        type("a");
        return 0;
    }
    return nothing_comes(deadline_ns);
}

static void test_raw_minimum(void **state)
{
    (void)state;
    char buf[10];
    set_raw(1, 0);
    type("\003\004x");
    assert_read("\003\004x");
    assert_int_equal(sent_count, 0);
    set_raw(5, 0);
    on_sleep = type_ab;
    assert_int_equal(get(buf, sizeof(buf)), 6);
    assert_memory_equal(buf, "ababab", 6);
    assert_int_equal(sleeps, 3);
    on_sleep = nothing_comes;
    assert_int_equal(get(buf, sizeof(buf)), -ERESTARTSYS);
    assert_int_equal(get_now(buf, sizeof(buf)), -EAGAIN);
}

static void test_raw_times(void **state)
{
    (void)state;
    char buf[10];
    set_raw(0, 0);
    assert_int_equal(get(buf, sizeof(buf)), 0);
    assert_int_equal(sleeps, 0);
    set_raw(0, 3);
    on_sleep = nothing_comes;
    assert_int_equal(get(buf, sizeof(buf)), 0);
    assert_int_equal(now_ns, 1000 + 300000000);
    /* Between bytes: the first may take for ever. */
    sleeps = 0;
    set_raw(5, 2);
    on_sleep = type_once;
    assert_int_equal(get(buf, sizeof(buf)), 1);
    assert_int_equal(sleeps, 2);
}

static void test_mode_change(void **state)
{
    (void)state;
    type("part");
    set_raw(1, 0);
    assert_read("part");
    type("more");
    struct termios termios = tty_default_termios;
    tty_set_termios(&tty, &termios);
    assert_read("more");
}

/* ---- Signals and flow ---- */
static void test_signals(void **state)
{
    (void)state;
    char buf[10];
    type("abc");
    type("\003");
    assert_shown("abc^C");
    assert_int_equal(sent_signals[0], SIGINT);
    assert_int_equal(sent_pgrp, 100);
    assert_int_equal(get_now(buf, sizeof(buf)), -EAGAIN);
    type("x\n");
    assert_read("x\n");
    type("\034\032");
    assert_int_equal(sent_signals[1], SIGQUIT);
    assert_int_equal(sent_signals[2], SIGTSTP);
    set_flags(0, NOFLSH);
    type("ab\003c\n");
    assert_read("abc\n");
    set_flags(ISIG, 0);
    type("\003\n");
    assert_read("\003\n");
    assert_int_equal(sent_count, 4);
}

static void test_stop_and_start(void **state)
{
    (void)state;
    type("\023");
    say("hello\n");
    assert_shown("");
    type("\021");
    assert_shown("hello\r\n");
    tty.termios.c_iflag |= IXANY;
    type("\023");
    say("more\n");
    type("x");
    assert_shown("more\r\nx");
}

static void test_input_flow(void **state)
{
    (void)state;
    char buf[4096];
    set_raw(1, 0);
    tty.termios.c_iflag = IXOFF;
    memset(buf, 'x', sizeof(buf));
    assert_int_equal(tty_receive(&tty, buf, 4000), 4000);
    assert_shown("\023");
    assert_int_equal(get(buf, sizeof(buf)), 4000);
    assert_shown("\021");
}

/* Any bytes under any settings, with reads and a device that takes what it likes. */
static void test_anything(void **state)
{
    static const unsigned char common[] =
        "\r\n\t\b\177\003\004\021\023\025\026\027\022\032\xc3\xa9\xff";
    uint32_t random = 1;
    (void)state;
    on_sleep = nothing_comes;
    for (unsigned round = 0; round < 3000; round++) {
        struct termios termios = tty.termios;
        random = random * 1664525 + 1013904223;
        termios.c_iflag = random >> 3 & 077777;
        termios.c_lflag = (random * 7) >> 5 & 0177777;
        termios.c_oflag = (random * 11) >> 9 & 077;
        termios.c_cc[VMIN] = random >> 28;
        termios.c_cc[VTIME] = 1;
        tty_set_termios(&tty, &termios);
        for (unsigned step = 0; step < 40; step++) {
            uint8_t bytes[200], buf[300];
            random = random * 1664525 + 1013904223;
            size_t size = (random >> 16) % sizeof(bytes);
            for (size_t i = 0; i < size; i++) {
                random = random * 1664525 + 1013904223;
                bytes[i] = random >> 30 != 0 ? (uint8_t)(random >> 16)
                                             : common[(random >> 8) % (sizeof(common) - 1)];
            }
            assert_true(tty_receive(&tty, bytes, size) <= size);
            assert_true(tty_in_used(&tty) <= TTY_RING && tty_out_used(&tty) <= TTY_RING);
            assert_true(tty.in_line - tty.in_tail <= tty_in_used(&tty) ||
                        (termios.c_lflag & ICANON) == 0);
            if (random >> 29 == 0) {
                (void)get((char *)buf, random >> 8 & 0xff);
            }
            device_room = random >> 20;
            shown_size = 0;
            tty_writable(&tty);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, tty_setup)
    const struct CMUnitTest tests[] = {
        TEST(test_line),
        TEST(test_two_lines_are_two_reads),
        TEST(test_line_in_pieces),
        TEST(test_long_line_in_one_read),
        TEST(test_end_of_file),
        TEST(test_erase),
        TEST(test_erase_control_and_tab),
        TEST(test_erase_utf8),
        TEST(test_kill_and_word),
        TEST(test_literal_next),
        TEST(test_reprint),
        TEST(test_eol_characters),
        TEST(test_no_echo),
        TEST(test_echoprt),
        TEST(test_input_mapping),
        TEST(test_line_too_long),
        TEST(test_full_buffer_throttles),
        TEST(test_raw_minimum),
        TEST(test_raw_times),
        TEST(test_mode_change),
        TEST(test_signals),
        TEST(test_stop_and_start),
        TEST(test_input_flow),
        TEST(test_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
