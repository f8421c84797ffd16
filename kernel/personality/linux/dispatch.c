/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way from a program's system call to the function behind it: the table made from
 * abi/linux.def, and struct personality of Linux programs. Numbers that are not in the table are
 * counted.
 */
#include "kernel/arch/user.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/init.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/process.h"
#include "kernel/personality/linux/signal/signal_state.h"
#include "kernel/personality/linux/strace.h"
#include "lib/string.h"

typedef long (*linux_call)(struct arch_regs *regs);

static const linux_call calls[LINUX_CALL_MAX] = {
#define LINUX_CALL(nr, name, format) [nr] = linux_##name,
#include "abi/linux.def"
#undef LINUX_CALL
};

static const struct linux_call_info infos[LINUX_CALL_MAX] = {
#define LINUX_CALL(nr, name, format) [nr] = {#name, format},
#define LINUX_ABSENT(nr, name)       [nr] = {#name, "xxxxxx"},
#define LINUX_GONE(nr, name)         [nr] = {#name, "xxxxxx"},
#include "abi/linux.def"
#undef LINUX_CALL
};

unsigned long linux_unknown_calls[LINUX_CALL_MAX + 1]; /* atomic */

/* strace=1 shows the calls of all processes; strace=program those of what PID 1 starts, from the
 * execve on that makes it another program. */
static bool tracing RO_AFTER_INIT, tracing_programs RO_AFTER_INIT;

void linux_dispatch_init(void)
{
    const char *which = cmdline_get("strace");
    tracing = cmdline_flag("strace");
    tracing_programs = which != NULL && strcmp(which, "program") == 0;
}

static bool is_traced(const char *name)
{
    struct linux_process *process = current_process();
    if (!tracing_programs) {
        return true;
    }
    if (!process->traced && process != init_process) {
        process->traced = strcmp(name, "execve") == 0 || strcmp(name, "execveat") == 0;
    }
    return process->traced;
}

static long unknown_call(struct arch_regs *regs)
{
    uint64_t nr = MIN(arch_call_number(regs), (uint64_t)LINUX_CALL_MAX);
    __atomic_fetch_add(&linux_unknown_calls[nr], 1, __ATOMIC_RELAXED);
    return -ENOSYS;
}

/* Everything but the common case. */
static __attribute__((noinline)) void syscall_slowly(struct arch_regs *regs, uint64_t nr,
                                                     linux_call call)
{
    if (call == NULL) {
        call = unknown_call;
    }
    const struct linux_call_info *info = nr < LINUX_CALL_MAX && infos[nr].name != NULL ? &infos[nr]
                                                                                       : NULL;
    bool traced = tracing && is_traced(info != NULL ? info->name : "");
    arch_set_result(regs, traced ? strace_call(regs, info, call) : call(regs));
}

static void linux_syscall(struct arch_regs *regs)
{
    /* The upper half of the number does not count, as on Linux. */
    uint64_t nr = (uint32_t)arch_call_number(regs);
    linux_call call = nr < LINUX_CALL_MAX ? calls[arch_bounded(nr, LINUX_CALL_MAX)] : NULL;
    if (unlikely(call == NULL || tracing)) {
        syscall_slowly(regs, nr, call);
        return;
    }
    arch_set_result(regs, call(regs));
}

int linux_copy_struct(void *dst, size_t known, vaddr_t addr, size_t size)
{
    if (size > PAGE_SIZE) {
        return -E2BIG;
    }
    memset(dst, 0, known);
    for (size_t at = known; at < size; at++) {
        uint8_t byte;
        if (get_user(byte, addr + at) != 0) {
            return -EFAULT;
        }
        if (byte != 0) {
            return -E2BIG;
        }
    }
    return copy_from_user(dst, addr, MIN(size, known));
}

const struct personality linux_personality_ops = {
    .name = "linux",
    .syscall = linux_syscall,
    .fault = linux_fault,
    .return_to_user = linux_return_to_user,
    .moved = linux_rseq_moved,
    .out_of_memory = linux_out_of_memory,
};
