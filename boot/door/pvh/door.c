/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PVH door (step A6): checks the start info of a microVM's monitor and hands what it says to
 * the loader. Nothing in it is trusted; each defect ends in its own line.
 */
#include "boot/door/pvh/start_info.h"
#include "boot/loader/loader.h"

enum { MAX_ENTRIES = 1024, MAX_MODULES = 64 };

_Noreturn void pvh_main(uint64_t address, uint64_t cycles, enum boot_door door);

/* An array of the start info's, or the end. */
static const void *window(const char *what, uint64_t address, size_t size)
{
    const void *bytes = address % 4 == 0 ? machine_window(address, size) : NULL;
    if (bytes == NULL) {
        fail("PVH start info: the %s at %#llx is out of reach", what, (unsigned long long)address);
    }
    return bytes;
}

static void take_memory_map(struct loader *loader, const struct pvh_start_info *start)
{
    if (start->version < 1 || start->memory_map_entries == 0) {
        fail("PVH start info (version %u) has no memory map", start->version);
    }
    if (start->memory_map_entries > MAX_ENTRIES) {
        fail("PVH start info: the memory map has too many entries (%u)", start->memory_map_entries);
    }
    const struct pvh_range *range = window("memory map", start->memory_map,
                                           start->memory_map_entries * sizeof(*range));
    for (uint32_t i = 0; i < start->memory_map_entries; i++) {
        loader_add_range(loader, range[i].start, range[i].size, range[i].type);
    }
}

static void take_modules(struct loader *loader, const struct pvh_start_info *start)
{
    if (start->module_count == 0) {
        return;
    }
    if (start->module_count > MAX_MODULES) {
        fail("PVH start info: too many modules (%u)", start->module_count);
    }
    /* The first is the initramfs, as for Linux. */
    const struct pvh_module *module = window("module list", start->modules,
                                             start->module_count * sizeof(*module));
    loader_add_initrd(loader, module->start, module->size);
}

_Noreturn void pvh_main(uint64_t address, uint64_t cycles, enum boot_door door)
{
    struct loader *loader = loader_begin(door, cycles);
    const struct pvh_start_info *start = machine_window(address, sizeof(*start));
    if (start == NULL || start->magic != PVH_MAGIC) {
        fail("there is no PVH start info (wrong magic); start this image by the PVH protocol");
    }
    take_memory_map(loader, start);
    take_modules(loader, start);
    loader_set_cmdline(loader, start->cmdline);
    loader->info->acpi_rsdp = start->rsdp;
    loader_run(loader);
}
