/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What /proc says of CPUs and of how they are shared: stat, uptime, loadavg, schedstat, and sched
 * and schedstat of a process. proc(5) and Linux's Documentation/scheduler/sched-stats.rst describe
 * the fields.
 */
#include "abi/errno.h"
#include "kernel/core/irq.h"
#include "kernel/core/sched.h"
#include "kernel/personality/linux/procfs/procfs_internal.h"

typedef unsigned long long ull;

static void add_interrupt(void *arg, unsigned number, uint64_t count, const char *name)
{
    (void)number;
    (void)name;
    text_printf(arg, " %llu", (ull)count);
}

static void put_times(struct text *out, const struct sched_times *times)
{
    text_printf(out, " %llu 0 %llu %llu 0 0 0 0 0 0\n", (ull)proc_ticks(times->user_ns),
                (ull)proc_ticks(times->system_ns), (ull)proc_ticks(times->idle_ns));
}

static void get_total_times(struct sched_times *total)
{
    *total = (struct sched_times){0};
    cpumask_for_each (cpu, cpu_online_mask()) {
        struct sched_times times;
        sched_cpu_times(cpu, &times);
        total->user_ns += times.user_ns;
        total->system_ns += times.system_ns;
        total->idle_ns += times.idle_ns;
    }
}

int proc_show_system_stat(const struct pseudo_ctx *ctx, struct text *out)
{
    uint64_t now = clock_monotonic_ns();
    struct sched_times times;

    (void)ctx;
    get_total_times(&times);
    text_printf(out, "cpu ");
    put_times(out, &times);
    cpumask_for_each (cpu, cpu_online_mask()) {
        sched_cpu_times(cpu, &times);
        text_printf(out, "cpu%u", cpu);
        put_times(out, &times);
    }
    text_printf(out, "intr %llu", (ull)irq_total());
    irq_for_each(add_interrupt, out);
    text_printf(out, "\nctxt %llu\nbtime %llu\nprocesses %llu\n", (ull)sched_switches(),
                (ull)((clock_realtime_ns() - now) / NSEC_PER_SEC), (ull)process_forks);
    text_printf(out, "procs_running %u\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
                MAX(sched_runnable(), 1u));
    return 0;
}

int proc_show_uptime(const struct pseudo_ctx *ctx, struct text *out)
{
    struct sched_times times;

    (void)ctx;
    get_total_times(&times);
    proc_format_uptime(out, clock_monotonic_ns(), times.idle_ns);
    return 0;
}

int proc_show_loadavg(const struct pseudo_ctx *ctx, struct text *out)
{
    unsigned long load[3];
    unsigned running = MAX(sched_runnable(), 1u);

    (void)ctx;
    sched_loadavg(load);
    proc_format_loadavg(out, load, running, MAX(process_thread_total, running), pid_last());
    return 0;
}

/* Version 15, without scheduling domains. Times are nanoseconds; the time stamp is in ticks. */
int proc_show_schedstat(const struct pseudo_ctx *ctx, struct text *out)
{
    (void)ctx;
    text_printf(out, "version 15\ntimestamp %llu\n", (ull)proc_ticks(clock_monotonic_ns()));
    cpumask_for_each (cpu, cpu_online_mask()) {
        struct sched_stat stat;
        sched_cpu_stat(cpu, &stat);
        text_printf(out, "cpu%u %llu 0 %llu %llu %llu %llu %llu %llu %llu\n", cpu, (ull)stat.yields,
                    (ull)stat.switches, (ull)stat.idle_switches, (ull)stat.wakes,
                    (ull)stat.wakes_local, (ull)stat.run_ns, (ull)stat.wait_ns, (ull)stat.slices);
    }
    return 0;
}

/* The core thread that ctx names, counted, or NULL; how many the process has. */
static struct thread *get_thread(const struct pseudo_ctx *ctx, unsigned *threads)
{
    struct linux_process *process = proc_process(ctx);
    int tid = proc_ctx_tid(ctx) != 0 ? proc_ctx_tid(ctx) : proc_ctx_pid(ctx), found;

    if (process == NULL) {
        return NULL;
    }
    struct thread *thread = process_thread_next(process, tid, &found);
    *threads = MAX(process->thread_count, 1u);
    process_put(process);
    return thread;
}

int proc_show_task_schedstat(const struct pseudo_ctx *ctx, struct text *out)
{
    unsigned threads;
    uint64_t stat[3];
    struct thread *thread = get_thread(ctx, &threads);

    if (thread == NULL) {
        return -ESRCH;
    }
    sched_thread_stat(thread, stat);
    text_printf(out, "%llu %llu %llu\n", (ull)stat[0], (ull)stat[1], (ull)stat[2]);
    thread_put(thread);
    return 0;
}

static void put_value(struct text *out, const char *name, uint64_t value)
{
    text_printf(out, "%-45s:%21llu\n", name, (ull)value);
}

/* Those lines of Linux's that have a meaning here. */
int proc_show_task_sched(const struct pseudo_ctx *ctx, struct text *out)
{
    unsigned threads;
    uint64_t stat[3];
    struct sched_params params;
    struct thread *thread = get_thread(ctx, &threads);

    if (thread == NULL) {
        return -ESRCH;
    }
    sched_thread_stat(thread, stat);
    sched_get_params(thread, &params);
    int priority = sched_priority(thread);
    text_printf(out, "%.16s (%d, #threads: %u)\n", thread->name,
                proc_ctx_tid(ctx) != 0 ? proc_ctx_tid(ctx) : proc_ctx_pid(ctx), threads);
    text_printf(out, "-------------------------------------------------------------------\n");
    text_printf(out, "%-45s:%14llu.%06llu\n", "se.sum_exec_runtime", (ull)(stat[0] / 1000000),
                (ull)(stat[0] % 1000000));
    put_value(out, "nr_switches", thread->switches_voluntary + thread->switches_forced);
    put_value(out, "nr_voluntary_switches", thread->switches_voluntary);
    put_value(out, "nr_involuntary_switches", thread->switches_forced);
    put_value(out, "policy", params.policy);
    put_value(out, "prio", (uint64_t)(priority < 140 ? priority : 120 + params.nice));
    thread_put(thread);
    return 0;
}
