/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Raw futex calls, and sleepers that are known to sleep, for the programs about futexes. */
#include "test/linux/check.h"

#include <pthread.h>
#include <sched.h>

/* uapi linux/futex.h, which musl does not have. */
enum {
    FUTEX_WAIT,
    FUTEX_WAKE,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE,
    FUTEX_WAKE_OP,
    FUTEX_LOCK_PI,
    FUTEX_UNLOCK_PI,
    FUTEX_TRYLOCK_PI,
    FUTEX_WAIT_BITSET,
    FUTEX_WAKE_BITSET,
    FUTEX_WAIT_REQUEUE_PI,
    FUTEX_CMP_REQUEUE_PI,
    FUTEX_LOCK_PI2,
    FUTEX_PRIVATE_FLAG = 128,
    FUTEX_CLOCK_REALTIME = 256,
};
enum { FUTEX_OP_SET, FUTEX_OP_ADD, FUTEX_OP_OR, FUTEX_OP_ANDN, FUTEX_OP_XOR };
enum { FUTEX_OP_OPARG_SHIFT = 8 };
enum {
    FUTEX_OP_CMP_EQ,
    FUTEX_OP_CMP_NE,
    FUTEX_OP_CMP_LT,
    FUTEX_OP_CMP_LE,
    FUTEX_OP_CMP_GT,
    FUTEX_OP_CMP_GE
};
#define FUTEX_OP(op, arg, how, with)                                                               \
    ((unsigned)(op) << 28 | (unsigned)(how) << 24 | ((unsigned)(arg)&0xfff) << 12 |                \
     ((unsigned)(with)&0xfff))
#define FUTEX_WAITERS    0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK   0x3fffffffu
#define PRIVATE          FUTEX_PRIVATE_FLAG

/* A macro, for the call has six arguments, some of which are pointers or numbers. */
#define futex(word, op, value, arg, word2, value3)                                                 \
    syscall(SYS_futex, (long)(word), (long)(op), (long)(value), (long)(arg), (long)(word2),        \
            (long)(value3))
/* For operations whose fourth argument is a number. */
#define futex2 futex

static UNUSED int gettid_(void)
{
    return (int)syscall(SYS_gettid);
}

/* Between two looks at what another thread does. Not sched_yield(): who has been lent a priority
 * would not let a thread of a lower one run. */
static UNUSED void look_again(void)
{
    usleep(100);
}

/* The caller becomes SCHED_FIFO. By hand: musl's sched_setscheduler() says ENOSYS. */
static UNUSED void set_fifo(int priority)
{
    struct sched_param param = {.sched_priority = priority};
    if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param)) {
        say("sched_setscheduler: %s\n", error_name(errno));
    }
}

/* A thread that makes one futex call; `result` is its value or -errno. */
struct sleeper {
    pthread_t thread;
    void *word, *word2;
    int op;
    unsigned value, value3;
    const struct timespec *timeout;
    int fifo; /* SCHED_FIFO priority, or 0 */
    int tid;  /* atomic; 0: not there yet */
    int done; /* atomic */
    int turn; /* how many came back before this one, and it */
    long result;
};

static UNUSED int sleeper_turns; /* atomic */
static UNUSED void *sleeper_main(void *arg)
{
    struct sleeper *s = arg;
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    /* A child may end while the thread that made it blocks all signals: others would be woken. */
    pthread_sigmask(SIG_BLOCK, &children, NULL);
    if (s->fifo) {
        set_fifo(s->fifo);
    }
    __atomic_store_n(&s->tid, gettid_(), __ATOMIC_RELEASE);
    long result = futex(s->word, s->op, s->value, s->timeout, s->word2, s->value3);
    s->result = result == -1 ? -errno : result;
    s->turn = __atomic_add_fetch(&sleeper_turns, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&s->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Field 3 (a letter) or a later one (a number) of a thread's stat in /proc; '?': it has none. */
static UNUSED long task_stat(int pid, int tid, int field)
{
    char name[64], text[512];
    snprintf(name, sizeof name, "/proc/%d/task/%d/stat", pid, tid);
    int fd = open(name, O_RDONLY);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0) {
        return '?';
    }
    text[size] = 0;
    const char *at = strrchr(text, ')');
    for (int i = 2; at && i < field; i++) {
        at = strchr(at + 1, ' ');
    }
    return !at ? '?' : field == 3 ? at[1] : strtol(at, NULL, 10);
}

static UNUSED void await_sleep(int pid, int tid)
{
    while (task_stat(pid, tid, 3) != 'S') {
        look_again();
    }
}

/* Returns when the thread is asleep in its call. */
static UNUSED void start_sleeper(struct sleeper *s)
{
    s->tid = s->done = 0;
    int error = pthread_create(&s->thread, NULL, sleeper_main, s);
    if (error) {
        say("pthread_create: %s\n", error_name(error));
        return;
    }
    while (!__atomic_load_n(&s->tid, __ATOMIC_ACQUIRE)) {
        look_again();
    }
    await_sleep(getpid(), s->tid);
}

static UNUSED void say_result(const char *what, long result)
{
    if (result < 0) {
        say("%s: %s\n", what, error_name((int)-result));
    } else {
        say("%s: %ld\n", what, result);
    }
}

static UNUSED void join_sleeper(const char *what, struct sleeper *s)
{
    pthread_join(s->thread, NULL);
    say_result(what, s->result);
}

/* How many of them have come back; waits until at least `wanted` have. */
static UNUSED int await_done(struct sleeper *s, int count, int wanted)
{
    for (;;) {
        int done = 0;
        for (int i = 0; i < count; i++) {
            done += __atomic_load_n(&s[i].done, __ATOMIC_ACQUIRE);
        }
        if (done >= wanted) {
            return done;
        }
        look_again();
    }
}

/* A lock's word, with the TID as a name. */
static UNUSED void say_word(const char *what, unsigned word, int tid)
{
    unsigned owner = word & FUTEX_TID_MASK;
    say("%s:%s%s%s\n", what,
        owner == 0                     ? " nobody"
        : owner == (unsigned)tid       ? " the thread"
        : owner == (unsigned)gettid_() ? " me"
                                       : " another",
        word & FUTEX_WAITERS ? " waiters" : "", word & FUTEX_OWNER_DIED ? " died" : "");
}
