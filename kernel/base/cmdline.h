/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The kernel command line, with Linux's rules (admin-guide/kernel-parameters): words separated by
 * white space, "..." keeps spaces together, - and _ are the same in names, "--" ends what is ours.
 * Immutable after step "cmdline".
 */
#include "lib/types.h"

/* The whole line as it came. */
const char *cmdline_text(void);

/* Value of the last `name=value`; "" for a bare `name`; NULL when absent. Marks the word as known.
 */
const char *cmdline_get(const char *name);
/* As above for numbers with K, M, G suffixes; fallback when absent; a malformed one is reported. */
uint64_t cmdline_number(const char *name, uint64_t fallback);
bool cmdline_flag(const char *name); /* present, and not =0, =n, =off */
/* Calls visit for each `name=value` in order (console= may come several times). */
void cmdline_for_each(const char *name, void (*visit)(void *arg, const char *value), void *arg);

/*
 * The words nobody asked for, and those after "--", for init: `name=value` to its environment,
 * others to its arguments, as Linux does. Calls visit in order.
 */
void cmdline_unknown(void (*visit)(void *arg, const char *word, bool is_env), void *arg);

/* Takes a direct-map pointer to the zero-terminated text. */
void cmdline_init(const char *text, size_t size);
