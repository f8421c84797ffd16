/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What a Linux ABI program is made of: cases that say what they observe. A program never judges; it
 * runs on the host's Linux first, and what it says there is what Alba must say.
 *
 *     CASE(dup_shares_offset) { ... CALL(lseek(fd, 0, SEEK_CUR)); ... }
 *     int main(void) { return RUN(ENTRY(dup_shares_offset), ENTRY(...)); }
 *
 * Each case runs in a child of its own, in an empty directory, as leader of a process group, and is
 * ended after a minute. Say nothing that changes from run to run: no pids, addresses, times.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNUSED   __attribute__((unused))
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct test_case {
    const char *name;
    void (*run)(void);
};

#define CASE(name) static void case_##name(void)
#define ENTRY(name)                                                                                \
    {                                                                                              \
#name, case_##name                                                                         \
    }
#define RUN(...)                                                                                   \
    run_cases((const struct test_case[]){__VA_ARGS__},                                             \
              COUNT(((const struct test_case[]){__VA_ARGS__})))

/* Writes a formatted piece of text at once, so that lines of several processes stay whole. */
static UNUSED void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    char text[4096];
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    int saved = errno;
    write(1, text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
    errno = saved;
}

static const char *error_name(int number)
{
    switch (number) {
#define ERRNO(name, value, text)                                                                   \
    case value:                                                                                    \
        return #name;
#include "abi/errno.def"
#undef ERRNO
    default:
        return "an unknown error";
    }
}

/* "expression: value", or the error's name when it is -1. */
static UNUSED long report(const char *what, long value)
{
    if (value == -1) {
        say("%s: %s\n", what, error_name(errno));
    } else {
        say("%s: %ld\n", what, value);
    }
    return value;
}
#define CALL(expr) ((void)report(#expr, (long)(expr)))
/* For results that are pointers or numbers nobody can foresee. */
#define CALL_OK(expr) ((void)report(#expr, (long)(expr) == -1 ? -1 : 0))
/* A value under a name. */
#define SHOW(expr)  say("%s: %ld\n", #expr, (long)(expr))
#define TRUTH(expr) say("%s: %s\n", #expr, (expr) ? "yes" : "no")

static UNUSED const char *signal_name(int number)
{
    static const char *const names[] = {
        "0",       "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
        "SIGFPE",  "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
        "SIG16",   "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
        "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS",
    };
    static char other[16];
    if (number >= 0 && (size_t)number < COUNT(names)) {
        return names[number];
    }
    snprintf(other, sizeof other, "SIG%d", number);
    return other;
}

/* What a wait status says, in words. */
static const char *status_text(int status)
{
    static char text[64];
    if (WIFEXITED(status)) {
        snprintf(text, sizeof text, "exit %d", WEXITSTATUS(status));
    } else if (WIFSIGNALED(status)) {
        snprintf(text, sizeof text, "killed by %s", signal_name(WTERMSIG(status)));
    } else if (WIFSTOPPED(status)) {
        snprintf(text, sizeof text, "stopped by %s", signal_name(WSTOPSIG(status)));
    } else if (WIFCONTINUED(status)) {
        snprintf(text, sizeof text, "continued");
    } else {
        snprintf(text, sizeof text, "status %#x", (unsigned)status);
    }
    return text;
}

/* Runs the block in a child, which then exits with 0: pid_t p; CHILD(p) { ... } */
#define CHILD(pid) for ((pid) = fork(); (pid) == 0; _exit(0))

/* Waits for a child and says how it ended. */
static UNUSED void say_end(const char *who, pid_t pid)
{
    int status = 0;
    pid_t got = waitpid(pid, &status, 0);
    if (got == pid) {
        say("%s: %s\n", who, status_text(status));
    } else {
        say("%s: waitpid: %s\n", who, error_name(errno));
    }
}

/* One byte through a pipe: how processes wait for each other here. */
static UNUSED void pass(int fd)
{
    write(fd, "x", 1);
}
static UNUSED void await(int fd)
{
    char byte;
    while (read(fd, &byte, 1) < 0 && errno == EINTR) {
    }
}

static UNUSED void sleep_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) && errno == EINTR) {
    }
}

static UNUSED long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/*
 * A child that sends the signal again and again until it is killed: once is not enough, because on
 * a slow machine the first may come before the caller sleeps.
 */
static UNUSED pid_t pester(pid_t to, int sig)
{
    pid_t pid;
    CHILD(pid)
    {
        for (;;) {
            sleep_ms(30);
            kill(to, sig);
        }
    }
    return pid;
}
/* A child that only is there. */
static UNUSED pid_t start_idler(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    return pid;
}
/* Kills and reaps such a one. */
static UNUSED void end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

/* Makes a file with this text. */
static UNUSED void make_file(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        say("make_file %s: %s\n", name, error_name(errno));
    }
    close(fd);
}

/* Says a file's bytes, with what is not printable escaped. */
static UNUSED void say_bytes(const char *what, const char *bytes, ssize_t size)
{
    char text[2048];
    size_t used = 0;
    for (ssize_t i = 0; i < size && used + 8 < sizeof text; i++) {
        unsigned char c = (unsigned char)bytes[i];
        bool plain = c >= 32 && c < 127 && c != '\\';
        used += (size_t)snprintf(text + used, sizeof text - used, plain ? "%c" : "\\x%02x", c);
    }
    text[used] = 0;
    say("%s: %ld bytes \"%s\"\n", what, (long)size, text);
}
static UNUSED void say_file(const char *name)
{
    char bytes[512];
    int fd = open(name, O_RDONLY);
    ssize_t size = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (size < 0) {
        say("%s: %s\n", name, error_name(errno));
    } else {
        say_bytes(name, bytes, size);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static int run_cases(const struct test_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        say("# %s\n", cases[i].name);
        mkdir(cases[i].name, 0755);
        pid_t pid = fork();
        if (pid == 0) {
            setpgid(0, 0);
            if (chdir(cases[i].name)) {
                say("chdir: %s\n", error_name(errno));
                _exit(99);
            }
            alarm(60);
            cases[i].run();
            _exit(0);
        }
        int status = 0;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        kill(-pid, SIGKILL);
        if (status != 0) {
            say("the case ended with: %s\n", status_text(status));
        }
    }
    return 0;
}
