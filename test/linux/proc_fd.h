/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What /proc says of a descriptor. */
#include "test/linux/check.h"

/* The name of the file. */
static UNUSED void say_link(int fd)
{
    char name[64], link[64] = "";
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    readlink(name, link, sizeof link - 1);
    say("%s\n", link);
}

/* The line of fdinfo that has `from`, from there on, up to `until`. */
static UNUSED void say_fdinfo(int fd, const char *from, const char *until)
{
    char name[64], text[1024];
    snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
    int info = open(name, O_RDONLY);
    ssize_t size = read(info, text, sizeof text - 1);
    close(info);
    text[size > 0 ? size : 0] = 0;
    char *line = strstr(text, from), *end = line ? strstr(line, until) : NULL;
    if (end) {
        *end = 0;
    }
    say("%s\n", line ? line : "(no such line)");
}
