/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The end of a kernel whose own invariants are broken, or that has no way on. Never for user input
 * and never for lack of memory. Prints the message, the running step, registers when there are any,
 * and a symbolised back trace; then stops the machine with a failure status.
 */
#include <stdbool.h>

struct arch_regs;

_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same with the registers of the fault that led here. */
_Noreturn void panic_regs(const struct arch_regs *regs, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* As panic without registers and back trace: the boot cannot go on, and it is not our fault. */
_Noreturn void boot_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

bool panic_in_progress(void);
/* This CPU is the one that reports: no other runs any more, and locks may be held for ever. */
bool panic_is_mine(void);

/* The step of kernel/init that runs now, for the message; NULL: none. */
void panic_set_step(const char *step);

/* How the machine is stopped after a panic; set by the power driver. May return: then we halt. */
void panic_set_stop(void (*stop)(void));

_Noreturn void assert_failed(const char *expr, const char *file, int line);

/* States what no input can cause; stays in release builds. */
#undef assert
#define assert(expr) ((expr) ? (void)0 : assert_failed(#expr, __FILE__, __LINE__))
