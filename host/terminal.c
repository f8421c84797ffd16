/* SPDX-License-Identifier: BSD-2-Clause */
/* Raw mode and its guard: a process that sees a pipe close without a word when alba has died. */
#include "host/terminal.h"
#include "host/say.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static struct {
    struct termios before;
    pid_t owner; /* whose exit restores; not that of a child */
    int guard;   /* pipe to the guard; -1: none yet */
    bool raw;
} terminal = {.guard = -1};

static _Noreturn void stand_guard(int pipe_end)
{
    sigset_t all;
    char word;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid(); /* from another session the terminal may be set at any time */
    dup2(pipe_end, STDOUT_FILENO);
    close_range(STDERR_FILENO, ~0u, 0); /* nobody shall wait for us at the end of a pipe */
    ssize_t got;
    do {
        got = read(STDOUT_FILENO, &word, 1);
    } while (got < 0 && errno == EINTR);
    if (got == 0) {
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
    }
    _exit(0);
}

static void post_guard(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return;
    }
    pid_t guard = fork();
    if (guard == 0) {
        stand_guard(ends[0]);
    }
    close(ends[0]);
    if (guard > 0) {
        terminal.guard = ends[1];
    } else {
        close(ends[1]);
    }
}

bool terminal_is_ours(void)
{
    pid_t foreground = tcgetpgrp(STDIN_FILENO);
    return foreground < 0 || foreground == getpgrp();
}

void terminal_restore(void)
{
    if (terminal.raw && terminal.owner == getpid()) {
        tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal.before);
        terminal.raw = say_returns = false;
    }
}

static void dismiss(void)
{
    terminal_restore();
    if (terminal.guard >= 0 && terminal.owner == getpid()) {
        ssize_t ignored = write(terminal.guard, "q", 1);
        (void)ignored;
    }
}

void terminal_raw(bool output_raw)
{
    if (tcgetattr(STDIN_FILENO, &terminal.before) != 0) {
        return;
    }
    if (terminal.owner == 0) {
        terminal.owner = getpid();
        post_guard();
        atexit(dismiss);
    }
    struct termios raw = terminal.before;
    cfmakeraw(&raw);
    if (!output_raw) {
        raw.c_oflag = terminal.before.c_oflag;
    }
    terminal.raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    say_returns = terminal.raw && output_raw;
}
