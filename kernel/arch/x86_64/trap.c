/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions and interrupts after entry.S has saved the registers. Faults of user code go up with a
 * description that no longer knows the machine; faults of the copy routines are resolved or end in
 * their fix-up; every other fault of the kernel is a panic. Source: Intel SDM vol. 3, 6.15.
 */
#include "abi/layout.h"
#include "kernel/arch/smp.h"
#include "kernel/arch/thread.h"
#include "kernel/arch/user.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/base/lock_check.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/base/percpu.h"
#include "kernel/base/preempt.h"
#include "kernel/mm/kmap.h"

#define PF_PRESENT  1u
#define PF_WRITE    2u
#define PF_USER     4u
#define PF_RESERVED 8u
#define PF_FETCH    16u

static const char *const vector_names[32] = {
    "divide error",
    "debug",
    "non-maskable interrupt",
    "breakpoint",
    "overflow",
    "bound range",
    "invalid opcode",
    "device not available",
    "double fault",
    "coprocessor overrun",
    "invalid TSS",
    "segment not present",
    "stack fault",
    "general protection fault",
    "page fault",
    "reserved",
    "x87 floating point",
    "alignment check",
    "machine check",
    "SIMD floating point",
    "virtualization",
    "control protection",
};

static void kernel_fault(struct arch_regs *regs, unsigned vector, uint64_t error_code,
                         uint64_t addr)
{
    const char *name = vector_names[vector] != NULL ? vector_names[vector] : "reserved exception";
    if (vector == VECTOR_PAGE_FAULT || vector == VECTOR_DOUBLE_FAULT) {
        if (kstack_is_guard(addr)) {
            panic_regs(regs, "kernel stack overflow at %#lx", (unsigned long)addr);
        }
        panic_regs(regs, "kernel %s at address %#lx (%s, error code %#lx)", name,
                   (unsigned long)addr,
                   error_code & PF_FETCH   ? "execute"
                   : error_code & PF_WRITE ? "write"
                                           : "read",
                   (unsigned long)error_code);
    }
    panic_regs(regs, "kernel %s (error code %#lx)", name, (unsigned long)error_code);
}

static unsigned fault_access(uint64_t error_code)
{
    /* enum space_access: 1 read, 2 write, 4 execute. */
    return error_code & PF_FETCH ? 4u : error_code & PF_WRITE ? 2u : 1u;
}

/* A page fault of kernel code. Only the copy routines may touch user addresses. */
static void kernel_page_fault(struct arch_regs *regs, uint64_t error_code, uint64_t addr)
{
    struct arch_regs fixed = *regs;
    if (addr < LAYOUT_USER_END && x86_fixup(&fixed)) {
        arch_irq_enable();
        bool resolved = core_kernel_fault(addr, fault_access(error_code));
        arch_irq_disable();
        if (!resolved) {
            regs->ip = fixed.ip;
        }
        return;
    }
    kernel_fault(regs, VECTOR_PAGE_FAULT, error_code, addr);
}

/* SIGFPE's si_code from the exception bits of x87 or SSE (siginfo(2), FPE_*). */
static int fpu_code(unsigned vector)
{
    uint32_t status;
    if (vector == VECTOR_SIMD) {
        __asm__ volatile("stmxcsr %0" : "=m"(status));
        status &= ~(status >> 7);
    } else {
        uint16_t sw, cw;
        __asm__ volatile("fnstsw %0" : "=m"(sw));
        __asm__ volatile("fnstcw %0" : "=m"(cw));
        status = sw & ~cw;
    }
    return status & 1 ? 7 : status & 4 ? 3 : status & 8 ? 4 : status & 0x12 ? 5 : 6;
}

static bool describe_user_fault(struct arch_fault *fault, unsigned vector)
{
    switch (vector) {
    case VECTOR_DIVIDE:
        fault->kind = ARCH_FAULT_DIVIDE;
        return true;
    case VECTOR_DEBUG:
        fault->kind = ARCH_FAULT_DEBUG;
        return true;
    case VECTOR_BREAKPOINT:
        fault->kind = ARCH_FAULT_BREAKPOINT;
        return true;
    case VECTOR_OVERFLOW:
    case VECTOR_BOUND:
        fault->kind = ARCH_FAULT_OVERFLOW;
        return true;
    case VECTOR_ILLEGAL:
    case VECTOR_NO_DEVICE:
        fault->kind = ARCH_FAULT_ILLEGAL;
        return true;
    case VECTOR_SEGMENT:
        fault->kind = ARCH_FAULT_SEGMENT;
        return true;
    case VECTOR_STACK:
        fault->kind = ARCH_FAULT_STACK;
        return true;
    case VECTOR_PROTECTION:
        fault->kind = ARCH_FAULT_PROTECTION;
        return true;
    case VECTOR_FPU:
    case VECTOR_SIMD:
        fault->kind = ARCH_FAULT_FPU;
        fault->code = fpu_code(vector);
        return true;
    case VECTOR_ALIGN:
        fault->kind = ARCH_FAULT_ALIGN;
        return true;
    default:
        return false;
    }
}

static void user_exception(struct arch_regs *regs, unsigned vector, uint64_t error_code)
{
    struct arch_fault fault = {.addr = regs->ip, .trap = vector, .error_code = error_code};
    if (vector == VECTOR_PAGE_FAULT) {
        fault.kind = ARCH_FAULT_PAGE;
        fault.addr = read_cr2();
        fault.access = fault_access(error_code);
    } else if (!describe_user_fault(&fault, vector)) {
        kernel_fault(regs, vector, error_code, 0);
    }
    arch_irq_enable();
    core_user_fault(regs, &fault);
    lock_check_nothing_held();
    arch_irq_disable();
}

static void interrupt(const struct arch_regs *regs, unsigned vector)
{
    preempt_disable();
    lock_check_irq_enter();
    if (vector == VECTOR_TIMER) {
        x86_apic_eoi();
        x86_interrupt_counts()->timer++;
        core_timer_interrupt((regs->cs & 3) != 0);
    } else if (vector >= VECTOR_IPI && vector <= VECTOR_CLOCK) {
        x86_apic_eoi();
        x86_ipi(vector);
    } else if (vector == VECTOR_SPURIOUS) {
        x86_interrupt_counts()->spurious++; /* it wants no end-of-interrupt */
    } else {
        core_irq(vector);
        x86_apic_eoi();
    }
    lock_check_irq_exit();
    preempt_enable();
}

void x86_trap(struct arch_regs *regs, unsigned vector)
{
    /* Gates leave AC as it was: a program's own, or that of a copy routine (SDM vol. 3, 4.6.1). */
    if (x86_features.smap) {
        __asm__ volatile("clac" : : : "cc", "memory");
    }
    if (vector >= VECTOR_FIRST_IRQ) {
        regs->orig_ax = (uint64_t)-1;
        interrupt(regs, vector);
        return;
    }
    uint64_t error_code = regs->orig_ax;
    regs->orig_ax = (uint64_t)-1; /* not in a system call */
    if (regs->cs & 3) {
        user_exception(regs, vector, error_code);
    } else if (vector == VECTOR_PAGE_FAULT) {
        kernel_page_fault(regs, error_code, read_cr2());
    } else if (vector != VECTOR_PROTECTION || !x86_fixup(regs)) {
        kernel_fault(regs, vector, error_code, 0);
    }
}

void x86_trap_paranoid(struct arch_regs *regs, unsigned vector)
{
    if (vector == VECTOR_NMI) {
        x86_interrupt_counts()->nmi++;
        x86_ipi_nmi(regs);
        return;
    }
    if (vector == VECTOR_DEBUG) {
        /* A watchpoint or single step of the user's that hit the first kernel instruction. */
        __asm__ volatile("movq %0, %%dr6" : : "r"(0xffff0ff0ul));
        regs->flags &= ~ARCH_FLAGS_TF;
        return;
    }
    kernel_fault(regs, vector, regs->orig_ax, read_cr2());
}

static bool is_canonical(uint64_t addr)
{
    return (int64_t)(addr << 16) >> 16 == (int64_t)addr;
}

/* Entered with interrupts off, left with interrupts off and registers that IRET cannot fault on. */
void x86_user_return_work(struct arch_regs *regs)
{
    for (;;) {
        core_user_return(regs);
        regs->cs = ARCH_USER_CS;
        regs->ss = ARCH_USER_DS;
        regs->flags = (regs->flags & ARCH_FLAGS_USER) | ARCH_FLAGS_IF | 2;
        if (is_canonical(regs->ip)) {
            return;
        }
        struct arch_fault fault = {
            .kind = ARCH_FAULT_PROTECTION, .addr = regs->ip, .trap = VECTOR_PROTECTION};
        regs->ip = 0; /* whatever handler there is goes on from its own address */
        arch_irq_enable();
        core_user_fault(regs, &fault);
        arch_irq_disable();
    }
}
