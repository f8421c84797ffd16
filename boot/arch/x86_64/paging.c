/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page tables that the kernel starts with (boot/arch/machine.h). Formats: SDM vol. 3, 4.5
 * "4-level paging". Accessed and dirty bits are set at once, so the CPU never writes them.
 */
#include "boot/arch/machine.h"
#include "boot/arch/x86_64/cpu.h"
#include "boot/loader/block.h"
#include "boot/loader/memory.h"

#define PTE_PRESENT  (1ul << 0)
#define PTE_WRITE    (1ul << 1)
#define PTE_COMBINE  (1ul << 3) /* PWT: entry 1 of the PAT, which the kernel makes that */
#define PTE_ACCESSED (1ul << 5)
#define PTE_DIRTY    (1ul << 6)
#define PTE_LARGE    (1ul << 7)
#define PTE_GLOBAL   (1ul << 8)
#define PTE_NX       (1ul << 63)
#define PTE_ADDRESS  0x000ffffffffff000ul

enum { ENTRIES = 512, TOP_LEVEL = 3 };

static unsigned level_shift(unsigned level)
{
    return 12 + 9 * level;
}

static uint64_t *new_table(struct paging *paging)
{
    uint64_t table;
    if (memory_take(paging->memory, PAGE_SIZE, paging->table_type, &table) != 0) {
        return NULL;
    }
    block_clear((void *)table, PAGE_SIZE);
    return (uint64_t *)table;
}

int paging_init(struct paging *paging, struct memory_map *memory)
{
    *paging = (struct paging){.memory = memory, .table_type = BOOT_MEM_KERNEL};
    paging->root = new_table(paging);
    return paging->root != NULL ? 0 : -ENOMEM;
}

/* The entry for va in the table of this level; tables above it are made. NULL: no memory. */
static uint64_t *entry_at(struct paging *paging, uint64_t va, unsigned level)
{
    uint64_t *table = paging->root;
    for (unsigned at = TOP_LEVEL; at > level; at--) {
        uint64_t *entry = &table[va >> level_shift(at) & (ENTRIES - 1)];
        if (*entry == 0) {
            uint64_t *next = new_table(paging);
            if (next == NULL) {
                return NULL;
            }
            *entry = (uint64_t)next | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED;
        }
        table = (uint64_t *)(*entry & PTE_ADDRESS);
    }
    return &table[va >> level_shift(level) & (ENTRIES - 1)];
}

/* The largest page that may start here. */
static unsigned best_level(uint64_t va, uint64_t pa, uint64_t size, bool gib_pages)
{
    unsigned level = gib_pages ? 2 : 1;
    while (level > 0) {
        uint64_t page = 1ul << level_shift(level);
        if (size >= page && IS_ALIGNED(va | pa, page)) {
            break;
        }
        level--;
    }
    return level;
}

int paging_map(struct paging *paging, uint64_t va, uint64_t pa, uint64_t size, unsigned rights)
{
    uint64_t flags = PTE_PRESENT | PTE_ACCESSED;
    flags |= rights & PAGING_WRITE ? PTE_WRITE | PTE_DIRTY : 0;
    flags |= rights & PAGING_EXEC ? 0 : PTE_NX;
    flags |= rights & PAGING_COMBINE ? PTE_COMBINE : 0;
    flags |= va >> 63 ? PTE_GLOBAL : 0;
    bool gib_pages = size >= 1ul << 30 && (cpuid(0x80000001, 0).edx & CPUID_X_1GIB);
    while (size > 0) {
        unsigned level = best_level(va, pa, size, gib_pages);
        uint64_t page = 1ul << level_shift(level);
        uint64_t *entry = entry_at(paging, va, level);
        if (entry == NULL) {
            return -ENOMEM;
        }
        /* A run of pages of this size, at most to where a larger one fits or the table ends. */
        uint64_t above = page * ENTRIES;
        uint64_t run = MIN(size & ~(page - 1), above - (va & (above - 1)));
        uint64_t value = pa | flags | (level > 0 ? PTE_LARGE : 0);
        for (uint64_t *end = entry + run / page; entry < end; entry++, value += page) {
            *entry = value;
        }
        va += run;
        pa += run;
        size -= run;
    }
    return 0;
}

int paging_map_switch(struct paging *paging)
{
    const uint64_t page = 1ul << level_shift(1);
    uint64_t here = ALIGN_DOWN((uint64_t)machine_enter, page);
    paging->table_type = BOOT_MEM_LOADER; /* goes with the loader */
    int err = paging_map(paging, here, here, page, PAGING_EXEC);
    paging->table_type = BOOT_MEM_KERNEL;
    return err;
}
