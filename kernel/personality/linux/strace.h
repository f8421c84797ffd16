/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The decoder behind `strace=1`: one line of the log for each system call, in strace(1)'s form. */
#include "kernel/arch/thread.h"

struct linux_call_info {
    const char *name;
    const char *format; /* abi/linux.def */
};

/* Runs the call and logs it. info NULL: an unknown number. */
long strace_call(struct arch_regs *regs, const struct linux_call_info *info,
                 long (*call)(struct arch_regs *regs));
