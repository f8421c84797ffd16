/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instructions that touch user memory. Callers (user.c) have checked the range and opened SMAP.
 * A fault that cannot be resolved goes on at the label given in x86_fixup_table, which is in
 * ascending order because this is the only file that has such instructions.
 */
.macro FIXUP at, to
    .pushsection .rodata.fixup, "a", @progbits
    .long \at - .
    .long \to - .
    .popsection
.endm

    .section .rodata.fixup, "a", @progbits
    .balign 8
    .globl x86_fixup_table
x86_fixup_table:

    .text
/* size_t x86_user_copy(void *dst, const void *src, size_t size): bytes not copied. */
    .globl x86_user_copy
    .type x86_user_copy, @function
x86_user_copy:
    movq %rdx, %rcx
    shrq $3, %rcx
    andl $7, %edx
10: rep movsq
    movl %edx, %ecx
11: rep movsb
    xorl %eax, %eax
    ret
12: leaq (%rdx, %rcx, 8), %rax /* words left and the odd bytes */
    /* Perhaps some bytes of the word that faulted can be had. */
    movq %rax, %rcx
13: rep movsb
14: movq %rcx, %rax
    ret
    FIXUP 10b, 12b
    FIXUP 11b, 14b
    FIXUP 13b, 14b
    .size x86_user_copy, . - x86_user_copy

/* size_t x86_user_clear(void *dst, size_t size): bytes not cleared. */
    .globl x86_user_clear
    .type x86_user_clear, @function
x86_user_clear:
    xorl %eax, %eax
    movq %rsi, %rcx
    shrq $3, %rcx
    andl $7, %esi
20: rep stosq
    movl %esi, %ecx
21: rep stosb
    ret
22: leaq (%rsi, %rcx, 8), %rcx
23: rep stosb
24: movq %rcx, %rax
    ret
    FIXUP 20b, 22b
    FIXUP 21b, 24b
    FIXUP 23b, 24b
    .size x86_user_clear, . - x86_user_clear

/* int x86_user_load8(uint64_t *value, const void *src): 0 or -1. */
    .globl x86_user_load8
    .type x86_user_load8, @function
x86_user_load8:
30: movq (%rsi), %rax
    movq %rax, (%rdi)
    xorl %eax, %eax
    ret
    FIXUP 30b, x86_user_fault
    .size x86_user_load8, . - x86_user_load8

    .globl x86_user_load4
    .type x86_user_load4, @function
x86_user_load4:
40: movl (%rsi), %eax
    movl %eax, (%rdi)
    xorl %eax, %eax
    ret
    FIXUP 40b, x86_user_fault
    .size x86_user_load4, . - x86_user_load4

/* int x86_user_store8(void *dst, uint64_t value), x86_user_store4: 0 or -1. */
    .globl x86_user_store8
    .type x86_user_store8, @function
x86_user_store8:
50: movq %rsi, (%rdi)
    xorl %eax, %eax
    ret
    FIXUP 50b, x86_user_fault
    .size x86_user_store8, . - x86_user_store8

    .globl x86_user_store4
    .type x86_user_store4, @function
x86_user_store4:
60: movl %esi, (%rdi)
    xorl %eax, %eax
    ret
    FIXUP 60b, x86_user_fault
    .size x86_user_store4, . - x86_user_store4

/* int x86_user_cmpxchg4(void *addr, uint32_t expected, uint32_t desired, uint32_t *old): 0 or -1. */
    .globl x86_user_cmpxchg4
    .type x86_user_cmpxchg4, @function
x86_user_cmpxchg4:
    movl %esi, %eax
70: lock cmpxchgl %edx, (%rdi)
    movl %eax, (%rcx)
    xorl %eax, %eax
    ret
    FIXUP 70b, x86_user_fault
    .size x86_user_cmpxchg4, . - x86_user_cmpxchg4

    .type x86_user_fault, @function
x86_user_fault:
    movl $-1, %eax
    ret
    .size x86_user_fault, . - x86_user_fault

/* int x86_fpu_load(const void *area, uint32_t low, uint32_t high): XRSTOR of bytes that may be bad
 * or missing: 0 or -1. */
    .globl x86_fpu_load
    .type x86_fpu_load, @function
x86_fpu_load:
    movl %esi, %eax
80: xrstor64 (%rdi)
    xorl %eax, %eax
    ret
    FIXUP 80b, x86_user_fault
    .size x86_fpu_load, . - x86_fpu_load

/* int x86_fpu_save_user(void *area, uint32_t low, uint32_t high, const uint64_t software[6]):
 * XSAVE to user memory, with a clean header and the words of a signal frame: 0 or -1. */
    .globl x86_fpu_save_user
    .type x86_fpu_save_user, @function
x86_fpu_save_user:
    movl %esi, %eax
    movq %rdi, %rsi
    xorl %r8d, %r8d
100: movq %r8, 512(%rsi)
101: movq %r8, 520(%rsi)
102: movq %r8, 528(%rsi)
103: movq %r8, 536(%rsi)
104: movq %r8, 544(%rsi)
105: movq %r8, 552(%rsi)
106: movq %r8, 560(%rsi)
107: movq %r8, 568(%rsi)
108: xsave64 (%rsi)
    leaq 464(%rsi), %rdi
    movq %rcx, %rsi
    movl $6, %ecx
109: rep movsq
    xorl %eax, %eax
    ret
    FIXUP 100b, x86_user_fault
    FIXUP 101b, x86_user_fault
    FIXUP 102b, x86_user_fault
    FIXUP 103b, x86_user_fault
    FIXUP 104b, x86_user_fault
    FIXUP 105b, x86_user_fault
    FIXUP 106b, x86_user_fault
    FIXUP 107b, x86_user_fault
    FIXUP 108b, x86_user_fault
    FIXUP 109b, x86_user_fault
    .size x86_fpu_save_user, . - x86_fpu_save_user

    .globl x86_fpu_load_legacy
    .type x86_fpu_load_legacy, @function
x86_fpu_load_legacy:
90: fxrstor64 (%rdi)
    xorl %eax, %eax
    ret
    FIXUP 90b, x86_user_fault
    .size x86_fpu_load_legacy, . - x86_fpu_load_legacy

/* int x86_fpu_save_legacy(void *area): FXSAVE to user memory: 0 or -1. */
    .globl x86_fpu_save_legacy
    .type x86_fpu_save_legacy, @function
x86_fpu_save_legacy:
110: fxsave64 (%rdi)
    xorl %eax, %eax
    ret
    FIXUP 110b, x86_user_fault
    .size x86_fpu_save_legacy, . - x86_fpu_save_legacy

    .section .rodata.fixup, "a", @progbits
    .globl x86_fixup_table_end
x86_fixup_table_end:

    .section .note.GNU-stack, "", @progbits
