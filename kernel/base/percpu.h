/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Variables with one copy per CPU. They live in the kernel ELF's TLS segment; the loader makes one
 * block per CPU. `PERCPU(int, counter) = 1;` at file scope defines one, `percpu(counter)` is this
 * CPU's copy as an lvalue, `percpu_of(cpu, counter)` another CPU's.
 * The caller of percpu() must not be moved to another CPU meanwhile: preemption off, or its own
 * CPU.
 */
#include "kernel/arch/cpu.h"

#define PERCPU(type, name)   static __thread __attribute__((used)) type name
#define percpu(name)         ARCH_PERCPU(name)

#define percpu_of(cpu, name) ARCH_PERCPU_OF(cpu, name)
/* All CPUs that have copies, also those that do not run. */
#define percpu_for_each(cpu) for (unsigned cpu = 0; arch_cpu_exists(cpu); cpu++)
