/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* A thread's machine state. The order is known to entry.S. */
#include <stdbool.h>
#include <stdint.h>

struct arch_thread {
    uint64_t kernel_sp; /* while it does not run */
    uint64_t fs_base;   /* user's; in the MSR while it runs */
    uint64_t gs_base;   /* user's */
    void *fpu;          /* XSAVE area, 64-byte aligned; NULL: kernel thread, or not used yet */
    bool full_exit;     /* leave by IRET: registers were changed as a whole */
};
#define ARCH_THREAD_SP_OFFSET 0
