/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Finds the program that a machine is to start and what it needs, and packs it. */
#include "host/deps.h"
#include "host/image.h"
#include "host/options.h"
#include "host/session.h"

/* What the machine starts: a name in the root, or a file of this machine with what it needs. */
struct plan {
    char *program;
    struct deps deps; /* empty with --root */
};

/* Ends alba when there is no such program, or something of it is missing. */
void plan_program(struct plan *plan, const struct options *options);
void plan_free(struct plan *plan);
/* Packs it to the file fd. */
struct image plan_pack(const struct plan *plan, const struct options *options,
                       const struct session *session, int fd);
