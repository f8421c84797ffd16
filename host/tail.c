/* SPDX-License-Identifier: BSD-2-Clause */
/* Carriage returns are taken out, and put in again where the terminal may be in raw mode. */
#include "host/tail.h"
#include "host/say.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void tail_init(struct tail *tail, int fd, const char *prefix, bool show)
{
    tail->fd = fd;
    tail->prefix = prefix;
    tail->show = show;
    tail->line_open = false;
    tail->size = 0;
}

static void show(struct tail *tail, const char *text, size_t size)
{
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t length = end == NULL ? size : (size_t)(end - text);
        const char *line_end = end == NULL ? "" : say_returns ? "\r\n" : "\n";
        dprintf(STDERR_FILENO, "%s%.*s%s", tail->line_open ? "" : tail->prefix, (int)length, text,
                line_end);
        tail->line_open = end == NULL;
        length += end != NULL;
        text += length;
        size -= length;
    }
}

static void keep(struct tail *tail, const char *text, size_t size)
{
    size_t most = sizeof(tail->kept);
    if (size >= most) {
        text += size - most;
        size = most;
    }
    if (tail->size + size > most) {
        size_t drop = tail->size + size - most;
        memmove(tail->kept, tail->kept + drop, tail->size - drop);
        tail->size -= drop;
    }
    memcpy(tail->kept + tail->size, text, size);
    tail->size += size;
}

void tail_read(struct tail *tail)
{
    char bytes[4096];
    ssize_t got = read(tail->fd, bytes, sizeof(bytes));
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        close(tail->fd);
        tail->fd = -1;
        return;
    }
    size_t size = 0;
    for (ssize_t i = 0; i < got; i++) {
        if (bytes[i] != '\r' && bytes[i] != '\0') {
            bytes[size++] = bytes[i];
        }
    }
    keep(tail, bytes, size);
    if (tail->show) {
        show(tail, bytes, size);
    }
}

void tail_flush(struct tail *tail, unsigned count)
{
    if (tail->show || tail->size == 0) {
        return;
    }
    size_t start = tail->size;
    for (unsigned lines = 0; start > 0; start--) {
        if (tail->kept[start - 1] == '\n' && start != tail->size && ++lines == count) {
            break;
        }
    }
    show(tail, tail->kept + start, tail->size - start);
    if (tail->line_open) {
        show(tail, "\n", 1);
    }
}
