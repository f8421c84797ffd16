/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What the files of kernel/init share: the steps and what they hand to one another. */
#include "abi/bootinfo.h"
#include "lib/types.h"

struct arch_clock_firmware;
struct arch_irq_firmware;

/* A step that runs on EACH CPU has init_<name> for the boot CPU, which is the first, and
 * init_<name>_cpu for each of the others. */
#define STEP_ON_BOOT(name)
#define STEP_ON_EACH(name) void init_##name##_cpu(unsigned cpu);
#define STEP(name, phase, on, needs, gives, what)                                                  \
    void init_##name(void);                                                                        \
    STEP_ON_##on(name)
#include "kernel/init/steps.def"
#undef STEP
#undef STEP_ON_BOOT
#undef STEP_ON_EACH

/* The hand-over from the loader; good until step "reclaim". */
extern const struct bootinfo *boot;

/* A direct-map pointer for a physical address of bootinfo's. */
static inline void *boot_pointer(uint64_t paddr)
{
    return (void *)(boot->direct_map_va + paddr);
}

/* firmware.c: what ACPI or the MP table said, for the steps that need it. */
extern struct arch_irq_firmware firmware_irq;
extern struct arch_clock_firmware firmware_clock;

/* main.c: runs the LATE steps. */
void init_late(void *unused);
/* How many steps run on EACH CPU. */
unsigned init_steps_on_each(void);
