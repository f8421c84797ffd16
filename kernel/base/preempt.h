/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * This CPU's count of reasons not to be preempted: 0 means that sleeping is allowed. Interrupt
 * handlers run with it raised.
 */
#include "kernel/arch/cpu.h"

static inline void preempt_disable(void)
{
    arch_preempt_add(1);
}

/* Does not reschedule by itself: user code is preempted on the way out, see sched.h. */
static inline void preempt_enable(void)
{
    arch_preempt_add(-1);
}

static inline int preempt_count(void)
{
    return arch_preempt_count();
}
