/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Threads that spin and sleep, and running oneself anew, for programs about processes. */
#include "test/linux/futex.h"

static UNUSED char self_path[PATH_MAX];
static UNUSED void find_self(void)
{
    readlink("/proc/self/exe", self_path, sizeof self_path - 1);
}
static UNUSED void exec_self(const char *what)
{
    char *argv[] = {(char *)what, NULL}, *envp[] = {NULL};
    execve(self_path, argv, envp);
    say("execve: %s\n", error_name(errno));
}

static UNUSED void *spin(void *arg)
{
    volatile long *count = arg;
    for (;;) {
        (*count)++;
    }
    return NULL;
}
static UNUSED void *sleep_for_ever(void *arg)
{
    (void)arg;
    for (;;) {
        pause();
    }
    return NULL;
}
static UNUSED unsigned never_woken;
static UNUSED void *sleep_in_futex(void *arg)
{
    (void)arg;
    for (;;) {
        futex(&never_woken, FUTEX_WAIT | PRIVATE, 0, NULL, NULL, 0);
    }
    return NULL;
}
static UNUSED void *sleep_in_read(void *arg)
{
    int p[2];
    char c;
    (void)arg;
    pipe(p);
    read(p[0], &c, 1);
    return NULL;
}
