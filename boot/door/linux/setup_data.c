/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux protocol's list of setup_data: whatever has no place in the zero page (boot.rst,
 * setup_data). What is read of it: more memory ranges, a seed, and what our own boot manager did.
 *
 * Passed over, because nothing here would use it: the device tree (a PC's devices are found by
 * ACPI, PCI and the command line), option ROMs, Apple's properties, EFI's tables after a kexec, the
 * secrets of SEV-SNP, measurements, and types that nobody has defined yet. A cell of Jailhouse's
 * is refused: it has none of the hardware that a PC starts with.
 */
#include "boot/door/linux/door.h"
#include "lib/string.h"

enum { MAX_NODES = 64, MAX_RANGES = 4096, MAX_SEED = 4096, MAX_FOREIGN_STAMPS = 6 };

void linux_take_ranges(struct loader *loader, const struct linux_range *range, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        loader_add_range(loader, range[i].start, range[i].size, range[i].type);
    }
}

/* Bytes that a node speaks of, or the end. */
static void *window(uint64_t node, uint64_t address, uint64_t size)
{
    void *bytes = machine_window(address, size);
    if (bytes == NULL) {
        fail("setup_data at %#llx: %llu bytes at %#llx are out of reach", (unsigned long long)node,
             (unsigned long long)size, (unsigned long long)address);
    }
    return bytes;
}

static void check_size(uint64_t node, const char *what, uint64_t size, uint64_t limit)
{
    if (size > limit) {
        fail("setup_data at %#llx: %s of %llu bytes", (unsigned long long)node, what,
             (unsigned long long)size);
    }
}

/* What our boot manager did before, said once: the door was the machine's BIOS. Stamps of one that
 * is not ours are only odd rows, and too few to leave no room for the loader's. */
static void take_stamps(struct loader *loader, const uint8_t *data, uint64_t size)
{
    struct boot_stamp stamp;
    uint64_t count = MIN(size / sizeof(stamp), (uint64_t)MAX_FOREIGN_STAMPS);
    if (loader->info->door == BOOT_DOOR_BIOS) {
        return;
    }
    loader->info->door = BOOT_DOOR_BIOS;
    for (uint64_t i = 0; i < count; i++) {
        memcpy(&stamp, data + i * sizeof(stamp), sizeof(stamp));
        loader_stamp(loader, stamp.what, stamp.cycles);
    }
}

static void take_data(struct loader *loader, uint64_t node, uint32_t type, uint64_t address,
                      uint64_t size)
{
    uint8_t *data = window(node, address, size);
    switch (type) {
    case LINUX_SETUP_E820_EXT:
        check_size(node, "a memory map", size, MAX_RANGES * sizeof(struct linux_range));
        linux_take_ranges(loader, (const struct linux_range *)data,
                          size / sizeof(struct linux_range));
        break;
    case LINUX_SETUP_RNG_SEED:
        check_size(node, "a seed", size, MAX_SEED);
        /* A secret: nobody else shall find it there. */
        loader_add_entropy(loader, data, size);
        memset(data, 0, size);
        break;
    case LINUX_SETUP_JAILHOUSE:
        fail("this is a cell of Jailhouse; this kernel is for PCs only");
    case LINUX_SETUP_STAMPS:
        take_stamps(loader, data, size);
        break;
    default:
        break;
    }
}

void linux_take_setup_data(struct loader *loader, uint64_t address)
{
    for (unsigned i = 0; address != 0; i++) {
        if (i == MAX_NODES) {
            fail("setup_data at %#llx: the list does not end", (unsigned long long)address);
        }
        const struct linux_setup_data *node = window(address, address, sizeof(*node));
        uint64_t data = address + sizeof(*node);
        if (node->type != LINUX_SETUP_INDIRECT) {
            take_data(loader, address, node->type, data, node->size);
        } else if (node->size >= sizeof(struct linux_setup_indirect)) {
            const struct linux_setup_indirect *at = window(address, data, sizeof(*at));
            take_data(loader, address, at->type & ~LINUX_SETUP_INDIRECT, at->address, at->size);
        } else {
            fail("setup_data at %#llx: an indirection of %u bytes", (unsigned long long)address,
                 node->size);
        }
        address = node->next;
    }
}
