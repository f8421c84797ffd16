/* SPDX-License-Identifier: BSD-2-Clause */
/* Time: clocks, sleeping, interval timers, resolution, CPU time. Never says a time. */
#include "test/linux/check.h"

#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>

static volatile int alarms;
static void count_alarm(int sig)
{
    (void)sig;
    alarms++;
}

CASE(clocks_go_forward)
{
    static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_MONOTONIC_RAW,
                                       CLOCK_BOOTTIME, CLOCK_MONOTONIC_COARSE};
    for (size_t i = 0; i < COUNT(clocks); i++) {
        struct timespec a, b;
        long backwards = 0;
        CALL(clock_gettime(clocks[i], &a));
        for (int k = 0; k < 1000; k++) {
            clock_gettime(clocks[i], &b);
            backwards += b.tv_sec < a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec < a.tv_nsec);
            a = b;
        }
        SHOW(backwards);
        TRUTH(b.tv_nsec >= 0 && b.tv_nsec < 1000000000);
    }
}

CASE(clock_arguments)
{
    struct timespec t;
    CALL(syscall(SYS_clock_gettime, 99, &t));
    CALL(syscall(SYS_clock_gettime, CLOCK_REALTIME, 8));
    CALL(syscall(SYS_clock_getres, CLOCK_MONOTONIC, &t));
    say("resolution %ld %ld\n", (long)t.tv_sec, (long)t.tv_nsec);
    CALL(syscall(SYS_clock_getres, CLOCK_MONOTONIC, NULL));
    CALL(syscall(SYS_clock_getres, 99, &t));
    CALL(syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &t));
    CALL(syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &t));
    CALL(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &t));
    t = (struct timespec){0, 2000000000};
    CALL(syscall(SYS_clock_settime, CLOCK_REALTIME, &t));
}

CASE(wall_clocks_agree)
{
    struct timeval tv;
    struct timespec ts;
    CALL(gettimeofday(&tv, NULL));
    clock_gettime(CLOCK_REALTIME, &ts);
    long seconds = syscall(SYS_time, NULL);
    TRUTH(labs((long)ts.tv_sec - (long)tv.tv_sec) <= 2);
    TRUTH(labs((long)ts.tv_sec - seconds) <= 2);
    CALL(syscall(SYS_gettimeofday, 8, NULL));
    CALL(syscall(SYS_gettimeofday, NULL, NULL));
    TRUTH(ts.tv_sec > 1600000000);
}

CASE(sleeping)
{
    struct timespec t = {0, 20000000}, left = {7, 7};
    long long start = now_ns();
    CALL(nanosleep(&t, &left));
    TRUTH(now_ns() - start >= 20000000);
    SHOW(left.tv_sec); /* untouched */
    t.tv_nsec = 0;
    CALL(nanosleep(&t, NULL));
    t.tv_nsec = -1;
    CALL(nanosleep(&t, NULL));
    t.tv_nsec = 1000000000;
    CALL(nanosleep(&t, NULL));
    t = (struct timespec){-1, 0};
    CALL(nanosleep(&t, NULL));
    CALL(syscall(SYS_nanosleep, 8, NULL));
}

CASE(sleeping_until)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    long long start = now_ns();
    t.tv_nsec += 20000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    SHOW(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
    TRUTH(now_ns() - start >= 19000000);
    SHOW(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
    CALL(syscall(SYS_clock_nanosleep, 99, 0, &t, NULL));
    t.tv_nsec = -5;
    CALL(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &t, NULL));
}

CASE(alarm_once)
{
    signal(SIGALRM, count_alarm);
    SHOW(alarm(100) > 0);
    SHOW(alarm(0) > 90);
    SHOW(alarm(0));
    alarm(1);
    CALL(pause());
    SHOW(alarms);
}

CASE(interval_timer)
{
    struct itimerval t = {{0, 10000}, {0, 10000}}, old;
    alarm(0);
    signal(SIGALRM, count_alarm);
    CALL(setitimer(ITIMER_REAL, &t, NULL));
    while (alarms < 5) {
        pause();
    }
    CALL(getitimer(ITIMER_REAL, &old));
    SHOW(old.it_interval.tv_usec);
    TRUTH(old.it_value.tv_sec == 0 && old.it_value.tv_usec <= 10000);
    memset(&t, 0, sizeof t);
    CALL(setitimer(ITIMER_REAL, &t, &old));
    CALL(getitimer(ITIMER_REAL, &old));
    SHOW(old.it_value.tv_sec + old.it_value.tv_usec);
    CALL(setitimer(9, &t, NULL));
    t.it_value.tv_usec = 1000000;
    CALL(setitimer(ITIMER_REAL, &t, NULL));
    CALL(syscall(SYS_setitimer, ITIMER_REAL, 8, NULL));
    CALL(syscall(SYS_getitimer, ITIMER_REAL, 8));
}

CASE(cpu_timers)
{
    struct itimerval t = {{0, 0}, {0, 20000}};
    signal(SIGVTALRM, count_alarm);
    signal(SIGPROF, count_alarm);
    CALL(setitimer(ITIMER_VIRTUAL, &t, NULL));
    while (alarms < 1) {
    }
    CALL(setitimer(ITIMER_PROF, &t, NULL));
    while (alarms < 2) {
    }
    SHOW(alarms);
}

CASE(cpu_time_is_counted)
{
    struct timespec a, b;
    struct rusage usage;
    struct tms t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    long long used = 0;
    do {
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
        used = (b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec;
    } while (used < 50000000);
    getrusage(RUSAGE_SELF, &usage);
    TRUTH(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec +
              usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec >=
          30000);
    times(&t);
    TRUTH(t.tms_utime + t.tms_stime >= 3);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    sleep_ms(50);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    TRUTH((b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec < 40000000);
}

CASE(limit_of_cpu_time)
{
    pid_t pid;
    CHILD(pid)
    {
        struct rlimit limit = {1, 2};
        setrlimit(RLIMIT_CPU, &limit);
        for (;;) {
        }
    }
    say_end("soft limit", pid);
}

CASE(sleepers_wake_in_order)
{
    int p[2];
    char order[4] = {0};
    pipe(p);
    for (int i = 3; i > 0; i--) {
        if (fork() == 0) {
            sleep_ms(i * 150);
            char c = (char)('0' + i);
            write(p[1], &c, 1);
            _exit(0);
        }
    }
    for (int i = 0; i < 3; i++) {
        read(p[0], order + i, 1);
    }
    say("%s\n", order);
}

static int64_t ns_of(const struct timespec *t)
{
    return t->tv_sec * 1000000000ll + t->tv_nsec;
}

/* The library reads the clock from the vDSO where there is one: it must not differ from the call.
 */
CASE(library_and_kernel_agree)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
    for (size_t c = 0; c < COUNT(clocks); c++) {
        int backwards = 0;
        for (int i = 0; i < 20000; i++) {
            struct timespec a, b, d;
            clock_gettime(clocks[c], &a);
            syscall(SYS_clock_gettime, clocks[c], &b);
            clock_gettime(clocks[c], &d);
            backwards += ns_of(&a) > ns_of(&b) || ns_of(&b) > ns_of(&d);
        }
        say("clock %d went back %d times\n", (int)clocks[c], backwards);
    }
    struct timespec bad;
    errno = 0;
    CALL(clock_gettime(12345, &bad));
}

int main(void)
{
    return RUN(ENTRY(clocks_go_forward), ENTRY(clock_arguments), ENTRY(wall_clocks_agree),
               ENTRY(sleeping), ENTRY(sleeping_until), ENTRY(alarm_once), ENTRY(interval_timer),
               ENTRY(cpu_timers), ENTRY(cpu_time_is_counted), ENTRY(limit_of_cpu_time),
               ENTRY(sleepers_wake_in_order), ENTRY(library_and_kernel_agree));
}
