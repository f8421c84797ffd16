/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending signals and taking them: what queues and what does not, what is dropped, who is woken,
 * how stop and continue undo each other, the layout of siginfo_t; and the table of IDs.
 */
// sources: kernel/personality/linux/signal/signal.c kernel/personality/linux/signal/signal_info.c
// sources: kernel/personality/linux/process/pid.c kernel/personality/linux/process/user.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/process/limits.h"
#include "kernel/personality/linux/signal/signal_state.h"

/* --- what is below ------------------------------------------------------------------------- */

bool fake_irqs_off;
int fake_preempt_count;
struct thread *fake_current;
static long allocations_left = -1; /* < 0: no limit */

_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    print_error("%s:%d: %s\n", file, line, expr);
    abort();
}
/* One CPU: a spinlock that is waited for is never released. */
void spin_wait(struct spinlock *lock)
{
    spin_wait_irq(lock, 0);
}
void spin_wait_irq(struct spinlock *lock, unsigned long flags)
{
    (void)lock, (void)flags;
    fail_msg("waits for a spinlock");
}

/* Of time/posix_timer.c: its signal was taken. */
static unsigned timers_taken;
void linux_timer_taken_locked(struct linux_process *process, struct linux_siginfo *info)
{
    (void)process, (void)info;
    timers_taken++;
}

/* Of signalfd.c: nobody reads signals from a file here. */
struct waitq linux_signalfd_wait = WAITQ_INIT(linux_signalfd_wait);

static bool may_allocate(void)
{
    if (allocations_left == 0) {
        return false;
    }
    allocations_left -= allocations_left > 0;
    return true;
}
void *kmalloc(size_t size)
{
    return may_allocate() ? malloc(size) : NULL;
}
void *kzalloc(size_t size)
{
    return may_allocate() ? calloc(1, size) : NULL;
}
void *kcalloc(size_t count, size_t size)
{
    return may_allocate() ? calloc(count, size) : NULL;
}
void kfree(const void *ptr)
{
    free((void *)(uintptr_t)ptr);
}
struct cache *cache_create(const char *name, size_t size)
{
    (void)name;
    assert_int_equal(size, sizeof(struct signal_record));
    return NULL;
}
void *cache_alloc(struct cache *cache)
{
    (void)cache;
    return kmalloc(sizeof(struct signal_record));
}
void cache_free(struct cache *cache, void *object)
{
    (void)cache;
    free(object);
}

void thread_interrupt(struct thread *thread, bool kill)
{
    thread->interrupted = true;
    thread->killed = thread->killed || kill;
}
void waitq_wake_all(struct waitq *wq)
{
    (void)wq;
}
int copy_to_user(vaddr_t dst, const void *src, size_t size)
{
    memcpy((void *)dst, src, size);
    return 0;
}
struct spinlock process_tree_lock;
void process_get(struct linux_process *process)
{
    (void)process;
}
struct linux_sysctl linux_pid_max = {LINUX_PID_DEFAULT, 301, LINUX_PID_LIMIT};
static struct cred root_cred = {.user = &linux_root_user};
static int told_parent;
void job_notify_parent_locked(struct linux_process *process, int code, int signo)
{
    (void)process;
    (void)signo;
    told_parent = code;
}

/* --- a process of two threads -------------------------------------------------------------- */

static struct linux_process process;
static struct linux_thread threads[2];
static struct thread core[2];

static int setup(void **state)
{
    (void)state;
    allocations_left = -1;
    memset(&process, 0, sizeof(process));
    memset(threads, 0, sizeof(threads));
    memset(core, 0, sizeof(core));
    list_init(&process.threads);
    pending_init(&process.pending);
    process.handlers = handlers_create();
    process.limits[RLIMIT_SIGPENDING].soft = 100;
    for (int i = 0; i < 2; i++) {
        threads[i].thread = &core[i];
        threads[i].process = &process;
        threads[i].cred = &root_cred;
        pending_init(&threads[i].pending);
        list_add_tail(&process.threads, &threads[i].link);
        core[i].personal = &threads[i];
    }
    process.thread_count = 2;
    process.leader = &threads[0];
    fake_current = &core[0];
    told_parent = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pending_flush(&process, &process.pending);
    pending_flush(&process, &threads[0].pending);
    pending_flush(&process, &threads[1].pending);
    assert_int_equal(linux_root_user.signals, 0);
    handlers_put(process.handlers);
    assert_false(fake_irqs_off);
    assert_int_equal(fake_preempt_count, 0);
    return 0;
}

static void catch_signal(int signo)
{
    process.handlers->actions[signo - 1].handler = 0x1000;
    handlers_update_locked(process.handlers, signo);
}

static int send(int signo, int code, uint64_t value)
{
    return signal_send_process(
        &process, &(struct linux_siginfo){.signo = signo, .code = code, .value = value});
}

static int take(struct linux_siginfo *info)
{
    return signal_take_locked(&threads[0], SIGNALS_ALL, info);
}

static void test_standard_signals_do_not_queue(void **state)
{
    struct linux_siginfo info;
    (void)state;
    assert_int_equal(send(SIGUSR1, SI_QUEUE, 1), 0);
    assert_int_equal(send(SIGUSR1, SI_QUEUE, 2), 0);
    assert_true(core[0].interrupted);
    assert_false(core[1].interrupted);
    assert_int_equal(take(&info), SIGUSR1);
    assert_int_equal(info.value, 1);
    assert_int_equal(take(&info), 0);
}

static void test_real_time_signals_queue_in_order(void **state)
{
    struct linux_siginfo info;
    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(send(SIGRTMIN + 1, SI_QUEUE, (uint64_t)i), 0);
    }
    assert_int_equal(send(SIGRTMIN, SI_QUEUE, 9), 0);
    assert_int_equal(take(&info), SIGRTMIN);
    assert_int_equal(timers_taken, 0);
    assert_int_equal(send(SIGRTMIN, SI_TIMER, 0), 0);
    assert_int_equal(take(&info), SIGRTMIN);
    assert_int_equal(timers_taken, 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(take(&info), SIGRTMIN + 1);
        assert_int_equal(info.value, i);
    }
    assert_int_equal(take(&info), 0);
}

static void test_limit_and_lack_of_memory(void **state)
{
    struct linux_siginfo info;
    (void)state;
    process.limits[RLIMIT_SIGPENDING].soft = 1;
    assert_int_equal(send(SIGRTMIN, SI_QUEUE, 1), 0);
    assert_int_equal(send(SIGRTMIN, SI_QUEUE, 2), -EAGAIN);
    /* A standard signal comes through whatever happens, and so does one of the kernel's. */
    allocations_left = 0;
    assert_int_equal(send(SIGUSR1, SI_QUEUE, 3), 0);
    assert_int_equal(send(SIGRTMIN + 1, SI_KERNEL, 0), 0);
    assert_int_equal(take(&info), SIGUSR1);
    assert_int_equal(info.code, SI_USER);
    assert_int_equal(take(&info), SIGRTMIN);
    assert_int_equal(take(&info), SIGRTMIN + 1);
    assert_int_equal(take(&info), 0);
}

static void test_faults_go_first(void **state)
{
    struct linux_siginfo info;
    (void)state;
    send(SIGHUP, SI_USER, 0);
    send(SIGSEGV, SI_USER, 0);
    assert_int_equal(take(&info), SIGSEGV);
    assert_int_equal(take(&info), SIGHUP);
}

static void test_ignored_signals_are_dropped(void **state)
{
    struct linux_siginfo info;
    (void)state;
    send(SIGCHLD, SI_USER, 0);
    assert_int_equal(take(&info), 0);
    /* Blocked ones wait, for they may be caught later. */
    threads[0].blocked = threads[1].blocked = SIGNAL_BIT(SIGCHLD);
    send(SIGCHLD, SI_USER, 0);
    assert_false(core[0].interrupted || core[1].interrupted);
    assert_int_equal(take(&info), SIGCHLD);
    catch_signal(SIGURG);
    send(SIGURG, SI_USER, 0);
    assert_int_equal(take(&info), SIGURG);
}

static void test_init_is_only_told_what_it_catches(void **state)
{
    struct linux_siginfo info;
    (void)state;
    process.unkillable = true;
    send(SIGTERM, SI_USER, 0);
    send(SIGKILL, SI_USER, 0);
    assert_int_equal(take(&info), 0);
    catch_signal(SIGTERM);
    send(SIGTERM, SI_USER, 0);
    assert_int_equal(take(&info), SIGTERM);
}

static void test_who_is_woken(void **state)
{
    (void)state;
    threads[0].blocked = SIGNAL_BIT(SIGUSR1);
    send(SIGUSR1, SI_USER, 0);
    assert_false(core[0].interrupted);
    assert_true(core[1].interrupted);
    core[1].interrupted = false;
    send(SIGKILL, SI_USER, 0);
    assert_true(core[0].killed && core[1].killed);
}

static void test_thread_signals_stay_with_the_thread(void **state)
{
    struct linux_siginfo info = {.signo = SIGUSR2, .code = SI_TKILL};
    (void)state;
    assert_int_equal(signal_send_thread(&threads[1], &info), 0);
    assert_true(core[1].interrupted);
    assert_int_equal(take(&info), 0);
    assert_int_equal(signal_take_locked(&threads[1], SIGNALS_ALL, &info), SIGUSR2);
}

static void test_stop_and_continue_undo_each_other(void **state)
{
    struct linux_siginfo info;
    (void)state;
    threads[0].blocked = threads[1].blocked = SIGNAL_BIT(SIGCONT);
    send(SIGTSTP, SI_USER, 0);
    threads[0].stop_pending = true;
    send(SIGCONT, SI_USER, 0);
    assert_false(threads[0].stop_pending);
    assert_int_equal(process.pending.set, SIGNAL_BIT(SIGCONT));
    send(SIGTTIN, SI_USER, 0);
    assert_int_equal(process.pending.set, SIGNAL_BIT(SIGTTIN));
    assert_int_equal(told_parent, 0);
    process.stopped = true;
    send(SIGCONT, SI_USER, 0);
    assert_false(process.stopped);
    assert_true(process.continued);
    assert_int_equal(told_parent, CLD_CONTINUED);
    assert_int_equal(take(&info), SIGCONT);
}

static void test_force_breaks_blocking_and_ignoring(void **state)
{
    struct linux_siginfo info = {.signo = SIGSEGV, .code = SEGV_MAPERR, .addr = 0x10};
    (void)state;
    process.unkillable = true;
    threads[0].blocked = SIGNAL_BIT(SIGSEGV);
    catch_signal(SIGSEGV);
    signal_force(&info);
    assert_int_equal(threads[0].blocked, 0);
    assert_int_equal(process.handlers->actions[SIGSEGV - 1].handler, SIG_DFL);
    assert_false(process.unkillable);
    assert_int_equal(take(&info), SIGSEGV);
    assert_int_equal(info.addr, 0x10);
}

static void test_exec_resets_what_was_caught(void **state)
{
    (void)state;
    catch_signal(SIGINT);
    process.handlers->actions[SIGHUP - 1].handler = SIG_IGN;
    handlers_update_locked(process.handlers, SIGHUP);
    handlers_reset(process.handlers);
    assert_int_equal(process.handlers->caught, 0);
    assert_int_equal(process.handlers->ignored, SIGNALS_IGNORED_BY_DEFAULT | SIGNAL_BIT(SIGHUP));
}

/* The C library of the host has the same siginfo_t. */
static void test_layout_of_siginfo(void **state)
{
    unsigned char bytes[LINUX_SIGINFO_SIZE];
    int word;
    uint64_t wide;
    (void)state;
    siginfo_encode(&(struct linux_siginfo){.signo = SIGSEGV, .code = SEGV_ACCERR, .addr = 0x1234},
                   bytes);
    memcpy(&wide, bytes + 16, 8);
    assert_int_equal(wide, 0x1234);
    siginfo_encode(&(struct linux_siginfo){.signo = SIGCHLD,
                                           .code = CLD_KILLED,
                                           .pid = 7,
                                           .uid = 8,
                                           .status = 9,
                                           .utime = 10,
                                           .stime = 11},
                   bytes);
    for (int i = 0; i < 3; i++) {
        memcpy(&word, bytes + 16 + 4 * i, 4);
        assert_int_equal(word, 7 + i);
    }
    memcpy(&wide, bytes + 32, 8);
    assert_int_equal(wide, 10);
    memcpy(&wide, bytes + 40, 8);
    assert_int_equal(wide, 11);
    struct linux_siginfo in = {.signo = SIGRTMIN, .code = SI_QUEUE, .pid = 1, .value = ~0ull}, out;
    siginfo_encode(&in, bytes);
    siginfo_decode(bytes, &out);
    assert_memory_equal(&in, &out, sizeof(in));
}

static void test_ids(void **state)
{
    (void)state;
    int first = pid_alloc(), second = pid_alloc();
    assert_int_equal(second, first + 1);
    assert_int_equal(pid_alloc_fixed(second), -EEXIST);
    assert_int_equal(pid_alloc_fixed(0), -EINVAL);
    assert_int_equal(pid_alloc_fixed(LINUX_PID_LIMIT), -EINVAL);
    pid_use(second);
    pid_drop(second);
    assert_non_null(pid_group(second));
    pid_drop(second);
    assert_null(pid_group(second));
    /* A number is not given out again at once, and a used one not at all. */
    bool wrapped = false;
    for (int i = 0, last = second; i < 2 * LINUX_PID_DEFAULT; i++) {
        int id = pid_alloc();
        assert_true(id > 0 && id != first);
        wrapped = wrapped || id < last;
        last = id;
        pid_drop(id);
    }
    assert_true(wrapped);
    allocations_left = 0;
    assert_int_equal(pid_alloc_fixed(LINUX_PID_DEFAULT - 1) > 0, true); /* its chunk is there */
    pid_drop(LINUX_PID_DEFAULT - 1);
    pid_drop(first);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_standard_signals_do_not_queue),
        CASE(test_real_time_signals_queue_in_order),
        CASE(test_limit_and_lack_of_memory),
        CASE(test_faults_go_first),
        CASE(test_ignored_signals_are_dropped),
        CASE(test_init_is_only_told_what_it_catches),
        CASE(test_who_is_woken),
        CASE(test_thread_signals_stay_with_the_thread),
        CASE(test_stop_and_continue_undo_each_other),
        CASE(test_force_breaks_blocking_and_ignoring),
        CASE(test_exec_resets_what_was_caught),
        CASE(test_layout_of_siginfo),
        CASE(test_ids),
    };
    signal_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
