/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Lines of text from QEMU or the kernel: shown on standard error, or kept to be shown on failure.
 */
#include <stdbool.h>
#include <stddef.h>

struct tail {
    int fd; /* non-blocking; -1: ended */
    const char *prefix;
    bool show; /* as they come */
    bool line_open;
    size_t size;
    char kept[8192]; /* the end of all that came */
};

void tail_init(struct tail *tail, int fd, const char *prefix, bool show);
void tail_read(struct tail *tail);
/* Shows the last lines that were kept, at most count, unless they were shown. */
void tail_flush(struct tail *tail, unsigned count);
