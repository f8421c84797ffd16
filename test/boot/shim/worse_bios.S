/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot sector that makes the BIOS worse and then starts the boot sector that lies at sector REAL:
 * what a test wrote at MODE says how. A disk call that is made to fail reports error 0x42.
 */
#define REAL 62
#define HERE 0x8000 /* the segment this moves to */
#define MODE 500

    .code16
    .globl _start
_start:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movw $0x7c00, %sp
    movw $HERE, %ax
    movw %ax, %es
    movw $0x7c00, %si
    xorw %di, %di
    movw $256, %cx
    cld
    rep movsw
    movl 0x13 * 4, %eax
    movl %eax, %es:(old - _start)
    movw $(handler - _start), 0x13 * 4
    movw $HERE, 0x13 * 4 + 2
    movl 0x15 * 4, %eax
    movl %eax, %es:(old_15 - _start)
    movw $(handler_15 - _start), 0x15 * 4
    movw $HERE, 0x15 * 4 + 2
    ljmp $HERE, $(moved - _start)
moved:
    sti
    pushw %cs
    popw %ds
    movb $0x42, %ah
    movw $(packet - _start), %si
    pushfw
    lcallw *(old - _start)
    xorw %ax, %ax
    movw %ax, %ds
    ljmp $0, $0x7c00

handler:
    cmpb $1, %cs:MODE
    je no_parameters
    cmpb $2, %cs:MODE
    je few_sectors
    cmpb $3, %cs:MODE
    je third_time
    cmpb $4, %cs:MODE
    je no_extensions
go_on:
    ljmp *%cs:(old - _start)

/* 1: the BIOS does not say how large sectors are, nor how many. */
no_parameters:
    cmpb $0x48, %ah
    jne go_on
    jmp refuse
/* 2: no more than 64 sectors at a time. */
few_sectors:
    cmpb $0x42, %ah
    jne go_on
    cmpw $64, 2(%si)
    jbe go_on
    jmp refuse
/* 3: each third read is good. */
third_time:
    cmpb $0x42, %ah
    jne go_on
    incb %cs:(count - _start)
    cmpb $3, %cs:(count - _start)
    jb refuse
    movb $0, %cs:(count - _start)
    jmp go_on
/* 4: no extensions, but not for who reads first: the boot sector asks once. */
no_extensions:
    cmpb $0x41, %ah
    jne go_on
    incb %cs:(count - _start)
    cmpb $1, %cs:(count - _start)
    je go_on

refuse:
    movw $0, 2(%si)         /* nothing was read, says a packet */
    movb $0x42, %ah
    pushw %bp
    movw %sp, %bp
    orb $1, 6(%bp)          /* carry, in the flags that come back */
    popw %bp
    iretw

/* 5: no e820, and from 6 on no e801 either: what there is above 1 MiB is all one hears. */
handler_15:
    cmpb $5, %cs:MODE
    jb go_on_15
    cmpw $0xe820, %ax
    je refuse_15
    cmpb $6, %cs:MODE
    jb go_on_15
    cmpw $0xe801, %ax
    je refuse_15
go_on_15:
    ljmp *%cs:(old_15 - _start)
refuse_15:
    movb $0x86, %ah         /* there is no such function */
    pushw %bp
    movw %sp, %bp
    orb $1, 6(%bp)
    popw %bp
    iretw

packet:
    .byte 16, 0
    .word 1, 0x7c00, 0
    .quad REAL
old:
    .long 0
old_15:
    .long 0
count:
    .byte 0
    .org 510
    .word 0xaa55
    .section .note.GNU-stack, "", @progbits
