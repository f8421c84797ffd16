/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages: each is one write, so that lines of two processes do not mix. */
#include "host/say.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool say_verbose;
bool say_returns;

static void say_line(const char *format, va_list args)
{
    char line[4096];
    int start = snprintf(line, sizeof(line), "alba: ");
    int size = start + vsnprintf(line + start, sizeof(line) - 3 - (size_t)start, format, args);
    if (size > (int)sizeof(line) - 3) {
        size = (int)sizeof(line) - 3;
    }
    size += snprintf(line + size, 3, say_returns ? "\r\n" : "\n");
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)size);
    (void)ignored;
}

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_line(format, args);
    va_end(args);
}

void say_detail(const char *format, ...)
{
    va_list args;
    if (say_verbose) {
        va_start(args, format);
        say_line(format, args);
        va_end(args);
    }
}

void fail(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_line(format, args);
    va_end(args);
    exit(status);
}

void print(const char *text)
{
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0 || ferror(stdout)) {
        fail(STATUS_ALBA, "cannot write standard output: %s", strerror(errno));
    }
}
