/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What execve needs to know of x86_64: the ELF machine, and the words of the auxiliary vector that
 * describe the CPU (AT_HWCAP is CPUID leaf 1's EDX, Linux arch/x86/include/uapi/asm/hwcap2.h).
 */
#include <cpuid.h>

#include "kernel/arch/thread.h"
#include "kernel/personality/linux/process/exec.h"

const char exec_platform[] = "x86_64";
const uint16_t exec_elf_machine = ELF_MACHINE_X86_64;

/* CPUID is an exit in a virtual machine: asked once. */
void exec_hwcap(uint64_t hwcap[2])
{
    static uint32_t features; /* constant once set; always the same value */
    if (features == 0) {
        uint32_t a, b, c, d;
        __cpuid(1, a, b, c, d);
        features = d;
    }
    hwcap[0] = features;
    hwcap[1] = 0;
}

#define FRAME_SIZE 440 /* struct rt_sigframe, frame.c */

size_t exec_min_signal_stack(void)
{
    /* Frame, state, their alignment, and the red zone's return address. */
    return ALIGN_UP(FRAME_SIZE + arch_fpu_frame_size() + 64 + 16 + 8, (size_t)16);
}
