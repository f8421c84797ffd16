/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The initramfs. It is used where it lies; only one that came in several parts is put together, so
 * that archives follow each other as they do for Linux, with zero bytes up to the next multiple of
 * four.
 */
#include "boot/loader/loader.h"
#include "lib/string.h"

enum { MAX_PARTS = 32, PART_ALIGN = 4 };

/* As the door named them; one CPU runs, so there is no lock. */
static struct part {
    uint64_t start, size;
} parts[MAX_PARTS];
static unsigned part_count;

void loader_add_initrd(struct loader *loader, uint64_t start, uint64_t size)
{
    (void)loader;
    if (size == 0) {
        return;
    }
    if (part_count == MAX_PARTS) {
        fail("the initramfs has too many parts");
    }
    parts[part_count++] = (struct part){start, size};
}

void initrd_reserve(struct loader *loader)
{
    for (unsigned i = 0; i < part_count; i++) {
        if (memory_reserve(&loader->memory, parts[i].start, parts[i].size, BOOT_MEM_INITRD) != 0) {
            fail("the initramfs at %#llx, %llu bytes, is not in free memory",
                 (unsigned long long)parts[i].start, (unsigned long long)parts[i].size);
        }
    }
    if (part_count > 0) {
        loader->info->initrd = parts[0].start;
        loader->info->initrd_size = parts[0].size;
    }
}

void initrd_join(struct loader *loader)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < part_count; i++) {
        total += ALIGN_UP(parts[i].size, PART_ALIGN);
    }
    if (part_count < 2) {
        return;
    }
    uint64_t start = loader_take(loader, total, BOOT_MEM_INITRD);
    uint8_t *to = (uint8_t *)start;
    for (unsigned i = 0; i < part_count; i++) {
        const uint8_t *from = machine_window(parts[i].start, parts[i].size);
        if (from == NULL) {
            fail("the initramfs at %#llx is out of reach", (unsigned long long)parts[i].start);
        }
        memcpy(to, from, parts[i].size);
        uint64_t size = ALIGN_UP(parts[i].size, PART_ALIGN);
        memset(to + parts[i].size, 0, size - parts[i].size);
        to += size;
        (void)memory_retype(&loader->memory, parts[i].start, parts[i].size, BOOT_MEM_INITRD,
                            BOOT_MEM_FREE);
    }
    loader->info->initrd = start;
    loader->info->initrd_size = total;
}
