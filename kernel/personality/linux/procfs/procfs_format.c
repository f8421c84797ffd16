/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The texts of /proc/PID/{stat,status,statm,maps,limits}, to the letter of Linux 6.1. Pure: values
 * in, text out. The system-wide texts are in procfs_format_system.c.
 */
#include "kernel/personality/linux/procfs/procfs_format.h"

#include "lib/format.h"
#include "lib/string.h"

typedef unsigned long long ull;

/* linux/sched.h: the flags of a task that tools look at. */
#define PF_EXITING    0x4u
#define PF_FORKNOEXEC 0x40u
#define PF_KTHREAD    0x200000u
#define PF_RANDOMIZE  0x400000u

static uint64_t pages_kib(uint64_t pages)
{
    return pages << (PAGE_SHIFT - 10);
}

static uint64_t resident(const struct proc_memory *memory)
{
    return memory->resident_anon + memory->resident_file + memory->resident_shmem;
}

static unsigned task_flags(const struct proc_task *task)
{
    return (task->kernel ? PF_KTHREAD : PF_RANDOMIZE) | (task->exiting ? PF_EXITING : 0) |
           (task->not_execed ? PF_FORKNOEXEC : 0);
}

/* Fields 1 to 22 of stat. */
static void format_stat_task(struct text *out, const struct proc_task *task)
{
    text_printf(out, "%d (%s) %c %d %d %d %d %d %u", task->tid, task->name, task->state,
                task->parent, task->pgrp, task->session, task->tty, task->tty_pgrp,
                task_flags(task));
    text_printf(out, " %llu %llu %llu 0", (ull)task->minor_faults, (ull)task->children_minor_faults,
                (ull)task->major_faults);
    text_printf(out, " %llu %llu %llu %llu", (ull)proc_ticks(task->user_ns),
                (ull)proc_ticks(task->system_ns), (ull)proc_ticks(task->children_user_ns),
                (ull)proc_ticks(task->children_system_ns));
    text_printf(out, " %d %d %u 0 %llu", task->priority, task->nice, task->threads,
                (ull)proc_ticks(task->start_ns));
}

void proc_format_stat(struct text *out, const struct proc_task *task)
{
    const struct proc_memory *memory = &task->memory;

    format_stat_task(out, task);
    text_printf(out, " %llu %llu %llu", (ull)(memory->total << PAGE_SHIFT), (ull)resident(memory),
                (ull)task->rss_limit);
    /* Instruction and stack pointers (29, 30) are shown only of processes that are ending. */
    text_printf(out, " %llu %llu %llu 0 0", (ull)memory->code_start, (ull)memory->code_end,
                (ull)memory->stack_start);
    /* Signals 1 to 31 only: the fields are from before there were more (proc(5)). */
    text_printf(out, " %u %u %u %u", (unsigned)task->pending & 0x7fffffff,
                (unsigned)task->blocked & 0x7fffffff, (unsigned)task->ignored & 0x7fffffff,
                (unsigned)task->caught & 0x7fffffff);
    text_printf(out, " %d 0 0 %d %u %d %d 0 0 0",
                task->state != 'R' && task->state != 'Z' && task->threads < 2, task->exit_signal,
                task->cpu, task->rt_priority, task->policy);
    text_printf(out, " %llu %llu %llu %llu %llu %llu %llu %d\n", (ull)memory->data_start,
                (ull)memory->data_end, (ull)memory->brk_start, (ull)memory->arg_start,
                (ull)memory->arg_end, (ull)memory->env_start, (ull)memory->env_end,
                task->exit_status);
}

static const char *state_name(char state)
{
    switch (state) {
    case 'R':
        return "R (running)";
    case 'S':
        return "S (sleeping)";
    case 'D':
        return "D (disk sleep)";
    case 'T':
        return "T (stopped)";
    case 'Z':
        return "Z (zombie)";
    case 'I':
        return "I (idle)";
    default:
        return "X (dead)";
    }
}

static void format_status_ids(struct text *out, const struct proc_task *task)
{
    text_printf(out, "Name:\t");
    text_put_escaped(out, task->name, "\n");
    text_printf(out, "\nUmask:\t%04o\nState:\t%s\n", task->umask, state_name(task->state));
    text_printf(out, "Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", task->pid,
                task->tid, task->parent);
    text_printf(out, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", task->uid[0], task->uid[1],
                task->uid[2], task->uid[3], task->gid[0], task->gid[1], task->gid[2], task->gid[3]);
    text_printf(out, "FDSize:\t%u\nGroups:\t", task->fd_size);
    for (unsigned i = 0; i < task->group_count; i++) {
        text_printf(out, i > 0 ? " %u" : "%u", task->groups[i]);
    }
    text_printf(out, " \nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", task->pid, task->tid,
                task->pgrp, task->session);
}

static void format_kib(struct text *out, const char *name, uint64_t pages)
{
    text_printf(out, "%s:\t%8llu kB\n", name, (ull)pages_kib(pages));
}

static uint64_t code_pages(const struct proc_memory *memory)
{
    return PAGES(memory->code_end) - (memory->code_start >> PAGE_SHIFT);
}

static void format_status_memory(struct text *out, const struct proc_memory *memory)
{
    uint64_t code = MIN(code_pages(memory), memory->exec);

    format_kib(out, "VmPeak", memory->peak_total);
    format_kib(out, "VmSize", memory->total);
    format_kib(out, "VmLck", memory->locked);
    format_kib(out, "VmPin", 0);
    format_kib(out, "VmHWM", MAX(memory->peak_resident, resident(memory)));
    format_kib(out, "VmRSS", resident(memory));
    format_kib(out, "RssAnon", memory->resident_anon);
    format_kib(out, "RssFile", memory->resident_file);
    format_kib(out, "RssShmem", memory->resident_shmem);
    format_kib(out, "VmData", memory->data);
    format_kib(out, "VmStk", memory->stack);
    format_kib(out, "VmExe", code);
    format_kib(out, "VmLib", memory->exec - code);
    format_kib(out, "VmPTE", memory->tables);
    format_kib(out, "VmSwap", 0);
    format_kib(out, "HugetlbPages", 0);
    text_printf(out, "CoreDumping:\t0\nTHP_enabled:\t0\n");
}

/* prctl's answer: 1 each thread may say, 2 on, 4 off, 8 off for good, 16 off until execve. */
static const char *store_bypass_name(int answer)
{
    switch (answer) {
    case 0:
        return "not vulnerable";
    case 1 | 2:
        return "thread vulnerable";
    case 1 | 4:
    case 1 | 16:
        return "thread mitigated";
    case 1 | 8:
        return "thread force mitigated";
    case 4:
        return "globally mitigated";
    default:
        return "vulnerable";
    }
}

static const char *branches_name(int answer)
{
    return answer == 0 ? "not affected" : answer == 4 ? "always disabled" : "always enabled";
}

static void format_status_signals(struct text *out, const struct proc_task *task)
{
    text_printf(out, "Threads:\t%u\nSigQ:\t%u/%llu\n", task->threads, task->queued,
                (ull)task->queue_limit);
    text_printf(out, "SigPnd:\t%016llx\nShdPnd:\t%016llx\n", (ull)task->pending,
                (ull)task->shared_pending);
    text_printf(out, "SigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n", (ull)task->blocked,
                (ull)task->ignored, (ull)task->caught);
    text_printf(out, "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\n", (ull)task->caps[0],
                (ull)task->caps[1], (ull)task->caps[2]);
    text_printf(out, "CapBnd:\t%016llx\nCapAmb:\t%016llx\n", (ull)task->caps[3],
                (ull)task->caps[4]);
    text_printf(out, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n", task->no_new_privs);
    text_printf(out, "Speculation_Store_Bypass:\t%s\nSpeculationIndirectBranch:\t%s\n",
                store_bypass_name(task->store_bypass), branches_name(task->branches));
}

void proc_format_status(struct text *out, const struct proc_task *task)
{
    format_status_ids(out, task);
    if (task->memory.valid) {
        format_status_memory(out, &task->memory);
    }
    format_status_signals(out, task);
    text_printf(out, "Cpus_allowed:\t");
    proc_format_cpu_mask(out, &task->cpus_allowed, task->cpus);
    text_printf(out, "\nCpus_allowed_list:\t");
    proc_format_cpu_list(out, &task->cpus_allowed);
    text_printf(out, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
    text_printf(out, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
                task->switches_voluntary, task->switches_forced);
}

void proc_format_statm(struct text *out, const struct proc_memory *memory)
{
    text_printf(out, "%llu %llu %llu %llu 0 %llu 0\n", (ull)memory->total, (ull)resident(memory),
                (ull)(memory->resident_file + memory->resident_shmem), (ull)code_pages(memory),
                (ull)(memory->data + memory->stack));
}

void proc_format_mapping(struct text *out, const struct proc_mapping *mapping)
{
    size_t start = out->size;

    text_printf(out, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ", (ull)mapping->start,
                (ull)mapping->end, mapping->read ? 'r' : '-', mapping->write ? 'w' : '-',
                mapping->exec ? 'x' : '-', mapping->shared ? 's' : 'p', (ull)mapping->offset,
                DEV_MAJOR(mapping->dev), DEV_MINOR(mapping->dev), (ull)mapping->ino);
    if (mapping->name != NULL) {
        /* Names start in column 73 (25 + 6 * sizeof(void *)), or one space later. */
        size_t used = out->size - start;
        text_printf(out, "%*s", used < 73 ? (int)(73 - used) : 1, "");
        text_put_escaped(out, mapping->name, "\n");
    }
    text_printf(out, "\n");
}

void proc_format_limits(struct text *out, const uint64_t soft[PROC_LIMITS],
                        const uint64_t hard[PROC_LIMITS])
{
    static const struct {
        const char *name, *unit;
    } rows[PROC_LIMITS] = {
        {"Max cpu time", "seconds"},     {"Max file size", "bytes"},
        {"Max data size", "bytes"},      {"Max stack size", "bytes"},
        {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
        {"Max processes", "processes"},  {"Max open files", "files"},
        {"Max locked memory", "bytes"},  {"Max address space", "bytes"},
        {"Max file locks", "locks"},     {"Max pending signals", "signals"},
        {"Max msgqueue size", "bytes"},  {"Max nice priority", NULL},
        {"Max realtime priority", NULL}, {"Max realtime timeout", "us"},
    };

    text_printf(out, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (unsigned i = 0; i < PROC_LIMITS; i++) {
        char values[2][24];
        for (unsigned j = 0; j < 2; j++) {
            uint64_t value = j == 0 ? soft[i] : hard[i];
            snprintf(values[j], sizeof(values[j]), value == UINT64_MAX ? "unlimited" : "%llu",
                     (ull)value);
        }
        text_printf(out, "%-25s %-20s %-20s ", rows[i].name, values[0], values[1]);
        if (rows[i].unit != NULL) {
            text_printf(out, "%-10s", rows[i].unit);
        }
        text_printf(out, "\n");
    }
}
