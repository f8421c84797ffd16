/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the two worlds of the boot manager: its C code runs in 32-bit protected mode with flat
 * segments, where all memory can be reached; the BIOS runs in real mode. Everything here lies in
 * the first 64 KiB, with all segments at 0, so that an address is the same in both. The stack is the
 * same, too. Interrupts are on in real mode only. Arguments come in %eax and %edx (-mregparm=3).
 *
 * The way there and back is that of the SDM, vol. 3, 10.9 ("Mode Switching").
 */
#define CODE32 0x08
#define DATA32 0x10
#define CODE16 0x18
#define DATA16 0x20

    .code16
    .section .text.entry, "ax"
/* From the boot sector, with the drive in %dl. */
    .globl manager_entry
manager_entry:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $stack_top, %esp
    calll to_protected
    .code32
    movl $bss_start, %edi
    movl $bss_end, %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl
    movzbl %dl, %eax
    call manager_main

/* Called from 32-bit code, returns in real mode. Changes %eax. */
to_real:
    ljmp $CODE16, $1f
    .code16
1:  movw $DATA16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movl %cr0, %eax
    andb $0xfe, %al
    movl %eax, %cr0
    ljmp $0, $2f
2:  xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    lidtl real_idt
    retl

/* Called in real mode with calll, returns in 32-bit code. Changes %eax. */
to_protected:
    cli
    lgdtl gdt_pointer       /* each time: the BIOS may have used one of its own */
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $CODE32, $1f
    .code32
1:  movl $DATA32, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    ret

/* void bios_call(unsigned number, struct bios_regs *regs): boot/door/linux/setup/setup.h */
    .section .text.bios_call, "ax"
    .globl bios_call
bios_call:
    pushal
    movb %al, number
    pushl %edx
    call to_real
    .code16
    /* All registers are popped out of *regs. */
    movl %esp, saved_stack
    movl (%esp), %esp
    popal
    popw %ds
    popw %es
    movl %cs:saved_stack, %esp
    sti
    .byte 0xcd              /* int */
number:
    .byte 0
    cli
    /* And back, by the same layout. */
    pushfl
    pushw %es
    pushw %ds
    pushal
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    cld
    movl %esp, %esi
    movl 40(%esp), %edi
    movw $10, %cx
    rep movsl
    addl $44, %esp
    calll to_protected
    .code32
    popal
    ret

/* void wait_interrupt(void): until the timer's, the keyboard's, or another one. */
    .section .text.wait_interrupt, "ax"
    .globl wait_interrupt
wait_interrupt:
    call to_real
    .code16
    sti
    hlt
    calll to_protected
    .code32
    ret

/* _Noreturn void enter_linux(uint32_t segment, uint32_t stack): the 16-bit entry of the Linux boot
 * protocol, interrupts off, all data segments where the real-mode part lies, %cs 0x20 behind. */
    .section .text.enter_linux, "ax"
    .globl enter_linux
enter_linux:
    movl %eax, %ebx
    call to_real
    .code16
    movw %bx, %ds
    movw %bx, %es
    movw %bx, %fs
    movw %bx, %gs
    movw %bx, %ss
    movzwl %dx, %esp
    addw $0x20, %bx
    pushw %bx
    pushw $0
    lretw

    .section .data.entry, "aw"
    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    /* CODE32: base 0, 4 GiB */
    .quad 0x00cf93000000ffff    /* DATA32 */
    .quad 0x00009b000000ffff    /* CODE16: base 0, 64 KiB, as real mode wants them */
    .quad 0x000093000000ffff    /* DATA16 */
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
real_idt:
    .word 0x3ff
    .long 0
saved_stack:
    .long 0
    .section .note.GNU-stack, "", @progbits
