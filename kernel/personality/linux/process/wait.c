/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait4(2) and waitid(2): states of children, taken once. A zombie that is waited for leaves the
 * tree and its figures go to the parent's.
 */
#include "kernel/arch/user.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/pidfd.h"
#include "kernel/personality/linux/process/rusage.h"
#include "kernel/personality/linux/signal/signal_state.h"

enum wait_option {
    WNOHANG = 1,
    WUNTRACED = 2, /* WSTOPPED */
    WEXITED = 4,
    WCONTINUED = 8,
    WNOWAIT = 0x1000000,
    WNOTHREAD = 0x20000000,
    WALL = 0x40000000,
};
#define WCLONE 0x80000000u

enum { P_ALL, P_PID, P_PGID, P_PIDFD };

struct wait_request {
    int which, id; /* P_*; of P_PGID 0 was replaced by the caller's group */
    unsigned options;
    const struct linux_process *process; /* P_PIDFD: this one; counted by ref */
    struct fd_ref ref;
};

/* What was found: enough for both calls. */
struct wait_result {
    int pid, status; /* status as wait4 gives it */
    int code;        /* CLD_* */
    int value;       /* exit code or signal */
    uint32_t uid;
    struct linux_rusage usage;
};

static bool matches_locked(const struct linux_process *child, const struct wait_request *request)
{
    if ((request->which == P_PID && child->pid != request->id) ||
        (request->which == P_PGID && child->pgrp != request->id) ||
        (request->which == P_PIDFD && child != request->process)) {
        return false;
    }
    bool is_clone = child->exit_signal != SIGCHLD;
    bool want_clone = (request->options & WCLONE) != 0;
    return (request->options & WALL) != 0 || is_clone == want_clone;
}

static void describe_locked(const struct linux_process *child, struct wait_result *result)
{
    result->pid = child->pid;
    result->uid = child->leader->cred->uid;
}

/* The figures of a child that goes are its parent's from now on. */
static void inherit_usage_locked(struct linux_process *parent, const struct linux_process *child)
{
    parent->children_user_ns += child->dead_user_ns + child->children_user_ns;
    parent->children_system_ns += child->dead_system_ns + child->children_system_ns;
    parent->children_minor_faults += child->minor_faults + child->children_minor_faults;
    for (int i = 0; i < 2; i++) {
        parent->children_switches[i] += child->dead_switches[i] + child->children_switches[i];
    }
    parent->children_peak_resident = MAX(
        parent->children_peak_resident,
        MAX(child->peak_resident_pages, child->children_peak_resident));
}

/* True: *result holds what happened; *reaped is the child when it has left the tree. */
static bool take_zombie_locked(struct linux_process *child, unsigned options,
                               struct wait_result *result, struct linux_process **reaped)
{
    describe_locked(child, result);
    rusage_of_process_locked(child, RUSAGE_BOTH, &result->usage);
    result->status = child->exit_status;
    result->code = child->exit_status & 0x7f ? CLD_KILLED : CLD_EXITED;
    result->value = child->exit_status & 0x7f ? child->exit_status & 0x7f
                                              : child->exit_status >> 8 & 0xff;
    if (!(options & WNOWAIT)) {
        inherit_usage_locked(child->parent, child);
        process_reap_locked(child);
        *reaped = child;
    }
    return true;
}

static bool take_stop_locked(struct linux_process *child, unsigned options,
                             struct wait_result *result)
{
    bool found = false;
    spin_lock(&child->signal_lock);
    if ((options & WUNTRACED) && child->stopped && child->stop_left == 0 && !child->stop_reported) {
        result->status = child->stop_signal << 8 | 0x7f;
        result->code = CLD_STOPPED;
        result->value = child->stop_signal;
        child->stop_reported = (options & WNOWAIT) == 0;
        found = true;
    } else if ((options & WCONTINUED) && child->continued && !child->continue_reported) {
        result->status = 0xffff;
        result->code = CLD_CONTINUED;
        result->value = SIGCONT;
        child->continue_reported = (options & WNOWAIT) == 0;
        found = true;
    }
    spin_unlock(&child->signal_lock);
    if (found) {
        describe_locked(child, result);
        rusage_of_process_locked(child, RUSAGE_BOTH, &result->usage);
    }
    return found;
}

/* 1: found; 0: nothing yet; -ECHILD: there is nobody to wait for. */
static int look(struct linux_process *self, const struct wait_request *request,
                struct wait_result *result)
{
    struct linux_process *child, *reaped = NULL;
    int found = -ECHILD;
    unsigned long flags = process_tree_acquire();
    list_for_each (child, &self->children, sibling) {
        if (!matches_locked(child, request)) {
            continue;
        }
        found = 0;
        if (child->state == PROCESS_ZOMBIE) {
            if ((request->options & WEXITED) &&
                take_zombie_locked(child, request->options, result, &reaped)) {
                found = 1;
                break;
            }
        } else if (take_stop_locked(child, request->options, result)) {
            found = 1;
            break;
        }
    }
    process_tree_release(flags);
    if (reaped != NULL) {
        process_put(reaped);
    }
    return found;
}

/* 1, 0 (WNOHANG and nothing yet), or an error. */
static int wait_for_child(const struct wait_request *request, struct wait_result *result)
{
    struct linux_process *self = current_process();
    struct wait_entry entry = {.thread = NULL};
    int found = look(self, request, result);
    if (found != 0 || (request->options & WNOHANG)) {
        return found;
    }
    int slept = 0;
    for (;;) {
        wait_prepare(WAIT_INTERRUPTIBLE);
        if (entry.thread == NULL) {
            wait_begin(&self->child_wait, &entry);
        }
        found = look(self, request, result);
        if (found != 0 || slept != 0) {
            wait_cancel();
            break;
        }
        slept = wait_sleep(WAIT_FOREVER);
    }
    wait_end(&self->child_wait, &entry);
    return found != 0 ? found : -ERESTARTSYS;
}

LINUX_CALL4(wait4, int, pid, vaddr_t, status_addr, unsigned, options, vaddr_t, usage_addr)
{
    struct wait_request request = {.options = options | WEXITED};
    struct wait_result result;
    if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WCLONE | WALL)) {
        return -EINVAL;
    }
    if (pid == INT_MIN) {
        return -ESRCH;
    }
    if (pid > 0) {
        request.which = P_PID;
        request.id = pid;
    } else if (pid != -1) {
        request.which = P_PGID;
        request.id = pid == 0 ? current_process()->pgrp : -pid;
    }
    int found = wait_for_child(&request, &result);
    if (found <= 0) {
        return found;
    }
    if (status_addr != 0 && put_user(result.status, status_addr) != 0) {
        return -EFAULT;
    }
    if (usage_addr != 0 && put_user(result.usage, usage_addr) != 0) {
        return -EFAULT;
    }
    return result.pid;
}

static int waitid_request(int which, int id, unsigned options, struct wait_request *request)
{
    if ((options & ~(WNOHANG | WNOWAIT | WEXITED | WUNTRACED | WCONTINUED | WNOTHREAD | WCLONE |
                     WALL)) != 0 ||
        (options & (WEXITED | WUNTRACED | WCONTINUED)) == 0) {
        return -EINVAL;
    }
    switch (which) {
    case P_ALL:
        break;
    case P_PID:
        if (id <= 0) {
            return -EINVAL;
        }
        break;
    case P_PGID:
        if (id < 0) {
            return -EINVAL;
        }
        id = id == 0 ? current_process()->pgrp : id;
        break;
    case P_PIDFD:
        if (id < 0) {
            return -EINVAL;
        }
        break;
    default:
        return -EINVAL;
    }
    *request = (struct wait_request){.which = which, .id = id, .options = options};
    if (which == P_PIDFD) {
        request->process = pidfd_borrow(id, &request->ref);
        return request->process != NULL ? 0 : -EBADF;
    }
    return 0;
}

LINUX_CALL5(waitid, int, which, int, id, vaddr_t, info_addr, unsigned, options, vaddr_t, usage_addr)
{
    struct wait_request request;
    struct wait_result result;
    request.ref.counted = false;
    int found = waitid_request(which, id, options, &request);
    if (found == 0) {
        bool impatient = which == P_PIDFD && (file_flags(request.ref.file) & O_NONBLOCK) != 0;
        request.options |= impatient ? WNOHANG : 0;
        found = wait_for_child(&request, &result);
        if (found == 0 && impatient && (options & WNOHANG) == 0) {
            found = -EAGAIN;
        }
    }
    fd_return(request.ref);
    if (found > 0 && usage_addr != 0 && put_user(result.usage, usage_addr) != 0) {
        return -EFAULT;
    }
    if (info_addr == 0) {
        return MIN(found, 0);
    }
    /* Only these fields are written, as on Linux: zeroes when nothing happened, or on errors. */
    struct {
        int32_t signo, error, code, pad;
        int32_t pid;
        uint32_t uid;
        int32_t status;
    } info = {.signo = 0};
    if (found > 0) {
        info.signo = SIGCHLD;
        info.code = result.code;
        info.pid = result.pid;
        info.uid = result.uid;
        info.status = result.value;
    }
    return copy_to_user(info_addr, &info, sizeof(info)) != 0 ? -EFAULT : MIN(found, 0);
}
