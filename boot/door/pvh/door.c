/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PVH door (step A6): checks the start info of a microVM's monitor and hands what it says to
 * the loader. Nothing in it is trusted; each defect ends in its own line.
 */
#include "boot/door/pvh/start_info.h"
#include "boot/loader/loader.h"

_Noreturn void pvh_main(uint64_t address, uint64_t cycles, enum boot_door door);

_Noreturn void pvh_main(uint64_t address, uint64_t cycles, enum boot_door door)
{
    struct loader *loader = loader_begin(door, cycles);
    struct pvh_info info;
    const char *wrong = pvh_read(machine_window, address, &info);
    if (wrong != NULL) {
        fail("%s", wrong);
    }
    for (uint32_t i = 0; i < info.range_count; i++) {
        const struct pvh_range *range = &info.ranges[i];
        loader_add_range(loader, range->start, range->size, range->type);
    }
    loader_add_initrd(loader, info.initrd, info.initrd_size);
    loader_set_cmdline(loader, info.cmdline);
    loader->info->acpi_rsdp = info.rsdp;
    loader_run(loader);
}
