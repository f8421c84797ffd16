/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page-table isolation (against Meltdown): programs run on roots of their own, which have their
 * user half and, of the kernel, just what the ways in and out touch before CR3 has changed:
 * entry.S, the table of gates, each CPU's struct x86_cpu_entry and control block. Kernel pages are
 * not global then, and there are no process-context identifiers: each change of CR3 leaves nothing
 * of the other side in the TLB. And patching entry.S, which is otherwise as for CPUs without such
 * faults.
 */
#include "kernel/arch/mmu.h"
#include "kernel/arch/x86_64/mmu_tables.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/base/init.h"
#include "kernel/base/panic.h"
#include "kernel/mm/frame.h"
#include "lib/string.h"
#include <machine/paging.h>

#define JUMP_SIZE 5

struct entry_patch {
    int32_t site, target; /* relative to themselves */
};
extern const struct entry_patch x86_entry_patches[], x86_entry_patches_end[];

bool x86_clear_buffers RO_AFTER_INIT; /* entry.S */

static pte_t *template_root; /* constant once set: its kernel half is that of all user roots */

/* Maps a page as the kernel has it, at the same address: false: no memory. */
static bool map_page(pte_t *root, vaddr_t va, pte_t rights)
{
    paddr_t paddr;
    unsigned flags;
    pte_t *table = root;
    if (va < LAYOUT_DIRECT_MAP + LAYOUT_DIRECT_MAP_MAX) {
        paddr = virt_to_phys((void *)va);
    } else if (!arch_kernel_query(va, &paddr, &flags)) {
        panic("no page at %#lx to show to programs", (unsigned long)va);
    }
    for (unsigned level = ROOT_LEVEL; level > 0; level--) {
        pte_t *entry = &table[table_index(va, level)];
        if (*entry == 0) {
            paddr_t next = frame_alloc_table();
            if (next == 0) {
                return false;
            }
            *entry = next | TABLE_FLAGS;
        }
        table = table_at(*entry);
    }
    table[table_index(va, 0)] = paddr | rights | X86_PTE_PRESENT | X86_PTE_ACCESSED | X86_PTE_DIRTY;
    return true;
}

static bool map_range(pte_t *root, vaddr_t start, vaddr_t end, pte_t rights)
{
    for (vaddr_t va = start & ~PAGE_MASK; va < end; va += PAGE_SIZE) {
        if (!map_page(root, va, rights)) {
            return false;
        }
    }
    return true;
}

static bool make_template(void)
{
    paddr_t paddr = frame_alloc_table();
    if (paddr == 0) {
        return false;
    }
    pte_t *root = phys_to_virt(paddr);
    vaddr_t idt = (vaddr_t)x86_idt();
    bool made = map_range(root, (vaddr_t)__entry_start, (vaddr_t)__entry_end, 0) &&
                map_range(root, idt, idt + PAGE_SIZE, X86_PTE_NX);
    for (unsigned cpu = 0; made && arch_cpu_tcb[cpu] != NULL; cpu++) {
        vaddr_t start, end, tcb = (vaddr_t)arch_cpu_tcb[cpu];
        x86_cpu_entry_range(cpu, &start, &end);
        made = map_range(root, start, end, X86_PTE_WRITE | X86_PTE_NX) &&
               map_range(root, tcb, tcb + sizeof(struct arch_tcb), X86_PTE_WRITE | X86_PTE_NX);
    }
    template_root = made ? root : NULL; /* the boot ends if not: there is no space without */
    return made;
}

paddr_t x86_user_root_create(bool *failed)
{
    *failed = false;
    if (likely(!x86_protect.pti)) {
        return 0;
    }
    struct frame *frame = NULL;
    if (template_root != NULL || make_template()) {
        frame = frame_alloc(FRAME_ZERO);
    }
    if (frame == NULL) {
        *failed = true;
        return 0;
    }
    memcpy((pte_t *)frame_to_virt(frame) + ENTRIES / 2, template_root + ENTRIES / 2, PAGE_SIZE / 2);
    return frame_to_paddr(frame);
}

void x86_user_root_free(paddr_t root)
{
    frame_put(paddr_to_frame(root));
}

INIT_TEXT void x86_patch_entries(void)
{
    x86_clear_buffers = x86_protect.verw;
    if (!x86_protect.pti && !x86_protect.verw) {
        return;
    }
    for (const struct entry_patch *p = x86_entry_patches; p < x86_entry_patches_end; p++) {
        vaddr_t site = (vaddr_t)&p->site + (vaddr_t)(int64_t)p->site;
        vaddr_t target = (vaddr_t)&p->target + (vaddr_t)(int64_t)p->target;
        int32_t distance = (int32_t)(target - (site + JUMP_SIZE));
        uint8_t jump[JUMP_SIZE] = {0xe9};
        memcpy(jump + 1, &distance, sizeof(distance));
        /* The image is mapped read-only; its pages can be written where all memory is mapped. */
        for (unsigned i = 0; i < JUMP_SIZE; i++) {
            paddr_t page;
            unsigned flags;
            bool found = arch_kernel_query((site + i) & ~PAGE_MASK, &page, &flags);
            assert(found);
            *(volatile uint8_t *)phys_to_virt(page + ((site + i) & PAGE_MASK)) = jump[i];
        }
    }
    (void)cpuid(0, 0); /* serializes (SDM vol. 3, 8.1.3) */
}
