/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs: which are there and which take part (C11).
 */
#include "kernel/core/smp.h"
#include "abi/bootinfo.h"
#include "kernel/arch/smp.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/init.h"
#include "kernel/base/log.h"
#include "kernel/core/core.h"
#include "kernel/core/timer.h"

#define START_AGAIN_NS (200 * NSEC_PER_USEC) /* Intel SDM vol. 3, 8.4.4.1 */
#define START_LIMIT_NS (10 * NSEC_PER_SEC)

static struct cpumask online; /* atomic bits; grows only */
static unsigned online_count; /* atomic */
static unsigned present_count RO_AFTER_INIT = 1;
static unsigned start_limit RO_AFTER_INIT;
static unsigned woken_count RO_AFTER_INIT; /* that the tables name, the boot CPU not counted */

/* Owner: the timer that looks after the start. */
static struct timer start_timer;
static uint64_t start_ns;

unsigned cpu_present_count(void)
{
    return present_count;
}

unsigned cpu_online_count(void)
{
    return __atomic_load_n(&online_count, __ATOMIC_RELAXED);
}

const struct cpumask *cpu_online_mask(void)
{
    return &online;
}

void smp_online(unsigned cpu)
{
    arch_smp_online();
    __atomic_fetch_add(&online_count, 1, __ATOMIC_RELAXED);
    cpumask_set_atomic(&online, cpu);
}

/* --- start ---------------------------------------------------------------------------------- */

/* Linux's nr_cpus= (CPUs that exist for us), maxcpus= (that are started; 0 is the same as nosmp:
 * there is one CPU, and it is alone). */
static INIT_TEXT void read_options(void)
{
    uint64_t limit = cmdline_number("nr_cpus", CPUS_MAX);
    if (limit == 0) {
        log_warn("command line: nr_cpus=0 leaves no CPU; all are used");
        limit = CPUS_MAX;
    }
    start_limit = (unsigned)MIN(cmdline_number("maxcpus", CPUS_MAX), CPUS_MAX);
    if (cmdline_flag("nosmp") || start_limit == 0) {
        start_limit = limit = 1;
    }
    present_count = (unsigned)MIN(limit, present_count);
}

INIT_TEXT void smp_init(const struct bootinfo *info)
{
    present_count = info->cpu_count;
    woken_count = info->cpu_count - 1 + info->cpus_dropped;
    online_count = 1;
    if (info->cpus_dropped != 0 && cmdline_get("nr_cpus") == NULL) {
        log_warn("smp: %u of %u CPUs are left out: there is not enough memory, or room in a table",
                 info->cpus_dropped, woken_count + 1);
    }
    read_options();
    cpumask_set(&online, 0);
}

/* From 200 us on, less and less often, until all are there or time is up. */
static void look_after_start(struct timer *timer)
{
    uint64_t passed = clock_monotonic_ns() - start_ns;
    if (passed < 2 * START_AGAIN_NS) {
        arch_smp_start_again();
    }
    if (!arch_smp_started(passed >= START_LIMIT_NS)) {
        timer_arm(timer, start_ns + MIN(4 * passed, START_LIMIT_NS));
    }
}

void smp_start(void)
{
    unsigned count = MIN(present_count, start_limit);
    if (count == 1) {
        return;
    }
    if (arch_smp_start(count, woken_count) != 0) {
        log_warn("smp: no memory below 1 MiB to start CPUs from; going on with one");
        return;
    }
    start_ns = clock_monotonic_ns();
    timer_setup(&start_timer, look_after_start);
    timer_arm(&start_timer, start_ns + START_AGAIN_NS);
}
