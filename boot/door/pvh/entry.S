/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PVH entry and the ELF note that names it (Xen's "x86/HVM direct boot ABI"): 32-bit protected
 * mode, flat segments, paging off, %ebx = address of the start info; nothing else is promised.
 */
    .section .note.Xen, "a", @note
    .balign 4
    .long 4                 /* size of the name */
    .long 4                 /* size of the description */
    .long 18                /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long pvh_entry

    .section .text.entry, "ax"
    .code32
    .globl pvh_entry
pvh_entry:
    cli
    cld
    movl $boot_stack_top, %esp
    movl $enter_long_mode, %ebp
    movl %ebx, %esi
    movl $pvh_main, %edi
    movl $4, %ecx           /* BOOT_DOOR_PVH */
    jmp enter_long_mode

    .section .note.GNU-stack, "", @progbits
