/* SPDX-License-Identifier: BSD-2-Clause */
/* POSIX timers: what they send and when, what they count, and who has them. */
#include "test/linux/check.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/resource.h>

#define MS 1000000ll

/* sigev_notify_thread_id has no name in musl 1.2.3. */
union event {
    struct sigevent event;
    struct {
        long value;
        int signo, notify, tid;
    };
};
enum { THREAD_ID = 4 };

static void block(int sig)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Takes the signal, which is blocked; -1 when it does not come. */
static int take(int sig, siginfo_t *info, long ms)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    struct timespec limit = {ms / 1000, ms % 1000 * MS};
    return sigtimedwait(&set, info, &limit);
}

static int create(int clock, int notify, int sig, long value)
{
    union event e = {.value = value, .signo = sig, .notify = notify};
    int id = -1;
    long result = syscall(SYS_timer_create, clock, &e, &id);
    if (result) {
        report("timer_create", result);
    }
    return id;
}

static long set(int id, long long ns, long long interval, int flags)
{
    struct itimerspec spec = {{interval / 1000000000, interval % 1000000000},
                              {ns / 1000000000, ns % 1000000000}};
    return syscall(SYS_timer_settime, id, flags, &spec, NULL);
}

static long long left(int id, long long *interval)
{
    struct itimerspec spec = {{9, 9}, {9, 9}};
    if (syscall(SYS_timer_gettime, id, &spec)) {
        return -1;
    }
    if (interval) {
        *interval = spec.it_interval.tv_sec * 1000000000ll + spec.it_interval.tv_nsec;
    }
    return spec.it_value.tv_sec * 1000000000ll + spec.it_value.tv_nsec;
}

static void show(const siginfo_t *info, int id)
{
    say("%s code %d value %d overrun %d ours %d\n", signal_name(info->si_signo), info->si_code,
        info->si_value.sival_int, info->si_overrun, info->si_timerid == id);
}

CASE(once)
{
    siginfo_t info;
    block(SIGUSR1);
    int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 42);
    SHOW(left(id, NULL));
    long long begin = now_ns();
    CALL(set(id, 200 * MS, 0, 0));
    TRUTH(left(id, NULL) > 0 && left(id, NULL) <= 200 * MS);
    CALL(take(SIGUSR1, &info, 20000) == SIGUSR1);
    TRUTH(now_ns() - begin >= 200 * MS);
    show(&info, id);
    SHOW(left(id, NULL));
    CALL(syscall(SYS_timer_getoverrun, id));
    CALL(take(SIGUSR1, &info, 30));
    CALL(syscall(SYS_timer_delete, id));
}

CASE(no_event_is_the_alarm)
{
    siginfo_t info;
    int id = -1;
    block(SIGALRM);
    CALL(syscall(SYS_timer_create, CLOCK_REALTIME, NULL, &id));
    CALL(set(id, MS, 0, 0));
    CALL(take(SIGALRM, &info, 20000) == SIGALRM);
    TRUTH(info.si_value.sival_int == id);
    TRUTH(info.si_code == SI_TIMER);
}

CASE(again_and_again)
{
    siginfo_t info;
    long long interval;
    block(SIGRTMIN);
    int id = create(CLOCK_BOOTTIME, SIGEV_SIGNAL, SIGRTMIN, 7);
    long long begin = now_ns();
    CALL(set(id, 10 * MS, 5 * MS, 0));
    for (int i = 0; i < 4; i++) {
        TRUTH(take(SIGRTMIN, &info, 20000) == SIGRTMIN);
    }
    TRUTH(now_ns() - begin >= 25 * MS);
    TRUTH(left(id, &interval) <= 5 * MS);
    SHOW(interval);
    CALL(set(id, 0, 3 * MS, 0));
    while (take(SIGRTMIN, &info, 0) == SIGRTMIN) {
    }
    SHOW(left(id, &interval));
    CALL(take(SIGRTMIN, &info, 20));
}

CASE(what_was_missed_is_counted)
{
    siginfo_t info;
    block(SIGUSR2);
    int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR2, 1);
    long long begin = now_ns();
    set(id, MS, MS, 0);
    sleep_ms(50);
    CALL(take(SIGUSR2, &info, 20000) == SIGUSR2);
    long long passed = (now_ns() - begin) / MS;
    TRUTH(info.si_overrun >= 40 && info.si_overrun < passed);
    TRUTH(syscall(SYS_timer_getoverrun, id) == info.si_overrun);
    set(id, 0, 0, 0);
    SHOW(syscall(SYS_timer_getoverrun, id));
}

CASE(a_nanosecond_is_no_storm)
{
    siginfo_t info;
    block(SIGUSR2);
    int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR2, 1);
    set(id, 1, 1, 0);
    for (int i = 0; i < 100; i++) {
        take(SIGUSR2, &info, 20000);
    }
    TRUTH(info.si_overrun >= 0);
    signal(SIGUSR2, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    sleep_ms(20);
    CALL(syscall(SYS_timer_delete, id));
}

CASE(nothing_is_sent)
{
    int id = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);
    CALL(set(id, 10000 * MS, 0, 0));
    TRUTH(left(id, NULL) > 5000 * MS && left(id, NULL) <= 10000 * MS);
    CALL(set(id, MS, 0, 0));
    sleep_ms(5);
    SHOW(left(id, NULL));
    CALL(set(id, MS, 4 * MS, 0));
    sleep_ms(10);
    TRUTH(left(id, NULL) > 0 && left(id, NULL) <= 4 * MS);
}

CASE(absolute_times)
{
    siginfo_t info;
    struct timespec t;
    block(SIGUSR1);
    int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 3);
    CALL(set(id, 1, 0, TIMER_ABSTIME));
    CALL(take(SIGUSR1, &info, 20000) == SIGUSR1);
    show(&info, id);
    id = create(CLOCK_REALTIME, SIGEV_SIGNAL, SIGUSR1, 4);
    clock_gettime(CLOCK_REALTIME, &t);
    long long end = t.tv_sec * 1000000000ll + t.tv_nsec + 20 * MS;
    CALL(set(id, end, 0, TIMER_ABSTIME));
    TRUTH(left(id, NULL) <= 20 * MS);
    CALL(take(SIGUSR1, &info, 20000) == SIGUSR1);
    clock_gettime(CLOCK_REALTIME, &t);
    TRUTH(t.tv_sec * 1000000000ll + t.tv_nsec >= end);
    show(&info, id);
}

CASE(old_value)
{
    struct itimerspec spec = {{0, 5}, {1000, 0}}, old;
    int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 3);
    CALL(syscall(SYS_timer_settime, id, 0, &spec, &old));
    say("%ld %ld %ld %ld\n", old.it_value.tv_sec, old.it_value.tv_nsec, old.it_interval.tv_sec,
        old.it_interval.tv_nsec);
    CALL(syscall(SYS_timer_settime, id, 0, &spec, &old));
    TRUTH(old.it_value.tv_sec >= 990 && old.it_value.tv_sec <= 1000);
    SHOW(old.it_interval.tv_nsec);
}

CASE(errors)
{
    struct itimerspec good = {{0, 0}, {0, 0}}, bad = {{0, 1000000000}, {0, 0}},
                      negative = {{0, 0}, {-1, 0}};
    union event e = {.signo = SIGUSR1};
    int id = -1;
    static const int clocks[] = {4, 5, 6, 10, 12, 99};
    for (size_t i = 0; i < COUNT(clocks); i++) {
        CALL(syscall(SYS_timer_create, clocks[i], &e, &id));
    }
    CALL(syscall(SYS_timer_create, CLOCK_MONOTONIC, 8, &id));
    CALL(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, 8));
    static const int signals[] = {0, -1, 65};
    for (size_t i = 0; i < COUNT(signals); i++) {
        e.signo = signals[i];
        CALL(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
    }
    e.signo = SIGUSR1;
    static const int ways[] = {3, 5, -1, 99};
    for (size_t i = 0; i < COUNT(ways); i++) {
        e.notify = ways[i];
        CALL(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
    }
    e.notify = THREAD_ID;
    e.tid = 1;
    CALL(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
    static const int ids[] = {-1, 99, INT_MAX};
    for (size_t i = 0; i < COUNT(ids); i++) {
        CALL(syscall(SYS_timer_settime, ids[i], 0, &good, NULL));
        CALL(syscall(SYS_timer_gettime, ids[i], &good));
        CALL(syscall(SYS_timer_getoverrun, ids[i]));
        CALL(syscall(SYS_timer_delete, ids[i]));
    }
    id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);
    CALL(syscall(SYS_timer_settime, id, 0, NULL, NULL));
    CALL(syscall(SYS_timer_settime, id, 0, 8, NULL));
    CALL(syscall(SYS_timer_settime, id, 0, &good, 8));
    CALL(syscall(SYS_timer_settime, id, 0, &bad, NULL));
    CALL(syscall(SYS_timer_settime, id, 0, &negative, NULL));
    CALL(syscall(SYS_timer_settime, id, 77, &good, NULL));
    CALL(syscall(SYS_timer_gettime, id, 8));
    CALL(syscall(SYS_timer_delete, id));
    CALL(syscall(SYS_timer_delete, id));
}

CASE(limit)
{
    struct rlimit none = {0, 0};
    union event e = {.signo = SIGUSR1};
    int id;
    CALL(setrlimit(RLIMIT_SIGPENDING, &none));
    CALL(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
}

CASE(deleted_with_its_signal_pending)
{
    siginfo_t info;
    block(SIGUSR1);
    int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 9);
    set(id, MS, MS, 0);
    sleep_ms(10);
    CALL(syscall(SYS_timer_delete, id));
    CALL(take(SIGUSR1, &info, 0) == SIGUSR1 || errno == EAGAIN);
    CALL(take(SIGUSR1, &info, 10));
}

static volatile sig_atomic_t caught;
static void note(int sig)
{
    (void)sig;
    caught++;
}

CASE(ignored_for_a_while)
{
    signal(SIGUSR1, SIG_IGN);
    int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);
    set(id, MS, MS, 0);
    sleep_ms(10);
    SHOW(caught);
    signal(SIGUSR1, note);
    while (caught < 3) {
        pause();
    }
    TRUTH(caught >= 3);
    set(id, 0, 0, 0);
}

CASE(two_with_one_signal)
{
    siginfo_t info;
    int seen[2] = {0, 0};
    block(SIGRTMIN + 1);
    for (int i = 0; i < 2; i++) {
        set(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 1, i), MS, MS, 0);
    }
    while (!seen[0] || !seen[1]) {
        take(SIGRTMIN + 1, &info, 20000);
        seen[info.si_value.sival_int & 1] = 1;
    }
    say("both\n");
}

CASE(children_have_none)
{
    int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);
    pid_t pid;
    signal(SIGUSR1, SIG_IGN);
    set(id, MS, MS, 0);
    CHILD(pid)
    {
        signal(SIGUSR1, SIG_DFL);
        CALL(syscall(SYS_timer_delete, id));
        sleep_ms(10);
    }
    say_end("child", pid);
}

CASE(a_new_program_has_none)
{
    pid_t pid;
    CHILD(pid)
    {
        int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);
        char text[16], *argv[] = {"posix_timers", "after", text, NULL}, *envp[] = {NULL};
        snprintf(text, sizeof text, "%d", id);
        signal(SIGUSR1, SIG_IGN);
        set(id, MS, MS, 0);
        execve("/proc/self/exe", argv, envp);
    }
    say_end("new program", pid);
}

static void *wait_here(void *arg)
{
    siginfo_t info;
    int *tid = arg;
    __atomic_store_n(tid, gettid(), __ATOMIC_RELEASE);
    TRUTH(take(SIGUSR1, &info, 20000) == SIGUSR1);
    return NULL;
}

CASE(to_one_thread)
{
    pthread_t thread;
    int tid = 0, id = -1;
    block(SIGUSR1);
    pthread_create(&thread, NULL, wait_here, &tid);
    while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
    union event e = {.signo = SIGUSR1, .notify = THREAD_ID, .tid = tid};
    CALL(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
    CALL(set(id, 5 * MS, 0, 0));
    pthread_join(thread, NULL);
    siginfo_t info;
    CALL(take(SIGUSR1, &info, 0));
    CALL(set(id, MS, MS, 0)); /* the thread has gone */
    CALL(take(SIGUSR1, &info, 10));
}

CASE(processor_time)
{
    struct timespec t = {0, 0};
    signal(SIGUSR1, note);
    int id = create(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR1, 0);
    CALL(set(id, 30 * MS, 0, TIMER_ABSTIME));
    while (!caught) {
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    TRUTH(t.tv_sec * 1000000000ll + t.tv_nsec >= 30 * MS);
    id = create(CLOCK_THREAD_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR1, 0);
    caught = 0;
    CALL(set(id, 5 * MS, 5 * MS, 0));
    while (caught < 3) {
    }
    SHOW(left(id, NULL) > 0);
}

static sem_t called;
static void call(union sigval value)
{
    say("called with %d\n", value.sival_int);
    sem_post(&called);
}

CASE(through_the_library)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD,
                             .sigev_notify_function = call,
                             .sigev_value = {.sival_int = 5}};
    struct itimerspec spec = {{0, 0}, {0, 5 * MS}};
    timer_t timer;
    sem_init(&called, 0, 0);
    CALL(timer_create(CLOCK_MONOTONIC, &event, &timer));
    CALL(timer_settime(timer, 0, &spec, NULL));
    CALL(sem_wait(&called));
    CALL(timer_delete(timer));
}

int main(int argc, char **argv)
{
    if (argc > 2 && !strcmp(argv[1], "after")) {
        CALL(syscall(SYS_timer_delete, atoi(argv[2])));
        return 0;
    }
    return RUN(ENTRY(once), ENTRY(no_event_is_the_alarm), ENTRY(again_and_again),
               ENTRY(what_was_missed_is_counted), ENTRY(a_nanosecond_is_no_storm),
               ENTRY(nothing_is_sent), ENTRY(absolute_times), ENTRY(old_value), ENTRY(errors),
               ENTRY(limit), ENTRY(deleted_with_its_signal_pending), ENTRY(ignored_for_a_while),
               ENTRY(two_with_one_signal), ENTRY(children_have_none), ENTRY(a_new_program_has_none),
               ENTRY(to_one_thread), ENTRY(processor_time), ENTRY(through_the_library));
}
