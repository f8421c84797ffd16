/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From real mode to 32-bit protected mode (step A3): an empty IDT, a flat GDT with code, data and
 * TSS, CR0.PE, a far jump; selectors as the Linux boot protocol asks (BOOT_CS 0x10, BOOT_DS 0x18).
 */
#define BOOT_CS  0x10
#define BOOT_DS  0x18
#define BOOT_TSS 0x20

    .code16
    .section .text.jump, "ax"
/* void protected_jump(uint32_t entry, uint32_t zero_page), interrupts off */
    .globl protected_jump
protected_jump:
    movl 4(%esp), %eax
    movl 8(%esp), %esi
    /* Linear addresses of what the CPU will look for without our segment. */
    xorl %ebx, %ebx
    movw %cs, %bx
    shll $4, %ebx
    addl %ebx, far_target
    leal gdt(%ebx), %ecx
    movl %ecx, gdt_pointer + 2
    leal tss(%ebx), %ecx
    movw %cx, gdt + BOOT_TSS + 2
    shrl $16, %ecx
    movb %cl, gdt + BOOT_TSS + 4
    lidtl idt_pointer
    lgdtl gdt_pointer
    movl %cr0, %ecx
    orb $1, %cl
    movl %ecx, %cr0
    .byte 0x66, 0xea        /* ljmpl $BOOT_CS, $in32 */
far_target:
    .long in32
    .word BOOT_CS

    .code32
in32:
    movl $BOOT_DS, %ecx
    movl %ecx, %ds
    movl %ecx, %es
    movl %ecx, %fs
    movl %ecx, %gs
    movl %ecx, %ss
    addl %ebx, %esp
    movl $BOOT_TSS, %ecx
    ltr %cx
    xorl %ecx, %ecx
    lldt %cx
    xorl %edx, %edx
    xorl %ebx, %ebx
    xorl %ebp, %ebp
    xorl %edi, %edi
    jmp *%eax

    .section .data.jump, "aw"
    .balign 16
gdt:
    .quad 0
    .quad 0
    .quad 0x00cf9b000000ffff    /* BOOT_CS: base 0, 4 GiB, execute and read */
    .quad 0x00cf93000000ffff    /* BOOT_DS: base 0, 4 GiB, read and write */
    .quad 0x0000890000000067    /* BOOT_TSS: 104 bytes; the base is filled in */
gdt_end:
    .word 0
gdt_pointer:
    .word gdt_end - gdt - 1
    .long 0
idt_pointer:
    .word 0
    .long 0
    .section .bss.jump, "aw", @nobits
    .balign 16
tss:
    .skip 104
    .section .note.GNU-stack, "", @progbits
