/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instructions of a further CPU. A start-up IPI sets it going in real mode at the page
 * below 1 MiB that smp.c copied x86_trampoline to; from there it goes by protected mode to long
 * mode on temporary page tables, which have that page where it is and the kernel's half, and on to
 * x86_ap_start in the kernel. All CPUs come this way at once: nothing here is written, and there is
 * no stack before a CPU has found its own. Sources: Intel SDM vol. 3, 8.4 (start-up), 9.8.5 (long
 * mode), 9.1.1 (state after INIT).
 */
#define CR0_PE   0x1
#define CR0_LONG 0x80050033 /* PG AM WP NE ET MP PE: caches on, which INIT has turned off */
#define CR4_PAE  0x20
#define MSR_EFER      0xc0000080
#define MSR_GS_BASE   0xc0000101
#define EFER_LME_NXE  0x900

#define SELECTOR_CODE32 0x08
#define SELECTOR_DATA   0x10
#define SELECTOR_CODE64 0x18

/* struct arch_tcb */
#define TCB_STACK_TOP 48
#define TCB_APIC_ID   56
#define TCB_STATE     60
/* enum x86_cpu_state */
#define CPU_WAITING  1
#define CPU_STARTING 2

    .section .rodata.trampoline, "a"
    .balign 16
    .globl x86_trampoline, x86_trampoline_data, x86_trampoline_end
    .code16
x86_trampoline:
    cli
    movw %cs, %bx
    movw %bx, %ds
    movzwl %bx, %ebx
    shll $4, %ebx /* the page's address, from here on */
    lgdtl gdt_pointer - x86_trampoline
    movl $CR0_PE, %eax
    movl %eax, %cr0
    ljmpl *(far32 - x86_trampoline)

    .code32
start32:
    movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl (root - x86_trampoline)(%ebx), %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME_NXE, %eax
    wrmsr
    movl $CR0_LONG, %eax
    movl %eax, %cr0
    ljmpl *(far64 - x86_trampoline)(%ebx)

    .code64
start64:
    jmpq *(entry - x86_trampoline)(%rbx)

/* struct trampoline_data of smp.c, which fills in what depends on where the page is. */
    .balign 8
x86_trampoline_data:
    .quad 0
    .quad 0x00cf9b000000ffff /* SELECTOR_CODE32 */
    .quad 0x00cf93000000ffff /* SELECTOR_DATA */
    .quad 0x00af9b000000ffff /* SELECTOR_CODE64 */
entry:
    .quad 0
root:
    .long 0
far32:
    .long start32 - x86_trampoline
    .word SELECTOR_CODE32
    .word 0
far64:
    .long start64 - x86_trampoline
    .word SELECTOR_CODE64
gdt_pointer:
    .word 31
    .long x86_trampoline_data - x86_trampoline
x86_trampoline_end:

    .text
/*
 * In long mode, in the kernel's own code. On the kernel's page tables the page below 1 MiB is left
 * behind for good. The CPU's entry is the one with its APIC id that still waits; who finds none, or
 * comes too late, stops here.
 */
    .globl x86_ap_start
    .type x86_ap_start, @function
x86_ap_start:
    movq x86_start_root(%rip), %rax
    movq %rax, %cr3
    lock incl x86_cpus_arrived(%rip)
    /* The x2APIC id, as the tables have it, when leaf 0BH counts any logical CPU. */
    xorl %eax, %eax
    cpuid
    cmpl $0xb, %eax
    jb 1f
    movl $0xb, %eax
    xorl %ecx, %ecx
    cpuid
    testl $0xffff, %ebx
    jnz 2f
1:  movl $1, %eax
    cpuid
    shrl $24, %ebx
    movl %ebx, %edx
2:  leaq arch_cpu_tcb(%rip), %rsi
    xorl %edi, %edi
3:  cmpl x86_start_count(%rip), %edi
    jae 5f
    movq (%rsi,%rdi,8), %rbx
    cmpl %edx, TCB_APIC_ID(%rbx)
    je 4f
    incl %edi
    jmp 3b
4:  movl $CPU_WAITING, %eax
    movl $CPU_STARTING, %ecx
    lock cmpxchgl %ecx, TCB_STATE(%rbx)
    jne 5f
    movl $MSR_GS_BASE, %ecx
    movl %ebx, %eax
    movq %rbx, %rdx
    shrq $32, %rdx
    wrmsr
    movq TCB_STACK_TOP(%rbx), %rsp
    xorl %ebp, %ebp
    call kernel_cpu_main
5:  cli
    hlt
    jmp 5b
    .size x86_ap_start, . - x86_ap_start

    .section .note.GNU-stack, "", @progbits
