/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each CPU keeps free frames, objects and page tables of its own, which only it touches. When
 * memory is out, others are asked to give theirs back: that takes waiting, so it is done only where
 * no spinlock is held and interrupts are on. Elsewhere an allocation has to do with what is at
 * hand.
 */
#include "kernel/core/reclaim.h"
#include "kernel/base/init.h"
#include "kernel/base/preempt.h"
#include "kernel/core/rcu.h"
#include "kernel/core/smp.h"
#include "kernel/mm/frame.h"

/* On another CPU, in an interrupt. */
static void give_back(void *arg)
{
    if (frame_reclaim()) {
        __atomic_store_n((bool *)arg, true, __ATOMIC_RELAXED);
    }
}

static bool reclaim_others(void)
{
    bool gained = false;
    if (preempt_count() == 0 && arch_irqs_enabled() && cpu_online_count() > 1) {
        struct cpumask others = *cpu_online_mask();
        cpumask_clear(&others, arch_cpu_number());
        smp_call(&others, give_back, &gained);
    }
    return gained;
}

INIT_TEXT void reclaim_init(void)
{
    frame_add_reclaim(reclaim_others);
}

void reclaim_all(void)
{
    rcu_wait();
    frame_reclaim();
}
