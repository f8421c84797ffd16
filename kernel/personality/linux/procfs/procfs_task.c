/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking a picture of a process or thread for /proc: one pass under the locks that protect it, so
 * that what is formatted afterwards fits together and nothing is held while text is made.
 */
#include "abi/errno.h"
#include "kernel/core/sched.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/procfs/procfs_internal.h"
#include "kernel/personality/linux/signal/signal_state.h"
#include "kernel/personality/linux/tty/tty.h"
#include "lib/string.h"

#define CAP_SYS_PTRACE    19u
#define RLIMIT_RSS        5
#define RLIMIT_SIGPENDING 11

/* The thread that ctx names. REQUIRES the tree lock. */
static struct linux_thread *ctx_thread_locked(const struct pseudo_ctx *ctx)
{
    struct linux_process *process = pid_process(proc_ctx_pid(ctx));

    if (process == NULL || proc_ctx_tid(ctx) == 0) {
        return process == NULL ? NULL : process->leader;
    }
    struct linux_thread *thread = pid_thread(proc_ctx_tid(ctx));
    return thread != NULL && thread->process == process ? thread : NULL;
}

struct linux_process *proc_process(const struct pseudo_ctx *ctx)
{
    struct linux_process *process = NULL;
    unsigned long flags = process_tree_acquire();

    if (ctx_thread_locked(ctx) != NULL) {
        process = pid_process(proc_ctx_pid(ctx));
        process_get(process);
    }
    process_tree_release(flags);
    return process;
}

static char state_letter(const struct linux_process *process, const struct linux_thread *thread)
{
    const struct thread *core = thread->thread;

    if (process->state != PROCESS_ALIVE || thread->exiting || core == NULL) {
        return 'Z';
    }
    if (thread->in_stop) {
        return 'T';
    }
    if (!thread_is_asleep(core)) {
        return 'R';
    }
    if (core->wait_mode == WAIT_INTERRUPTIBLE) {
        return 'S';
    }
    return process->is_kernel ? 'I' : 'D';
}

static void take_cred(const struct cred *cred, struct proc_task *out)
{
    const uint32_t uid[4] = {cred->uid, cred->euid, cred->suid, cred->fsuid};
    const uint32_t gid[4] = {cred->gid, cred->egid, cred->sgid, cred->fsgid};
    const uint64_t caps[5] = {cred->cap_inheritable, cred->cap_permitted, cred->cap_effective,
                              cred->cap_bounding, cred->cap_ambient};

    memcpy(out->uid, uid, sizeof(uid));
    memcpy(out->gid, gid, sizeof(gid));
    memcpy(out->caps, caps, sizeof(caps));
    out->group_count = cred->group_count;
    memcpy(out->groups, cred->groups, cred->group_count * sizeof(cred->groups[0]));
}

/* REQUIRES the tree lock. */
static void take_signals(struct linux_process *process, const struct linux_thread *thread,
                         struct proc_task *out)
{
    spin_lock(&process->signal_lock);
    out->pending = thread->pending.set;
    out->shared_pending = process->pending.set;
    out->blocked = thread->blocked;
    out->queued = __atomic_load_n(&process->leader->cred->user->signals, __ATOMIC_RELAXED);
    out->queue_limit = process->limits[RLIMIT_SIGPENDING].soft;
    out->rss_limit = process->limits[RLIMIT_RSS].soft;
    struct linux_handlers *handlers = process->handlers;
    if (handlers != NULL) {
        spin_lock(&handlers->lock);
        /* Those that are ignored because somebody said so, not by default. */
        for (unsigned i = 0; i < SIGRTMAX; i++) {
            out->ignored |= (uint64_t)(handlers->actions[i].handler == SIG_IGN) << i;
        }
        out->caught = handlers->caught;
        spin_unlock(&handlers->lock);
    }
    spin_unlock(&process->signal_lock);
}

/* REQUIRES the tree lock. */
static void take_times(struct linux_process *process, const struct linux_thread *thread, bool whole,
                       struct proc_task *out)
{
    const struct thread *core = thread->thread;

    if (whole) {
        process_cpu_time_locked(process, &out->user_ns, &out->system_ns);
        out->start_ns = process->start_ns;
    } else if (core != NULL) {
        (void)thread_cpu_ns(core, &out->user_ns, &out->system_ns);
        out->start_ns = core->start_ns;
    }
    out->children_user_ns = process->children_user_ns;
    out->children_system_ns = process->children_system_ns;
    out->minor_faults = process->minor_faults;
    out->children_minor_faults = process->children_minor_faults;
    if (core != NULL) {
        out->cpu = core->cpu;
        out->switches_voluntary = core->switches_voluntary;
        out->switches_forced = core->switches_forced;
        memcpy(out->name, core->name, sizeof(out->name));
        out->name[sizeof(out->name) - 1] = '\0';
    }
}

/* How it is scheduled, and on which of the CPUs that there are. */
static void take_scheduling(const struct thread *core, struct proc_task *out)
{
    struct sched_params params;

    sched_get_params(core, &params);
    out->nice = params.nice;
    out->policy = params.policy;
    int priority = sched_priority(core);
    out->priority = priority < 140 ? priority - 100
                                   : 20 + params.nice; /* SCHED_IDLE is nice, too */
    out->rt_priority = params.rt_priority;
    sched_get_affinity(core, &out->cpus_allowed);
    out->cpus = cpu_present_count();
    for (unsigned i = 0; i < CPUMASK_WORDS; i++) {
        out->cpus_allowed.word[i] &= __atomic_load_n(&cpu_online_mask()->word[i], __ATOMIC_RELAXED);
    }
}

/* REQUIRES the tree lock. */
static void take_thread(struct linux_process *process, const struct linux_thread *thread,
                        struct proc_task *out)
{
    out->pid = process->pid;
    out->tid = thread->tid;
    out->parent = process->parent != NULL ? process->parent->pid : 0;
    out->pgrp = process->pgrp;
    out->session = process->session;
    out->state = state_letter(process, thread);
    out->kernel = process->is_kernel;
    out->exiting = thread->exiting;
    out->not_execed = !process->execed && !process->is_kernel;
    out->threads = MAX(process->thread_count, 1u);
    out->exit_signal = thread == process->leader ? process->exit_signal : -1;
    out->exit_status = process->state == PROCESS_ALIVE ? 0 : process->exit_status;
    out->no_new_privs = thread->no_new_privs;
    out->store_bypass = linux_speculation(thread, 0);
    out->branches = linux_speculation(thread, 1);
    out->umask = thread->fs != NULL ? __atomic_load_n(&thread->fs->umask, __ATOMIC_RELAXED) : 0;
    out->fd_size = thread->files != NULL ? MAX(thread->files->size, 64u) : 0;
    if (thread->cred != NULL) {
        take_cred(thread->cred, out);
    }
    out->priority = 20;
    if (thread->thread != NULL) {
        take_scheduling(thread->thread, out);
    }
}

int proc_task_get(const struct pseudo_ctx *ctx, struct proc_task *out)
{
    bool whole = proc_ctx_tid(ctx) == 0;

    memset(out, 0, sizeof(*out));
    unsigned long flags = process_tree_acquire();
    struct linux_thread *thread = ctx_thread_locked(ctx);
    if (thread == NULL) {
        process_tree_release(flags);
        return -ESRCH;
    }
    struct linux_process *process = pid_process(proc_ctx_pid(ctx));
    process_get(process);
    take_thread(process, thread, out);
    take_times(process, thread, whole, out);
    take_signals(process, thread, out);
    process_tree_release(flags);

    out->tty_pgrp = -1;
    struct tty *tty = process_tty(process);
    if (tty != NULL) {
        out->tty = tty_device_number(tty);
        out->tty_pgrp = tty_foreground_pgrp(tty);
        tty_put(tty);
    }
    struct space *space = process_space(process);
    if (space != NULL) {
        proc_memory_get(space, &out->memory);
        out->minor_faults += space->minor_faults;
        out->major_faults = space->major_faults;
        space_put(space);
    }
    process_put(process);
    return 0;
}

/* Adds the pages of a region that are in the tables. REQUIRES space->lock. */
static void count_resident(struct space *space, const struct region *region,
                           struct proc_memory *out)
{
    for (vaddr_t va = region->start; va < region->end;) {
        pte_t *entry;
        size_t count = arch_mmu_leaf(&space->mmu, va, region->end, false, &entry);
        for (size_t i = 0; entry != NULL && i < count; i++) {
            if (!arch_pte_present(entry[i])) {
                continue;
            }
            bool borrowed = (arch_pte_flags(entry[i]) & ARCH_PTE_BORROWED) != 0;
            if (region->vmo == NULL) {
                out->resident_anon += !borrowed; /* else: the page of zeroes */
            } else if (!borrowed &&
                       paddr_to_frame(arch_pte_paddr(entry[i]))->spare != FRAME_OBJECT) {
                out->resident_anon++; /* a private copy */
            } else if (region->owner != NULL) {
                out->resident_file++;
            } else {
                out->resident_shmem++;
            }
        }
        va += count << PAGE_SHIFT;
    }
}

/* The kinds of linux/mm: exec_vm, data_vm, stack_vm. */
static void count_kind(const struct region *region, struct proc_memory *out)
{
    uint64_t pages = (region->end - region->start) >> PAGE_SHIFT;
    unsigned flags = region->flags;

    if (flags & (REGION_GROWS_DOWN | REGION_STACK)) {
        out->stack += pages;
    } else if ((flags & REGION_WRITE) && !(flags & REGION_SHARED)) {
        out->data += pages;
    } else if ((flags & REGION_EXEC) && !(flags & REGION_WRITE)) {
        out->exec += pages;
    }
}

void proc_memory_get(struct space *space, struct proc_memory *out)
{
    const struct linux_space *linux_space = linux_space_of(space);

    out->valid = true;
    rw_read_lock(&space->lock);
    for (struct region *region = space_find_locked(space, 0); region != NULL;
         region = space_next_locked(region)) {
        out->total += (region->end - region->start) >> PAGE_SHIFT;
        count_kind(region, out);
        count_resident(space, region, out);
    }
    out->peak_total = MAX(space->virtual_pages, out->total);
    out->peak_resident = space_peak_pages(space);
    out->tables = space->mmu.table_pages;
    rw_read_unlock(&space->lock);
    if (linux_space != NULL) {
        out->code_start = linux_space->code_start;
        out->code_end = linux_space->code_end;
        out->data_start = linux_space->data_start;
        out->data_end = linux_space->data_end;
        out->stack_start = linux_space->stack_start;
        out->brk_start = linux_space->brk_start;
        out->arg_start = linux_space->arg_start;
        out->arg_end = linux_space->arg_end;
        out->env_start = linux_space->env_start;
        out->env_end = linux_space->env_end;
    }
}

struct fs_context *proc_fs_context(const struct pseudo_ctx *ctx)
{
    struct fs_context *fs = NULL;
    unsigned long flags = process_tree_acquire();
    struct linux_thread *thread = ctx_thread_locked(ctx);

    /* Kernel threads have none of their own: they are where PID 1 is. */
    if (thread != NULL && thread->process->is_kernel && thread->fs == NULL) {
        thread = init_process->leader;
    }
    if (thread != NULL && !thread->exiting && thread->fs != NULL) {
        fs = thread->fs;
        fs_context_get(fs);
    }
    process_tree_release(flags);
    return fs;
}

int proc_owner(const struct pseudo_ctx *ctx, uint32_t *uid, uint32_t *gid)
{
    unsigned long flags = process_tree_acquire();
    const struct linux_thread *thread = ctx_thread_locked(ctx);

    if (thread != NULL && thread->cred != NULL) {
        *uid = thread->cred->euid;
        *gid = thread->cred->egid;
    }
    process_tree_release(flags);
    return thread == NULL ? -ESRCH : 0;
}

int proc_may_look(const struct pseudo_ctx *ctx)
{
    const struct cred *self = linux_current()->cred;
    int result = 0;
    unsigned long flags = process_tree_acquire();
    const struct linux_thread *thread = ctx_thread_locked(ctx);

    if (thread == NULL) {
        result = -ESRCH;
    } else if (thread->process != current_process() && thread->cred != NULL) {
        const struct cred *cred = thread->cred;
        bool same = self->fsuid == cred->uid && self->fsuid == cred->euid &&
                    self->fsuid == cred->suid && self->fsgid == cred->gid &&
                    self->fsgid == cred->egid && self->fsgid == cred->sgid;
        result = same && thread->process->dumpable == 1 ? 0 : -EACCES;
    }
    process_tree_release(flags);
    return result == -EACCES && linux_capable(CAP_SYS_PTRACE) ? 0 : result;
}

int proc_path_text(const struct path *path, char *buf, size_t size)
{
    struct fs_context *fs = linux_current()->fs;
    char *name = kmalloc(VFS_PATH_MAX);

    if (name == NULL) {
        return -ENOMEM;
    }
    struct fs_paths *paths = fs_paths_get(fs);
    int length = vfs_path_name(path, &paths->root, name, VFS_PATH_MAX);
    fs_paths_put(paths);
    if (length >= 0) {
        length = (int)MIN((size_t)length, size);
        memcpy(buf, name, (size_t)length);
    }
    kfree(name);
    return length == -ERANGE ? -ENAMETOOLONG : length;
}

bool proc_parse_number(const char *name, unsigned limit, unsigned *number)
{
    unsigned value = 0;

    if (*name == '\0' || (*name == '0' && name[1] != '\0')) {
        return false;
    }
    for (; *name != '\0'; name++) {
        if (*name < '0' || *name > '9' || value >= limit) {
            return false;
        }
        value = value * 10 + (unsigned)(*name - '0');
    }
    *number = value;
    return value < limit;
}
