/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last step: from the loader's page tables to the kernel's, and into the kernel. The code lies
 * within 64 bytes so that one page holds it; that page is mapped where it is in both.
 */
#include "boot/arch/x86_64/cpu.h"

    .section .text.machine_enter, "ax"
    .balign 64
    .globl machine_enter
/* In: %rdi struct machine_start {root, entry, argument, stack, percpu}. */
machine_enter:
    movl $MSR_GS_BASE, %ecx
    movl 32(%rdi), %eax
    movl 36(%rdi), %edx
    wrmsr
    movq 8(%rdi), %rsi
    movq 24(%rdi), %rsp
    movq 0(%rdi), %rax
    movq 16(%rdi), %rdi
    movq %rax, %cr3
    movq %cr4, %rax
    orl $CR4_PGE, %eax
    movq %rax, %cr4
    xorl %ebp, %ebp
    jmp *%rsi
    .if . - machine_enter > 64
    .error "machine_enter does not fit its 64 bytes"
    .endif

    .section .note.GNU-stack, "", @progbits
