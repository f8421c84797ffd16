/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first sectors of the bzImage: the setup header of the Linux boot protocol 2.15 (Linux
 * documentation, arch/x86/boot.rst), and the 16-bit entry. mkbzimage fills in the sizes.
 */
#define STACK_ROOM   2048
#define CAN_USE_HEAP 0x80
#define SIGNATURE    0x41424c41

    .code16
    .section .header, "ax"
/*
 * For UEFI the first sector is the head of a PE file (pe.h; mkbzimage writes it), whose first two
 * bytes do no harm when they are executed: dec %bp, pop %dx. Whoever boots the image as if it were a
 * disk learns what it is.
 */
    .ascii "MZ"
    ljmp $0x7c0, $1f
1:  movw %cs, %ax
    movw %ax, %ds
    xorw %bx, %bx
    movw $disk_message, %si
    cld
2:  lodsb
    testb %al, %al
    jz 3f
    movb $0x0e, %ah
    int $0x10
    jmp 2b
3:  xorw %ax, %ax
    int $0x16
    int $0x19
    .org 0x3c
    .long 0x40                  /* where the PE header is */
    .skip 344                   /* mkbzimage */
disk_message:
    .asciz "This is a kernel, not a boot disk: use a boot loader. Press a key to go on.\r\n"

    .org 0x1ef
sentinel:
    .byte 0xff                  /* a loader that does not clear its zero page leaves it there */
    .org 0x1f1
    .globl header
header:
setup_sects:        .byte 0     /* mkbzimage */
root_flags:         .word 0
syssize:            .long 0     /* mkbzimage */
ram_size:           .word 0
vid_mode:           .word 0xffff
root_dev:           .word 0
boot_flag:          .word 0xaa55
    .globl entry16
entry16:            .byte 0xeb, start_of_setup - 1f
1:                  .ascii "HdrS"
                    .word 0x020f
realmode_swtch:     .long 0
start_sys_seg:      .word 0x1000
kernel_version:     .word version - 0x200
type_of_loader:     .byte 0
loadflags:          .byte 1     /* LOADED_HIGH */
setup_move_size:    .word 0x8000
code32_start:       .long 0x100000
ramdisk_image:      .long 0
ramdisk_size:       .long 0
bootsect_kludge:    .long 0
heap_end_ptr:       .word setup_end + STACK_ROOM - 0x200
ext_loader_ver:     .byte 0
ext_loader_type:    .byte 0
cmd_line_ptr:       .long 0
initrd_addr_max:    .long 0x7fffffff
kernel_alignment:   .long 0x1000
relocatable_kernel: .byte 1
min_alignment:      .byte 12
xloadflags:         .word 0x2b  /* 64-bit entry, may lie above 4 GiB, 64-bit EFI handover,
                                   may be entered with 5-level paging */
cmdline_size:       .long 65535
hardware_subarch:   .long 0
hardware_data:      .quad 0
payload_offset:     .long 0     /* mkbzimage */
payload_length:     .long 0     /* mkbzimage */
setup_data:         .quad 0
pref_address:       .quad 0x100000
init_size:          .long 0     /* mkbzimage */
handover_offset:    .long 0     /* mkbzimage */
kernel_info_offset: .long 0     /* mkbzimage */

/*
 * ds is the segment of all this, cs is 0x20 more. The stack is good if it lies in the same segment
 * above all of ours; else we choose: the end of the heap that the loader granted, or a little room
 * of our own.
 */
start_of_setup:
    cld
    movw %ds, %ax
    movw %ax, %es
    movw %ss, %bx
    movzwl %sp, %ecx
    cmpw %ax, %bx
    jne choose_stack
    testw %cx, %cx
    jz whole_segment
    cmpl $(setup_end + STACK_ROOM / 2), %ecx
    jae have_stack
choose_stack:
    testb $CAN_USE_HEAP, loadflags
    jz own_stack
    movzwl heap_end_ptr, %ecx
    addl $0x200, %ecx
    cmpl $(setup_end + STACK_ROOM / 2), %ecx
    jb own_stack
    cmpl $0xfffc, %ecx
    jbe have_stack
whole_segment:
    movl $0xfffc, %ecx
    jmp have_stack
own_stack:
    movl $(setup_end + STACK_ROOM), %ecx
have_stack:
    andl $0xfffffffc, %ecx
    movw %ax, %ss
    movl %ecx, %esp
    sti

    /* From here on cs is ds too. */
    pushw %ds
    pushw $1f
    lretw
1:  cmpl $SIGNATURE, setup_signature
    jne not_whole
    movw $bss_start, %di
    movw $setup_end + 3, %cx
    subw %di, %cx
    shrw $2, %cx
    xorl %eax, %eax
    rep stosl
    calll setup_main
not_whole:
    movl $not_whole_message, %eax
    pushl %eax
    calll stop

    .section .rodata.header, "a"
not_whole_message:
    .asciz "Alba: the boot loader did not load all of the kernel's setup part\r\n"
version:
    .asciz "Alba"

    .section .signature, "aw"
setup_signature:
    .long SIGNATURE
    .section .note.GNU-stack, "", @progbits
