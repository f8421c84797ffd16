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
    uint64_t stack_top; /* of the kernel stack; constant */
    uint64_t spec_ctrl; /* owner: the thread: IA32_SPEC_CTRL bits of its own */
};
_Static_assert(sizeof(struct arch_thread) == 48, "THREAD_WORK of entry.S");

/* x86's second user segment base (arch_prctl ARCH_SET_GS), of the current thread. */
void arch_set_user_gs(uint64_t value);
uint64_t arch_get_user_gs(void);
