/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts from one CPU to others: a vector for each kind, above all devices', and the NMI for
 * those that must come through even where interrupts are off. Source: Intel SDM vol. 3, 10.6.
 */
#include "kernel/arch/clock.h"
#include "kernel/arch/smp.h"
#include "kernel/arch/thread.h"
#include "kernel/arch/x86_64/mmu_tables.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/base/panic.h"
#include "kernel/base/percpu.h"

#define STOP_WAIT_CYCLES 100000000ull /* some 30 ms: then a CPU is taken to be dead */

static_assert(VECTOR_IPI + ARCH_IPI_KINDS <= VECTOR_CLOCK, "room for a vector of each kind");

PERCPU(struct x86_interrupt_counts, interrupt_counts); /* owner: the CPU */
PERCPU(unsigned, nmi_wanted); /* atomic: a bit for each kind sent as an NMI */
PERCPU(bool, cpu_stopped);    /* atomic: this CPU has obeyed ARCH_IPI_STOP */

static bool by_nmi(enum arch_ipi what)
{
    return what == ARCH_IPI_STOP || what == ARCH_IPI_BACKTRACE;
}

/* Interrupts off. */
static void send(unsigned cpu, enum arch_ipi what)
{
    uint32_t command = VECTOR_IPI + what;
    if (by_nmi(what)) {
        __atomic_fetch_or(&percpu_of(cpu, nmi_wanted), 1u << what, __ATOMIC_SEQ_CST);
        command = APIC_ICR_NMI;
    }
    x86_apic_send(arch_cpu_tcb[cpu]->apic_id, command);
}

void arch_ipi_send(unsigned cpu, enum arch_ipi what)
{
    unsigned long flags = arch_irq_save();
    send(cpu, what);
    arch_irq_restore(flags);
}

void arch_ipi_send_mask(const struct cpumask *mask, enum arch_ipi what)
{
    unsigned long flags = arch_irq_save();
    cpumask_for_each (cpu, mask) {
        send(cpu, what);
    }
    arch_irq_restore(flags);
}

static bool is_up(unsigned cpu)
{
    return __atomic_load_n(&arch_cpu_tcb[cpu]->state, __ATOMIC_ACQUIRE) == X86_CPU_ONLINE;
}

/* One by one: the shorthand for all others would reach CPUs that were left out, too. */
void arch_ipi_send_others(enum arch_ipi what)
{
    unsigned long flags = arch_irq_save();
    for (unsigned cpu = 0; cpu < x86_start_count; cpu++) {
        if (cpu != arch_cpu_number() && is_up(cpu)) {
            send(cpu, what);
        }
    }
    arch_irq_restore(flags);
}

void arch_smp_stop_others(void)
{
    static unsigned stopper = CPUS_MAX; /* atomic: set once */
    unsigned first = CPUS_MAX;
    if (!__atomic_compare_exchange_n(&stopper, &first, arch_cpu_number(), false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED)) {
        if (first == arch_cpu_number()) {
            return;
        }
        arch_cpu_stop();
    }
    arch_ipi_send_others(ARCH_IPI_STOP);
    uint64_t start = arch_cycles();
    for (unsigned cpu = 0; cpu < x86_start_count; cpu++) {
        while (cpu != arch_cpu_number() && is_up(cpu) &&
               !__atomic_load_n(&percpu_of(cpu, cpu_stopped), __ATOMIC_ACQUIRE) &&
               arch_cycles() - start < STOP_WAIT_CYCLES) {
            arch_cpu_relax();
        }
    }
}

void arch_smp_online(void)
{
    struct arch_tcb *tcb = ARCH_TCB_READ(self);
    __atomic_store_n(&tcb->state, X86_CPU_ONLINE, __ATOMIC_SEQ_CST);
    /* Whoever stops the others before this does not see it. */
    if (panic_in_progress()) {
        arch_cpu_stop();
    }
    arch_mmu_cpu_begin();
}

void x86_ipi(unsigned vector)
{
    unsigned what = vector - VECTOR_IPI;
    if (vector == VECTOR_CLOCK) {
        x86_clock_ipi();
        return;
    }
    if (what >= ARCH_IPI_KINDS) {
        return;
    }
    percpu(interrupt_counts).ipi[what]++;
    if (what == ARCH_IPI_CALL) {
        core_ipi_call();
    } else if (what == ARCH_IPI_FLUSH) {
        x86_flush_ipi();
    }
}

struct x86_interrupt_counts *x86_interrupt_counts(void)
{
    return &percpu(interrupt_counts);
}

bool x86_ipi_nmi(struct arch_regs *regs)
{
    unsigned wanted = __atomic_exchange_n(&percpu(nmi_wanted), 0, __ATOMIC_SEQ_CST);
    if ((wanted >> ARCH_IPI_STOP & 1) != 0) {
        __atomic_store_n(&percpu(cpu_stopped), true, __ATOMIC_RELEASE);
        arch_cpu_stop();
    }
    if ((wanted >> ARCH_IPI_BACKTRACE & 1) != 0) {
        core_ipi_backtrace(regs);
    }
    return wanted != 0;
}

/* Named as Linux names them. */
static const struct {
    const char *name, *what;
} rows[] = {
    {"NMI", "Non-maskable interrupts"},  {"LOC", "Local timer interrupts"},
    {"SPU", "Spurious interrupts"},      {"RES", "Rescheduling interrupts"},
    {"CAL", "Function call interrupts"}, {"TLB", "TLB shootdowns"},
};

bool arch_interrupt_row(unsigned row, const char **name, const char **what)
{
    if (row >= ARRAY_SIZE(rows)) {
        return false;
    }
    *name = rows[row].name;
    *what = rows[row].what;
    return true;
}

uint64_t arch_interrupt_count(unsigned row, unsigned cpu)
{
    const struct x86_interrupt_counts *counts = &percpu_of(cpu, interrupt_counts);
    const uint64_t *of[] = {&counts->nmi,
                            &counts->timer,
                            &counts->spurious,
                            &counts->ipi[ARCH_IPI_RESCHEDULE],
                            &counts->ipi[ARCH_IPI_CALL],
                            &counts->ipi[ARCH_IPI_FLUSH]};
    static_assert(ARRAY_SIZE(of) == ARRAY_SIZE(rows), "a counter for each row");
    return __atomic_load_n(of[row], __ATOMIC_RELAXED);
}
