/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last way to start a PC again: a triple fault. With an empty IDT no exception can be
 * delivered, so the first one makes the CPU shut down, which the platform answers with a reset
 * (Intel SDM volume 3, 6.15, "Interrupt 8").
 */
#include "kernel/arch/cpu.h"

_Noreturn void arch_cpu_reset(void)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) empty = {0, 0};

    for (;;) {
        __asm__ volatile("cli\n\tlidt %0\n\tint3" : : "m"(empty) : "memory");
    }
}
