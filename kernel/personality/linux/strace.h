/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The decoder behind `strace=1` and `strace=program`: one line of the log for each system call, in
 * strace(1)'s form. strace_args.c knows what arguments mean; strace.c does the rest.
 */
#include "kernel/arch/thread.h"

struct text;

struct linux_call_info {
    const char *name;
    const char *format; /* abi/linux.def */
};

/* Runs the call and logs it. info NULL: an unknown number. */
long strace_call(struct arch_regs *regs, const struct linux_call_info *info,
                 long (*call)(struct arch_regs *regs));

/* Calls that were traced and refused: lines "number error count", error as in errno(3). */
void strace_show_refused(struct text *out);

struct strace_line {
    char text[384];
    size_t size;
};

/* A call as its arguments are read: result is meant only once it is there. */
struct strace_args {
    unsigned nr;
    const char *format;
    uint64_t value[6];
    long result;
};

void strace_add(struct strace_line *line, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* All arguments, with commas; what lies in the program's memory is read. */
void strace_add_args(struct strace_line *line, const struct strace_args *args);
/* Whether an argument can be read only after the call. */
bool strace_is_late(unsigned nr);
