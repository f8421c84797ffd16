/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What the host asks for: /.alba/spec, records "key=value", each ended by a zero byte. The keys:
 * program arg env cwd uid gid hostname stdin stdout stderr rows columns plain timeline strace.
 * `arg` and `env` may come many times, in order; unknown keys are ignored.
 */
#include <stdbool.h>

/* STREAM_CONSOLE: there is no host; the kernel's console is the program's terminal, and people read
 * there how it ended. It stands for all three streams. */
enum stream_kind { STREAM_NULL, STREAM_PORT, STREAM_TTY, STREAM_CONSOLE };

struct spec {
    const char *program; /* searched in PATH of env when it has no slash */
    char **argv;
    char **envp;
    const char *cwd;
    const char *hostname;
    unsigned uid, gid;
    unsigned rows, columns;
    enum stream_kind streams[3];
    bool plain;           /* the host's terminal processes output: this one does not */
    bool strace;          /* its calls are traced: tells at the end which of them were refused */
    const char *timeline; /* none or json: whether to send the boot timeline at the end */
};

/* Reads and checks the file: 0, or a negative errno (-EINVAL: no program or no end). */
int spec_read(const char *path, struct spec *spec);
/* The value of an environment variable of the program, or NULL. */
const char *spec_env(const struct spec *spec, const char *name);
