/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C11: waking the further CPUs. One INIT and one start-up IPI go to all of them at once; each finds
 * its own entry by its APIC id and claims it (trampoline.S). Nothing here waits: the caller's timer
 * sends the start-up IPI again, and sees later who has come. Sources: Intel SDM vol. 3, 8.4.4
 * (start of a multiple-processor system), 10.6 (IPIs).
 */
#include "kernel/arch/smp.h"
#include "abi/errno.h"
#include "kernel/arch/x86_64/mmu_tables.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/base/init.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/base/timeline.h"
#include "kernel/mm/frame.h"
#include "lib/string.h"
#include <machine/paging.h>

#define XAPIC_ID_MAX 254u

/*
 * Pages below 1 MiB, one after the other: code, and a table that maps it where it is. The table is
 * all four levels at once: for addresses below 2 MiB the upper three take entry 0, which is the
 * table itself, and the last takes the entry of the code's page. Its upper half is the kernel's.
 */
enum { PAGE_CODE, PAGE_TABLE, PAGES };

/* The end of the trampoline: trampoline.S has it in this order. */
struct trampoline_data {
    uint64_t gdt[4];
    uint64_t entry;
    uint32_t root;
    uint32_t far32_offset, far32_selector;
    uint32_t far64_offset;
    uint16_t far64_selector;
    uint16_t gdt_limit;
    uint32_t gdt_base;
} __attribute__((packed));

extern const char x86_trampoline[], x86_trampoline_data[], x86_trampoline_end[];
extern const char x86_ap_start[];

static_assert(offsetof(struct arch_tcb, stack_top) == 48, "TCB_STACK_TOP of trampoline.S");
static_assert(offsetof(struct arch_tcb, apic_id) == 56, "TCB_APIC_ID");
static_assert(offsetof(struct arch_tcb, state) == 60, "TCB_STATE");
static_assert(X86_CPU_WAITING == 1 && X86_CPU_STARTING == 2, "states of trampoline.S");

/* For x86_ap_start. Constant once CPUs are on their way, but for the count, which they increment
 * when they have left the pages below 1 MiB. */
paddr_t x86_start_root;
unsigned x86_start_count;
unsigned x86_cpus_arrived;

static paddr_t start_pages;    /* owner: the timer of core/smp.c; 0: given back */
static unsigned cpus_expected; /* CPUs that the broadcast wakes, as far as the tables tell */

static void fill_pages(void)
{
    char *code = phys_to_virt(start_pages);
    uint64_t *table = phys_to_virt(start_pages + PAGE_TABLE * PAGE_SIZE);
    size_t size = (size_t)(x86_trampoline_end - x86_trampoline);
    struct trampoline_data *data = (void *)(code + (x86_trampoline_data - x86_trampoline));

    memcpy(code, x86_trampoline, size);
    data->entry = (uint64_t)x86_ap_start;
    data->root = (uint32_t)virt_to_phys(table);
    data->far32_offset += (uint32_t)start_pages;
    data->far64_offset += (uint32_t)start_pages;
    data->gdt_base += (uint32_t)start_pages;

    memset(table, 0, PAGE_SIZE / 2);
    memcpy(table + ENTRIES / 2, (uint64_t *)phys_to_virt(x86_start_root) + ENTRIES / 2,
           PAGE_SIZE / 2);
    table[0] = virt_to_phys(table) | X86_PTE_PRESENT | X86_PTE_ACCESSED;
    table[start_pages >> PAGE_SHIFT] = start_pages | X86_PTE_PRESENT | X86_PTE_ACCESSED;
}

int arch_smp_start(unsigned count, unsigned woken)
{
    cpus_expected = woken;
    start_pages = frame_take_low(PAGES);
    if (start_pages == 0) {
        return -ENOMEM;
    }
    for (unsigned cpu = 1; cpu < count; cpu++) {
        struct arch_tcb *tcb = arch_cpu_tcb[cpu];
        if (tcb->apic_id <= XAPIC_ID_MAX || x86_features.x2apic) {
            tcb->state = X86_CPU_WAITING;
        } else {
            log_warn("CPU %u (APIC id %u) is left out: only an x2APIC reaches it", cpu,
                     tcb->apic_id);
        }
    }
    arch_cpu_tcb[0]->state = X86_CPU_ONLINE;
    x86_start_root = x86_kernel_root();
    x86_start_count = count;
    fill_pages();
    /* The 10 ms between the two that old CPUs want (SDM 8.4.4.1) are not needed by any with long
     * mode that we know of; whoever misses the second is sent it again. */
    unsigned long flags = arch_irq_save();
    timeline_wake();
    unsigned handle = timeline_begin(TIMELINE_CPU, "wake");
    x86_apic_send_others(APIC_ICR_INIT);
    x86_apic_send_others(APIC_ICR_STARTUP | (uint32_t)(start_pages >> PAGE_SHIFT));
    /* An emulator that runs CPUs in turns gives the others theirs here. QEMU with -icount counts
     * instructions that nobody ran when it resets a CPU: they fall into this record, and whoever
     * draws it can leave them out. */
    arch_cpu_relax();
    timeline_end(handle);
    timeline_wake();
    arch_irq_restore(flags);
    return 0;
}

void arch_smp_start_again(void)
{
    unsigned long flags = arch_irq_save();
    if (start_pages != 0) {
        x86_apic_send_others(APIC_ICR_STARTUP | (uint32_t)(start_pages >> PAGE_SHIFT));
    }
    arch_irq_restore(flags);
}

/* Leaves out those that have not come; true: nobody can be on the pages any more. */
static bool give_up(void)
{
    for (unsigned cpu = 1; cpu < x86_start_count; cpu++) {
        unsigned waiting = X86_CPU_WAITING;
        struct arch_tcb *tcb = arch_cpu_tcb[cpu];
        if (__atomic_compare_exchange_n(&tcb->state, &waiting, X86_CPU_GIVEN_UP, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            log_warn("CPU %u (APIC id %u) did not come up; going on without it", cpu, tcb->apic_id);
        }
    }
    return __atomic_load_n(&x86_cpus_arrived, __ATOMIC_ACQUIRE) >= cpus_expected;
}

bool arch_smp_started(bool last_call)
{
    bool all = __atomic_load_n(&x86_cpus_arrived, __ATOMIC_ACQUIRE) >= cpus_expected;
    if (!all && !last_call) {
        return false;
    }
    /* One that was given up may still come, and must not find something else in the pages. */
    if (all || give_up()) {
        frame_give_low(start_pages, PAGES);
        start_pages = 0;
    }
    return true;
}
