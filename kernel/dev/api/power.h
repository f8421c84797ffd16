/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Switching the machine off or starting it again: each tries the ways the machine has, best first.
 * And leaving it to another kernel. */

struct arch_kexec;

_Noreturn void power_off(void);
_Noreturn void power_reset(void);
/* On the boot CPU. */
_Noreturn void power_kexec(const struct arch_kexec *kexec);
/* Ctrl-Alt-Del was typed: calls who wants to know, else starts the machine again. May sleep. */
void power_attention(void);
void power_set_attention(void (*handler)(void));
/* Stops with a failure status where the machine can express one (pvpanic, debug-exit); else it
 * returns and the caller halts. */
void power_fail(void);
