/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Port contract: a thread's machine state, switching, and what comes up from exceptions.
 * <machine/thread.h> defines struct arch_thread (kernel stack pointer, FPU state, thread pointers);
 * <machine/regs.h> struct arch_regs (user registers as saved on kernel entry, on top of the stack).
 */
#include "kernel/arch/cpu.h"
#include "lib/types.h"
#include <machine/regs.h>
#include <machine/thread.h>

/* Core's; it begins with its struct arch_thread, which is all that the port knows of it, and the
 * word after that is nonzero when core_user_return is to be called. */
struct thread;

/* What went wrong in user mode (or at a user address), machine-independently and exactly. */
enum arch_fault_kind {
    ARCH_FAULT_PAGE,       /* addr, access; the machine's error code */
    ARCH_FAULT_ILLEGAL,    /* undefined instruction */
    ARCH_FAULT_DIVIDE,     /* integer divide error */
    ARCH_FAULT_OVERFLOW,   /* INTO, BOUND */
    ARCH_FAULT_FPU,        /* x87 or SIMD floating point; code: FPE_* of siginfo */
    ARCH_FAULT_ALIGN,      /* alignment check */
    ARCH_FAULT_BREAKPOINT, /* int3 */
    ARCH_FAULT_DEBUG,      /* single step, watchpoint */
    ARCH_FAULT_PROTECTION, /* general protection: privileged instruction, non-canonical address */
    ARCH_FAULT_STACK,      /* stack segment */
    ARCH_FAULT_SEGMENT,    /* segment not present */
};
struct arch_fault {
    enum arch_fault_kind kind;
    vaddr_t addr;    /* faulting address (PAGE) or instruction */
    unsigned access; /* PAGE: enum space_access bits */
    int error;       /* PAGE: what space_fault returned */
    int code;        /* FPU: si_code */
    unsigned trap;   /* the machine's vector and error code, for the signal frame */
    unsigned long error_code;
};

/* Prepares a new thread's stack so that the first switch to it calls entry(arg). -ENOMEM. */
int arch_thread_init(struct thread *thread, void *stack_top, void (*entry)(void *arg), void *arg);
/* The user registers of a thread that is inside the kernel: at the top of its stack. */
struct arch_regs *arch_thread_regs(struct thread *thread);
/* Frees what arch_thread_init and use have allocated. */
void arch_thread_destroy(struct thread *thread);
/* Switches stacks, thread pointers, FPU state, current. REQUIRES interrupts off. Returns, on the
 * stack of the thread switched to, the thread it came from. */
struct thread *arch_switch(struct thread *from, struct thread *to);
/* Makes the running code, whose stack that is, the first thread of this CPU. */
void arch_thread_adopt(struct thread *thread, void *stack_top);
/* Gives the current thread what it needs for user mode (FPU state): -ENOMEM. Before the first
 * arch_enter_user, unless arch_thread_fork did it. */
int arch_thread_prepare_user(void);
/* Enters user mode with the registers on top of the current thread's stack. Interrupts off. */
_Noreturn void arch_enter_user(void);
/* The current thread's FPU state and thread pointers go to a child that will be a fork of it:
 * -ENOMEM. Its user registers are copied as well. */
int arch_thread_fork(struct thread *child);
/* A clean FPU state and thread pointers for a new program. */
void arch_thread_reset(void);
/* The user thread pointer (TLS base; FS on x86). */
void arch_set_user_tls(struct thread *thread, vaddr_t value);
vaddr_t arch_get_user_tls(const struct thread *thread);

/*
 * The FPU state in the layout of the machine's signal frame (x86_64: FXSAVE or XSAVE with Linux's
 * software bytes). save: size bytes to user memory. load: checks and takes over, -EFAULT/-EINVAL.
 */
size_t arch_fpu_frame_size(void);
/* Gives the current thread a clean FPU state, for a signal handler. */
void arch_fpu_reset(void);
int arch_fpu_save_user(vaddr_t dst);
int arch_fpu_load_user(vaddr_t src);

/* Prints registers and walks a stack for panic and for stuck CPUs. */
void arch_print_regs(const struct arch_regs *regs);
/* Fills pcs with return addresses from regs (NULL: here) upwards; returns how many. */
size_t arch_backtrace(const struct arch_regs *regs, vaddr_t *pcs, size_t max);

/* The same for a thread that sleeps. */
size_t arch_thread_backtrace(const struct thread *thread, vaddr_t *pcs, size_t max);

/* Upcalls: implemented in core, called by the port. */
void core_syscall(struct arch_regs *regs);                              /* interrupts on */
void core_user_fault(struct arch_regs *regs, struct arch_fault *fault); /* interrupts on */
/* A page fault in the kernel at a user address inside a copy routine: true: try again. */
bool core_kernel_fault(vaddr_t addr, unsigned access);
/* On the way back to user mode while current->work is not 0: interrupts off on entry and return. */
void core_user_return(struct arch_regs *regs);
/* First code of a new thread, on its stack: `from` ran before it. */
_Noreturn void core_thread_begin(struct thread *from, void (*entry)(void *arg), void *arg);
void core_irq(unsigned vector);            /* interrupts off */
void core_timer_interrupt(bool from_user); /* interrupts off */
