/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaving for another kernel: page tables that map all memory where it is, and a page of code
 * (kexec_code.S) that moves the new kernel to its place and enters it. Sources: Intel SDM vol. 3,
 * 4.5 (page tables), 2.5 (control registers); Linux documentation, arch/x86/boot.rst, "64-bit Boot
 * Protocol".
 */
#include "kernel/arch/kexec.h"
#include "abi/errno.h"
#include "kernel/arch/x86_64/mmu_tables.h"
#include "kernel/arch/x86_64/x86.h"
#include "kernel/mm/ram.h"
#include "lib/string.h"
#include <machine/paging.h>

#define CR4_PAE   (1ul << 5)
#define GIB_SHIFT 30
#define TWO_MIB   0x200000ul

extern const char x86_kexec_code[], x86_kexec_code_end[];

/* Where kexec_code.S begins in its page. */
typedef void kexec_code(paddr_t copies, paddr_t entry, uint64_t argument, paddr_t root);

struct tables {
    paddr_t (*take)(void *arg);
    void *arg;
    bool huge; /* the CPU has pages of 1 GiB */
    paddr_t root;
};

/* A table of nothing, or 0. */
static paddr_t new_table(const struct tables *tables)
{
    paddr_t table = tables->take(tables->arg);
    if (table != 0) {
        memset(phys_to_virt(table), 0, PAGE_SIZE);
    }
    return table;
}

/* The table that entry leads to, made if need be; NULL: no memory. */
static pte_t *table_below(const struct tables *tables, pte_t *entry)
{
    if (*entry == 0) {
        paddr_t table = new_table(tables);
        if (table == 0) {
            return NULL;
        }
        *entry = table | TABLE_FLAGS;
    }
    return table_at(*entry);
}

static bool map_gib(const struct tables *tables, uint64_t gib)
{
    const pte_t flags = TABLE_FLAGS | X86_PTE_DIRTY | X86_PTE_LARGE;
    pte_t *root = phys_to_virt(tables->root);
    pte_t *pointers = table_below(tables, &root[gib / ENTRIES]);
    if (pointers == NULL) {
        return false;
    }
    pte_t *entry = &pointers[gib % ENTRIES];
    if (*entry != 0) {
        return true;
    }
    if (tables->huge) {
        *entry = gib << GIB_SHIFT | flags;
        return true;
    }
    pte_t *directory = table_below(tables, entry);
    for (unsigned i = 0; directory != NULL && i < ENTRIES; i++) {
        directory[i] = ((gib << GIB_SHIFT) + i * TWO_MIB) | flags;
    }
    return directory != NULL;
}

/* Every GiB that has memory of any kind in it. */
static bool map_memory(const struct tables *tables)
{
    unsigned count;
    const struct boot_range *ranges = ram_ranges(&count);
    for (unsigned i = 0; i < count; i++) {
        uint64_t last = (ranges[i].start + ranges[i].size - 1) >> GIB_SHIFT;
        if (ranges[i].type == BOOT_MEM_RESERVED || ranges[i].type == BOOT_MEM_BAD) {
            continue;
        }
        for (uint64_t gib = ranges[i].start >> GIB_SHIFT; gib <= last; gib++) {
            if (!map_gib(tables, gib)) {
                return false;
            }
        }
    }
    return true;
}

int arch_kexec_prepare(struct arch_kexec *kexec, paddr_t (*take)(void *arg), void *arg)
{
    struct tables tables = {.take = take, .arg = arg};
    tables.huge = cpuid(0x80000000u, 0).a > 0x80000000u && (cpuid(0x80000001u, 0).d >> 26 & 1) != 0;
    kexec->code = new_table(&tables);
    tables.root = kexec->root = new_table(&tables);
    if (kexec->code == 0 || kexec->root == 0 || !map_memory(&tables)) {
        return -ENOMEM;
    }
    memcpy(phys_to_virt(kexec->code), x86_kexec_code,
           (size_t)(x86_kexec_code_end - x86_kexec_code));
    return 0;
}

void arch_kexec_enter(const struct arch_kexec *kexec)
{
    /* What the last page is entered from is still seen where it is; the last page forgets it. */
    pte_t *root = phys_to_virt(kexec->root);
    const pte_t *kernel_root = phys_to_virt(x86_kernel_root());
    memcpy(root + ENTRIES / 2, kernel_root + ENTRIES / 2, PAGE_SIZE / 2);
    kexec_code *code = (kexec_code *)kexec->code;

    x86_apic_leave();
    x86_protect_leave();
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(EFER_SCE | EFER_AIBRSE));
    __asm__ volatile("movq %0, %%dr7" : : "r"(0x400ul));
    x86_write_cr3(kexec->root);
    __asm__ volatile("movq %0, %%cr4" : : "r"(CR4_PAE) : "memory");
    code(kexec->copies, kexec->entry, kexec->argument, kexec->root);
    __builtin_unreachable();
}
