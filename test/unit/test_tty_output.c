/* SPDX-License-Identifier: BSD-2-Clause */
/* Terminal output, job control, hang-ups and ioctl. */
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

/* ---- Output ---- */
static void test_output_processing(void **state)
{
    (void)state;
    say("a\nb\r\tc\b");
    assert_shown("a\r\nb\r\tc\b");
    tty.termios.c_oflag = OPOST | XTABS;
    tty.column = 0;
    say("ab\tc\n");
    assert_shown("ab      c\n");
    tty.termios.c_oflag = OPOST | OCRNL | OLCUC;
    say("x\r");
    assert_shown("X\n");
    tty.termios.c_oflag = OPOST | ONOCR | ONLRET;
    tty.column = 0;
    say("\rx\r\n\r");
    assert_shown("x\r\n");
    tty.termios.c_oflag = ONLCR;
    say("raw\n");
    assert_shown("raw\n");
}

static int device_has_room(uint64_t deadline_ns)
{
    (void)deadline_ns;
    device_room = 1000;
    tty_writable(&tty);
    return 0;
}

static void test_full_device(void **state)
{
    (void)state;
    static char text[12001];
    for (int i = 0; i < 12000; i++) {
        text[i] = (char)('a' + i % 26);
    }
    device_room = 10;
    on_sleep = device_has_room;
    assert_int_equal(say(text), 12000);
    device_room = SIZE_MAX;
    tty_writable(&tty);
    assert_shown(text);
    assert_true(sleeps > 5);
}

static void test_full_device_nonblocking(void **state)
{
    (void)state;
    static char text[6000];
    struct io io;
    memset(text, 'z', sizeof(text));
    device_room = 0;
    io_init_user(&io, (vaddr_t)text, sizeof(text));
    ssize_type got = tty_write(&tf, &io, true);
    assert_in_range(got, 4000, 4096);
    io_init_user(&io, (vaddr_t)text, sizeof(text));
    assert_int_equal(tty_write(&tf, &io, true), -EAGAIN);
    on_sleep = nothing_comes;
    io_init_user(&io, (vaddr_t)text, sizeof(text));
    assert_int_equal(tty_write(&tf, &io, false), -ERESTARTSYS);
    device_room = SIZE_MAX;
    tty_writable(&tty);
    assert_int_equal(shown_size, got);
}

static void test_bad_addresses(void **state)
{
    (void)state;
    struct io io;
    io_init_user(&io, (vaddr_t)bad_page, 10);
    assert_int_equal(tty_write(&tf, &io, false), -EFAULT);
    type("x\n");
    io_init_user(&io, (vaddr_t)bad_page, 10);
    assert_int_equal(tty_read(&tf, &io, false), -EFAULT);
}

/* ---- Job control and hang-up ---- */
static void test_background(void **state)
{
    (void)state;
    char buf[10];
    self.pgrp = 200;
    type("x\n");
    assert_int_equal(get(buf, sizeof(buf)), -ERESTARTSYS);
    assert_int_equal(sent_signals[0], SIGTTIN);
    assert_int_equal(sent_pgrp, 200);
    orphaned = true;
    assert_int_equal(get(buf, sizeof(buf)), -EIO);
    orphaned = false;
    ignored = true;
    assert_int_equal(get(buf, sizeof(buf)), -EIO);
    ignored = false;
    assert_int_equal(say("ok"), 2);
    set_flags(0, TOSTOP);
    assert_int_equal(say("no"), -ERESTARTSYS);
    assert_int_equal(sent_signals[1], SIGTTOU);
    ignored = true;
    assert_int_equal(say("yes"), 3);
}

static void test_hangup(void **state)
{
    (void)state;
    char buf[10];
    type("x\n");
    tty_session_leader_exit(&self);
    assert_int_equal(sent_signals[0], SIGHUP);
    assert_int_equal(sent_signals[1], SIGCONT);
    assert_int_equal(get(buf, sizeof(buf)), 0);
    assert_int_equal(say("x"), -EIO);
    assert_int_equal(tty.session, 0);
    assert_null(process_tty(&self));
}

static int hang_up(uint64_t deadline_ns)
{
    (void)deadline_ns;
    tty_hangup(&tty);
    return 0;
}

static void test_hangup_ends_sleep(void **state)
{
    (void)state;
    char buf[10];
    on_sleep = hang_up;
    assert_int_equal(get(buf, sizeof(buf)), 0);
}

/* ---- ioctl ---- */
static long control(unsigned request, void *arg)
{
    struct file file = {.priv = &tf};
    return tty_ioctl(&file, request, (vaddr_t)arg);
}

static void test_settings(void **state)
{
    (void)state;
    struct termios termios;
    struct termio old;
    memset(&termios, 0xaa, sizeof(termios));
    assert_int_equal(control(TCGETS, &termios), 0);
    assert_int_equal(termios.c_ispeed, 0xaaaaaaaa);
    assert_int_equal(control(TCGETS2, &termios), 0);
    assert_int_equal(termios.c_ospeed, 38400);
    assert_int_equal(termios.c_cc[VINTR], 3);
    type("typed\n");
    termios.c_cflag = (termios.c_cflag & ~(uint32_t)CBAUD) | B115200;
    assert_int_equal(control(TCSETSF2, &termios), 0);
    assert_int_equal(tty.termios.c_ospeed, 115200);
    assert_int_equal(tty_in_used(&tty), 0);
    assert_int_equal(control(TCGETA, &old), 0);
    assert_int_equal(old.c_lflag, tty.termios.c_lflag);
    old.c_lflag = 0;
    assert_int_equal(control(TCSETAW, &old), 0);
    assert_int_equal(tty.termios.c_lflag, 0);
    assert_int_equal(control(TCGETS, bad_page), -EFAULT);
    assert_int_equal(control(TCSETS, bad_page), -EFAULT);
    assert_int_equal(control(0x12345, NULL), -ENOTTY);
}

static void test_size(void **state)
{
    (void)state;
    struct winsize size = {25, 80, 0, 0}, got;
    assert_int_equal(control(TIOCSWINSZ, &size), 0);
    assert_int_equal(sent_signals[0], SIGWINCH);
    assert_int_equal(control(TIOCSWINSZ, &size), 0);
    assert_int_equal(sent_count, 1);
    tty_resize(&tty, 40, 100);
    assert_int_equal(sent_count, 2);
    assert_int_equal(control(TIOCGWINSZ, &got), 0);
    assert_int_equal(got.ws_row, 40);
    assert_int_equal(got.ws_col, 100);
}

static void test_queues(void **state)
{
    (void)state;
    int count = -1;
    type("ab\ncd\004e");
    assert_int_equal(control(FIONREAD, &count), 0);
    assert_int_equal(count, 5);
    assert_int_equal(control(TCFLSH, (void *)TCIFLUSH), 0);
    assert_int_equal(control(FIONREAD, &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(control(TCXONC, (void *)TCOOFF), 0);
    shown_size = 0;
    say("held");
    assert_int_equal(control(TIOCOUTQ, &count), 0);
    assert_int_equal(count, 4);
    assert_int_equal(control(TCXONC, (void *)TCOON), 0);
    assert_shown("held");
    assert_int_equal(control(TCFLSH, (void *)7), -EINVAL);
}

static void test_groups(void **state)
{
    (void)state;
    int pgrp = 0;
    assert_int_equal(control(TIOCGPGRP, &pgrp), 0);
    assert_int_equal(pgrp, 100);
    assert_int_equal(control(TIOCGSID, &pgrp), 0);
    assert_int_equal(pgrp, 100);
    pgrp = 777;
    assert_int_equal(control(TIOCSPGRP, &pgrp), -ESRCH);
    pgrp = -1;
    assert_int_equal(control(TIOCSPGRP, &pgrp), -EINVAL);
    tty.pgrp = 5;
    pgrp = 100;
    ignored = true;
    assert_int_equal(control(TIOCSPGRP, &pgrp), 0);
    assert_int_equal(tty.pgrp, 100);
    tty.refs.value = 2;
    assert_int_equal(control(TIOCNOTTY, NULL), 0);
    assert_int_equal(tty.refs.value, 1);
    assert_int_equal(control(TIOCGPGRP, &pgrp), -ENOTTY);
    assert_int_equal(control(TIOCSCTTY, NULL), 0);
    assert_int_equal(tty.session, 100);
    assert_ptr_equal(self.tty, &tty);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, tty_setup)
    const struct CMUnitTest tests[] = {
        TEST(test_output_processing),
        TEST(test_full_device),
        TEST(test_full_device_nonblocking),
        TEST(test_bad_addresses),
        TEST(test_background),
        TEST(test_hangup),
        TEST(test_hangup_ends_sleep),
        TEST(test_settings),
        TEST(test_size),
        TEST(test_queues),
        TEST(test_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
