/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's start: checks the hand-over and runs the steps of steps.def, in their order and by
 * phase. Each step is timed, named in a panic, and checked afterwards: one that returns with
 * interrupts or preemption changed is reported and mended (C21).
 */
#include "abi/layout.h"
#include "kernel/arch/clock.h"
#include "kernel/arch/cpu.h"
#include "kernel/arch/smp.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/init.h"
#include "kernel/base/lock_check.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/base/preempt.h"
#include "kernel/base/timeline.h"
#include "kernel/core/core.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "kernel/core/watch.h"
#include "kernel/init/init.h"
#include "lib/string.h"

const struct bootinfo *boot;

enum phase { EARLY, MAIN, LATE };

struct step {
    const char *name, *what;
    enum phase phase;
    void (*run)(void);             /* the boot CPU */
    void (*run_cpu)(unsigned cpu); /* each further one; NULL: nothing to do there */
};

#define STEP_ON_BOOT(name) NULL
#define STEP_ON_EACH(name) init_##name##_cpu
#define STEP(step_name, step_phase, on, needs, gives, step_what)                                   \
    {.name = #step_name,                                                                           \
     .what = step_what,                                                                            \
     .phase = step_phase,                                                                          \
     .run = init_##step_name,                                                                      \
     .run_cpu = STEP_ON_##on(step_name)},
static const struct step steps[] = {
#include "kernel/init/steps.def"
};
#undef STEP

static void check_after(const struct step *step, bool irqs, int preempt)
{
    if (arch_irqs_enabled() != irqs) {
        log_err("step %s returned with interrupts %s", step->name, irqs ? "off" : "on");
        irqs ? arch_irq_enable() : arch_irq_disable();
    }
    if (preempt_count() != preempt) {
        log_err("step %s returned with preemption count %d instead of %d", step->name,
                preempt_count(), preempt);
        arch_preempt_add(preempt - preempt_count());
    }
}

/* As Linux says it, for people and programs that read it there (scripts/bootgraph.pl). The thread
 * of the late steps is to them process 1. */
static void say_call(const struct step *step)
{
    log_notice("calling  init_%s+0x0 @ %d", step->name, step->phase == LATE);
}

static void say_return(const struct step *step, uint64_t cycles)
{
    log_notice("initcall init_%s+0x0 returned 0 after %lu usecs", step->name,
               (unsigned long)(cycles * 1000 / arch_clock_khz()));
}

static void run_step(const struct step *step)
{
    bool irqs = arch_irqs_enabled();
    int preempt = preempt_count();
    static bool debug; /* known after step "cmdline" */
    panic_set_step(step->name);
    if (debug) {
        say_call(step);
    }
    uint64_t start = arch_cycles();
    unsigned handle = timeline_begin(TIMELINE_EARLY + (enum timeline_kind)step->phase, step->name);
    step->run();
    timeline_end(handle);
    uint64_t cycles = arch_cycles() - start;
    check_after(step, irqs, preempt);
    if (debug) {
        say_return(step, cycles);
    }
    if (step->run == init_cmdline) {
        debug = cmdline_flag("initcall_debug");
    }
    panic_set_step(NULL);
}

static void run_phase(enum phase phase)
{
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        if (steps[i].phase == phase) {
            run_step(&steps[i]);
        }
    }
}

static const char *step_what(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        if (strcmp(steps[i].name, name) == 0) {
            return steps[i].what;
        }
    }
    return NULL;
}

unsigned init_steps_on_each(void)
{
    unsigned count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        count += steps[i].run_cpu != NULL;
    }
    return count;
}

/* A thread of the kernel's own, which may sleep; the last step starts PID 1 and it ends. */
void init_late(void *unused)
{
    (void)unused;
    lock_check_self_test();
    test_lockup_start();
    run_phase(LATE);
}

static INIT_TEXT void check_hand_over(const struct bootinfo *info)
{
    if (info->magic != BOOTINFO_MAGIC || info->version != BOOTINFO_VERSION ||
        info->size != sizeof(*info)) {
        boot_fail("the loader and the kernel do not belong together (hand-over version %u, "
                  "expected %u)",
                  info->version, BOOTINFO_VERSION);
    }
    assert(info->direct_map_va == LAYOUT_DIRECT_MAP);
    assert(info->kernel_va >= LAYOUT_KERNEL &&
           info->kernel_va + info->kernel_size <= LAYOUT_KERNEL + LAYOUT_KERNEL_MAX);
    assert(info->cpu_count >= 1 && info->cpu_count <= BOOT_MAX_CPUS);
}

/* From the port, on a further CPU's own stack and block. The memory of the boot may be gone. Step
 * "random" sets the canary, so this frame has none. */
__attribute__((no_stack_protector)) void kernel_cpu_main(unsigned cpu)
{
    timeline_woken();
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        if (steps[i].run_cpu != NULL) {
            panic_set_step(steps[i].name);
            unsigned handle = timeline_begin(TIMELINE_EARLY + (enum timeline_kind)steps[i].phase,
                                             steps[i].name);
            steps[i].run_cpu(cpu);
            timeline_end(handle);
        }
    }
    panic_set_step(NULL);
    core_cpu_begin(cpu);
}

/* From entry.S, on the boot CPU's stack. Step "random" sets the canary, so this frame has none. */
__attribute__((no_stack_protector)) void kernel_main(const struct bootinfo *info)
{
    uint64_t entered = arch_cycles();
    boot = info;
    timeline_add_stamps(info, entered);
    timeline_step_what = step_what;
    run_phase(EARLY);
    check_hand_over(info);
    run_phase(MAIN);
    sched_idle();
}
