/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* kernel/arch/cpu.h for x86_64. The contract there says what each function is for. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thread;

/*
 * What %gs:0 shows: the loader clears it and sets self (abi/bootinfo.h, BOOT_TCB_SIZE). The order
 * is known to entry.S; the canary's place to the compiler (-mstack-protector-guard-offset=40).
 */
struct arch_tcb {
    struct arch_tcb *self;
    struct thread *thread; /* what arch_current gives */
    uint64_t user_sp;      /* SYSCALL entry's scratch */
    uint64_t kernel_sp;    /* top of the current thread's kernel stack */
    int preempt_count;
    unsigned cpu;
    uint64_t canary;
    uint64_t stack_top; /* the loader's stack for this CPU */
    uint32_t apic_id;
    unsigned state; /* atomic: enum x86_cpu_state */
    /* Of the tables in use: the kernel's root, and with page-table isolation the program's (else
     * 0); where exceptions from programs start then. entry.S reads them. */
    uint64_t kernel_cr3, user_cr3, entry_sp;
};
#define ARCH_TCB_CURRENT   8
#define ARCH_TCB_USER_SP   16
#define ARCH_TCB_KERNEL_SP 24

#define ARCH_TCB_READ(member)                                                                      \
    ({                                                                                             \
        __typeof__(((struct arch_tcb *)0)->member) value_;                                         \
        __asm__ volatile("mov %%gs:%c1, %0"                                                        \
                         : "=r"(value_)                                                            \
                         : "i"(offsetof(struct arch_tcb, member)));                                \
        value_;                                                                                    \
    })

/* Thread pointers of all CPUs found, from bootinfo; constant after arch_cpu_init(0). */
extern struct arch_tcb *arch_cpu_tcb[];

static inline struct thread *arch_current(void)
{
    struct thread *thread;
    /* Not volatile: it is the same for as long as this code runs. */
    __asm__("movq %%gs:8, %0" : "=r"(thread));
    return thread;
}

static inline unsigned arch_cpu_number(void)
{
    return ARCH_TCB_READ(cpu);
}

static inline void *arch_cpu_stack_top(void)
{
    return (void *)ARCH_TCB_READ(stack_top);
}

static inline void arch_preempt_add(int n)
{
    __asm__ volatile("addl %0, %%gs:32" : : "er"(n) : "memory", "cc");
}

static inline int arch_preempt_count(void)
{
    return ARCH_TCB_READ(preempt_count);
}

/* The stack protector's word; the caller's own frame must have none. */
static inline void arch_set_canary(uint64_t value)
{
    __asm__ volatile("movq %0, %%gs:40" : : "r"(value) : "memory");
}

/* Takes the boot CPU's over, on another CPU. */
static inline void arch_copy_canary(void)
{
    arch_set_canary(arch_cpu_tcb[0]->canary);
}

/* Variables of the TLS segment, local-exec model, with GS in the part of FS. */
#define ARCH_PERCPU(name)                                                                          \
    (*({                                                                                           \
        __typeof__(name) *ptr_;                                                                    \
        __asm__ volatile("movq %%gs:0, %0\n\tleaq " #name "@tpoff(%0), %0" : "=r"(ptr_));          \
        ptr_;                                                                                      \
    }))
static inline bool arch_cpu_exists(unsigned cpu)
{
    return arch_cpu_tcb[cpu] != NULL;
}
#define ARCH_PERCPU_OF(cpu, name)                                                                  \
    (*({                                                                                           \
        __typeof__(name) *ptr_;                                                                    \
        __asm__("leaq " #name "@tpoff(%1), %0" : "=r"(ptr_) : "r"(arch_cpu_tcb[cpu]));             \
        ptr_;                                                                                      \
    }))

static inline unsigned long arch_irq_save(void)
{
    unsigned long flags;
    __asm__ volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(flags) : : "memory");
    return flags;
}

static inline void arch_irq_restore(unsigned long flags)
{
    if (flags & 0x200) {
        __asm__ volatile("sti" : : : "memory");
    }
}

static inline void arch_irq_enable(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static inline void arch_irq_disable(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline bool arch_irqs_enabled(void)
{
    unsigned long flags;
    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags) : : "memory");
    return (flags & 0x200) != 0;
}

/* By data, not by a branch: CMP, SBB and AND do not speculate on their flags (AMD, "Software
 * techniques for managing speculation", V1-2; Intel, "Bounds Check Bypass"). */
static inline unsigned long arch_bounded(unsigned long index, unsigned long size)
{
    unsigned long mask;
    __asm__("cmpq %2, %1\n\tsbbq %0, %0" : "=r"(mask) : "r"(index), "er"(size) : "cc");
    return index & mask;
}

static inline void arch_cpu_relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* STI takes effect after the next instruction, so no interrupt is lost between the two. */
static inline void arch_cpu_idle(void)
{
    __asm__ volatile("sti\n\thlt" : : : "memory");
}

_Noreturn static inline void arch_cpu_stop(void)
{
    for (;;) {
        __asm__ volatile("cli\n\thlt" : : : "memory");
    }
}

static inline uint64_t arch_cycles(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}
