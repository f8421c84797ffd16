/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysfs: the root directory, and /sys/kernel with what Alba tells of its own start and state. CPUs
 * are in sysfs_cpu.c, devices in sysfs_device.c.
 */
#include "kernel/personality/linux/sysfs/sysfs.h"

#include "kernel/arch/clock.h"
#include "kernel/arch/mmu.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/init.h"
#include "kernel/base/timeline.h"
#include "kernel/core/space.h"
#include "kernel/personality/linux/kexec/kexec.h"
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/strace.h"
#include "lib/linux_params.h"
#include "lib/string.h"

#define SYSFS_MAGIC 0x62656572 /* statfs(2) */

int sysfs_show_text(const struct pseudo_ctx *ctx, struct text *out)
{
    const char *text = ctx->node->arg;

    text_put(out, text, strlen(text));
    return 0;
}

typedef size_t (*timeline_format)(char *buf, size_t size, const struct timeline_unit *unit);

/* What the time stamp counter counts only who started the emulator knows, and says with
 * timeline.unit=instructions; it then counts one for a nanosecond. */
static int show_timeline(struct text *out, timeline_format format)
{
    const char *name = cmdline_get("timeline.unit");
    struct timeline_unit unit = {0};

    unit.instructions = name != NULL && strcmp(name, "instructions") == 0;
    if (unit.instructions) {
        unit.per_second = NSEC_PER_SEC;
    } else if (arch_clock_calibrated()) {
        unit.per_second = arch_clock_khz() * 1000;
    }
    size_t size = format(NULL, 0, &unit) + 1;
    char *to = text_reserve(out, size);

    if (to != NULL) {
        out->size += MIN(format(to, size, &unit), size - 1);
    }
    return 0;
}

static int show_timeline_text(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    return show_timeline(out, timeline_format_text);
}

static int show_timeline_json(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    return show_timeline(out, timeline_format_json);
}

/* A line for each run of kernel mappings with equal rights: "start-end rwx". */
static void show_run(void *arg, vaddr_t start, vaddr_t end, unsigned rights)
{
    if (rights & ARCH_PTE_USER) {
        return;
    }
    text_printf(arg, "%016lx-%016lx %c%c%c\n", start, end, rights & ARCH_PTE_READ ? 'r' : '-',
                rights & ARCH_PTE_WRITE ? 'w' : '-', rights & ARCH_PTE_EXEC ? 'x' : '-');
}

static int show_page_tables(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    /* Tables of the user half are freed only by who writes; those of the kernel half never. */
    rw_read_lock(&current->space->lock);
    arch_mmu_walk(show_run, out);
    rw_read_unlock(&current->space->lock);
    return 0;
}

/* System calls that programs asked for in vain: number and how often. */
static int show_unknown_calls(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    for (unsigned i = 0; i <= LINUX_CALL_MAX; i++) {
        if (linux_unknown_calls[i] > 0) {
            text_printf(out, "%u %lu\n", i, linux_unknown_calls[i]);
        }
    }
    return 0;
}

/* Of the calls that strace= has shown: number, error and how often. */
static int show_refused_calls(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    strace_show_refused(out);
    return 0;
}

static int show_kexec_loaded(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    text_printf(out, "%d\n", linux_kexec_loaded());
    return 0;
}

/* A zero page, as if a boot loader had filled it: kexec(8) looks for the RSDP and the screen there.
 */
static int show_boot_params(const struct pseudo_ctx *ctx, struct text *out)
{
    char *to = text_reserve(out, sizeof(struct linux_params));

    (void)ctx;
    if (to != NULL) {
        memset(to, 0, sizeof(struct linux_params));
        kexec_describe_machine((struct linux_params *)to);
        out->size += sizeof(struct linux_params);
    }
    return 0;
}

static const struct pseudo_node boot_params_nodes[] = {
    {.name = "data",
     .mode = S_IFREG | 0444,
     .size = sizeof(struct linux_params),
     .show = show_boot_params},
    SYSFS_TEXT("version", "0x020f\n"),
    {.name = NULL},
};

static const struct pseudo_node debug_nodes[] = {
    SYSFS_FILE("page_tables", 0400, show_page_tables),
    SYSFS_FILE("unknown_calls", 0400, show_unknown_calls),
    SYSFS_FILE("refused_calls", 0400, show_refused_calls),
    {.name = NULL},
};

static const struct pseudo_node kernel_nodes[] = {
    SYSFS_DIR("boot_params", boot_params_nodes),
    SYSFS_FILE("boot_timeline", 0444, show_timeline_text),
    SYSFS_FILE("boot_timeline.json", 0444, show_timeline_json),
    {.name = "debug", .mode = S_IFDIR | 0700, .children = debug_nodes},
    SYSFS_TEXT("fscaps", "1\n"),
    SYSFS_TEXT("kexec_crash_loaded", "0\n"),
    SYSFS_TEXT("kexec_crash_size", "0\n"),
    SYSFS_FILE("kexec_loaded", 0444, show_kexec_loaded),
    SYSFS_TEXT("uevent_seqnum", "0\n"),
    {.name = NULL},
};

static const struct pseudo_node no_nodes[] = {{.name = NULL}};

static const struct pseudo_node device_nodes[] = {
    SYSFS_DIR("system", sysfs_system_nodes),
    SYSFS_DIR("virtual", sysfs_virtual_nodes),
    {.name = NULL},
};

static const struct pseudo_node root_nodes[] = {
    SYSFS_DIR("block", no_nodes),
    SYSFS_DIR("bus", no_nodes),
    SYSFS_DIR("class", sysfs_class_nodes),
    SYSFS_DIR("dev", sysfs_dev_nodes),
    SYSFS_DIR("devices", device_nodes),
    SYSFS_DIR("firmware", sysfs_firmware_nodes),
    SYSFS_DIR("fs", no_nodes),
    SYSFS_DIR("kernel", kernel_nodes),
    SYSFS_DIR("module", no_nodes),
    SYSFS_DIR("power", no_nodes),
    {.name = NULL},
};

static const struct pseudo_node root = {
    .name = "sysfs", .mode = S_IFDIR | 0555, .children = root_nodes};

INIT_TEXT void sysfs_init(void)
{
    (void)pseudo_register("sysfs", SYSFS_MAGIC, &root);
}
