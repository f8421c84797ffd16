/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Out of 5-level paging, in which a boot loader may have left the CPU (kexec from a Linux that uses
 * it): CR4.LA57 can only change while paging is off (SDM vol. 3, 2.5), and that is nowhere but in
 * 32 bits. So a little code runs in a page below 4 GiB that is borrowed from whoever has it:
 * identity.c saves, fills and restores it and the next one, which holds the root to go on with.
 */
#include "boot/arch/x86_64/cpu.h"

#define AT(symbol) (LA57_BORROWED + (symbol) - la57_code)

    .section .text.la57, "ax"
    .code64
/* The root in use covers the borrowed pages; interrupts are off. */
    .globl la57_leave, la57_code, la57_code_end
    .hidden la57_leave, la57_code, la57_code_end
la57_leave:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movl $LA57_BORROWED, %edi
    movq %rsp, (la57_stack - la57_code)(%rdi)
    leaq 1f(%rip), %rax
    movq %rax, (la57_return - la57_code)(%rdi)
    /* Registers, and maybe the table's base, lose their upper halves: the copy is used. */
    leaq gdt(%rip), %rsi
    leaq (la57_gdt - la57_code)(%rdi), %rdi
    movl $(GDT_SIZE / 8), %ecx
    rep movsq
    movl $LA57_BORROWED, %eax
    jmp *%rax
1:  lgdt gdt_pointer(%rip)
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    retq

/* From here on at LA57_BORROWED. */
la57_code:
    lgdt AT(la57_gdt_pointer)
    pushq $SELECTOR_CODE32
    pushq $AT(2f)
    lretq
    .code32
2:  movl %cr0, %edx
    andl $~CR0_PG, %edx
    movl %edx, %cr0
    movl %cr4, %eax
    andl $~CR4_LA57, %eax
    movl %eax, %cr4
    movl $(LA57_BORROWED + 4096), %eax
    movl %eax, %cr3
    orl $CR0_PG, %edx
    movl %edx, %cr0
    ljmp $SELECTOR_CODE64, $AT(3f)
    .code64
3:  movq AT(la57_stack), %rsp
    jmp *AT(la57_return)

    .balign 8
la57_stack:
    .quad 0
la57_return:
    .quad 0
la57_gdt_pointer:
    .word GDT_SIZE - 1
    .quad AT(la57_gdt)
    .balign 8
la57_gdt:
    .skip GDT_SIZE
la57_code_end:
    .section .note.GNU-stack, "", @progbits
