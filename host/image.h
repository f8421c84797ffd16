/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Puts together what the machine starts with: /.alba, the root or the program's files, volumes. */
#include "host/deps.h"
#include "host/options.h"
#include "host/pack.h"

struct image {
    int fd;
    uint64_t size;
};

/*
 * Packs to the file fd. deps: the program's files; NULL when the options name a root. spec: what
 * PID 1 reads (user/run/spec.h), spec_size bytes.
 */
struct image image_build(int fd, const struct options *options, const struct deps *deps,
                         const char *spec, size_t spec_size);
