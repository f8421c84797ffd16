/* SPDX-License-Identifier: BSD-2-Clause */
/* What 16-bit C cannot say: BIOS calls and other segments (setup.h). */
    .code16
    .section .text.bios, "ax"

/* void bios_call(unsigned number, struct bios_regs *regs) */
    .globl bios_call
bios_call:
    pushal
    pushfl
    pushw %ds
    pushw %es
    pushw %fs
    pushw %gs
    /* 44 bytes above: return address at 44, number at 48, regs at 52. */
    movb 48(%esp), %al
    movb %al, number
    movl 52(%esp), %esi
    pushl %esi
    /* A copy of *regs on the stack, popped into the registers. */
    subw $40, %sp
    movl %esp, %edi
    movw $10, %cx
    cld
    rep movsl
    movw %ds, %ax
    movl %esp, %edi
    cmpw $0, 32(%edi)
    jne 1f
    movw %ax, 32(%edi)
1:  cmpw $0, 34(%edi)
    jne 2f
    movw %ax, 34(%edi)
2:  popal
    popw %ds
    popw %es
    addw $4, %sp
    .byte 0xcd              /* int */
number:
    .byte 0
    /* And back, by the same layout. */
    pushfl
    pushw %es
    pushw %ds
    pushal
    movw %cs, %ax
    movw %ax, %ds
    movw %ax, %es
    cld
    movl %esp, %esi
    movl 40(%esp), %edi
    movw $10, %cx
    rep movsl
    addw $44, %sp
    popw %gs
    popw %fs
    popw %es
    popw %ds
    popfl
    popal
    retl

    .globl own_segment
own_segment:
    movw %cs, %ax
    retl

/* far_read(uint16_t segment, uint16_t offset) */
    .globl far_read8, far_read16, far_read32, far_write32
far_read8:
    movw 4(%esp), %fs
    movzwl 8(%esp), %edx
    movzbl %fs:(%edx), %eax
    retl
far_read16:
    movw 4(%esp), %fs
    movzwl 8(%esp), %edx
    movzwl %fs:(%edx), %eax
    retl
far_read32:
    movw 4(%esp), %fs
    movzwl 8(%esp), %edx
    movl %fs:(%edx), %eax
    retl
/* far_write32(uint16_t segment, uint16_t offset, uint32_t value) */
far_write32:
    movw 4(%esp), %fs
    movzwl 8(%esp), %edx
    movl 12(%esp), %eax
    movl %eax, %fs:(%edx)
    retl
    .section .note.GNU-stack, "", @progbits
