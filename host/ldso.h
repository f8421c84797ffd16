/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The search rules of the two dynamic linkers (ld.so(8); musl's documentation of its loader). */
#include "host/elf.h"
#include "host/text.h"
#include <stdbool.h>

/* A file that is loaded: the program or a library. */
struct object {
    const char *path; /* on the host */
    struct elf elf;
    const struct object *loader; /* what needed it first; NULL for the program */
};

struct search {
    bool musl;
    const char *library_path; /* LD_LIBRARY_PATH, or NULL */
    const char *interpreter;
};

/*
 * The file that `name` (DT_NEEDED of object) stands for: a path to free, or NULL when there is
 * none. *elf is what was read of it.
 */
char *ldso_find(const struct search *search, const struct object *object, const char *name,
                struct elf *elf);
