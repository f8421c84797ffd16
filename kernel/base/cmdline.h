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
 * others to its arguments, as Linux does. Calls visit in order. After "--" all are arguments; words
 * with a dot in their name are parameters of some module and go to nobody.
 */
void cmdline_unknown(void (*visit)(void *arg, const char *word, bool is_env), void *arg);

/* Bytes of storage that cmdline_init needs for a line of `size` bytes without its zero. */
#define CMDLINE_STORAGE(size) (4 * (size_t)(size) + 8)

/*
 * Takes a line (`size` bytes, or up to the first zero); everything that is kept lies in `storage`,
 * CMDLINE_STORAGE(size) bytes that stay, so that text may go with the loader's memory.
 */
void cmdline_init(const char *text, size_t size, void *storage);

/*
 * Before cmdline_init: copies the value of the last `name=value` in text into buf, cut to fit.
 * Returns its full length (0 for a bare name), or -1 when absent.
 */
long cmdline_early(const char *text, const char *name, char *buf, size_t size);
