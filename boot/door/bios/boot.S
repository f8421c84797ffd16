/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot sector (step A1), the first of our instructions on a machine with a BIOS: reads the boot
 * manager, checks its sum, enters it. Where the manager lies was written into the sector with the
 * disk (abi/disk.h). On a CD the manager stands right behind the sector in the image that the BIOS
 * loaded: its place is 0 then, and nothing is read.
 *
 * The BIOS enters at 0:7c00 or 7c0:0, with the drive's number in %dl ("BIOS Boot Specification"
 * 1.01, 6.5.1; "El Torito" 1.0, 4). Bytes 3 to 61 belong to the parameters of a file system where
 * there is one, and some BIOSes write there when there is none.
 *
 * The manager is entered at 0:7e00 with the drive in %dl, and the time at which all began in the
 * first eight bytes of the sector (0: this CPU does not know).
 */
#define MANAGER_SEGMENT 0x7e0
#define SERIAL          0x3f8
#define TRIES           5
#define DISK_ANSWER     0x600 /* what the BIOS says of the disk: int 13h 48h */
#define DISK_PATCH      424   /* DISK_PATCH_OFFSET in abi/disk.h */

    .code16
    .section .boot, "ax"
    .globl boot_sector
boot_sector:
    jmp begin
    .org 62
begin:
    ljmp $0, $1f
1:  xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $boot_sector, %sp
    sti
    cld
    movb %dl, drive

    /* The time, if EFLAGS.ID can be changed and CPUID says that there is a counter (SDM vol. 1,
     * 20.1). A CPU that is too old is the manager's to refuse. */
    pushfl
    popl %eax
    movl %eax, %ecx
    xorl $0x200000, %eax
    pushl %eax
    popfl
    pushfl
    popl %eax
    xorl %ecx, %eax
    jz 1f
    shrl $21, %eax          /* 1 */
    cpuid
    testb $0x10, %dl
    jz 1f
    rdtsc
    jmp 2f
1:  xorl %eax, %eax
    cltd
2:  movl %eax, boot_sector
    movl %edx, boot_sector + 4

    /* The packet of int 13h 42h, from what was written into this sector. */
    movw $manager_lba, %si
    movw $packet_lba, %di
    lodsl
    testl %eax, %eax
    jz check
    stosl
    movsl
    lodsw
    xchgw %ax, %bp          /* how many sectors */

    /* 41h: whether the drive can be read by numbers of sectors ("BIOS Enhanced Disk Drive
     * Services", T13 D1572). */
    movb $0x41, %ah
    movw $0x55aa, %bx
    call disk
    movw $no_extensions, %si
    jc fail
    cmpw $0xaa55, %bx
    jne fail

    /* 48h: the size of its sectors, here in units of 256. Ours are of 512. */
    movw $DISK_ANSWER, %si
    movw $0x1a, (%si)
    movb $0x48, %ah
    call disk
    jc read
    movb DISK_ANSWER + 0x19, %cl
    shrb $1, %cl
1:  shrb $1, %cl
    jz read
    shrl $1, packet_lba
    incw %bp
    shrw $1, %bp
    jmp 1b

read:
    movw $TRIES, %di
1:  movw $packet, %si
    movw %bp, packet_sectors /* each time: an error leaves what was read there */
    movb $0x42, %ah
    call disk
    jnc check
    movb $0, %ah            /* reset, and once more */
    call disk
    decw %di
    jnz 1b
    movw $no_read, %si
    jmp fail

    /* All words of the manager and the patched-in one add up to 0. */
check:
    movl manager_sum, %edx
    movw manager_sectors, %cx
    shlw $7, %cx
    jz bad
    pushw $MANAGER_SEGMENT
    popw %ds
    xorw %si, %si
1:  lodsl
    addl %eax, %edx
    loop 1b
    pushw %es
    popw %ds
    movb drive, %dl
    jz boot_sector + 512
bad:
    movw $damaged, %si

/* The text at %si on the screen and the serial line (115200 baud, 8 bits, no parity); at a key the
 * BIOS tries once more. */
fail:
    movw $SERIAL + 3, %dx
    movb $0x83, %al         /* line control: the divisor is to be set */
    outb %al, %dx
    movb $SERIAL & 0xff, %dl
    movb $1, %al
    outb %al, %dx
    incw %dx
    decw %ax
    outb %al, %dx
    movb $(SERIAL + 3) & 0xff, %dl
    movb $3, %al
    outb %al, %dx
    pushw %si
    movw $alba, %si
    call print
    popw %si
    call print
    xorw %ax, %ax
    int $0x16
    int $0x19

print:
    lodsb
    testb %al, %al
    jz done
    movw $0x0007, %bx
    movb $0x0e, %ah         /* int 10h 0e: teletype */
    int $0x10
    movb $1, %ah            /* int 14h 01: one byte to line 0 */
    xorw %dx, %dx
    int $0x14
    jmp print

disk:
    movb drive, %dl
    int $0x13
done:
    ret

packet:
    .byte 16, 0
packet_sectors:
    .word 0, 0, MANAGER_SEGMENT
packet_lba:
    .quad 0
drive:
    .byte 0
alba:
    .asciz "\r\nAlba: "
no_extensions:
    .asciz "BIOS without LBA"
no_read:
    .asciz "disk read error"
damaged:
    .asciz "boot manager damaged"

    .org DISK_PATCH
manager_lba:
    .quad 0
manager_sectors:
    .word 0, 0
manager_sum:
    .long 0

    .org 510
    .word 0xaa55
    .section .note.GNU-stack, "", @progbits
