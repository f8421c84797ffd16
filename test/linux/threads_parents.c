/* SPDX-License-Identifier: BSD-2-Clause */
/* Parents, children and groups of processes with several threads, and how many a user may have. */
#include "test/linux/threads.h"

#include <sys/resource.h>

/* --- who is whose
 * ----------------------------------------------------------------------------------- */

static int stop_now; /* atomic */

CASE(getppid_after_the_parent_has_gone)
{
    int p[2], out[2];
    pipe(p);
    pipe(out);
    pid_t middle = fork();
    if (middle == 0) {
        pid_t parent = getpid();
        if (fork() == 0) {
            char answer = getppid() == parent ? 'y' : 'n';
            write(out[1], &answer, 1);
            close(p[1]);
            await(p[0]);
            while (getppid() == parent) {
                sched_yield();
            }
            answer = getppid() != parent ? 'y' : 'n';
            write(out[1], &answer, 1);
            _exit(0);
        }
        char c;
        read(out[0], &c, 1);
        say("first: %c\n", c);
        _exit(0);
    }
    close(p[1]);
    close(p[0]);
    say_end("middle", middle);
    char c;
    read(out[0], &c, 1);
    say("then: %c\n", c);
}

CASE(wait_of_several_threads)
{
    enum { CHILDREN = 12 };
    static int waited;
    for (int i = 0; i < CHILDREN; i++) {
        if (fork() == 0) {
            _exit(i);
        }
    }
    pthread_t t[4];
    for (int i = 0; i < 4; i++) {
        extern void *wait_for_some(void *);
        pthread_create(&t[i], NULL, wait_for_some, &waited);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
    }
    SHOW(waited);
    CALL(waitpid(-1, NULL, 0));
}
void *wait_for_some(void *arg);
void *wait_for_some(void *arg)
{
    while (waitpid(-1, NULL, 0) > 0) {
        __atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void *set_group_often(void *arg)
{
    pid_t pid = *(pid_t *)arg;
    while (!__atomic_load_n(&stop_now, __ATOMIC_ACQUIRE)) {
        setpgid(pid, pid);
        getpgid(pid);
        getsid(pid);
        kill(pid, 0);
    }
    return NULL;
}
CASE(exit_against_setpgid_and_kill)
{
    pthread_t t;
    static pid_t child;
    pthread_create(&t, NULL, set_group_often, &child);
    for (int i = 0; i < 100; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(0);
        }
        __atomic_store_n(&child, pid, __ATOMIC_RELAXED);
        waitpid(pid, NULL, 0);
    }
    __atomic_store_n(&stop_now, 1, __ATOMIC_RELEASE);
    pthread_join(t, NULL);
    say("done\n");
}

static void *read_proc(void *arg)
{
    static const char *const names[] = {"stat", "status", "maps",  "cmdline",
                                        "comm", "statm",  "limits"};
    pid_t *pid = arg;
    for (unsigned i = 0; !__atomic_load_n(&stop_now, __ATOMIC_ACQUIRE); i++) {
        char name[64], text[4096];
        snprintf(name, sizeof name, "/proc/%d/%s", __atomic_load_n(pid, __ATOMIC_RELAXED),
                 names[i % COUNT(names)]);
        int fd = open(name, O_RDONLY);
        if (fd >= 0) {
            while (read(fd, text, sizeof text) > 0) {
            }
            close(fd);
        }
    }
    return NULL;
}
CASE(exit_and_exec_against_readers_of_proc)
{
    pthread_t t[2];
    static pid_t child;
    find_self();
    for (int i = 0; i < 2; i++) {
        pthread_create(&t[i], NULL, read_proc, &child);
    }
    for (int i = 0; i < 40; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t other;
            pthread_create(&other, NULL, sleep_in_futex, NULL);
            if (i % 2) {
                exec_self("quiet");
            }
            _exit(6);
        }
        __atomic_store_n(&child, pid, __ATOMIC_RELAXED);
        waitpid(pid, NULL, 0);
    }
    __atomic_store_n(&stop_now, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; i++) {
        pthread_join(t[i], NULL);
    }
    say("done\n");
}

/* --- limits
 * -------------------------------------------------------------------------------------------- */

/* A user of whom nobody else on the machine has processes. */
static long user_id(void)
{
    return 100000 + getpgrp();
}
static void limit_processes(unsigned count)
{
    struct rlimit limit = {count, count};
    CALL(setrlimit(RLIMIT_NPROC, &limit));
    CALL(syscall(SYS_setresgid, user_id(), user_id(), user_id()));
    CALL(syscall(SYS_setresuid, user_id(), user_id(), user_id()));
}

CASE(nproc_counts_processes)
{
    pid_t user;
    CHILD(user)
    {
        pid_t pids[8];
        int made = 0;
        limit_processes(5);
        for (int i = 0; i < 8; i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                pause();
            }
            if (pids[i] < 0) {
                say("fork %d: %s\n", i, error_name(errno));
                break;
            }
            made++;
        }
        SHOW(made);
        kill(pids[0], SIGKILL);
        /* A zombie counts until it is waited for. */
        siginfo_t info;
        waitid(P_PID, (id_t)pids[0], &info, WEXITED | WNOWAIT);
        CALL(fork());
        waitpid(pids[0], NULL, 0);
        pids[0] = fork();
        if (pids[0] == 0) {
            pause();
        }
        TRUTH(pids[0] > 0);
        for (int i = 0; i < made; i++) {
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
        }
    }
    say_end("user", user);
}

CASE(nproc_counts_threads)
{
    pid_t user;
    CHILD(user)
    {
        pthread_t t[8];
        int made = 0, error = 0;
        limit_processes(4);
        while (made < 8 && (error = pthread_create(&t[made], NULL, sleep_for_ever, NULL)) == 0) {
            made++;
        }
        SHOW(made);
        say("%s\n", error_name(error));
        CALL(fork());
    }
    say_end("user", user);
}

CASE(nproc_follows_setuid)
{
    pid_t user;
    /* Root's are not limited, and what was made as root counts for the user it has become. */
    CHILD(user)
    {
        pid_t pid;
        int ready[2];
        pipe(ready);
        for (int i = 0; i < 3; i++) {
            pid = fork();
            if (pid == 0) {
                syscall(SYS_setresuid, user_id(), user_id(), user_id());
                pass(ready[1]);
                pause();
            }
            await(ready[0]);
        }
        limit_processes(5);
        pid = fork();
        if (pid == 0) {
            pause();
        }
        TRUTH(pid > 0);
        CALL(fork());
        kill(0, SIGKILL);
    }
    say_end("user", user);
}

CASE(fork_bomb_of_a_user)
{
    pid_t user;
    CHILD(user)
    {
        setpgid(0, 0);
        limit_processes(30);
        /* Everybody forks until nobody can. */
        int failed = 0;
        for (int i = 0; i < 6; i++) {
            if (fork() < 0) {
                failed = errno;
            }
        }
        if (getpid() == getpgrp()) {
            while (!failed) {
                pid_t pid = fork();
                if (pid == 0) {
                    for (;;) {
                        pause();
                    }
                }
                failed = pid < 0 ? errno : 0;
            }
            say("%s\n", error_name(failed));
            kill(0, SIGKILL);
        }
        for (;;) {
            pause();
        }
    }
    say_end("user", user);
}

int main(int argc, char **argv)
{
    if (argc > 0 && !strcmp(argv[0], "quiet")) {
        return 6;
    }
    return RUN(ENTRY(getppid_after_the_parent_has_gone), ENTRY(wait_of_several_threads),
               ENTRY(exit_against_setpgid_and_kill), ENTRY(exit_and_exec_against_readers_of_proc),
               ENTRY(nproc_counts_processes), ENTRY(nproc_counts_threads),
               ENTRY(nproc_follows_setuid), ENTRY(fork_bomb_of_a_user));
}
