/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The initramfs. It is used where it lies; only one that came in several parts is put together, so
 * that archives follow each other as they do for Linux, with zero bytes up to the next multiple of
 * four. One that is packed with LZ4 is unpacked.
 */
#include "boot/loader/loader.h"
#include "lib/lz4.h"
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

void initrd_unpack(struct loader *loader)
{
    struct memory_map *memory = &loader->memory;
    struct bootinfo *info = loader->info;
    const uint8_t *from = info->initrd_size > 0 ? machine_window(info->initrd, info->initrd_size)
                                                : NULL;
    if (from == NULL || !lz4_is_legacy(from, info->initrd_size)) {
        return;
    }
    /* How much it will be is not known before; what is too much goes back. */
    long bound = lz4_legacy_bound(from, info->initrd_size);
    uint64_t start = 0, room = bound > 0 ? ALIGN_UP((uint64_t)bound, PAGE_SIZE) : 0;
    while (room > 0 && memory_take(memory, room, BOOT_MEM_INITRD, &start) != 0) {
        room -= ALIGN_UP(room / 8, PAGE_SIZE);
    }
    long got = start != 0 ? lz4_legacy_unpack(from, info->initrd_size, (uint8_t *)start, room) : 0;
    if (got <= 0) {
        fail("the initramfs, packed with LZ4, %s", bound > 0 && room < (uint64_t)bound
                                                       ? "does not fit the memory"
                                                       : "is damaged, or something follows it");
    }
    (void)memory_retype(memory, info->initrd, info->initrd_size, BOOT_MEM_INITRD, BOOT_MEM_FREE);
    uint64_t used = ALIGN_UP((uint64_t)got, PAGE_SIZE);
    (void)memory_retype(memory, start + used, room - used, BOOT_MEM_INITRD, BOOT_MEM_FREE);
    info->initrd = start;
    info->initrd_size = (uint64_t)got;
}
