/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder behind `strace=1`. Arguments are printed as their letters in abi/linux.def say,
 * before the call runs, because execve takes the memory away that they lie in; the result comes
 * after it.
 */
#include "kernel/personality/linux/strace.h"
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/base/log.h"
#include "kernel/personality/linux/process/process.h"
#include "lib/format.h"
#include "lib/string.h"

#define STRING_MAX 32 /* bytes of a string that are shown, as strace does */

struct line {
    char text[384];
    size_t size;
};

static void add(struct line *line, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct line *line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line->text + line->size, sizeof(line->text) - line->size, fmt, args);
    va_end(args);
    line->size = MIN(line->size + (size_t)MAX(n, 0), sizeof(line->text) - 1);
}

static void add_char(struct line *line, unsigned char c)
{
    static const char escapes[] = "\nn\tt\rr\"\"\\\\";
    for (const char *e = escapes; *e != '\0'; e += 2) {
        if (c == (unsigned char)e[0]) {
            add(line, "\\%c", e[1]);
            return;
        }
    }
    if (c >= ' ' && c < 0x7f) {
        add(line, "%c", c);
    } else {
        add(line, "\\%o", c);
    }
}

static void add_string(struct line *line, vaddr_t addr)
{
    char text[STRING_MAX + 1];
    if (addr == 0) {
        add(line, "NULL");
        return;
    }
    long n = strncpy_from_user(text, addr, sizeof(text));
    bool cut = n == -ENAMETOOLONG;
    if (cut) {
        n = copy_from_user(text, addr, STRING_MAX) == 0 ? STRING_MAX : -EFAULT;
    }
    if (n < 0) {
        add(line, "%#lx", (unsigned long)addr);
        return;
    }
    add(line, "\"");
    for (long i = 0; i < n; i++) {
        add_char(line, (unsigned char)text[i]);
    }
    add(line, cut ? "\"..." : "\"");
}

static void add_argument(struct line *line, char letter, uint64_t value)
{
    switch (letter) {
    case 'd':
        add(line, "%ld", (long)(int64_t)value);
        break;
    case 'u':
        add(line, "%lu", (unsigned long)value);
        break;
    case 'o':
        add(line, "%#lo", (unsigned long)value);
        break;
    case 's':
        add_string(line, value);
        break;
    case 'a':
        if ((int)value == -100) {
            add(line, "AT_FDCWD");
            break;
        }
        __attribute__((fallthrough));
    case 'f':
        add(line, "%d", (int)value);
        break;
    case 'p':
        if (value == 0) {
            add(line, "NULL");
            break;
        }
        __attribute__((fallthrough));
    default:
        add(line, "%#lx", (unsigned long)value);
        break;
    }
}

static uint64_t argument(const struct arch_regs *regs, unsigned i)
{
    switch (i) {
    case 0:
        return arch_arg0(regs);
    case 1:
        return arch_arg1(regs);
    case 2:
        return arch_arg2(regs);
    case 3:
        return arch_arg3(regs);
    case 4:
        return arch_arg4(regs);
    default:
        return arch_arg5(regs);
    }
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

static void add_result(struct line *line, const char *format, long result)
{
    if (result >= 0 || result < -4095) {
        add(line, strchr(format, '*') != NULL ? ") = %#lx" : ") = %ld", result);
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
        if (errors[i].number == -result) {
            add(line, ") = %s %s (%s)", result <= -ERESTARTSYS ? "?" : "-1", errors[i].name,
                errors[i].text);
            return;
        }
    }
    add(line, ") = %ld", result);
}

static void log_line(const struct line *line)
{
    log_warn("[pid %5d] %s", linux_current()->tid, line->text);
}

long strace_call(struct arch_regs *regs, const struct linux_call_info *info,
                 long (*call)(struct arch_regs *regs))
{
    static const struct linux_call_info unknown = {"", "xxxxxx"};
    struct line line = {.size = 0};
    if (info == NULL) {
        info = &unknown;
        add(&line, "syscall_%#lx", (unsigned long)arch_call_number(regs));
    }
    add(&line, "%s(", info->name);
    const char *format = info->format;
    for (unsigned i = 0; format[i] != '\0' && format[i] != '*'; i++) {
        if (i > 0) {
            add(&line, ", ");
        }
        add_argument(&line, format[i], argument(regs, i));
    }
    bool no_return = strcmp(info->name, "exit") == 0 || strcmp(info->name, "exit_group") == 0;
    if (no_return) {
        add(&line, ") = ?");
        log_line(&line);
    }
    long result = call != NULL ? call(regs) : -ENOSYS;
    add_result(&line, info->format, result);
    log_line(&line);
    return result;
}
