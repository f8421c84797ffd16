/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protected-mode part of the bzImage: its 32-bit entry at offset 0 and its 64-bit entry at
 * offset 0x200 (Linux documentation, arch/x86/boot.rst, "32-bit Boot Protocol", "64-bit Boot
 * Protocol"). In both %esi/%rsi is the address of the zero page. The image runs where it was
 * loaded.
 */
#include "boot/arch/x86_64/cpu.h"

#define RVA(symbol) ((symbol) - linux_entry32)

    .section .text.entry, "ax"
    .code32
    .globl linux_entry32
linux_entry32:
    cli
    cld
    /* The one place known to be writable is the scratch field of the zero page, at 0x1e4. */
    leal 0x1e8(%esi), %esp
    call 1f
1:  popl %ebp
    subl $RVA(1b), %ebp

    leal RVA(bss_start)(%ebp), %edi
    leal RVA(bss_end)(%ebp), %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl

    leal RVA(boot_stack_top)(%ebp), %esp
    leal RVA(linux_main)(%ebp), %edi
    movl $2, %ecx           /* BOOT_DOOR_LINUX32 */
    leal RVA(enter_long_mode)(%ebp), %eax
    movl %eax, %ebp
    jmp *%eax

    /* Where things lie, for mkbzimage. */
    .org 0x1c0
    .long image_end - linux_entry32
    .long rodata_start - linux_entry32
    .long data_start - linux_entry32
    .long efi_entry - linux_entry32
    .long efi_handover - linux_entry32
    .long payload_data - linux_entry32

    /* What boot loaders may know of the image (boot.rst, "The kernel_info"). */
    .org 0x1e0
kernel_info:
    .ascii "LToP"
    .long kernel_info_end - kernel_info
    .long kernel_info_end - kernel_info
    .long 0x80000009        /* setup_type_max: SETUP_INDIRECT | SETUP_RNG_SEED */
kernel_info_end:
    .org 0x200
    .code64
    .globl linux_entry64
linux_entry64:
    cli
    cld
    rdtsc
    shlq $32, %rdx
    leaq (%rdx, %rax), %r13
    movq %rsi, %r12
    leaq bss_start(%rip), %rdi
    leaq bss_end(%rip), %rcx
    subq %rdi, %rcx
    shrq $3, %rcx
    xorl %eax, %eax
    rep stosq
    movl $3, %r14d          /* BOOT_DOOR_LINUX64 */
    leaq linux_main(%rip), %r15
    jmp adopt_registers

    .section .note.GNU-stack, "", @progbits
