/* SPDX-License-Identifier: BSD-2-Clause */
/* Many words that one thread waits for, futex_waitv(2), and words that many threads wait for. */
#include "test/linux/futex.h"

static const struct timespec long_ago = {0, 1};
static unsigned word, word2;

struct waitv {
    uint64_t value, addr;
    uint32_t flags, reserved;
};
static long waitv(struct waitv *words, unsigned count, unsigned flags, const void *timeout,
                  int clock)
{
    return syscall(449, words, count, flags, timeout, clock);
}

CASE(waitv_arguments)
{
    struct waitv w[2] = {{0, (uintptr_t)&word, 2 | PRIVATE, 0}, {0, (uintptr_t)&word2, 2, 0}};
    struct timespec bad = {0, -1};
    CALL(waitv(w, 2, 0, &long_ago, CLOCK_MONOTONIC));
    CALL(waitv(w, 2, 0, &long_ago, CLOCK_REALTIME));
    CALL(waitv(w, 2, 0, &long_ago, CLOCK_BOOTTIME));
    CALL(waitv(w, 2, 0, &bad, CLOCK_MONOTONIC));
    CALL(waitv(w, 2, 1, &long_ago, CLOCK_MONOTONIC));
    CALL(waitv(w, 0, 0, &long_ago, CLOCK_MONOTONIC));
    CALL(waitv(w, 129, 0, &long_ago, CLOCK_MONOTONIC));
    CALL(waitv(NULL, 2, 0, &long_ago, CLOCK_MONOTONIC));
    CALL(waitv((void *)8, 2, 0, &long_ago, CLOCK_MONOTONIC));
    w[1].value = 5;
    CALL(waitv(w, 2, 0, &long_ago, CLOCK_MONOTONIC));
    w[1].reserved = 1;
    CALL(waitv(w, 2, 0, &long_ago, CLOCK_MONOTONIC));
    w[1] = (struct waitv){0, (uintptr_t)&word2 + 1, 2, 0};
    CALL(waitv(w, 2, 0, &long_ago, CLOCK_MONOTONIC));
    w[1] = (struct waitv){0, 8, 2, 0};
    CALL(waitv(w, 2, 0, &long_ago, CLOCK_MONOTONIC));
    w[1] = (struct waitv){0, (uintptr_t)&word2, 64, 0};
    CALL(waitv(w, 2, 0, &long_ago, CLOCK_MONOTONIC));
}

static unsigned several[4];
static int waitv_tid;
static void *waitv_main(void *arg)
{
    struct waitv w[4];
    for (int i = 0; i < 4; i++) {
        w[i] = (struct waitv){0, (uintptr_t)&several[i], 2 | PRIVATE, 0};
    }
    __atomic_store_n(&waitv_tid, gettid_(), __ATOMIC_RELEASE);
    *(long *)arg = waitv(w, 4, 0, NULL, 0);
    return NULL;
}

CASE(waitv_says_which)
{
    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        long result;
        waitv_tid = 0;
        pthread_create(&thread, NULL, waitv_main, &result);
        while (!__atomic_load_n(&waitv_tid, __ATOMIC_ACQUIRE)) {
            sched_yield();
        }
        await_sleep(getpid(), waitv_tid);
        CALL(futex(&several[i], FUTEX_WAKE | PRIVATE, 9, NULL, NULL, 0));
        pthread_join(thread, NULL);
        SHOW(result);
        CALL(futex(&several[(i + 1) % 4], FUTEX_WAKE | PRIVATE, 9, NULL, NULL, 0));
    }
}

/* --- many threads ---------------------------------------------------------------------------- */

static unsigned mutex_word;
static long counter;
static void lock_word(void)
{
    unsigned none = 0;
    if (__atomic_compare_exchange_n(&mutex_word, &none, 1, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED)) {
        return;
    }
    while (__atomic_exchange_n(&mutex_word, 2, __ATOMIC_ACQUIRE) != 0) {
        futex(&mutex_word, FUTEX_WAIT | PRIVATE, 2, NULL, NULL, 0);
    }
}
static void unlock_word(void)
{
    if (__atomic_exchange_n(&mutex_word, 0, __ATOMIC_RELEASE) == 2) {
        futex(&mutex_word, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0);
    }
}
static void *count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        lock_word();
        long now = counter;
        if (i % 64 == 0) {
            sched_yield();
        }
        counter = now + 1;
        unlock_word();
    }
    return NULL;
}
CASE(a_mutex_of_eight_threads)
{
    pthread_t t[8];
    for (size_t i = 0; i < COUNT(t); i++) {
        pthread_create(&t[i], NULL, count_up, NULL);
    }
    for (size_t i = 0; i < COUNT(t); i++) {
        pthread_join(t[i], NULL);
    }
    SHOW(counter);
}

static unsigned ball;
static void *play(void *arg)
{
    unsigned mine = *(unsigned *)arg;
    for (int i = 0; i < 3000; i++) {
        unsigned now;
        while ((now = __atomic_load_n(&ball, __ATOMIC_ACQUIRE)) % 2 != mine) {
            futex(&ball, FUTEX_WAIT | PRIVATE, now, NULL, NULL, 0);
        }
        __atomic_store_n(&ball, now + 1, __ATOMIC_RELEASE);
        futex(&ball, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0);
    }
    return NULL;
}
CASE(no_wake_up_is_lost)
{
    pthread_t t[2];
    unsigned side[2] = {0, 1};
    for (int i = 0; i < 2; i++) {
        pthread_create(&t[i], NULL, play, &side[i]);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(t[i], NULL);
    }
    SHOW(ball);
}

static pthread_mutex_t barrier_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t barrier_cond = PTHREAD_COND_INITIALIZER;
static int arrived, round_now;
static void *rounds(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&barrier_lock);
        int mine = round_now;
        if (++arrived == 6) {
            arrived = 0;
            round_now++;
            pthread_cond_broadcast(&barrier_cond);
        }
        while (round_now == mine) {
            pthread_cond_wait(&barrier_cond, &barrier_lock);
        }
        pthread_mutex_unlock(&barrier_lock);
    }
    return NULL;
}
CASE(rounds_of_six_threads)
{
    pthread_t t[6];
    for (size_t i = 0; i < COUNT(t); i++) {
        pthread_create(&t[i], NULL, rounds, NULL);
    }
    for (size_t i = 0; i < COUNT(t); i++) {
        pthread_join(t[i], NULL);
    }
    SHOW(round_now);
}

int main(void)
{
    return RUN(ENTRY(waitv_arguments), ENTRY(waitv_says_which), ENTRY(a_mutex_of_eight_threads),
               ENTRY(no_wake_up_is_lost), ENTRY(rounds_of_six_threads));
}
