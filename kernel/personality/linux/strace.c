/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder behind `strace=1`. Arguments are printed before the call runs, because execve takes
 * the memory away that they lie in; but what a call fills is printed after it. The result comes
 * last. What was refused is counted, for a summary at the end of `alba run --strace`.
 */
#include "kernel/personality/linux/strace.h"
#include "abi/errno.h"
#include "kernel/base/log.h"
#include "kernel/fs/pseudo.h"
#include "kernel/personality/linux/process/process.h"
#include "lib/string.h"

static void read_args(struct strace_args *args, const struct arch_regs *regs)
{
    args->value[0] = arch_arg0(regs);
    args->value[1] = arch_arg1(regs);
    args->value[2] = arch_arg2(regs);
    args->value[3] = arch_arg3(regs);
    args->value[4] = arch_arg4(regs);
    args->value[5] = arch_arg5(regs);
}

static const struct {
    int number;
    const char *name, *text;
} errors[] = {
#define ERRNO(name, number, text) {number, #name, text},
#include "abi/errno.def"
#undef ERRNO
    {ERESTARTSYS, "ERESTARTSYS", "To be restarted if SA_RESTART is set"},
    {ERESTARTNOINTR, "ERESTARTNOINTR", "To be restarted"},
    {ERESTARTNOHAND, "ERESTARTNOHAND", "To be restarted if no handler"},
    {ERESTART_RESTARTBLOCK, "ERESTART_RESTARTBLOCK", "Interrupted by signal"},
};

static bool is_error(long result)
{
    return result < 0 && result >= -4095;
}

static void add_result(struct strace_line *line, const char *format, long result)
{
    if (!is_error(result)) {
        strace_add(line, strchr(format, '*') != NULL ? ") = %#lx" : ") = %ld", result);
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
        if (errors[i].number == -result) {
            strace_add(line, ") = %s %s (%s)", result <= -ERESTARTSYS ? "?" : "-1", errors[i].name,
                       errors[i].text);
            return;
        }
    }
    strace_add(line, ") = %ld", result);
}

/* The errors by which a kernel says that it does not know what is asked for. */
static const uint8_t refusals[] = {ENOSYS,      EINVAL,          EOPNOTSUPP,
                                   ENOPROTOOPT, EPROTONOSUPPORT, EAFNOSUPPORT};
static unsigned refused[ARRAY_SIZE(refusals)][LINUX_CALL_MAX + 1]; /* atomic; last: all others */

static void count_refusal(unsigned nr, long result)
{
    for (unsigned i = 0; i < ARRAY_SIZE(refusals); i++) {
        if (result == -(long)refusals[i]) {
            __atomic_fetch_add(&refused[i][MIN(nr, (unsigned)LINUX_CALL_MAX)], 1, __ATOMIC_RELAXED);
        }
    }
}

void strace_show_refused(struct text *out)
{
    for (unsigned nr = 0; nr <= LINUX_CALL_MAX; nr++) {
        for (unsigned i = 0; i < ARRAY_SIZE(refusals); i++) {
            unsigned count = __atomic_load_n(&refused[i][nr], __ATOMIC_RELAXED);
            if (count > 0) {
                text_printf(out, "%u %u %u\n", nr, refusals[i], count);
            }
        }
    }
}

static void log_line(const struct strace_line *line)
{
    log_warn("[pid %5d] %s", linux_current()->tid, line->text);
}

static bool is_last_call(const char *name)
{
    return strcmp(name, "exit") == 0 || strcmp(name, "exit_group") == 0;
}

long strace_call(struct arch_regs *regs, const struct linux_call_info *info,
                 long (*call)(struct arch_regs *regs))
{
    static const struct linux_call_info unknown = {"", "xxxxxx"};
    struct strace_line line = {.size = 0};
    struct strace_args args = {.nr = (uint32_t)arch_call_number(regs), .result = 0};
    read_args(&args, regs);
    if (info == NULL) {
        info = &unknown;
        strace_add(&line, "syscall_%#x", args.nr);
    }
    args.format = info->format;
    strace_add(&line, "%s(", info->name);
    bool late = strace_is_late(args.nr);
    if (!late) {
        strace_add_args(&line, &args);
    }
    if (is_last_call(info->name)) {
        strace_add(&line, ") = ?");
        log_line(&line);
    }
    args.result = call(regs);
    if (late) {
        strace_add_args(&line, &args);
    }
    add_result(&line, info->format, args.result);
    count_refusal(args.nr, args.result);
    log_line(&line);
    return args.result;
}
