/* SPDX-License-Identifier: BSD-2-Clause */
/* The MAIN steps: interrupts, time, the scheduler, files and devices, and the first threads. */
#include "kernel/arch/clock.h"
#include "kernel/arch/cpu.h"
#include "kernel/arch/irq.h"
#include "kernel/base/init.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/core/core.h"
#include "kernel/core/reclaim.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "kernel/core/watch.h"
#include "kernel/dev/api/power.h"
#include "kernel/dev/drivers.h"
#include "kernel/fs/vfs.h"
#include "kernel/init/init.h"
#include "kernel/personality/linux/linux.h"

INIT_TEXT void init_irq(void)
{
    int error = arch_irq_init(&firmware_irq);
    if (error != 0) {
        boot_fail("this machine has no local APIC (error %d); Alba needs one", error);
    }
}

void init_irq_cpu(unsigned cpu)
{
    (void)cpu;
    arch_irq_init_cpu();
}

INIT_TEXT void init_clock(void)
{
    arch_clock_init(&firmware_clock);
    clock_set_source(rtc_read);
}

void init_clock_cpu(unsigned cpu)
{
    (void)cpu;
    arch_clock_init_cpu();
}

INIT_TEXT void init_sched(void)
{
    smp_init(boot);
    reclaim_init();
    thread_init();
    sched_cpu_init(0);
    watch_init();
    sched_start_clock();
}

void init_sched_cpu(unsigned cpu)
{
    sched_cpu_init(cpu);
}

INIT_TEXT void init_vfs(void)
{
    vfs_init();
    linux_set_bootloader(boot->loader_type, boot->loader_version);
    linux_init_files();
}

INIT_TEXT void init_drivers(void)
{
    drivers_init();
    linux_init_devices();
}

INIT_TEXT void init_threads(void)
{
    linux_set_power(power_off, power_reset);
    linux_set_firmware(boot);
    struct thread *thread;
    if (thread_create("kernel_init", init_late, NULL, &thread) != 0) {
        boot_fail("not enough memory for the first thread; give the machine more");
    }
    thread_start(thread);
    thread_put(thread);
}
