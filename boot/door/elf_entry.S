/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entry that the ELF header of alba.elf names. Multiboot loaders come with 32 bits. With 64 bits
 * come those that load a vmlinux: Firecracker before PVH, crosvm, kexec; they speak the 64-bit boot
 * protocol of Linux (arch/x86/boot.rst), with the zero page in %rsi. The first instructions are
 * good in both modes, and tell which one it is.
 */
    .section .text.entry, "ax"
    .code32
    .globl elf_entry
elf_entry:
    xorl %ecx, %ecx
    incl %ecx               /* 0x41: in 64 bits a prefix of what follows, which exchanges */
    nop                     /* %eax and %r8d */
    testl %ecx, %ecx
    jnz multiboot_entry
    .code64
    cli
    cld
    rdtsc
    shlq $32, %rdx
    leaq (%rdx, %rax), %r13
    movq %rsi, %r12
    movl $3, %r14d          /* BOOT_DOOR_LINUX64 */
    leaq linux_main(%rip), %r15
    jmp adopt_registers

    .section .note.GNU-stack, "", @progbits
