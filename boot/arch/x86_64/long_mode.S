/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From 32-bit protected mode to a 64-bit C function of a door, for every door that starts with 32
 * bits. Checks the CPU first: one that will not do ends in one clear line on the serial port.
 * Position independent: everything is addressed from the run-time address of enter_long_mode.
 */
#include "boot/arch/x86_64/cpu.h"
#include "boot/arch/x86_64/messages.h"

#define RVA(symbol) ((symbol) - enter_long_mode)

    .section .text.long_mode, "ax"
    .code32
/*
 * In: %ebp address of enter_long_mode, %esp a stack, %esi the door's argument, %edi address of the
 * 64-bit function, %ecx enum boot_door; flat segments, paging off, interrupts off, bss cleared.
 * Calls function(argument, time stamp, door).
 */
    .globl enter_long_mode
enter_long_mode:
    /* Whether there is memory at all where the image was meant to lie. */
    pushl $0x41626c61
    popl %edx
    cmpl $0x41626c61, %edx
    leal RVA(no_memory)(%ebp), %eax
    jne fail32
    /* What is written lies behind the kernel: a file that was cut off has lost it. */
    cmpl $IMAGE_WHOLE, RVA(image_whole)(%ebp)
    leal RVA(not_whole)(%ebp), %eax
    jne fail32
    /* Tables must lie at pages; an image that was put between them cannot even start. */
    leal RVA(identity_root)(%ebp), %edx
    testl $4095, %edx
    leal RVA(not_aligned)(%ebp), %eax
    jnz fail32
    /* CPUID is there when EFLAGS.ID can be changed (SDM vol. 1, 3.4.3.3). */
    pushfl
    popl %eax
    movl %eax, %edx
    xorl $0x200000, %eax
    pushl %eax
    popfl
    pushfl
    popl %eax
    xorl %edx, %eax
    testl $0x200000, %eax
    leal RVA(no_long_mode)(%ebp), %eax
    jz fail32

    rdtsc
    pushl %edx
    pushl %eax
    pushl %ecx
    pushl %edi
    pushl %esi
    call check_cpu
    call make_tables

    movl $(CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT), %eax
    movl %eax, %cr4
    leal RVA(identity_root)(%ebp), %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $(EFER_LME | EFER_NXE), %eax
    wrmsr

    /* The descriptor table's address is only known now. */
    leal RVA(gdt)(%ebp), %eax
    movl %eax, RVA(gdt_pointer + 2)(%ebp)
    lgdt RVA(gdt_pointer)(%ebp)
    leal RVA(start64)(%ebp), %eax
    movl $(CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_PE), %edx
    movl %edx, %cr0
    pushl $SELECTOR_CODE64
    pushl %eax
    lret

    .code64
start64:
    movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    lldt %ax
    movl %esp, %esp
    /* The five words pushed above: argument, function, door, time stamp. */
    movl 0(%rsp), %edi
    movl 4(%rsp), %eax
    movl 8(%rsp), %edx
    movq 12(%rsp), %rsi
    leaq boot_stack_top(%rip), %rsp
    xorl %ebp, %ebp
    cld
    call *%rax
    ud2

    .code32
/* Returns with the features of leaf 0x80000001 in %edi, or not at all. */
check_cpu:
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    leal RVA(no_long_mode)(%ebp), %eax
    jb fail32
    movl $0x80000001, %eax
    cpuid
    movl %edx, %edi
    leal RVA(no_long_mode)(%ebp), %eax
    btl $29, %edi
    jnc fail32
    leal RVA(no_nx)(%ebp), %eax
    btl $20, %edi
    jnc fail32
    andl $CPUID_X_REQUIRED, %edx
    cmpl $CPUID_X_REQUIRED, %edx
    leal RVA(no_feature)(%ebp), %eax
    jne fail32
    movl $1, %eax
    cpuid
    andl $CPUID_1_REQUIRED, %edx
    cmpl $CPUID_1_REQUIRED, %edx
    leal RVA(no_feature)(%ebp), %eax
    jne fail32
    ret

/*
 * Page tables for the loader: the first 4 GiB where they are, by 1 GiB pages when %edi says that
 * the CPU has them, else by 2 MiB pages. 0x83: present, writable, large (SDM vol. 3, 4.5).
 */
make_tables:
    leal RVA(identity_gib + 3)(%ebp), %eax
    movl %eax, RVA(identity_root)(%ebp)
    leal RVA(identity_gib)(%ebp), %ebx
    movl $4, %ecx
    testl $CPUID_X_1GIB, %edi
    jz 2f
    movl $0x83, %eax
1:  movl %eax, (%ebx)
    addl $0x40000000, %eax
    addl $8, %ebx
    loop 1b
    ret
2:  leal RVA(identity_mib + 3)(%ebp), %eax
3:  movl %eax, (%ebx)
    addl $4096, %eax
    addl $8, %ebx
    loop 3b
    leal RVA(identity_mib)(%ebp), %ebx
    movl $2048, %ecx
    movl $0x83, %eax
4:  movl %eax, (%ebx)
    movl $0, 4(%ebx)
    addl $0x200000, %eax
    addl $8, %ebx
    loop 4b
    ret

/*
 * Prints the text at %eax on the serial port and, as screen_put() in machine.c does, on a screen in
 * text mode; tells the monitor, and stops.
 */
fail32:
    movl %eax, %ebx
    xorl %edi, %edi
    cmpw $0x5003, 0x449     /* mode 3 and 80 columns, in the BIOS data area */
    jne 1f
    movl $(0xb8000 + 22 * 160), %edi
1:  leal RVA(serial_setup)(%ebp), %esi
2:  movzwl (%esi), %edx
    testl %edx, %edx
    jz 3f
    movb 2(%esi), %al
    outb %al, %dx
    addl $3, %esi
    jmp 2b
3:  movzbl (%ebx), %eax
    testb %al, %al
    jz 6f
    testl %edi, %edi
    jz 4f
    cmpb $' ', %al
    jb 4f
    movb $0x4f, %ah         /* white on red */
    stosw
4:  movl $0x10000, %ecx
    movb %al, %ah
    movl $(SERIAL_PORT + 5), %edx
5:  inb %dx, %al
    testb $0x20, %al
    loopz 5b
    movb %ah, %al
    movl $SERIAL_PORT, %edx
    outb %al, %dx
    incl %ebx
    jmp 3b
6:  movl $PVPANIC_PORT, %edx
    inb %dx, %al
    cmpb $0xff, %al
    je 7f
    testb $PVPANIC_PANICKED, %al
    jz 7f
    movb $PVPANIC_PANICKED, %al
    outb %al, %dx
7:  cli
    hlt
    jmp 7b

    .section .rodata.long_mode, "a"
/* Port and value: 115200 baud, 8 bits, no parity; FIFO on; DTR and RTS. */
serial_setup:
    .word SERIAL_PORT + 1; .byte 0
    .word SERIAL_PORT + 3; .byte 0x80
    .word SERIAL_PORT + 0; .byte 1
    .word SERIAL_PORT + 1; .byte 0
    .word SERIAL_PORT + 3; .byte 3
    .word SERIAL_PORT + 2; .byte 7
    .word SERIAL_PORT + 4; .byte 3
    .word 0
no_memory:
    .asciz MESSAGE_NO_MEMORY
not_aligned:
    .asciz MESSAGE_NOT_ALIGNED
not_whole:
    .ascii "Alba: "
    .ascii MESSAGE_NOT_WHOLE
    .asciz "\r\n"
no_long_mode:
    .asciz MESSAGE_NO_LONG_MODE
no_nx:
    .asciz MESSAGE_NO_NX
no_feature:
    .asciz MESSAGE_NO_FEATURE

    .section .data.long_mode, "aw"
    .balign 8
gdt:
    .quad 0
    .quad 0
    .quad 0x00cf9b000000ffff /* SELECTOR_CODE32 */
    .quad 0x00cf93000000ffff /* SELECTOR_DATA */
    .quad 0x00af9b000000ffff /* SELECTOR_CODE64 */
    .balign 4
    .word 0
    .globl gdt_pointer, gdt
gdt_pointer:
    .word GDT_SIZE - 1
    .quad 0

    /* The last word of the data (the linker scripts see to it). */
    .section .data_end, "aw"
    .balign 4
    .globl image_whole
    .hidden image_whole
image_whole:
    .long IMAGE_WHOLE

    .section .bss.tables, "aw", @nobits
    .balign 4096
    .globl identity_root, identity_gib
identity_root:
    .skip 4096
identity_gib:
    .skip 4096

    /* Not cleared by anybody: used whole, or not at all. */
    .section .noinit, "aw", @nobits
    .balign 4096
    .globl identity_mib
identity_mib:
    .skip 4 * 4096
    .globl boot_stack_top
    .skip 16384
boot_stack_top:
    .section .note.GNU-stack, "", @progbits
