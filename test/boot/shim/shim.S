/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Enters an image that lies in memory already, with parameters that no boot loader would make: a
 * PVH program that takes from PARAMETERS, where the test put them, six words: mode (0: 32 bits,
 * 1: 64 bits, 2: 64 bits with 5-level paging), entry, argument (in EBX and ESI), what 32-bit entries find in EAX, and the upper halves
 * of a 64-bit entry's address and argument.
 */
#define BASE       0x2800000
#define PARAMETERS 0x2810000
#define TABLES     0x2820000

    .section .note.Xen, "a", @note
    .long 4, 4, 18
    .asciz "Xen"
    .long _start

    .text
    .code32
    .globl _start
_start:
    movl PARAMETERS + 8, %esi
    movl %esi, %ebx
    movl PARAMETERS + 12, %eax
    cmpl $0, PARAMETERS
    jne 1f
    jmp *PARAMETERS + 4

    /* Identity page tables for 8 GiB, as the 64-bit protocol wants; then long mode. */
1:  movl PARAMETERS + 4, %eax
    movl $(TABLES + 0x1003), TABLES
    movl $(TABLES + 0x2003), %ecx
    movl $(TABLES + 0x1000), %edi
2:  movl %ecx, (%edi)
    addl $0x1000, %ecx
    addl $8, %edi
    cmpl $(TABLES + 0x1040), %edi
    jb 2b
    movl $0x83, %ecx
    xorl %edx, %edx
    movl $(TABLES + 0x2000), %edi
3:  movl %ecx, (%edi)
    movl %edx, 4(%edi)
    addl $0x200000, %ecx
    adcl $0, %edx
    addl $8, %edi
    cmpl $(TABLES + 0xa000), %edi
    jb 3b
    movl $TABLES, %ecx
    movl $0x20, %edx
    cmpl $2, PARAMETERS
    jne 4f
    /* CR4.LA57, and one level more. */
    movl $(TABLES + 3), TABLES + 0xa000
    movl $(TABLES + 0xa000), %ecx
    movl $0x1020, %edx
4:  movl %ecx, %cr3
    movl %edx, %cr4
    movl %eax, %edi
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl $0x80000001, %ecx
    movl %ecx, %cr0
    lgdt pointer
    ljmp $0x10, $5f
    .code64
5:  movl $0x18, %ecx
    movl %ecx, %ds
    movl %ecx, %es
    movl %ecx, %ss
    movl PARAMETERS + 16, %ecx
    shlq $32, %rcx
    orq %rcx, %rdi
    movl PARAMETERS + 20, %ecx
    shlq $32, %rcx
    orq %rcx, %rsi
    jmp *%rdi

    .balign 8
gdt:
    .quad 0, 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
pointer:
    .word 31
    .quad gdt
    .section .note.GNU-stack, "", @progbits
