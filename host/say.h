/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What alba says about itself, on standard error, each in one line "alba: ..."; what it was asked
 * to print; and its own exit statuses, which are those of docker run.
 */
#include <stdbool.h>
#include <stdint.h>

enum {
    STATUS_ALBA = 125,       /* alba, QEMU or the kernel failed */
    STATUS_CANNOT_RUN = 126, /* the program was found but cannot be run */
    STATUS_NOT_FOUND = 127,  /* there is no such program, or a library of it is missing */
    STATUS_SIGNAL = 128      /* plus the signal that ended the program */
};

/* Set by --verbose. */
extern bool say_verbose;
/* Set while this terminal is in raw mode, where a line feed alone does not return to the margin. */
extern bool say_returns;

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Only with --verbose. */
void say_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says it and ends alba with the status (its exit handlers restore the terminal). */
_Noreturn void fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes on standard output, with what stdio holds already; fails when that cannot be written. */
void print(const char *text);
