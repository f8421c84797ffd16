/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The headers by which Multiboot loaders know alba.elf, and where its ELF entry leads them: 32-bit
 * protected mode, flat segments, paging off, %eax = the magic number, %ebx = address of the
 * information ("Multiboot Specification version 0.6.96", 3.1, 3.2; "Multiboot2 Specification
 * version 2.0", 3.1, 3.3). Whoever comes with neither magic number is taken for PVH, whose door
 * says what it misses.
 */
#define ALIGN_MODULES 0x1 /* to pages */
#define WANT_MEMORY   0x2
#define WANT_VIDEO    0x4

/*
 * Multiboot 1: in the first 8192 bytes of the file, and at the very last place there (alba.lds):
 * QEMU's -kernel, which refuses 64-bit Multiboot files, does not look at that one and goes on to
 * PVH. A linear frame buffer is welcome in any mode; text will do.
 */
    .section .multiboot1, "a"
    .balign 4
    .long 0x1badb002
    .long ALIGN_MODULES | WANT_MEMORY | WANT_VIDEO
    .long -(0x1badb002 + (ALIGN_MODULES | WANT_MEMORY | WANT_VIDEO))
    .long 0, 0, 0, 0, 0     /* addresses: those of the ELF file count */
    .long 0                 /* linear graphics */
    .long 0, 0, 0           /* width, height, depth: any */

/* Multiboot 2: anywhere in the first 32768 bytes. Tags: type, flags (1: not needed), size. */
    .section .multiboot2, "a"
    .balign 8
header2:
    .long 0xe85250d6, 0, header2_end - header2
    .long -(0xe85250d6 + (header2_end - header2))
    .short 4, 1; .long 12, 2            /* console: text will do */
    .balign 8
    .short 5, 1; .long 20, 0, 0, 0      /* frame buffer: any */
    .balign 8
    .short 6, 1; .long 8                /* modules start at pages */
    .short 0, 0; .long 8
header2_end:

    .section .text.entry, "ax"
    .code32
    .globl multiboot_entry
multiboot_entry:
    movl $5, %ecx           /* BOOT_DOOR_MULTIBOOT1 */
    cmpl $0x2badb002, %eax
    je 1f
    incl %ecx               /* BOOT_DOOR_MULTIBOOT2 */
    cmpl $0x36d76289, %eax
    jne pvh_entry
1:  cli
    cld
    movl $boot_stack_top, %esp
    movl $enter_long_mode, %ebp
    movl %ebx, %esi
    movl $multiboot_main, %edi
    jmp enter_long_mode

    .section .note.GNU-stack, "", @progbits
