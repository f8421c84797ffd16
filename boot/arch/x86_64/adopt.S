/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way on for a door that comes with 64 bits, on a stack, descriptors and page tables of somebody
 * else's: control registers, segments, stack and tables become ours. bss is cleared already.
 */
#include "boot/arch/x86_64/cpu.h"
#include "boot/arch/x86_64/messages.h"

    .section .text.adopt, "ax"
    .code64
/* In: %rdi struct machine_adopt {function, argument, cycles, door}. */
    .globl machine_adopt, adopt_registers
    .hidden machine_adopt, adopt_registers
machine_adopt:
    movq 0(%rdi), %r15
    movq 8(%rdi), %r12
    movq 16(%rdi), %r13
    movq 24(%rdi), %r14
adopt_registers:
    cli
    cld
    leaq boot_stack_top(%rip), %rsp
    /* As in enter_long_mode. */
    cmpl $IMAGE_WHOLE, image_whole(%rip)
    jne not_whole64

    /* Descriptors and control registers of our own; page tables while the old ones still hold. */
    leaq gdt(%rip), %rax
    movq %rax, gdt_pointer + 2(%rip)
    lgdt gdt_pointer(%rip)
    leaq 1f(%rip), %rax
    pushq $SELECTOR_CODE64
    pushq %rax
    lretq
1:  movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    lldt %ax
    movl $(CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_PE), %eax
    movq %rax, %cr0
    movq %cr4, %rax
    andl $(CR4_LA57 | CR4_PAE), %eax
    orl $(CR4_OSFXSR | CR4_OSXMMEXCPT), %eax
    movq %rax, %cr4
    xorl %ebp, %ebp
    leaq image_start(%rip), %rdi
    leaq image_end(%rip), %rsi
    call identity_adopt
    movq %r12, %rdi
    movq %r13, %rsi
    movl %r14d, %edx
    call *%r15
    ud2
not_whole64:
    leaq not_whole64_text(%rip), %rdi
    xorl %eax, %eax
    call fail
    ud2

    .section .rodata.adopt, "a"
not_whole64_text:
    .asciz MESSAGE_NOT_WHOLE

    .section .note.GNU-stack, "", @progbits
