/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of /proc that are about the whole system: memory, time, load, what the kernel is and
 * what it has. proc(5) says what each holds; what Alba does not have reads as on a Linux without
 * it.
 */
#include "abi/errno.h"
#include "kernel/arch/cpu.h"
#include "kernel/arch/smp.h"
#include "kernel/base/cmdline.h"
#include "kernel/core/irq.h"
#include "kernel/core/sched.h"
#include "kernel/core/smp.h"
#include "kernel/dev/api/line.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/kmap.h"
#include "kernel/mm/ram.h"
#include "kernel/personality/linux/device/kmsg.h"
#include "kernel/personality/linux/ipc/ipc.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/procfs/procfs_internal.h"
#include "kernel/personality/linux/uts.h"
#include "lib/format.h"
#include "lib/string.h"

typedef unsigned long long ull;

static int show_cmdline(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    text_printf(out, "%s\n", cmdline_text());
    return 0;
}

#define CPU_TEXT_MAX 4096u

static int show_cpuinfo(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    cpumask_for_each (cpu, cpu_online_mask()) {
        char *to = text_reserve(out, CPU_TEXT_MAX);
        if (to != NULL) {
            size_t size = (size_t)arch_cpu_describe(cpu, cpu_online_count(), to, CPU_TEXT_MAX);
            out->size += MIN(size, CPU_TEXT_MAX - 1ul);
        }
    }
    return 0;
}

static int show_meminfo(const struct pseudo_ctx *ctx, struct text *out)
{
    struct frame_stats frames;
    struct heap_stats heap;
    struct proc_meminfo info = {0};

    (void)ctx;
    frame_get_stats(&frames);
    heap_get_stats(&heap);
    info.total = frames.total_pages << (PAGE_SHIFT - 10);
    info.free = frames.free_pages << (PAGE_SHIFT - 10);
    info.available = info.free;
    info.shmem = vfs_memory_pages() << (PAGE_SHIFT - 10);
    info.cached = info.shmem;
    info.slab = heap.bytes_frames >> 10;
    info.stacks = process_thread_total * (KSTACK_SIZE >> 10);
    /* What is left is programs' own memory, and a few page tables. */
    uint64_t known = info.free + info.shmem + info.slab + info.stacks;
    info.anon = info.total - MIN(known, info.total);
    proc_format_meminfo(out, &info);
    return 0;
}

/* Linux's Documentation/mm/slub and slabinfo(5); caches of kmalloc are named by their size. */
static int show_slabinfo(const struct pseudo_ctx *ctx, struct text *out)
{
    struct heap_cache_stats s;
    (void)ctx;
    text_printf(out,
                "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> "
                "<objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : "
                "slabdata <active_slabs> <num_slabs> <sharedavail>\n");
    for (unsigned i = 0; heap_get_cache_stats(i, &s); i++) {
        char name[32];
        bool sized = strcmp(s.name, "kmalloc") == 0;
        (void)snprintf(name, sizeof(name), sized ? "%s-%zu" : "%s", s.name, s.object_size);
        text_printf(out, "%-17s %6zu %6zu %6zu %4zu %4zu : tunables 0 0 0 : slabdata %6zu %6zu 0\n",
                    name, s.objects_used, s.slabs * s.objects_per_slab, s.object_size,
                    s.objects_per_slab, s.pages_per_slab, s.slabs, s.slabs);
    }
    return 0;
}

static int show_version(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    text_printf(out, "%s version %s (alba) (%s) %s\n", linux_uts.sysname, linux_uts.release,
                __VERSION__, linux_uts.version);
    return 0;
}

static int show_filesystems(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    for (struct fs_type *type = fs_type_next(NULL); type != NULL; type = fs_type_next(type)) {
        if (!type->internal) {
            text_printf(out, "nodev\t%s\n", type->name);
        }
    }
    return 0;
}

static void show_interrupt(void *arg, unsigned number, uint64_t count, const char *name)
{
    text_printf(arg, "%3u:", number);
    cpumask_for_each (cpu, cpu_online_mask()) {
        text_printf(arg, " %10llu", cpu == 0 ? (ull)count : 0);
    }
    text_printf(arg, "  APIC   %s\n", name);
}

static int show_interrupts(const struct pseudo_ctx *ctx, struct text *out)
{
    const char *name, *what;

    (void)ctx;
    text_printf(out, "    ");
    cpumask_for_each (cpu, cpu_online_mask()) {
        text_printf(out, "       CPU%-*u", cpu < 10 ? 1 : 2, cpu);
    }
    text_printf(out, "\n");
    irq_for_each(show_interrupt, out);
    for (unsigned row = 0; arch_interrupt_row(row, &name, &what); row++) {
        text_printf(out, "%s:", name);
        cpumask_for_each (cpu, cpu_online_mask()) {
            text_printf(out, " %10llu", (ull)arch_interrupt_count(row, cpu));
        }
        text_printf(out, "   %s\n", what);
    }
    return 0;
}

/* The name of a driver: that of its first device, without the number. */
static void show_driver(struct text *out, const struct chrdev *dev)
{
    unsigned major = DEV_MAJOR(dev->first);
    size_t size = strlen(dev->name);

    while (size > 0 && dev->name[size - 1] >= '0' && dev->name[size - 1] <= '9') {
        size--;
    }
    text_printf(out, "%3u %s%.*s\n", major, major == 5 ? "/dev/" : "", (int)size, dev->name);
}

static int show_devices(const struct pseudo_ctx *ctx, struct text *out)
{
    const struct chrdev *dev;

    (void)ctx;
    text_printf(out, "Character devices:\n  1 mem\n");
    for (unsigned major = 2; major < 512; major++) {
        for (unsigned i = 0; (dev = chrdev_get(i)) != NULL; i++) {
            if (DEV_MAJOR(dev->first) == major) {
                show_driver(out, dev);
            }
        }
    }
    text_printf(out, "\nBlock devices:\n");
    return 0;
}

static int show_swaps(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    text_printf(out, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    return 0;
}

static int show_nothing(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    (void)out;
    return 0;
}

static int show_vmstat(const struct pseudo_ctx *ctx, struct text *out)
{
    static const char *const zeroes[] = {
        "nr_dirty", "nr_writeback", "pgpgin",     "pgpgout",  "pswpin",
        "pswpout",  "pgfault",      "pgmajfault", "oom_kill",
    };
    struct frame_stats frames;

    (void)ctx;
    frame_get_stats(&frames);
    text_printf(out, "nr_free_pages %llu\n", (ull)frames.free_pages);
    text_printf(out, "nr_shmem %llu\nnr_file_pages %llu\n", (ull)vfs_memory_pages(),
                (ull)vfs_memory_pages());
    for (size_t i = 0; i < ARRAY_SIZE(zeroes); i++) {
        text_printf(out, "%s 0\n", zeroes[i]);
    }
    return 0;
}

static void show_console(void *arg, struct line *line)
{
    text_printf(arg, "%-21s -W- (E     p a) %4u:%u\n", line->name, line->major, line->minor);
}

static int show_consoles(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    line_for_each(show_console, out);
    return 0;
}

/* Which numbers belong to which terminals, for the TTY column of ps. */
static void show_tty_driver(void *arg, struct line *line)
{
    size_t size = strlen(line->name);

    while (size > 0 && line->name[size - 1] >= '0' && line->name[size - 1] <= '9') {
        size--;
    }
    text_printf(arg, "%-20.*s /dev/%-8.*s %3u %7u serial\n", (int)size, line->name, (int)size,
                line->name, line->major, line->minor);
}

const char *proc_memory_type(unsigned type)
{
    static const char *const names[] = {[BOOT_MEM_FREE] = "System RAM",
                                        [BOOT_MEM_RESERVED] = "Reserved",
                                        [BOOT_MEM_ACPI] = "ACPI Tables",
                                        [BOOT_MEM_NVS] = "ACPI Non-volatile Storage",
                                        [BOOT_MEM_BAD] = "Unusable memory"};
    return names[type];
}

/* Memory alone: where devices have their registers is known to their drivers. Who is not root gets
 * zeros for addresses, as on Linux. */
static int show_iomem(const struct pseudo_ctx *ctx, struct text *out)
{
    unsigned count;
    const struct boot_range *ranges = ram_ranges(&count);

    (void)ctx;
    bool shown = linux_capable(CAP_SYS_ADMIN);
    for (unsigned i = 0; i < count; i++) {
        ull start = shown ? ranges[i].start : 0;
        ull end = shown ? ranges[i].start + ranges[i].size - 1 : 0;
        text_printf(out, "%08llx-%08llx : %s\n", start, end, proc_memory_type(ranges[i].type));
    }
    return 0;
}

static int show_tty_drivers(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    text_printf(out, "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
                     "/dev/console         /dev/console    5       1 system:console\n");
    line_for_each(show_tty_driver, out);
    return 0;
}

static const struct pseudo_node tty_nodes[] = {
    {.name = "drivers", .mode = S_IFREG | 0444, .show = show_tty_drivers},
    {.name = NULL},
};

#define FILE_OF(file, function)                                                                    \
    {                                                                                              \
        .name = file, .mode = S_IFREG | 0444, .show = function                                     \
    }
#define LINK_OF(file)                                                                              \
    {                                                                                              \
        .name = file, .mode = S_IFLNK | 0777, .readlink = proc_self_readlink                       \
    }

static const struct pseudo_node sysvipc_nodes[] = {
    {.name = "msg", .mode = S_IFREG | 0444, .show = proc_show_msg},
    {.name = "sem", .mode = S_IFREG | 0444, .show = proc_show_sem},
    {.name = "shm", .mode = S_IFREG | 0444, .show = proc_show_shm},
    {.name = NULL},
};

const struct pseudo_node proc_system_nodes[] = {
    LINK_OF("self"),
    LINK_OF("thread-self"),
    LINK_OF("mounts"),
    FILE_OF("cmdline", show_cmdline),
    FILE_OF("consoles", show_consoles),
    FILE_OF("cpuinfo", show_cpuinfo),
    FILE_OF("devices", show_devices),
    FILE_OF("diskstats", show_nothing),
    FILE_OF("filesystems", show_filesystems),
    FILE_OF("interrupts", show_interrupts),
    FILE_OF("iomem", show_iomem),
    {.name = "kmsg", .mode = S_IFREG | 0400, .ops = &proc_kmsg_ops},
    FILE_OF("loadavg", proc_show_loadavg),
    FILE_OF("locks", show_nothing),
    FILE_OF("meminfo", show_meminfo),
    FILE_OF("modules", show_nothing),
    FILE_OF("partitions", show_nothing),
    FILE_OF("schedstat", proc_show_schedstat),
    {.name = "slabinfo", .mode = S_IFREG | 0400, .show = show_slabinfo},
    FILE_OF("stat", proc_show_system_stat),
    FILE_OF("swaps", show_swaps),
    {.name = "sysvipc", .mode = S_IFDIR | 0555, .children = sysvipc_nodes},
    {.name = "sys", .mode = S_IFDIR | 0555, .children = proc_sys_nodes},
    {.name = "tty", .mode = S_IFDIR | 0555, .children = tty_nodes},
    FILE_OF("uptime", proc_show_uptime),
    FILE_OF("version", show_version),
    FILE_OF("vmstat", show_vmstat),
    {.name = NULL},
};
