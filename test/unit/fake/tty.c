/* SPDX-License-Identifier: BSD-2-Clause */
/* See tty.h. */
#include "test/unit/fake/tty.h"
#include "kernel/arch/user.h"

/* ---- The kernel around it ---- */
static struct thread thread0;
struct thread *fake_current = &thread0;
int fake_preempt_count;
bool fake_irqs_off;
/* One CPU: a spinlock that is waited for is never released. */
void spin_wait(struct spinlock *lock)
{
    spin_wait_irq(lock, 0);
}
void spin_wait_irq(struct spinlock *lock, unsigned long flags)
{
    (void)lock, (void)flags;
    fail_msg("a spinlock is taken twice");
}
struct linux_process self;
static struct linux_thread self_thread = {.process = &self};
struct spinlock process_tree_lock = SPINLOCK_INIT(LOCK_PROCESS_TREE);

_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    print_error("%s:%d: %s\n", file, line, expr);
    abort();
}

uint64_t now_ns;
uint64_t clock_monotonic_ns(void)
{
    return now_ns;
}

/* What a sleeper waits for: returns what wait_sleep returns. */
int (*on_sleep)(uint64_t deadline_ns);
unsigned sleeps;

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

int sent_pgrp, sent_signals[8];
unsigned sent_count;
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
bool ignored, orphaned;
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
void tty_get(struct tty *it)
{
    it->refs.value++;
}
void tty_put(struct tty *it)
{
    it->refs.value--;
}

/* User memory is the test's own; one page of it is bad. */
uint8_t bad_page[64];
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
char shown[20000];
size_t shown_size, device_room;
unsigned unthrottles;

static size_t device_write(struct tty *it, const void *bytes, size_t size)
{
    (void)it;
    size = MIN(size, device_room);
    assert_true(shown_size + size < sizeof(shown));
    memcpy(shown + shown_size, bytes, size);
    shown_size += size;
    device_room -= size;
    return size;
}
static void device_unthrottle(struct tty *it)
{
    (void)it;
    unthrottles++;
}
static const struct tty_driver driver = {.write = device_write, .unthrottle = device_unthrottle};

struct tty tty;
static uint8_t rings[2 * TTY_RING];
struct tty_file tf;

int tty_setup(void **state)
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

void type(const char *text)
{
    assert_int_equal(tty_receive(&tty, text, strlen(text)), strlen(text));
}

ssize_type get(char *buf, size_t size)
{
    struct io io;
    io_init_user(&io, (vaddr_t)buf, size);
    return tty_read(&tf, &io, false);
}

ssize_type get_now(char *buf, size_t size)
{
    struct io io;
    io_init_user(&io, (vaddr_t)buf, size);
    return tty_read(&tf, &io, true);
}

ssize_type say(const char *text)
{
    struct io io;
    io_init_user(&io, (vaddr_t)text, strlen(text));
    return tty_write(&tf, &io, false);
}

void assert_read(const char *expected)
{
    char buf[5000];
    ssize_type got = get(buf, sizeof(buf));
    assert_int_equal(got, strlen(expected));
    assert_memory_equal(buf, expected, strlen(expected));
}

void assert_shown(const char *expected)
{
    shown[shown_size] = '\0';
    assert_string_equal(shown, expected);
    shown_size = 0;
}

void set_flags(uint32_t clear_l, uint32_t set_l)
{
    struct termios termios = tty.termios;
    termios.c_lflag = (termios.c_lflag & ~clear_l) | set_l;
    tty_set_termios(&tty, &termios);
}

void set_raw(unsigned vmin, unsigned vtime)
{
    struct termios termios = tty.termios;
    termios.c_lflag = 0;
    termios.c_iflag = 0;
    termios.c_cc[VMIN] = (uint8_t)vmin;
    termios.c_cc[VTIME] = (uint8_t)vtime;
    tty_set_termios(&tty, &termios);
}

int nothing_comes(uint64_t deadline_ns)
{
    if (deadline_ns == WAIT_FOREVER) {
        return -EINTR;
    }
    now_ns = deadline_ns;
    return -ETIMEDOUT;
}
