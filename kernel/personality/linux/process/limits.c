/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What processes may use and have used: getrlimit(2), setrlimit(2), prlimit64(2), getrusage(2); and
 * the limits of all processes together.
 */
#include "kernel/personality/linux/process/limits.h"
#include "kernel/arch/user.h"
#include "kernel/base/init.h"
#include "kernel/core/smp.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/kmap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/process/rusage.h"
#include "kernel/personality/linux/signal/signal_state.h"
#include "lib/string.h"

#define NOFILE_MAX   (1u << 20) /* as Linux's fs.nr_open */
#define PIDS_PER_CPU 1024       /* and not fewer than the traditional 32768 */

/* Linux's Documentation/admin-guide/sysctl/{kernel,fs}.rst says what these are. */
struct linux_sysctl linux_threads_max = {20, 1, 0x3fffffff};
struct linux_sysctl linux_pid_max = {LINUX_PID_DEFAULT, 301, LINUX_PID_LIMIT};
struct linux_sysctl linux_file_max = {8192, 0, INT64_MAX};

static bool may_exceed_files(void)
{
    return current->personal == NULL || linux_capable(CAP_SYS_ADMIN);
}

INIT_TEXT void linux_limits_init(void)
{
    struct frame_stats stats;
    frame_get_stats(&stats);
    int64_t bytes = (int64_t)(stats.total_pages * PAGE_SIZE);
    linux_threads_max.value = MAX(bytes / (8 * (int64_t)KSTACK_SIZE), 20);
    linux_file_max.value = MAX(bytes / 1024 / 10, 8192); /* a tenth of memory, at 1 KiB a file */
    linux_pid_max.value = MAX(LINUX_PID_DEFAULT, PIDS_PER_CPU * (int64_t)cpu_present_count());
    file_set_limit(&linux_file_max.value, may_exceed_files);
}

static int check_limit(int resource, const struct linux_rlimit *old, const struct linux_rlimit *new)
{
    if (new->soft > new->hard) {
        return -EINVAL;
    }
    if (resource == RLIMIT_NOFILE && new->hard > NOFILE_MAX) {
        return -EPERM;
    }
    return new->hard > old->hard && !linux_capable(CAP_SYS_RESOURCE) ? -EPERM : 0;
}

/* Any of both may be NULL. The process is held by the caller. */
static int swap_limit(struct linux_process *process, int resource, const struct linux_rlimit *new,
                      struct linux_rlimit *old)
{
    int result = 0;
    unsigned long flags = spin_lock_irqsave(&process->signal_lock);
    struct linux_rlimit *limit = &process->limits[resource];
    if (old != NULL) {
        *old = *limit;
    }
    if (new != NULL) {
        result = check_limit(resource, limit, new);
        if (result == 0) {
            *limit = *new;
        }
    }
    spin_unlock_irqrestore(&process->signal_lock, flags);
    if (new == NULL || result != 0) {
        return result;
    }
    if (resource == RLIMIT_CPU || resource == RLIMIT_RTTIME) {
        linux_cpu_limit_changed(process, resource);
    } else if (resource == RLIMIT_STACK && process == current_process()) {
        __atomic_store_n(&current->space->stack_limit, MIN(new->soft, 1ull << 40),
                         __ATOMIC_RELAXED);
    }
    return 0;
}

LINUX_CALL2(getrlimit, unsigned, resource, vaddr_t, addr)
{
    struct linux_rlimit limit;
    if (resource >= LINUX_RLIMITS) {
        return -EINVAL;
    }
    (void)swap_limit(current_process(), (int)resource, NULL, &limit);
    return put_user(limit, addr);
}

LINUX_CALL2(setrlimit, unsigned, resource, vaddr_t, addr)
{
    struct linux_rlimit limit;
    if (get_user(limit, addr) != 0) {
        return -EFAULT;
    }
    return resource < LINUX_RLIMITS ? swap_limit(current_process(), (int)resource, &limit, NULL)
                                    : -EINVAL;
}

/* The limits of others: the same user in all of its IDs, or the capability. */
static struct linux_process *find_for_limits(int pid, int *error)
{
    const struct cred *mine = linux_current()->cred;
    struct linux_process *process = NULL;
    unsigned long flags = process_tree_acquire();
    const struct linux_thread *thread = pid == 0 ? linux_current() : pid_thread(pid);
    *error = -ESRCH;
    if (thread != NULL) {
        const struct cred *other = thread->cred;
        bool same = mine->uid == other->euid && mine->uid == other->suid &&
                    mine->uid == other->uid && mine->gid == other->egid &&
                    mine->gid == other->sgid && mine->gid == other->gid;
        *error = -EPERM;
        if (thread->process == current_process() || same || linux_capable(CAP_SYS_RESOURCE)) {
            process = thread->process;
            process_get(process);
        }
    }
    process_tree_release(flags);
    return process;
}

LINUX_CALL4(prlimit64, int, pid, unsigned, resource, vaddr_t, new_addr, vaddr_t, old_addr)
{
    struct linux_rlimit new, old;
    int result;
    if (new_addr != 0 && get_user(new, new_addr) != 0) {
        return -EFAULT;
    }
    struct linux_process *process = find_for_limits(pid, &result);
    if (process == NULL) {
        return result;
    }
    result = resource < LINUX_RLIMITS
                 ? swap_limit(process, (int)resource, new_addr != 0 ? &new : NULL, &old)
                 : -EINVAL;
    process_put(process);
    if (result == 0 && old_addr != 0) {
        result = put_user(old, old_addr);
    }
    return result;
}

static uint64_t peak_pages_locked(const struct linux_process *process)
{
    const struct linux_thread *thread;
    uint64_t pages = process->peak_resident_pages;
    list_for_each (thread, &process->threads, link) {
        const struct space *space = thread_space(thread->thread);
        if (space != NULL) {
            pages = MAX(pages, space_peak_pages(space));
        }
    }
    return pages;
}

static void add_self_locked(struct linux_process *process, struct linux_rusage *out, uint64_t *user,
                            uint64_t *system)
{
    const struct linux_thread *thread;
    process_cpu_time_locked(process, user, system);
    out->minflt = (int64_t)process->minor_faults;
    out->nvcsw = (int64_t)process->dead_switches[0];
    out->nivcsw = (int64_t)process->dead_switches[1];
    const struct space *counted = NULL;
    list_for_each (thread, &process->threads, link) {
        const struct space *space = thread_space(thread->thread);
        out->nvcsw += (int64_t)thread->thread->switches_voluntary;
        out->nivcsw += (int64_t)thread->thread->switches_forced;
        if (space != NULL && space != counted) {
            out->minflt += (int64_t)space->minor_faults;
            out->majflt += (int64_t)space->major_faults;
            counted = space;
        }
    }
    out->maxrss = (int64_t)(peak_pages_locked(process) * (PAGE_SIZE / 1024));
}

void rusage_of_process_locked(struct linux_process *process, int who, struct linux_rusage *out)
{
    uint64_t user = 0, system = 0;
    memset(out, 0, sizeof(*out));
    if (who != RUSAGE_CHILDREN) {
        add_self_locked(process, out, &user, &system);
    }
    if (who != RUSAGE_SELF) {
        user += process->children_user_ns;
        system += process->children_system_ns;
        out->minflt += (int64_t)process->children_minor_faults;
        out->nvcsw += (int64_t)process->children_switches[0];
        out->nivcsw += (int64_t)process->children_switches[1];
        out->maxrss = MAX(out->maxrss,
                          (int64_t)(process->children_peak_resident * (PAGE_SIZE / 1024)));
    }
    out->utime = ns_to_timeval(user);
    out->stime = ns_to_timeval(system);
}

static void rusage_of_thread(struct linux_rusage *out)
{
    uint64_t user, system;
    memset(out, 0, sizeof(*out));
    (void)thread_cpu_ns(current, &user, &system);
    out->utime = ns_to_timeval(user);
    out->stime = ns_to_timeval(system);
    out->nvcsw = (int64_t)current->switches_voluntary;
    out->nivcsw = (int64_t)current->switches_forced;
    out->minflt = (int64_t)current->space->minor_faults;
    out->maxrss = (int64_t)(space_peak_pages(current->space) * (PAGE_SIZE / 1024));
}

LINUX_CALL2(getrusage, int, who, vaddr_t, addr)
{
    struct linux_rusage usage;
    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD) {
        return -EINVAL;
    }
    if (who == RUSAGE_THREAD) {
        rusage_of_thread(&usage);
    } else {
        unsigned long flags = process_tree_acquire();
        rusage_of_process_locked(current_process(), who, &usage);
        process_tree_release(flags);
    }
    return put_user(usage, addr);
}
