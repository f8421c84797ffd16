/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The texts of /proc that are about the whole system, and mounts, to the letter of Linux 6.1. Pure:
 * values in, text out. See procfs_format.h.
 */
#include "kernel/fs/inode.h"
#include "kernel/personality/linux/procfs/procfs_format.h"

typedef unsigned long long ull;

/* Bytes that getmntent(3) must not see as they are. */
#define MOUNT_ESCAPES " \t\n#"

static void format_mount_flags(struct text *out, unsigned flags)
{
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {
        {MS_NOSUID, ",nosuid"},   {MS_NODEV, ",nodev"},           {MS_NOEXEC, ",noexec"},
        {MS_NOATIME, ",noatime"}, {MS_NODIRATIME, ",nodiratime"},
    };

    text_printf(out, flags & MS_RDONLY ? "ro" : "rw");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (flags & names[i].flag) {
            text_printf(out, "%s", names[i].name);
        }
    }
    if (!(flags & MS_NOATIME)) {
        text_printf(out, ",relatime");
    }
}

void proc_format_mount(struct text *out, const struct mount_info *info)
{
    text_put_escaped(out, info->source, MOUNT_ESCAPES);
    text_printf(out, " ");
    text_put_escaped(out, info->target, MOUNT_ESCAPES);
    text_printf(out, " %s ", info->type);
    format_mount_flags(out, info->flags);
    text_printf(out, "%s 0 0\n", info->options);
}

void proc_format_mountinfo(struct text *out, const struct mount_info *info)
{
    text_printf(out, "%d %d %u:%u ", info->id, info->parent_id, DEV_MAJOR(info->dev),
                DEV_MINOR(info->dev));
    text_put_escaped(out, info->root, MOUNT_ESCAPES);
    text_printf(out, " ");
    text_put_escaped(out, info->target, MOUNT_ESCAPES);
    text_printf(out, " ");
    format_mount_flags(out, info->flags);
    text_printf(out, " - %s ", info->type);
    text_put_escaped(out, info->source, MOUNT_ESCAPES);
    text_printf(out, " %s%s\n", info->flags & MS_RDONLY ? "ro" : "rw", info->options);
}

static void meminfo_line(struct text *out, const char *name, uint64_t kib)
{
    text_printf(out, "%-16s%8llu kB\n", name, (ull)kib);
}

/* Lines of memory that we do not have, or do not tell apart. */
static void meminfo_zeroes(struct text *out, const char *const *names)
{
    for (; *names != NULL; names++) {
        meminfo_line(out, *names, 0);
    }
}

static void meminfo_lists(struct text *out, const struct proc_meminfo *info)
{
    uint64_t file = info->cached - MIN(info->shmem, info->cached);

    meminfo_line(out, "Active:", info->anon + file);
    meminfo_line(out, "Inactive:", info->shmem);
    meminfo_line(out, "Active(anon):", info->anon);
    meminfo_line(out, "Inactive(anon):", info->shmem);
    meminfo_line(out, "Active(file):", file);
    meminfo_zeroes(out, (const char *const[]){
                            "Inactive(file):", "Unevictable:", "Mlocked:", "SwapTotal:",
                            "SwapFree:", "Zswap:", "Zswapped:", "Dirty:", "Writeback:", NULL});
    meminfo_line(out, "AnonPages:", info->anon);
    meminfo_line(out, "Mapped:", file);
    meminfo_line(out, "Shmem:", info->shmem);
}

void proc_format_meminfo(struct text *out, const struct proc_meminfo *info)
{
    meminfo_line(out, "MemTotal:", info->total);
    meminfo_line(out, "MemFree:", info->free);
    meminfo_line(out, "MemAvailable:", info->available);
    meminfo_line(out, "Buffers:", 0);
    meminfo_line(out, "Cached:", info->cached);
    meminfo_line(out, "SwapCached:", 0);
    meminfo_lists(out, info);
    meminfo_line(out, "KReclaimable:", 0);
    meminfo_line(out, "Slab:", info->slab);
    meminfo_line(out, "SReclaimable:", 0);
    meminfo_line(out, "SUnreclaim:", info->slab);
    meminfo_line(out, "KernelStack:", info->stacks);
    meminfo_line(out, "PageTables:", info->tables);
    meminfo_zeroes(out, (const char *const[]){
                            "SecPageTables:", "NFS_Unstable:", "Bounce:", "WritebackTmp:", NULL});
    /* Half of the memory may be committed, by overcommit_ratio and no swap. */
    meminfo_line(out, "CommitLimit:", info->total / 2);
    meminfo_line(out, "Committed_AS:", info->anon + info->shmem);
    meminfo_line(out, "VmallocTotal:", 34359738367);
    meminfo_zeroes(
        out, (const char *const[]){
                 "VmallocUsed:", "VmallocChunk:", "Percpu:", "HardwareCorrupted:", "AnonHugePages:",
                 "ShmemHugePages:", "ShmemPmdMapped:", "FileHugePages:", "FilePmdMapped:", NULL});
    text_printf(out, "HugePages_Total:       0\nHugePages_Free:        0\n"
                     "HugePages_Rsvd:        0\nHugePages_Surp:        0\n");
    meminfo_line(out, "Hugepagesize:", 2048);
    meminfo_line(out, "Hugetlb:", 0);
}

void proc_format_loadavg(struct text *out, const unsigned long load[3], unsigned running,
                         unsigned total, int last_pid)
{
    for (unsigned i = 0; i < 3; i++) {
        unsigned long rounded = load[i] + 2048 / 200; /* to hundredths */
        text_printf(out, "%lu.%02lu ", rounded >> 11, (rounded & 2047) * 100 >> 11);
    }
    text_printf(out, "%u/%u %d\n", running, total, last_pid);
}

static void format_hundredths(struct text *out, uint64_t ns)
{
    uint64_t hundredths = ns / 10000000;

    text_printf(out, "%llu.%02llu", (ull)(hundredths / 100), (ull)(hundredths % 100));
}

void proc_format_uptime(struct text *out, uint64_t up_ns, uint64_t idle_ns)
{
    format_hundredths(out, up_ns);
    text_printf(out, " ");
    format_hundredths(out, idle_ns);
    text_printf(out, "\n");
}

void proc_format_cpu_list(struct text *out, const struct cpumask *set)
{
    const char *separator = "";

    cpumask_for_each (first, set) {
        unsigned last = first;
        while (last + 1 < CPUS_MAX && cpumask_test(set, last + 1)) {
            last++;
        }
        text_printf(out, "%s%u", separator, first);
        if (last > first) {
            text_printf(out, "-%u", last);
        }
        separator = ",";
        first = last;
    }
}

void proc_format_cpu_mask(struct text *out, const struct cpumask *set, unsigned cpus)
{
    unsigned words = (MAX(cpus, 1u) + 31) / 32;
    unsigned digits = (cpus - (words - 1) * 32 + 3) / 4;

    for (unsigned i = words; i-- > 0; digits = 8) {
        text_printf(out, "%0*x", (int)digits, (uint32_t)(set->word[i / 2] >> i % 2 * 32));
        text_printf(out, i > 0 ? "," : "");
    }
}
