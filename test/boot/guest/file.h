/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Reading files of /proc and /sys, for programs that are /init of boot tests. */
#include <fcntl.h>
#include <unistd.h>

static char text[1 << 16]; /* of the file that was read last */

/* The file's text; "" when it cannot be read. */
static const char *file(const char *path)
{
    size_t size = 0;
    int fd = open(path, O_RDONLY);
    for (ssize_t n; fd >= 0 && (n = read(fd, text + size, sizeof text - 1 - size)) > 0;) {
        size += (size_t)n;
    }
    close(fd);
    text[size] = 0;
    return text;
}
