/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits that count for a user, over all of its processes: RLIMIT_NPROC, RLIMIT_SIGPENDING. Each
 * case is a user of its own, so that nobody else's threads are counted. Limits of CPU time.
 */
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

static void become(uid_t uid)
{
    setresuid(uid, uid, uid);
}

static void set_limit(int resource, rlim_t soft)
{
    struct rlimit limit;
    getrlimit(resource, &limit);
    limit.rlim_cur = soft;
    setrlimit(resource, &limit);
}

static void *idle_thread(void *arg)
{
    pause();
    return arg;
}

CASE(processes)
{
    pid_t children[8];
    become(4001);
    set_limit(RLIMIT_NPROC, 4);
    for (int i = 0; i < 5; i++) {
        children[i] = start_idler();
        say("child %d: %s\n", i, children[i] > 0 ? "yes" : error_name(errno));
    }
    kill(children[0], SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)children[0], &info, WEXITED | WNOWAIT);
    TRUTH(start_idler() > 0); /* a zombie still counts */
    waitpid(children[0], NULL, 0);
    children[0] = start_idler();
    TRUTH(children[0] > 0);
    for (int i = 0; i < 3; i++) {
        end_child(children[i]);
    }
}

CASE(threads)
{
    pthread_t thread;
    become(4002);
    set_limit(RLIMIT_NPROC, 3);
    for (int i = 0; i < 4; i++) {
        int error = pthread_create(&thread, NULL, idle_thread, NULL);
        say("thread %d: %s\n", i, error == 0 ? "yes" : error_name(error));
    }
}

/* setuid goes beyond the limit, execve does not. */
CASE(exec_beyond)
{
    int ready[2];
    char byte;
    pipe(ready);
    pid_t first = fork();
    if (first == 0) {
        become(4003);
        start_idler();
        start_idler();
        write(ready[1], "x", 1);
        pause();
    }
    read(ready[0], &byte, 1);
    pid_t second = fork();
    if (second == 0) {
        set_limit(RLIMIT_NPROC, 2);
        CALL(setresuid(4003, 4003, 4003));
        CALL(execl("/nowhere", "x", NULL));
        set_limit(RLIMIT_NPROC, 50);
        CALL(execl("/nowhere", "x", NULL)); /* from now on, for good */
        set_limit(RLIMIT_NPROC, 2);
        CALL(execl("/nowhere", "x", NULL));
        _exit(0);
    }
    waitpid(second, NULL, 0);
    kill(first, SIGKILL); /* the idlers go with the group */
    waitpid(first, NULL, 0);
}

static int queue_until_refused(pid_t pid, int signo)
{
    int count = 0;
    while (count < 100 && sigqueue(pid, signo, (union sigval){.sival_int = count}) == 0) {
        count++;
    }
    return count;
}

CASE(signals)
{
    sigset_t all;
    sigfillset(&all);
    become(4004);
    set_limit(RLIMIT_SIGPENDING, 6);
    pid_t child = start_idler();
    sigprocmask(SIG_BLOCK, &all, NULL);
    SHOW(queue_until_refused(getpid(), SIGRTMIN));
    say("then %s\n", error_name(errno));
    CALL(kill(getpid(), SIGRTMIN + 1)); /* without information */
    CALL(kill(getpid(), SIGUSR1));
    CALL(sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 5}));
    siginfo_t info;
    CALL(sigwaitinfo(&all, &info) == SIGUSR1);
    CALL(sigwaitinfo(&all, &info) == SIGUSR2);
    SHOW(info.si_value.sival_int); /* there was no place for it */
    CALL(sigwaitinfo(&all, &info) == SIGRTMIN);
    SHOW(info.si_value.sival_int);
    SHOW(queue_until_refused(getpid(), SIGRTMIN));
    end_child(child);
}

CASE(signals_of_all_processes)
{
    sigset_t all;
    sigfillset(&all);
    become(4005);
    set_limit(RLIMIT_SIGPENDING, 8);
    sigprocmask(SIG_BLOCK, &all, NULL);
    pid_t child = start_idler();
    for (int i = 0; i < 5; i++) {
        sigqueue(child, SIGRTMIN, (union sigval){.sival_int = i});
    }
    SHOW(queue_until_refused(getpid(), SIGRTMIN));
    end_child(child);
    SHOW(queue_until_refused(getpid(), SIGRTMIN));
}

static volatile sig_atomic_t times_over;
static void on_xcpu(int signo)
{
    (void)signo;
    times_over++;
}

/* Runs until it is ended, and says how. */
static void say_end_of(void (*work)(void), int resource, rlim_t soft, rlim_t hard)
{
    int said[2];
    pipe(said);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {soft, hard};
        signal(SIGXCPU, on_xcpu);
        setrlimit(resource, &limit);
        while (times_over == 0) {
            work();
        }
        getrlimit(resource, &limit);
        dprintf(said[1], "SIGXCPU; the limit is %llu now\n", (unsigned long long)limit.rlim_cur);
        for (;;) {
            work();
        }
    }
    char text[100];
    int status;
    waitpid(child, &status, 0);
    say("%.*s", (int)read(said[0], text, sizeof text), text);
    say("child: %s\n", status_text(status));
}

static void spin(void)
{
}

static void become_fifo(void)
{
    struct sched_param param = {.sched_priority = 1};
    /* By hand: musl's sched_setscheduler() says ENOSYS. */
    CALL(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param));
}

CASE(cpu_time)
{
    say_end_of(spin, RLIMIT_CPU, 1, 2);
}

CASE(real_time)
{
    become_fifo();
    say_end_of(spin, RLIMIT_RTTIME, 50000, 1000000);
}

/* Each 100 ms of CPU time it sleeps, and so is never over. */
static int sleeper(void)
{
    struct timespec now, moment = {0, 1000000};
    for (int i = 1; i <= 15; i++) {
        do {
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        } while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < i * 100);
        nanosleep(&moment, NULL);
    }
    return times_over;
}

CASE(real_time_with_sleep)
{
    struct rlimit limit = {1300000, 1300000};
    signal(SIGXCPU, on_xcpu);
    become_fifo();
    CALL(setrlimit(RLIMIT_RTTIME, &limit));
    SHOW(sleeper());
}

CASE(not_real_time)
{
    struct rlimit limit = {1000, 1000};
    CALL(setrlimit(RLIMIT_RTTIME, &limit));
    SHOW(sleeper());
}

int main(void)
{
    return RUN(ENTRY(processes), ENTRY(threads), ENTRY(exec_beyond), ENTRY(signals),
               ENTRY(signals_of_all_processes), ENTRY(cpu_time), ENTRY(real_time),
               ENTRY(real_time_with_sleep), ENTRY(not_real_time));
}
