/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal layer without a kernel: bytes go in as from a device, reads and writes happen as
 * from programs, and what the device and the process groups got is looked at. A sleep calls the
 * test's hook, which makes the next thing happen, or ends the wait.
 */
// sources: kernel/personality/linux/tty_input.c
// sources: kernel/personality/linux/tty_output.c
// sources: kernel/personality/linux/tty_read.c
// sources: kernel/personality/linux/tty_termios.c
// sources: kernel/personality/linux/tty_ioctl.c
// sources: kernel/personality/linux/tty_job.c
// sources: kernel/core/io.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/personality/linux/process.h"
#include "kernel/personality/linux/tty.h"

/* ---- The kernel around it ---- */
static struct thread thread0;
struct thread *fake_current = &thread0;
int fake_preempt_count;
bool fake_irqs_off;
void fake_deadlock(void)
{
    fail_msg("a spinlock is taken twice");
}
static struct linux_process self;
static struct linux_thread self_thread = {.process = &self};
struct spinlock process_tree_lock = SPINLOCK_INIT;

_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    print_error("%s:%d: %s\n", file, line, expr);
    abort();
}

static uint64_t now_ns;
uint64_t clock_monotonic_ns(void)
{
    return now_ns;
}

/* What a sleeper waits for: returns what wait_sleep returns. */
static int (*on_sleep)(uint64_t deadline_ns);
static unsigned sleeps;

void waitq_init(struct waitq *wq)
{
    list_init(&wq->entries);
}
void waitq_wake_all(struct waitq *wq)
{
    (void)wq;
}
void waitq_wake_one(struct waitq *wq)
{
    (void)wq;
}
void wait_prepare(enum wait_mode mode)
{
    (void)mode;
}
void wait_begin(struct waitq *wq, struct wait_entry *entry)
{
    (void)wq;
    entry->thread = fake_current;
}
void wait_end(struct waitq *wq, struct wait_entry *entry)
{
    (void)wq, (void)entry;
}
void wait_cancel(void)
{
}
int wait_sleep(uint64_t deadline_ns)
{
    sleeps++;
    assert_true(fake_preempt_count == 0 && !fake_irqs_off);
    assert_non_null(on_sleep);
    return on_sleep(deadline_ns);
}

static int sent_pgrp, sent_signals[8];
static unsigned sent_count;
int signal_send_pgrp(int pgrp, int signo)
{
    assert_int_equal(fake_preempt_count, 0);
    sent_pgrp = pgrp;
    sent_signals[sent_count++ % 8] = signo;
    return 0;
}
int signal_send_process(struct linux_process *process, const struct linux_siginfo *info)
{
    (void)process;
    sent_signals[sent_count++ % 8] = info->signo;
    return 0;
}
static bool ignored, orphaned;
bool signal_ignored_or_blocked(int signo)
{
    (void)signo;
    return ignored;
}
bool pgrp_orphaned_locked(int pgrp, const struct linux_process *leaver)
{
    (void)pgrp, (void)leaver;
    return orphaned;
}
static struct list group_100 = LIST_INIT(group_100);
struct list *pid_group(int id)
{
    return id == 100 ? &group_100 : NULL;
}
struct linux_process *process_find(int pid)
{
    (void)pid;
    return NULL;
}
void process_put(struct linux_process *process)
{
    (void)process;
}
bool linux_capable(unsigned capability)
{
    (void)capability;
    return false;
}
void tty_get(struct tty *tty)
{
    tty->refs.value++;
}
void tty_put(struct tty *tty)
{
    tty->refs.value--;
}

/* User memory is the test's own; one page of it is bad. */
static uint8_t bad_page[64];
static bool is_bad(vaddr_t addr)
{
    return addr - (vaddr_t)bad_page < sizeof(bad_page);
}
int copy_from_user(void *dst, vaddr_t src, size_t size)
{
    if (is_bad(src)) {
        return -EFAULT;
    }
    memcpy(dst, (const void *)src, size);
    return 0;
}
int copy_to_user(vaddr_t dst, const void *src, size_t size)
{
    if (is_bad(dst)) {
        return -EFAULT;
    }
    memcpy((void *)dst, src, size);
    return 0;
}
size_t copy_from_user_partial(void *dst, vaddr_t src, size_t size)
{
    return copy_from_user(dst, src, size) == 0 ? 0 : size;
}
size_t copy_to_user_partial(vaddr_t dst, const void *src, size_t size)
{
    return copy_to_user(dst, src, size) == 0 ? 0 : size;
}
int clear_user(vaddr_t dst, size_t size)
{
    memset((void *)dst, 0, size);
    return 0;
}

/* ---- The device ---- */
static char shown[20000];
static size_t shown_size, device_room;
static unsigned unthrottles;

static size_t device_write(struct tty *tty, const void *bytes, size_t size)
{
    (void)tty;
    size = MIN(size, device_room);
    assert_true(shown_size + size < sizeof(shown));
    memcpy(shown + shown_size, bytes, size);
    shown_size += size;
    device_room -= size;
    return size;
}
static void device_unthrottle(struct tty *tty)
{
    (void)tty;
    unthrottles++;
}
static const struct tty_driver driver = {.write = device_write, .unthrottle = device_unthrottle};

static struct tty tty;
static uint8_t rings[2 * TTY_RING];
static struct tty_file tf;

static int setup(void **state)
{
    (void)state;
    tty = (struct tty){.refs = {1}, .driver = &driver, .termios = tty_default_termios};
    tty.in = rings;
    tty.out = rings + TTY_RING;
    list_init(&tty.files);
    tf = (struct tty_file){.tty = &tty};
    list_add_tail(&tty.files, &tf.link);
    self = (struct linux_process){.pid = 100, .pgrp = 100, .session = 100, .tty = &tty};
    list_init(&group_100);
    list_add_tail(&group_100, &self.pgrp_link);
    tty.session = 100;
    tty.pgrp = 100;
    thread0.personal = &self_thread;
    shown_size = 0;
    device_room = SIZE_MAX;
    unthrottles = sleeps = sent_count = 0;
    ignored = orphaned = false;
    on_sleep = NULL;
    now_ns = 1000;
    return 0;
}

static void type(const char *text)
{
    assert_int_equal(tty_receive(&tty, text, strlen(text)), strlen(text));
}

static ssize_type get(char *buf, size_t size)
{
    struct io io;
    io_init_user(&io, (vaddr_t)buf, size);
    return tty_read(&tf, &io, false);
}

static ssize_type get_now(char *buf, size_t size)
{
    struct io io;
    io_init_user(&io, (vaddr_t)buf, size);
    return tty_read(&tf, &io, true);
}

static ssize_type say(const char *text)
{
    struct io io;
    io_init_user(&io, (vaddr_t)text, strlen(text));
    return tty_write(&tf, &io, false);
}

static void assert_read(const char *expected)
{
    char buf[5000];
    ssize_type got = get(buf, sizeof(buf));
    assert_int_equal(got, strlen(expected));
    assert_memory_equal(buf, expected, strlen(expected));
}

static void assert_shown(const char *expected)
{
    shown[shown_size] = '\0';
    assert_string_equal(shown, expected);
    shown_size = 0;
}

static void set_flags(uint32_t clear_l, uint32_t set_l)
{
    struct termios termios = tty.termios;
    termios.c_lflag = (termios.c_lflag & ~clear_l) | set_l;
    tty_set_termios(&tty, &termios);
}

static void set_raw(unsigned vmin, unsigned vtime)
{
    struct termios termios = tty.termios;
    termios.c_lflag = 0;
    termios.c_iflag = 0;
    termios.c_cc[VMIN] = (uint8_t)vmin;
    termios.c_cc[VTIME] = (uint8_t)vtime;
    tty_set_termios(&tty, &termios);
}

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
    assert_int_equal(shown_size, 5000 - 4094);
    assert_int_equal(shown[0], '\a');
    type("\n");
    assert_int_equal(get(buf, sizeof(buf)), 4095);
    assert_int_equal(buf[4094], '\n');
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
    assert_int_equal(total, 4094);
    assert_true(tty.in_full);
    assert_int_equal(get(buf, sizeof(buf)), 100);
    assert_int_equal(unthrottles, 1);
    assert_false(tty.in_full);
}

/* ---- Other modes ---- */
static int nothing_comes(uint64_t deadline_ns)
{
    if (deadline_ns == WAIT_FOREVER) {
        return -EINTR;
    }
    now_ns = deadline_ns;
    return -ETIMEDOUT;
}

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
#define TEST(name) cmocka_unit_test_setup(name, setup)
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
