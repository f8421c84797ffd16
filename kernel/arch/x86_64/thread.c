/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread's machine state (kernel/arch/thread.h): its first stack frame, the switch, fork's copy,
 * and the user's FS and GS bases. Source of the stack layout: entry.S.
 */
#include "kernel/arch/thread.h"
#include "abi/errno.h"
#include "kernel/arch/x86_64/x86.h"
#include "lib/string.h"

static_assert(offsetof(struct arch_tcb, thread) == 8, "TCB_CURRENT of entry.S");
static_assert(offsetof(struct arch_tcb, user_sp) == 16, "TCB_USER_SP of entry.S");
static_assert(offsetof(struct arch_tcb, kernel_sp) == 24, "TCB_KERNEL_SP of entry.S");
static_assert(offsetof(struct arch_tcb, preempt_count) == 32, "arch_preempt_add");
static_assert(offsetof(struct arch_tcb, canary) == 40, "-mstack-protector-guard-offset");

/* What x86_switch_stacks pops. */
struct switch_frame {
    uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};

/* A thread begins with its machine state (kernel/arch/thread.h). */
static inline struct arch_thread *state_of(const struct thread *thread)
{
    return (struct arch_thread *)(uintptr_t)thread;
}

struct arch_regs *arch_thread_regs(struct thread *thread)
{
    return (struct arch_regs *)state_of(thread)->stack_top - 1;
}

int arch_thread_init(struct thread *thread, void *stack_top, void (*entry)(void *arg), void *arg)
{
    struct switch_frame *frame =
        (struct switch_frame *)(void *)((struct arch_regs *)stack_top - 1) - 1;
    *frame = (struct switch_frame){
        .rbx = (uint64_t)entry, .r12 = (uint64_t)arg, .rip = (uint64_t)x86_thread_begin};
    *state_of(thread) = (struct arch_thread){.kernel_sp = (uint64_t)frame,
                                             .stack_top = (uint64_t)stack_top};
    return 0;
}

void arch_thread_destroy(struct thread *thread)
{
    x86_fpu_free(state_of(thread)->fpu);
    state_of(thread)->fpu = NULL;
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
    struct arch_thread *old = state_of(from), *new = state_of(to);
    save_bases(old);
    load_bases(old, new);
    if (unlikely(old->spec_ctrl != new->spec_ctrl)) {
        x86_set_spec_ctrl(new->spec_ctrl);
    }
    x86_fpu_switch(old, new);
    x86_set_kernel_stack(new->stack_top);
    __asm__ volatile("movq %0, %%gs:8" : : "r"(to) : "memory");
    return x86_switch_stacks(&old->kernel_sp, new->kernel_sp, from);
}

/* The first thread of a CPU has no predecessor: it only becomes current. */
void arch_thread_adopt(struct thread *thread, void *stack_top)
{
    state_of(thread)->stack_top = (uint64_t)stack_top;
    x86_set_kernel_stack((uint64_t)stack_top);
    __asm__ volatile("movq %0, %%gs:8" : : "r"(thread) : "memory");
}

int arch_thread_prepare_user(void)
{
    struct arch_thread *self = state_of(arch_current());
    if (self->fpu == NULL) {
        void *area = x86_fpu_alloc();
        if (area == NULL) {
            return -ENOMEM;
        }
        unsigned long flags = arch_irq_save();
        self->fpu = area;
        arch_fpu_reset();
        arch_irq_restore(flags);
    }
    return 0;
}

void arch_enter_user(void)
{
    arch_irq_disable();
    x86_enter_user(arch_thread_regs(arch_current()));
}

int arch_thread_fork(struct thread *child)
{
    struct arch_thread *self = state_of(arch_current()), *copy = state_of(child);
    void *area = x86_fpu_alloc();
    if (area == NULL) {
        return -ENOMEM;
    }
    unsigned long flags = arch_irq_save();
    x86_fpu_save_current(area);
    save_bases(self);
    arch_irq_restore(flags);
    copy->fpu = area;
    copy->fs_base = self->fs_base;
    copy->gs_base = self->gs_base;
    copy->spec_ctrl = self->spec_ctrl;
    *arch_thread_regs(child) = *arch_thread_regs(arch_current());
    return 0;
}

void arch_thread_reset(void)
{
    struct arch_thread *self = state_of(arch_current());
    unsigned long flags = arch_irq_save();
    save_bases(self);
    if (self->fpu != NULL) {
        arch_fpu_reset();
    }
    struct arch_thread clean = *self;
    clean.fs_base = clean.gs_base = 0;
    load_bases(self, &clean);
    self->fs_base = self->gs_base = 0;
    arch_irq_restore(flags);
}

void arch_set_user_tls(struct thread *thread, vaddr_t value)
{
    state_of(thread)->fs_base = value;
    if (thread == arch_current()) {
        write_fs_base(value);
    }
}

vaddr_t arch_get_user_tls(const struct thread *thread)
{
    return thread == arch_current() && x86_features.fsgsbase ? read_fs_base()
                                                             : state_of(thread)->fs_base;
}

void arch_set_user_gs(vaddr_t value)
{
    state_of(arch_current())->gs_base = value;
    wrmsr(MSR_KERNEL_GS_BASE, value);
}

vaddr_t arch_get_user_gs(void)
{
    return x86_features.fsgsbase ? rdmsr(MSR_KERNEL_GS_BASE) : state_of(arch_current())->gs_base;
}

size_t arch_thread_backtrace(const struct thread *thread, vaddr_t *pcs, size_t max)
{
    const struct switch_frame *frame = (const void *)state_of(thread)->kernel_sp;
    struct arch_regs regs = {.bp = frame->rbp, .ip = frame->rip};
    return arch_backtrace(&regs, pcs, max);
}
