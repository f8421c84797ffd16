/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which tables each CPU has loaded, and what its TLB may still hold of them.
 *
 * Every change that grants less raises mmu->flushes by one; every CPU notes up to which number it
 * has flushed. mmu->cpus are those that have the root loaded; they are asked to flush by an
 * interrupt, each by name, and the one that asks waits for the answers. Not asked is a CPU that
 * runs only kernel code on the tables (lazy): it compares the numbers before it runs the program
 * again. With process-context identifiers (Intel SDM volume 3, 4.10.1) a TLB keeps what belongs to
 * the last few tables while others are loaded, and again the numbers tell whether that is still
 * good.
 *
 * Order: who flushes has written the entries, raises the number, reads the set and `lazy`; who
 * loads has written `lazy` and its bit, reads the number, then uses the entries. All of these are
 * sequentially consistent, so one of the two sees the other.
 */
#include "kernel/arch/mmu.h"
#include "kernel/arch/smp.h"
#include "kernel/arch/x86_64/mmu_tables.h"
#include "kernel/base/panic.h"
#include "kernel/base/percpu.h"
#include "kernel/base/preempt.h"
#include "lib/string.h"
#include <machine/paging.h>

/* Beyond this many pages a whole flush is cheaper than one by one. */
#define FLUSH_PAGES 32u
#define SLOTS       6u
#define USER_SLOTS  256u

/* What this CPU's TLB holds under one identifier. */
struct tlb_slot {
    uint64_t id;      /* of the mmu; 0: nothing */
    uint64_t flushes; /* up to this number they are done */
};

struct cpu_tlb {
    struct arch_mmu *mmu; /* [owner] loaded; NULL: the kernel's root */
    bool lazy;            /* atomic, written by the owner */
    unsigned slot, next;  /* [owner] that of mmu; which one is to be used anew */
    struct tlb_slot slots[SLOTS];
};
/* Owner: the CPU, interrupts off. */
PERCPU(struct cpu_tlb, cpu_tlb) __attribute__((aligned(64)));

enum flush_kind {
    FLUSH_ENTRIES,
    FLUSH_TABLES, /* tables are to be freed: who does not need them leaves them */
    FLUSH_LEAVE,  /* all of them are: everybody leaves */
    FLUSH_KERNEL, /* the kernel half */
};

/* What a CPU asks of others; one at a time. Constant until all have answered. */
struct flush_request {
    enum flush_kind kind;
    unsigned left; /* atomic: CPUs that have not answered */
    struct arch_mmu *mmu;
    vaddr_t start, end;
    uint64_t number; /* of this flush */
};
PERCPU(struct flush_request, flush_request) __attribute__((aligned(64)));
/* Atomic: CPUs that have a request for this one. */
PERCPU(struct cpumask, flush_from) __attribute__((aligned(64)));

static struct cpumask flush_cpus; /* atomic: that have begun, and so may hold the kernel half */
static unsigned flush_cpu_count;  /* atomic: how many they are */
static unsigned slot_count = 1;   /* constant after arch_mmu_init; 1: there are no identifiers */
PERCPU(uint64_t, last_id);        /* owner: the CPU, interrupts off */

/* The value for CR3 that loads the tables of the slot in use, without a flush or with one. */
static uint64_t cr3_of(const struct cpu_tlb *tlb, bool keep)
{
    uint64_t value = tlb->mmu->root;
    if (slot_count > 1) {
        value |= (tlb->slot + 1) | (keep ? X86_CR3_NOFLUSH : 0);
    }
    return value;
}

/* Finds the slot for the mmu, or takes one; true: what the TLB holds of it is good. */
static bool choose_slot(struct cpu_tlb *tlb, const struct arch_mmu *mmu)
{
    uint64_t flushes = __atomic_load_n(&mmu->flushes, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < slot_count; i++) {
        if (tlb->slots[i].id == mmu->id) {
            tlb->slot = i;
            bool good = tlb->slots[i].flushes == flushes;
            tlb->slots[i].flushes = flushes;
            return good;
        }
    }
    tlb->slot = tlb->next;
    tlb->next = tlb->next + 1 < slot_count ? tlb->next + 1 : 0;
    tlb->slots[tlb->slot] = (struct tlb_slot){mmu->id, flushes};
    return false;
}

static void load(struct cpu_tlb *tlb, struct arch_mmu *mmu)
{
    struct arch_mmu *old = tlb->mmu;
    tlb->mmu = mmu;
    __atomic_store_n(&tlb->lazy, false, __ATOMIC_RELAXED);
    if (mmu != NULL) {
        cpumask_set_atomic(&mmu->cpus, arch_cpu_number());
        x86_before_switch();
        x86_write_cr3(cr3_of(tlb, choose_slot(tlb, mmu)));
        x86_note_roots(mmu->root, mmu->user_root);
    } else {
        x86_write_cr3(x86_kernel_root());
        x86_note_roots(x86_kernel_root(), 0);
    }
    if (old != NULL) {
        cpumask_clear_atomic(&old->cpus, arch_cpu_number());
    }
}

void arch_mmu_switch(struct arch_mmu *mmu)
{
    unsigned long irq = arch_irq_save();
    struct cpu_tlb *tlb = &percpu(cpu_tlb);
    if (tlb->mmu != mmu) {
        load(tlb, mmu);
    } else if (tlb->lazy) {
        __atomic_store_n(&tlb->lazy, false, __ATOMIC_SEQ_CST);
        if (!choose_slot(tlb, mmu)) {
            x86_write_cr3(cr3_of(tlb, false));
        }
    }
    arch_irq_restore(irq);
}

void arch_mmu_idle(void)
{
    unsigned long irq = arch_irq_save();
    struct cpu_tlb *tlb = &percpu(cpu_tlb);
    __atomic_store_n(&tlb->lazy, tlb->mmu != NULL, __ATOMIC_RELEASE);
    arch_irq_restore(irq);
}

/* Flushes entries of the mmu that is loaded. Interrupts off. */
static void flush_entries(const struct cpu_tlb *tlb, vaddr_t start, vaddr_t end)
{
    if (end - start > FLUSH_PAGES * PAGE_SIZE) {
        x86_write_cr3(cr3_of(tlb, false));
        return;
    }
    for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
        x86_invlpg(va);
    }
}

/* Does what is asked on this CPU. Interrupts off. */
static void flush_here(const struct flush_request *request)
{
    struct cpu_tlb *tlb = &percpu(cpu_tlb);
    if (request->kind == FLUSH_KERNEL) {
        x86_flush_global();
        return;
    }
    if (tlb->mmu != request->mmu) {
        return;
    }
    if (tlb->lazy || request->kind == FLUSH_LEAVE) {
        if (request->kind != FLUSH_ENTRIES) {
            load(tlb, NULL);
        }
        return;
    }
    struct tlb_slot *slot = &tlb->slots[tlb->slot];
    if (slot->flushes >= request->number) {
        return; /* a whole flush did this one, too */
    }
    if (slot->flushes + 1 == request->number) {
        slot->flushes = request->number;
        flush_entries(tlb, request->start, request->end);
    } else {
        slot->flushes = __atomic_load_n(&request->mmu->flushes, __ATOMIC_ACQUIRE);
        flush_entries(tlb, 0, LAYOUT_USER_END);
    }
}

void x86_flush_ipi(void)
{
    struct cpumask *from = &percpu(flush_from);
    for (unsigned i = 0; i < CPUMASK_WORDS; i++) {
        uint64_t bits = __atomic_load_n(&from->word[i], __ATOMIC_RELAXED);
        if (bits == 0) {
            continue;
        }
        bits = __atomic_exchange_n(&from->word[i], 0, __ATOMIC_ACQ_REL);
        for (; bits != 0; bits &= bits - 1) {
            unsigned cpu = i * CPUMASK_BITS + (unsigned)__builtin_ctzll(bits);
            struct flush_request *request = &percpu_of(cpu, flush_request);
            flush_here(request);
            __atomic_fetch_sub(&request->left, 1, __ATOMIC_RELEASE);
        }
    }
}

/* Whether a flush of tables that it has loaded is nothing to the CPU now. */
static bool is_lazy(unsigned cpu)
{
    return __atomic_load_n(&percpu_of(cpu, cpu_tlb).lazy, __ATOMIC_SEQ_CST);
}

/* Asks the other CPUs of the set that are concerned. */
static void ask(struct flush_request *request, const struct cpumask *cpus)
{
    struct cpumask asked = {{0}};
    unsigned self = arch_cpu_number(), count = 0;
    cpumask_for_each (cpu, cpus) {
        if (cpu != self && (request->kind != FLUSH_ENTRIES || !is_lazy(cpu))) {
            cpumask_set(&asked, cpu);
            count++;
        }
    }
    if (count == 0) {
        return;
    }
    /* Nobody may spin for a lock of ours with interrupts off, and we must be alone here. */
    assert(preempt_count() == 0);
    request->left = count;
    cpumask_for_each (cpu, &asked) {
        cpumask_set_atomic(&percpu_of(cpu, flush_from), self);
    }
    arch_ipi_send_mask(&asked, ARCH_IPI_FLUSH);
}

/* Does it here, and sees to it that others have done it. */
static void flush(enum flush_kind kind, struct arch_mmu *mmu, vaddr_t start, vaddr_t end)
{
    unsigned long irq = arch_irq_save();
    struct flush_request *request = &percpu(flush_request);
    assert(request->left == 0);
    request->kind = kind;
    request->mmu = mmu;
    request->start = start;
    request->end = end;
    if (mmu != NULL) {
        request->number = __atomic_add_fetch(&mmu->flushes, 1, __ATOMIC_SEQ_CST);
    }
    flush_here(request);
    if (__atomic_load_n(&flush_cpu_count, __ATOMIC_SEQ_CST) > 1) {
        ask(request, mmu != NULL ? &mmu->cpus : &flush_cpus);
    }
    arch_irq_restore(irq);
    while (__atomic_load_n(&request->left, __ATOMIC_ACQUIRE) != 0) {
        if (!arch_irqs_enabled()) {
            x86_flush_ipi(); /* he whom we wait for may be waiting for us */
        }
        arch_cpu_relax();
    }
}

void arch_tlb_flush_range(struct arch_mmu *mmu, vaddr_t start, vaddr_t end)
{
    flush(FLUSH_ENTRIES, mmu, start, end);
}

void arch_tlb_flush_page(struct arch_mmu *mmu, vaddr_t va)
{
    flush(FLUSH_ENTRIES, mmu, va, va + PAGE_SIZE);
}

void arch_tlb_flush_local(const struct arch_mmu *mmu, vaddr_t start, vaddr_t end)
{
    unsigned long irq = arch_irq_save();
    if (percpu(cpu_tlb).mmu == mmu) {
        flush_entries(&percpu(cpu_tlb), start, end);
    }
    arch_irq_restore(irq);
}

bool arch_tlb_is_local(const struct arch_mmu *mmu)
{
    if (__atomic_load_n(&flush_cpu_count, __ATOMIC_SEQ_CST) == 1) {
        return true;
    }
    cpumask_for_each (cpu, &mmu->cpus) {
        if (cpu != arch_cpu_number() && !is_lazy(cpu)) {
            return false;
        }
    }
    return true;
}

void arch_kernel_flush(void)
{
    flush(FLUSH_KERNEL, NULL, 0, 0);
}

void x86_tlb_flush_tables(struct arch_mmu *mmu)
{
    flush(FLUSH_TABLES, mmu, 0, LAYOUT_USER_END);
}

void x86_tlb_begin(struct arch_mmu *mmu)
{
    unsigned long irq = arch_irq_save();
    mmu->id = percpu(last_id) += CPUS_MAX;
    mmu->id += arch_cpu_number();
    mmu->flushes = 1;
    arch_irq_restore(irq);
}

void arch_mmu_retire(struct arch_mmu *mmu)
{
    if (!cpumask_empty(&mmu->cpus)) {
        flush(FLUSH_LEAVE, mmu, 0, LAYOUT_USER_END);
    }
}

void arch_mmu_cpu_begin(void)
{
    __atomic_fetch_add(&flush_cpu_count, 1, __ATOMIC_SEQ_CST);
    cpumask_set_atomic(&flush_cpus, arch_cpu_number());
    x86_note_roots(x86_kernel_root(), 0);
    x86_flush_global(); /* what was cached before the bit was set */
}

void arch_mmu_init(void)
{
    pte_t *root = phys_to_virt(x86_kernel_root());
    memset(root, 0, USER_SLOTS * sizeof(pte_t));
    slot_count = x86_has_pcid() ? SLOTS : 1;
    x86_write_cr3(x86_kernel_root());
    arch_mmu_cpu_begin();
}
