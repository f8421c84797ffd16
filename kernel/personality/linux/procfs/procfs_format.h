/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The texts of /proc, from plain values: pure functions, so that a host test compares them letter
 * by letter with what a real Linux prints. proc(5) and Linux's Documentation/filesystems/proc.rst
 * describe the fields.
 */
#include "kernel/fs/pseudo.h"
#include "lib/cpumask.h"

/* Memory of a process in pages, as Linux counts it. */
struct proc_memory {
    bool valid; /* false: kernel thread or zombie; the rest is zero */
    uint64_t total, peak_total;
    uint64_t resident_anon, resident_file, resident_shmem, peak_resident;
    uint64_t data, stack, exec; /* private writable; growing stacks; executable, not writable */
    uint64_t locked, tables;
    uint64_t code_start, code_end, data_start, data_end, stack_start, brk_start;
    uint64_t arg_start, arg_end, env_start, env_end;
};

/* A thread or a whole process at one moment. */
struct proc_task {
    int pid, tid, parent, pgrp, session;
    int tty;      /* device number as stat shows it; 0: none */
    int tty_pgrp; /* -1: no terminal */
    char name[16];
    char state; /* R S D T Z X I */
    bool kernel, exiting, not_execed;
    unsigned threads;
    uint64_t minor_faults, children_minor_faults, major_faults;
    uint64_t user_ns, system_ns, children_user_ns, children_system_ns, start_ns;
    int nice, policy, rt_priority;
    int priority; /* in effect: 20 for nice 0, -2 to -100 for real time */
    unsigned cpu;
    int exit_signal, exit_status;
    uint64_t rss_limit;
    uint32_t uid[4], gid[4]; /* real, effective, saved, file system */
    uint32_t groups[CRED_GROUPS_MAX];
    unsigned group_count;
    uint64_t caps[5]; /* inheritable, permitted, effective, bounding, ambient */
    uint64_t pending, shared_pending, blocked, ignored, caught;
    unsigned queued;
    uint64_t queue_limit;
    uint32_t umask;
    unsigned fd_size;
    bool no_new_privs;
    int store_bypass, branches; /* as prctl(PR_GET_SPECULATION_CTRL) answers */
    struct cpumask cpus_allowed;
    unsigned cpus; /* that there are */
    unsigned long switches_voluntary, switches_forced;
    struct proc_memory memory;
};

void proc_format_stat(struct text *out, const struct proc_task *task);
void proc_format_status(struct text *out, const struct proc_task *task);
void proc_format_statm(struct text *out, const struct proc_memory *memory);

/* A line of /proc/PID/maps; name NULL: none. */
struct proc_mapping {
    uint64_t start, end, offset;
    bool read, write, exec, shared;
    dev_number dev;
    uint64_t ino;
    const char *name;
};
void proc_format_mapping(struct text *out, const struct proc_mapping *mapping);

/* /proc/PID/limits; the two arrays have one element for each RLIMIT_*, ~0: unlimited. */
#define PROC_LIMITS 16
void proc_format_limits(struct text *out, const uint64_t soft[PROC_LIMITS],
                        const uint64_t hard[PROC_LIMITS]);

/* Lines of /proc/PID/mounts and mountinfo. */
void proc_format_mount(struct text *out, const struct mount_info *info);
void proc_format_mountinfo(struct text *out, const struct mount_info *info);

/* /proc/meminfo, in KiB. */
struct proc_meminfo {
    uint64_t total, free, available, cached, shmem, anon, slab, stacks, tables;
};
void proc_format_meminfo(struct text *out, const struct proc_meminfo *info);

/* /proc/loadavg; load with 11 fraction bits. */
void proc_format_loadavg(struct text *out, const unsigned long load[3], unsigned running,
                         unsigned total, int last_pid);
/* /proc/uptime. */
void proc_format_uptime(struct text *out, uint64_t up_ns, uint64_t idle_ns);

/* A set of CPUs as Linux lists them, "0-3,5"; and its first `cpus` bits in hexadecimal, words of 32
 * bits with the highest first. */
void proc_format_cpu_list(struct text *out, const struct cpumask *set);
void proc_format_cpu_mask(struct text *out, const struct cpumask *set, unsigned cpus);

/* Nanoseconds in clock ticks of USER_HZ (100). */
static inline uint64_t proc_ticks(uint64_t ns)
{
    return ns / 10000000;
}
