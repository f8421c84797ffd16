/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Panic: stops all other CPUs, says what is known, once, and stops the machine. A second panic
 * while the first prints ends at once; on another CPU, it only ends that CPU.
 */
#include "kernel/base/panic.h"
#include "kernel/arch/smp.h"
#include "kernel/arch/thread.h"
#include "kernel/base/log.h"
#include "kernel/base/percpu.h"
#include "kernel/base/symbols.h"
#include "lib/format.h"

#define FRAMES_MAX 24

#define NOBODY     ~0u

static unsigned panic_cpu = NOBODY; /* atomic: set once */
static void (*stop_machine)(void);  /* set by the drivers, before other CPUs run */
PERCPU(const char *, running_step);

bool panic_in_progress(void)
{
    return __atomic_load_n(&panic_cpu, __ATOMIC_SEQ_CST) != NOBODY;
}

bool panic_is_mine(void)
{
    return __atomic_load_n(&panic_cpu, __ATOMIC_RELAXED) == arch_cpu_number();
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

static void print_backtrace(const struct arch_regs *regs)
{
    vaddr_t pcs[FRAMES_MAX];
    size_t n = arch_backtrace(regs, pcs, FRAMES_MAX);
    log_printf(LOG_EMERG, "Back trace:");
    symbols_log(LOG_EMERG, pcs, n);
}

/* Only the first caller returns from here. */
static void begin(void)
{
    unsigned owner = NOBODY;
    arch_irq_disable();
    if (__atomic_compare_exchange_n(&panic_cpu, &owner, arch_cpu_number(), false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_RELAXED)) {
        arch_smp_stop_others();
        return;
    }
    if (owner == arch_cpu_number()) {
        stop();
    }
    arch_cpu_stop();
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
