/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ways into and out of the kernel: the loader's jump, SYSCALL, exceptions and interrupts, and the
 * switch between threads. Registers are saved as struct arch_regs (machine/regs.h) at the top of
 * the thread's kernel stack. GS is the kernel's while kernel code runs (SWAPGS on every change of
 * ring). Sources: AMD64 Architecture Programmer's Manual vol. 2, ch. 6.1 and 8; Intel SDM vol. 3,
 * ch. 6.
 */
#define TCB_CURRENT   8
#define TCB_USER_SP   16
#define TCB_KERNEL_SP 24
#define TCB_KERNEL_CR3 64
#define TCB_USER_CR3   72
#define TCB_ENTRY_SP   80
#define THREAD_WORK   48 /* struct thread: after struct arch_thread */

#define USER_CS 0x33
#define USER_DS 0x2b

#define REGS_R11   48
#define REGS_CX    88
#define REGS_IP    128
#define REGS_CS    136
#define REGS_FLAGS 144
#define REGS_SP    152
#define REGS_SIZE  168

/* Pushes what follows di in struct arch_regs; di and everything above it are there. */
.macro SAVE_REST ax
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq \ax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm

/* Restores all up to di and leaves rsp at orig_ax. */
.macro RESTORE_ALL
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
.endm

/*
 * A place that x86_patch_entries may turn into a jump to `target`, which comes back to .Lresume_\name
 * or leaves the kernel itself. As it is, it is one instruction that does nothing (SDM vol. 2, NOP).
 */
.macro SITE name, target
.Lsite_\name:
    .byte 0x0f, 0x1f, 0x44, 0x00, 0x00
.Lresume_\name:
    .pushsection .rodata.patches, "a", @progbits
    .long .Lsite_\name - ., \target - .
    .popsection
.endm

    .section .rodata.patches, "a", @progbits
    .globl x86_entry_patches
    .balign 4
x86_entry_patches:

    .section .text.entry, "ax", @progbits

/* From the loader: rdi = struct bootinfo, rsp = the boot CPU's stack, GS base = its block. */
    .globl kernel_entry
    .type kernel_entry, @function
kernel_entry:
    xorl %ebp, %ebp
    call kernel_main
    ud2
    .size kernel_entry, . - kernel_entry

/* With page-table isolation, these pages and what cpu.c keeps for each CPU are all of the kernel
 * that is there while a program runs. */
    .globl __entry_start
__entry_start:

/* SYSCALL: rcx = user rip, r11 = user flags, interrupts off by SFMASK. */
    .globl x86_syscall_entry
    .type x86_syscall_entry, @function
x86_syscall_entry:
    swapgs
    movq %rsp, %gs:TCB_USER_SP
    SITE syscall, isolated_syscall
    movq %gs:TCB_KERNEL_SP, %rsp
    pushq $USER_DS
    pushq %gs:TCB_USER_SP
    pushq %r11
    pushq $USER_CS
    pushq %rcx
    pushq %rax
    pushq %rdi
    SAVE_REST $-38 /* -ENOSYS until there is a result */
    movq %rsp, %rdi
    xorl %ebp, %ebp
    sti
    call core_syscall
    cli
    movq %gs:TCB_CURRENT, %rax
    cmpl $0, THREAD_WORK(%rax)
    jne .Lreturn_to_user_slowly
    /*
     * SYSRET gives rip from rcx and flags from r11, and faults in ring 0 on a rip that is not
     * canonical: only when the user's registers still say that they came by SYSCALL.
     */
    movq REGS_CX(%rsp), %rcx
    cmpq %rcx, REGS_IP(%rsp)
    jne .Lreturn_by_iret
    movq REGS_R11(%rsp), %r11
    cmpq %r11, REGS_FLAGS(%rsp)
    jne .Lreturn_by_iret
    movq %rcx, %rax
    shrq $47, %rax
    jnz .Lreturn_by_iret
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    addq $8, %rsp
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    addq $8, %rsp
    popq %rdx
    popq %rsi
    popq %rdi
    movq REGS_SP - 120(%rsp), %rsp
    SITE sysret, guarded_sysret
    swapgs
    sysretq
    .size x86_syscall_entry, . - x86_syscall_entry

/* Common end of every way back to user mode; rsp = struct arch_regs, interrupts off. */
    .globl x86_return_to_user
    .type x86_return_to_user, @function
x86_return_to_user:
    movq %gs:TCB_CURRENT, %rax
    cmpl $0, THREAD_WORK(%rax)
    je .Lreturn_by_iret
.Lreturn_to_user_slowly:
    movq %rsp, %rdi
    call x86_user_return_work
.Lreturn_by_iret:
    RESTORE_ALL
    addq $8, %rsp
    SITE iret, guarded_iret
    swapgs
    iretq
    .size x86_return_to_user, . - x86_return_to_user

/* Exceptions and interrupts: the stub has pushed an error code (or 0) and rdi, and edi = vector. */
    .type trap_common, @function
trap_common:
    SAVE_REST %rax
    cld
    movl %edi, %esi
    movq %rsp, %rdi
    xorl %ebp, %ebp
    testb $3, REGS_CS(%rsp)
    jz 1f
    swapgs
    lfence /* nothing is read by a GS that speculation has chosen wrongly */
    SITE trap, isolated_trap
    call x86_trap
    jmp x86_return_to_user
1:  lfence
    movq 32(%rsp), %rbp /* so that a back trace goes on into the interrupted code */
    call x86_trap
    .globl x86_trap_done
x86_trap_done: /* to a back trace: struct arch_regs lies above the frame that returns here */
    RESTORE_ALL
    addq $8, %rsp
    iretq
    .size trap_common, . - trap_common

/*
 * #DB may come in ring 0 before SWAPGS too (MOV SS shadow), so it has an IST stack; from user mode it
 * moves to the thread's stack, for its handler may sleep.
 */
    .type trap_debug, @function
trap_debug:
    testb $3, 24(%rsp)
    jz trap_paranoid
    swapgs
    lfence
    SITE debug, isolated_debug
    movq %rsp, %rdi
    movq %gs:TCB_KERNEL_SP, %rsp
    pushq 48(%rdi)
    pushq 40(%rdi)
    pushq 32(%rdi)
    pushq 24(%rdi)
    pushq 16(%rdi)
    pushq 8(%rdi)
    pushq (%rdi)
    SAVE_REST %rax
    cld
    movl $1, %esi
    movq %rsp, %rdi
    xorl %ebp, %ebp
    call x86_trap
    jmp x86_return_to_user
    .size trap_debug, . - trap_debug

/*
 * Exceptions that may come while GS is the user's although the CPU is in ring 0 (between SYSCALL or
 * an interrupt and SWAPGS): they have a stack of their own (IST), at the top of which the thread
 * control block's address lies; GS base is set from it and put back. They never sleep or switch.
 */
    .type trap_paranoid, @function
trap_paranoid:
    SAVE_REST %rax
    cld
    movl %edi, %r12d
    movl $0xc0000101, %ecx /* IA32_GS_BASE */
    rdmsr
    shlq $32, %rdx
    orq %rax, %rdx
    movq %rdx, %r13
    movq 168(%rsp), %rax /* above the frame: the control block */
    movq %rax, %rdx
    shrq $32, %rdx
    wrmsr
    SITE paranoid, isolated_paranoid
    movl %r12d, %esi
    movq %rsp, %rdi
    movq 32(%rsp), %rbp
    call x86_trap_paranoid
    SITE paranoid_end, isolated_paranoid_end
    movl $0xc0000101, %ecx
    movq %r13, %rax
    movq %r13, %rdx
    shrq $32, %rdx
    wrmsr
    RESTORE_ALL
    addq $8, %rsp
    iretq
    .size trap_paranoid, . - trap_paranoid

/* 256 stubs of 16 bytes each. */
.macro STUB vector, has_error, target
    .balign 16
    .if \has_error == 0
    pushq $0
    .endif
    pushq %rdi
    movl $\vector, %edi
    jmp \target
.endm

    .balign 16
    .globl x86_trap_stubs
    .type x86_trap_stubs, @function
x86_trap_stubs:
    .set vector, 0
    .rept 256
    .if vector == 1
    STUB vector, 0, trap_debug
    .elseif vector == 2 || vector == 18
    STUB vector, 0, trap_paranoid
    .elseif vector == 8
    STUB vector, 1, trap_paranoid
    .elseif vector == 10 || vector == 11 || vector == 12 || vector == 13 || vector == 14 || vector == 17 || vector == 21 || vector == 29 || vector == 30
    STUB vector, 1, trap_common
    .else
    STUB vector, 0, trap_common
    .endif
    .set vector, vector + 1
    .endr
    .balign 16
    .size x86_trap_stubs, . - x86_trap_stubs

/*
 * --- Ways that only some CPUs take: x86_patch_entries leads there ------------------------------
 *
 * Page-table isolation: programs run on a root that has nothing of the kernel but __entry_start
 * to __entry_end, and the pages of struct x86_cpu_entry. CR3 changes as soon as there is a
 * register for it, and back as the last thing but SWAPGS.
 */
isolated_syscall:
    movq %gs:TCB_KERNEL_CR3, %rsp
    movq %rsp, %cr3
    jmp .Lresume_syscall

/* The registers lie on the CPU's entry stack: they move to the thread's. */
isolated_trap:
    movq %gs:TCB_KERNEL_CR3, %rax
    movq %rax, %cr3
    movq %gs:TCB_KERNEL_SP, %rax
    subq $REGS_SIZE, %rax
    movl %esi, %edx
    movq %rsp, %rsi
    movq %rax, %rdi
    movl $(REGS_SIZE / 8), %ecx
    rep movsq
    movq %rax, %rsp
    movq %rax, %rdi
    movl %edx, %esi
    jmp .Lresume_trap

isolated_debug:
    movq %gs:TCB_KERNEL_CR3, %rdi
    movq %rdi, %cr3
    jmp .Lresume_debug

isolated_paranoid:
    movq %cr3, %r14
    movq %gs:TCB_KERNEL_CR3, %rax
    movq %rax, %cr3
    jmp .Lresume_paranoid

isolated_paranoid_end:
    movq %r14, %cr3
    jmp .Lresume_paranoid_end

/* VERW with a writable segment clears the buffers of CPUs that have MD_CLEAR (Intel, "Microarchitectural
 * Data Sampling", 2019). rsp is the program's already; flags are about to be replaced. */
guarded_sysret:
    cmpb $0, x86_clear_buffers(%rip)
    je 1f
    verw kernel_ds(%rip)
1:  movq %rsp, %gs:TCB_USER_SP
    movq %gs:TCB_USER_CR3, %rsp
    testq %rsp, %rsp
    jz 2f
    movq %rsp, %cr3
2:  movq %gs:TCB_USER_SP, %rsp
    swapgs
    sysretq

/* rsp = what IRET pops, which moves to the entry stack. */
guarded_iret:
    cmpb $0, x86_clear_buffers(%rip)
    je 1f
    verw kernel_ds(%rip)
1:  cmpq $0, %gs:TCB_USER_CR3
    je 2f
    pushq %rax
    pushq %rdi
    movq %gs:TCB_ENTRY_SP, %rdi
    .irp at, 0, 8, 16, 24, 32, 40, 48
    movq \at(%rsp), %rax
    movq %rax, \at - 56(%rdi)
    .endr
    leaq -56(%rdi), %rsp
    movq %gs:TCB_USER_CR3, %rax
    movq %rax, %cr3
    popq %rdi
    popq %rax
2:  swapgs
    iretq

    .globl __entry_end
__entry_end:

/*
 * void x86_fill_rsb(void): what returns predict comes from here, not from the program that ran
 * before (AMD, "Software techniques for managing speculation", V2-3; 32 entries are the most).
 */
    .globl x86_fill_rsb
    .type x86_fill_rsb, @function
x86_fill_rsb:
    movl $16, %eax
1:  call 3f
2:  pause
    lfence
    jmp 2b
3:  call 5f
4:  pause
    lfence
    jmp 4b
5:  decl %eax
    jnz 1b
    addq $(32 * 8), %rsp
    lfence
    ret
    .size x86_fill_rsb, . - x86_fill_rsb

    .section .rodata.patches, "a", @progbits
    .globl x86_entry_patches_end
x86_entry_patches_end:

    .section .rodata, "a", @progbits
kernel_ds:
    .word 0x18

    .text
/*
 * struct thread *x86_switch_stacks(uint64_t *save_sp, uint64_t next_sp, struct thread *from):
 * saves what the ABI keeps over a call, changes stacks, and returns `from` on the new one.
 */
    .globl x86_switch_stacks
    .type x86_switch_stacks, @function
x86_switch_stacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    movq %rdx, %rax
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size x86_switch_stacks, . - x86_switch_stacks

/* A new thread's first instructions: rax = the thread before it, rbx = entry, r12 = argument. */
    .globl x86_thread_begin
    .type x86_thread_begin, @function
x86_thread_begin:
    xorl %ebp, %ebp
    movq %rax, %rdi
    movq %rbx, %rsi
    movq %r12, %rdx
    call core_thread_begin
    ud2
    .size x86_thread_begin, . - x86_thread_begin

/* noreturn: user mode with the registers at rdi. Interrupts off. */
    .globl x86_enter_user
    .type x86_enter_user, @function
x86_enter_user:
    movq %rdi, %rsp
    jmp x86_return_to_user
    .size x86_enter_user, . - x86_enter_user

    .section .note.GNU-stack, "", @progbits
