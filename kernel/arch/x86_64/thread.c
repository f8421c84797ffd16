/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread's machine state (kernel/arch/thread.h): its first stack frame, the switch, fork's copy,
 * and the user's FS and GS bases. Source of the stack layout: entry.S.
 */
#include "kernel/core/thread.h"
#include "abi/errno.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/mm/kmap.h"
#include "lib/string.h"

static_assert(offsetof(struct thread, work) == 32, "THREAD_WORK of entry.S");
static_assert(offsetof(struct arch_tcb, thread) == 8, "TCB_CURRENT of entry.S");
static_assert(offsetof(struct arch_tcb, user_sp) == 16, "TCB_USER_SP of entry.S");
static_assert(offsetof(struct arch_tcb, kernel_sp) == 24, "TCB_KERNEL_SP of entry.S");
static_assert(offsetof(struct arch_tcb, preempt_count) == 32, "arch_preempt_add");
static_assert(offsetof(struct arch_tcb, canary) == 40, "-mstack-protector-guard-offset");

/* What x86_switch_stacks pops. */
struct switch_frame {
    uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};

static uint64_t stack_top(const struct thread *thread)
{
    return (uint64_t)thread->kstack + KSTACK_SIZE;
}

struct arch_regs *thread_user_regs(struct thread *thread)
{
    return (struct arch_regs *)(stack_top(thread) - sizeof(struct arch_regs));
}

int arch_thread_init(struct thread *thread, void (*entry)(void *arg), void *arg)
{
    struct switch_frame *frame = (struct switch_frame *)(void *)thread_user_regs(thread) - 1;
    *frame = (struct switch_frame){
        .rbx = (uint64_t)entry, .r12 = (uint64_t)arg, .rip = (uint64_t)x86_thread_begin};
    thread->arch = (struct arch_thread){.kernel_sp = (uint64_t)frame};
    return 0;
}

void arch_thread_destroy(struct thread *thread)
{
    x86_fpu_free(thread->arch.fpu);
    thread->arch.fpu = NULL;
}

static uint64_t read_fs_base(void)
{
    uint64_t value;
    if (!x86_features.fsgsbase) {
        return rdmsr(MSR_FS_BASE);
    }
    __asm__ volatile("rdfsbase %0" : "=r"(value));
    return value;
}

static void write_fs_base(uint64_t value)
{
    if (!x86_features.fsgsbase) {
        wrmsr(MSR_FS_BASE, value);
        return;
    }
    __asm__ volatile("wrfsbase %0" : : "r"(value));
}

/* With FSGSBASE programs may have changed the bases without a system call. */
static void save_bases(struct arch_thread *arch)
{
    if (arch->fpu != NULL && x86_features.fsgsbase) {
        arch->fs_base = read_fs_base();
        arch->gs_base = rdmsr(MSR_KERNEL_GS_BASE);
    }
}

static void load_bases(const struct arch_thread *from, const struct arch_thread *to)
{
    if (to->fs_base != from->fs_base) {
        write_fs_base(to->fs_base);
    }
    if (to->gs_base != from->gs_base) {
        wrmsr(MSR_KERNEL_GS_BASE, to->gs_base);
    }
}

struct thread *arch_switch(struct thread *from, struct thread *to)
{
    save_bases(&from->arch);
    load_bases(&from->arch, &to->arch);
    x86_fpu_switch(&from->arch, &to->arch);
    x86_set_kernel_stack(stack_top(to));
    __asm__ volatile("movq %0, %%gs:8" : : "r"(to) : "memory");
    return x86_switch_stacks(&from->arch.kernel_sp, to->arch.kernel_sp, from);
}

/* The first thread of a CPU has no predecessor: it only becomes current. */
void arch_thread_adopt(struct thread *thread)
{
    x86_set_kernel_stack(stack_top(thread));
    __asm__ volatile("movq %0, %%gs:8" : : "r"(thread) : "memory");
}

int arch_thread_prepare_user(void)
{
    struct thread *self = current;
    if (self->arch.fpu == NULL) {
        void *area = x86_fpu_alloc();
        if (area == NULL) {
            return -ENOMEM;
        }
        unsigned long flags = arch_irq_save();
        self->arch.fpu = area;
        arch_fpu_reset();
        arch_irq_restore(flags);
    }
    return 0;
}

void arch_enter_user(void)
{
    arch_irq_disable();
    x86_enter_user(thread_user_regs(current));
}

int arch_thread_fork(struct thread *child)
{
    struct thread *self = current;
    void *area = x86_fpu_alloc();
    if (area == NULL) {
        return -ENOMEM;
    }
    unsigned long flags = arch_irq_save();
    x86_fpu_save_current(area);
    save_bases(&self->arch);
    arch_irq_restore(flags);
    child->arch.fpu = area;
    child->arch.fs_base = self->arch.fs_base;
    child->arch.gs_base = self->arch.gs_base;
    *thread_user_regs(child) = *thread_user_regs(self);
    return 0;
}

void arch_thread_reset(void)
{
    struct thread *self = current;
    unsigned long flags = arch_irq_save();
    save_bases(&self->arch);
    if (self->arch.fpu != NULL) {
        arch_fpu_reset();
    }
    struct arch_thread clean = self->arch;
    clean.fs_base = clean.gs_base = 0;
    load_bases(&self->arch, &clean);
    self->arch.fs_base = self->arch.gs_base = 0;
    arch_irq_restore(flags);
}

void arch_set_user_tls(struct thread *thread, vaddr_t value)
{
    thread->arch.fs_base = value;
    if (thread == current) {
        write_fs_base(value);
    }
}

vaddr_t arch_get_user_tls(const struct thread *thread)
{
    return thread == current && x86_features.fsgsbase ? read_fs_base() : thread->arch.fs_base;
}

void arch_set_user_gs(vaddr_t value)
{
    current->arch.gs_base = value;
    wrmsr(MSR_KERNEL_GS_BASE, value);
}

vaddr_t arch_get_user_gs(void)
{
    return x86_features.fsgsbase ? rdmsr(MSR_KERNEL_GS_BASE) : current->arch.gs_base;
}
