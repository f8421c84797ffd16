/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the CPU will do, before anything depends on it (step A2). */
#include "boot/arch/x86_64/cpu.h"
#include "boot/arch/x86_64/messages.h"
#include "boot/door/linux/setup/setup.h"

/* CPUID is there when EFLAGS.ID can be changed (SDM vol. 1, 3.4.3.3). */
static bool has_cpuid(void)
{
    uint32_t before, after;
    __asm__ volatile("pushfl\n\tpopl %0\n\tmovl %0, %1\n\txorl $0x200000, %1\n\t"
                     "pushl %1\n\tpopfl\n\tpushfl\n\tpopl %1"
                     : "=&r"(before), "=&r"(after)
                     :
                     : "cc");
    return ((before ^ after) & 0x200000) != 0;
}

void check_cpu(void)
{
    if (!has_cpuid() || cpuid(0x80000000, 0).eax < 0x80000001) {
        stop(MESSAGE_NO_LONG_MODE);
    }
    uint32_t extended = cpuid(0x80000001, 0).edx;
    if (!(extended & 1u << 29)) {
        stop(MESSAGE_NO_LONG_MODE);
    }
    if (!(extended & 1u << 20)) {
        stop(MESSAGE_NO_NX);
    }
    if ((extended & CPUID_X_REQUIRED) != CPUID_X_REQUIRED ||
        (cpuid(1, 0).edx & CPUID_1_REQUIRED) != CPUID_1_REQUIRED) {
        stop(MESSAGE_NO_FEATURE);
    }
    params.setup_cycles = read_tsc();
}
