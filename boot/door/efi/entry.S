/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of the EFI door. As an application (UEFI 2.10, 2.3.4.2): %rcx image handle, %rdx
 * system table, the stack good and 16-byte aligned before the call, %rdi and %rsi to be kept beside
 * what C keeps here; xmm registers are not used before the firmware is left.
 */
    .section .text.efi_entry, "ax"
    .globl efi_entry
    .hidden efi_entry
efi_entry:
    pushq %rdi
    pushq %rsi
    movq %rcx, %rdi
    movq %rdx, %rsi
    xorl %edx, %edx
    subq $8, %rsp
    call efi_handover
    addq $8, %rsp
    popq %rsi
    popq %rdi
    ret

/*
 * The 64-bit handover entry (Linux documentation, arch/x86/boot.rst): %rdi image handle, %rsi
 * system table, %rdx zero page, C's convention. The image was copied to memory, not loaded: what is
 * to be zero is cleared here.
 */
    .globl efi_handover
    .hidden efi_handover
efi_handover:
    subq $8, %rsp
    cld
    movq %rdx, %r8
    rdtsc
    shlq $32, %rdx
    leaq (%rdx, %rax), %r9
    movq %rdi, %r10
    leaq bss_start(%rip), %rdi
    leaq bss_end(%rip), %rcx
    subq %rdi, %rcx
    shrq $3, %rcx
    xorl %eax, %eax
    rep stosq
    movq %r10, %rdi
    movq %r8, %rdx
    movq %r9, %rcx
    call efi_main
    addq $8, %rsp
    ret

    .section .note.GNU-stack, "", @progbits
