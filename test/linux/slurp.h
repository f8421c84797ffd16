/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Reading files of /proc, for programs that look at it. */
#include "test/linux/check.h"

static char text[65536];

/* The whole file, zero-terminated; -1: it cannot be read. */
static UNUSED ssize_t slurp(const char *name)
{
    int fd = open(name, O_RDONLY);
    if (fd < 0) {
        return -1;
    }
    size_t size = 0;
    for (ssize_t n; (n = read(fd, text + size, sizeof text - 1 - size)) > 0; size += (size_t)n) {
    }
    close(fd);
    text[size] = 0;
    return (ssize_t)size;
}

static UNUSED bool link_is(const char *name, const char *expected)
{
    char target[4096];
    ssize_t size = readlink(name, target, sizeof target - 1);
    if (size < 0) {
        return false;
    }
    target[size] = 0;
    return strcmp(target, expected) == 0;
}

/* The text behind "Name:" and white space, up to the end of the line. */
static UNUSED const char *field(const char *name)
{
    static char value[256];
    size_t size = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, size) == 0 && line[size] == ':') {
            line += size + 1 + strspn(line + size + 1, " \t");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\n"), line);
            return value;
        }
    }
    return "missing";
}
