/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Panic: says what is known, once, and stops the machine. A second panic while the first prints
 * ends at once.
 */
#include "kernel/base/panic.h"
#include "kernel/arch/thread.h"
#include "kernel/base/log.h"
#include "kernel/base/percpu.h"
#include "kernel/base/symbols.h"
#include "lib/format.h"

#define FRAMES_MAX 24

static bool in_progress; /* atomic: set once */
static void (*stop_machine)(void);
PERCPU(const char *, running_step);

bool panic_in_progress(void)
{
    return __atomic_load_n(&in_progress, __ATOMIC_RELAXED);
}

void panic_set_stop(void (*stop)(void))
{
    stop_machine = stop;
}

void panic_set_step(const char *step)
{
    percpu(running_step) = step;
}

static _Noreturn void stop(void)
{
    if (stop_machine != NULL) {
        stop_machine();
    }
    arch_cpu_stop();
}

static void print_address(vaddr_t pc)
{
    size_t offset;
    const char *name = symbol_find(pc, &offset);
    if (name != NULL) {
        log_printf(LOG_EMERG, "  [%016lx] %s+%#zx", (unsigned long)pc, name, offset);
    } else {
        log_printf(LOG_EMERG, "  [%016lx]", (unsigned long)pc);
    }
}

static void print_backtrace(const struct arch_regs *regs)
{
    vaddr_t pcs[FRAMES_MAX];
    size_t n = arch_backtrace(regs, pcs, FRAMES_MAX);
    log_printf(LOG_EMERG, "Back trace:");
    for (size_t i = 0; i < n; i++) {
        print_address(pcs[i]);
    }
}

/* Only the first caller returns from here. */
static void begin(void)
{
    arch_irq_disable();
    if (__atomic_exchange_n(&in_progress, true, __ATOMIC_ACQ_REL)) {
        stop();
    }
}

static _Noreturn void finish(const struct arch_regs *regs, const char *fmt, va_list args)
{
    char text[256];
    vsnprintf(text, sizeof(text), fmt, args);
    log_printf(LOG_EMERG, "Kernel panic - not syncing: %s", text);
    if (percpu(running_step) != NULL) {
        log_printf(LOG_EMERG, "Running step: %s", percpu(running_step));
    }
    if (regs != NULL) {
        arch_print_regs(regs);
    }
    print_backtrace(regs);
    log_printf(LOG_EMERG, "---[ end Kernel panic - not syncing: %s ]---", text);
    stop();
}

void panic(const char *fmt, ...)
{
    va_list args;
    begin();
    va_start(args, fmt);
    finish(NULL, fmt, args);
}

void panic_regs(const struct arch_regs *regs, const char *fmt, ...)
{
    va_list args;
    begin();
    va_start(args, fmt);
    finish(regs, fmt, args);
}

void boot_fail(const char *fmt, ...)
{
    char text[320];
    va_list args;
    begin();
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    log_printf(LOG_EMERG, "Kernel panic - not syncing: %s", text);
    stop();
}

void assert_failed(const char *expr, const char *file, int line)
{
    panic("assertion failed: %s (%s:%d)", expr, file, line);
}

/* The compiler calls this when a stack frame's canary was overwritten. */
_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail(void)
{
    panic("stack overwritten in %p", __builtin_return_address(0));
}
