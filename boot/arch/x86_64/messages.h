/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* What is said about a machine that will not do: by the real-mode code and by the 32-bit entries.
 */
#define MESSAGE_NO_LONG_MODE                                                                       \
    "Alba: this CPU has no long mode (64-bit); give the machine a 64-bit CPU\r\n"
#define MESSAGE_NO_NX                                                                              \
    "Alba: this CPU has no NX (execute disable); give the machine a CPU that has it\r\n"
#define MESSAGE_NO_FEATURE                                                                         \
    "Alba: this CPU lacks SYSCALL, SSE2 or the like of x86-64; give the machine another CPU\r\n"
#define MESSAGE_NO_MEMORY "Alba: the kernel does not fit the memory; give the machine more\r\n"
#define MESSAGE_NOT_ALIGNED                                                                        \
    "Alba: the boot loader put the kernel not at a multiple of 4 KiB, as its header asks\r\n"
#define MESSAGE_NOT_WHOLE "kernel image is damaged (not whole); write the image anew"
