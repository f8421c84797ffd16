/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last instructions of this kernel, copied to a page of their own that nothing overwrites and
 * entered there, on page tables that map memory where it is. They drop the kernel's half of those
 * tables, load flat segments as the Linux boot protocol wants them (arch/x86/boot.rst, "64-bit Boot
 * Protocol": __BOOT_CS 0x10, __BOOT_DS 0x18), move the new kernel to its place, and enter it. The
 * rest of the page is their stack.
 *
 * %rdi: first struct arch_kexec_list, or 0; %rsi: entry; %rdx: the new kernel's %rsi; %rcx: root.
 */
#define CR0_KEEP 0x80000033 /* PG NE ET MP PE: caches on, no alignment checks, no write protection */

#define PAGE     4096
#define LIST_NEXT   0
#define LIST_COUNT  8
#define LIST_COPIES 16

    .section .rodata.kexec, "a"
    .balign 16
    .globl x86_kexec_code, x86_kexec_code_end
    .code64
x86_kexec_code:
    cli
    cld
    leaq x86_kexec_code + PAGE(%rip), %rsp
    pushq $0                /* nowhere to come back to, for kexec(8)'s code, which asks the stack */
    pushq %rsi
    movq %rdi, %rbx
    leaq PAGE / 2(%rcx), %rdi
    movq %rcx, %rbp
    movl $PAGE / 2 / 8, %ecx
    xorl %eax, %eax
    rep stosq
    movq %rbp, %cr3

    leaq gdt(%rip), %rax
    movq %rax, gdt_pointer + 2(%rip)
    lgdt gdt_pointer(%rip)
    lidt no_gates(%rip)
    leaq 1f(%rip), %rax
    pushq $0x10
    pushq %rax
    lretq
1:  movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    xorl %eax, %eax
    lldt %ax
    movl $CR0_KEEP, %eax
    movq %rax, %cr0

2:  testq %rbx, %rbx
    jz 6f
    movq LIST_COUNT(%rbx), %r8
    leaq LIST_COPIES(%rbx), %r9
3:  decq %r8
    js 5f
    movq (%r9), %rdi
    movq 8(%r9), %rsi
    addq $16, %r9
    cmpq %rsi, %rdi
    je 3b                   /* it has been there all the time */
    movl $PAGE / 8, %ecx
    testq %rsi, %rsi
    jz 4f
    rep movsq
    jmp 3b
4:  xorl %eax, %eax
    rep stosq
    jmp 3b
5:  movq LIST_NEXT(%rbx), %rbx
    jmp 2b

    /* Nothing of this kernel is handed on: neither in registers nor, by this, in the TLB. */
6:  movq %rbp, %cr3
    movq %rdx, %rsi
    xorl %eax, %eax
    xorl %ebx, %ebx
    xorl %ecx, %ecx
    xorl %edx, %edx
    xorl %edi, %edi
    xorl %ebp, %ebp
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    xorl %r11d, %r11d
    xorl %r12d, %r12d
    xorl %r13d, %r13d
    xorl %r14d, %r14d
    xorl %r15d, %r15d
    ret

    .balign 8
gdt:
    .quad 0, 0
    .quad 0x00af9b000000ffff /* 0x10: 64-bit code */
    .quad 0x00cf93000000ffff /* 0x18: data */
gdt_pointer:
    .word 31
    .quad 0
no_gates:
    .word 0
    .quad 0
x86_kexec_code_end:

    .section .note.GNU-stack, "", @progbits
