/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /sys/devices/system: the CPUs as nproc, lscpu and C libraries look for them, one NUMA node, and
 * the clock source. ctx->sub is a CPU's number plus one.
 */
#include "abi/errno.h"
#include "kernel/arch/clock.h"
#include "kernel/arch/cpu.h"
#include "kernel/core/sched.h"
#include "kernel/personality/linux/procfs/procfs_internal.h"
#include "kernel/personality/linux/sysfs/sysfs.h"
#include "lib/format.h"
#include "lib/string.h"

static int show_list(struct text *out, const struct cpumask *set)
{
    proc_format_cpu_list(out, set);
    text_printf(out, "\n");
    return 0;
}

static int show_mask(struct text *out, const struct cpumask *set)
{
    proc_format_cpu_mask(out, set, cpu_present_count());
    text_printf(out, "\n");
    return 0;
}

static int show_online(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    return show_list(out, cpu_online_mask());
}

static int show_present(const struct pseudo_ctx *ctx, struct text *out)
{
    unsigned count = cpu_present_count();

    (void)ctx;
    text_printf(out, count > 1 ? "0-%u\n" : "%u\n", count - 1);
    return 0;
}

/* The CPUs that were found but do not run. */
static int show_offline(const struct pseudo_ctx *ctx, struct text *out)
{
    struct cpumask offline = {{0}};

    (void)ctx;
    for (unsigned cpu = 0; cpu < cpu_present_count(); cpu++) {
        if (!cpu_is_online(cpu)) {
            cpumask_set(&offline, cpu);
        }
    }
    return show_list(out, &offline);
}

static unsigned ctx_cpu(const struct pseudo_ctx *ctx)
{
    return (unsigned)ctx->sub - 1;
}

static int show_cpu_online(const struct pseudo_ctx *ctx, struct text *out)
{
    text_printf(out, "%d\n", cpu_is_online(ctx_cpu(ctx)));
    return 0;
}

/* Every CPU is a core of its own, of one package. */
static int show_own_number(const struct pseudo_ctx *ctx, struct text *out)
{
    text_printf(out, "%u\n", ctx_cpu(ctx));
    return 0;
}

static int show_own_mask(const struct pseudo_ctx *ctx, struct text *out)
{
    struct cpumask own = {{0}};

    cpumask_set(&own, ctx_cpu(ctx));
    return show_mask(out, &own);
}

static int show_all_mask(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    return show_mask(out, cpu_online_mask());
}

static const struct pseudo_node topology_nodes[] = {
    SYSFS_FILE("core_cpus", 0444, show_own_mask),
    SYSFS_FILE("core_cpus_list", 0444, show_own_number),
    SYSFS_FILE("core_id", 0444, show_own_number),
    SYSFS_FILE("core_siblings", 0444, show_all_mask),
    SYSFS_FILE("core_siblings_list", 0444, show_online),
    SYSFS_TEXT("die_id", "0\n"),
    SYSFS_FILE("package_cpus", 0444, show_all_mask),
    SYSFS_FILE("package_cpus_list", 0444, show_online),
    SYSFS_TEXT("physical_package_id", "0\n"),
    SYSFS_FILE("thread_siblings", 0444, show_own_mask),
    SYSFS_FILE("thread_siblings_list", 0444, show_own_number),
    {.name = NULL},
};

static const struct pseudo_node cpu_nodes[] = {
    SYSFS_FILE("online", 0444, show_cpu_online),
    SYSFS_DIR("topology", topology_nodes),
    {.name = NULL},
};

static const struct pseudo_node cpu_dir = SYSFS_DIR("cpu", cpu_nodes);

static int cpu_lookup(const struct pseudo_ctx *ctx, const char *name, struct pseudo_ctx *child)
{
    unsigned cpu;

    (void)ctx;
    if (strncmp(name, "cpu", 3) != 0 || !proc_parse_number(name + 3, cpu_present_count(), &cpu)) {
        return -ENOENT;
    }
    *child = (struct pseudo_ctx){0, cpu + 1, &cpu_dir};
    return 0;
}

static bool cpu_next(const struct pseudo_ctx *ctx, uint64_t *cursor, char name[32],
                     struct pseudo_ctx *child)
{
    (void)ctx;
    if (*cursor >= cpu_present_count()) {
        return false;
    }
    snprintf(name, 32, "cpu%u", (unsigned)*cursor);
    *child = (struct pseudo_ctx){0, ++*cursor, &cpu_dir};
    return true;
}

/* Faults of CPU design (Documentation/ABI/testing/sysfs-devices-system-cpu). */
static int show_fault(const struct pseudo_ctx *ctx, struct text *out)
{
    char line[160];

    (void)arch_cpu_fault(ctx->node->name, line, sizeof(line));
    text_printf(out, "%s", line);
    return 0;
}

static const struct pseudo_node vulnerability_nodes[] = {
    SYSFS_FILE("itlb_multihit", 0444, show_fault),
    SYSFS_FILE("l1tf", 0444, show_fault),
    SYSFS_FILE("mds", 0444, show_fault),
    SYSFS_FILE("meltdown", 0444, show_fault),
    SYSFS_FILE("mmio_stale_data", 0444, show_fault),
    SYSFS_FILE("retbleed", 0444, show_fault),
    SYSFS_FILE("spec_store_bypass", 0444, show_fault),
    SYSFS_FILE("spectre_v1", 0444, show_fault),
    SYSFS_FILE("spectre_v2", 0444, show_fault),
    SYSFS_FILE("srbds", 0444, show_fault),
    SYSFS_FILE("tsx_async_abort", 0444, show_fault),
    {.name = NULL},
};

static const struct pseudo_node cpus_nodes[] = {
    SYSFS_TEXT("isolated", "\n"),
    SYSFS_TEXT("kernel_max", "255\n"), /* BOOT_MAX_CPUS - 1 */
    SYSFS_FILE("offline", 0444, show_offline),
    SYSFS_FILE("online", 0444, show_online),
    SYSFS_FILE("possible", 0444, show_present),
    SYSFS_FILE("present", 0444, show_present),
    SYSFS_DIR("vulnerabilities", vulnerability_nodes),
    {.name = NULL},
};

static const struct pseudo_node node0_nodes[] = {
    SYSFS_FILE("cpulist", 0444, show_online),
    SYSFS_FILE("cpumap", 0444, show_all_mask),
    SYSFS_TEXT("distance", "10\n"),
    {.name = NULL},
};

static const struct pseudo_node numa_nodes[] = {
    SYSFS_TEXT("has_cpu", "0\n"), SYSFS_TEXT("has_memory", "0\n"), SYSFS_DIR("node0", node0_nodes),
    SYSFS_TEXT("online", "0\n"),  SYSFS_TEXT("possible", "0\n"),   {.name = NULL},
};

static int show_clock(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    text_printf(out, "%s\n", arch_clock_name());
    return 0;
}

static const struct pseudo_node clocksource0_nodes[] = {
    SYSFS_FILE("available_clocksource", 0444, show_clock),
    SYSFS_FILE("current_clocksource", 0444, show_clock),
    {.name = NULL},
};

static const struct pseudo_node clocksource_nodes[] = {
    SYSFS_DIR("clocksource0", clocksource0_nodes),
    {.name = NULL},
};

const struct pseudo_node sysfs_system_nodes[] = {
    SYSFS_DIR("clocksource", clocksource_nodes),
    {.name = "cpu",
     .mode = S_IFDIR | 0755,
     .children = cpus_nodes,
     .lookup = cpu_lookup,
     .next = cpu_next},
    SYSFS_DIR("node", numa_nodes),
    {.name = NULL},
};
