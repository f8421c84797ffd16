/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware's memory map, as the loader made it sane; see ram.h. */
#include "kernel/mm/ram.h"
#include "kernel/base/init.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/physmap.h"

static struct boot_range *ranges RO_AFTER_INIT;
static unsigned range_count RO_AFTER_INIT;

/* What the memory is by itself, without what the loader put there. */
static INIT_TEXT uint32_t own_type(uint32_t type)
{
    return type == BOOT_MEM_KERNEL || type == BOOT_MEM_LOADER || type == BOOT_MEM_INITRD
               ? BOOT_MEM_FREE
               : type;
}

INIT_TEXT void ram_init(const struct bootinfo *info)
{
    const struct boot_range *from = phys_to_virt(info->ranges);
    ranges = kmalloc(info->range_count * sizeof(*ranges));
    if (ranges == NULL) {
        return; /* there is nothing to show then, and no room for another kernel */
    }
    for (uint32_t i = 0; i < info->range_count; i++) {
        struct boot_range *last = &ranges[range_count - 1];
        uint32_t type = own_type(from[i].type);
        if (range_count > 0 && last->type == type && last->start + last->size == from[i].start) {
            last->size += from[i].size;
        } else {
            ranges[range_count] = from[i];
            ranges[range_count++].type = type;
        }
    }
}

const struct boot_range *ram_ranges(unsigned *count)
{
    *count = range_count;
    return ranges;
}

bool ram_covers(paddr_t start, paddr_t end)
{
    for (unsigned i = 0; i < range_count; i++) {
        const struct boot_range *range = &ranges[i];
        if (range->type == BOOT_MEM_FREE && start >= range->start &&
            end <= range->start + range->size) {
            return true;
        }
    }
    return false;
}
