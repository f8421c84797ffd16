/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Multiboot door (step A5), versions 1 and 2: hands what the boot loader says to the loader.
 * The modules together are the initramfs; what is written behind a module's name means nothing.
 */
#include "boot/door/multiboot/info.h"
#include "boot/loader/loader.h"
#include "lib/string.h"

_Noreturn void multiboot_main(uint64_t address, uint64_t cycles, enum boot_door door);

/* Room for a table's copy: the boot loader's is in memory that will be used otherwise. */
enum { COPY_MAX = 64 };
static uint8_t rsdp_copy[COPY_MAX], smbios_copy[COPY_MAX];

static uint64_t keep(uint8_t copy[COPY_MAX], struct multiboot_bytes from)
{
    memcpy(copy, from.bytes, MIN(from.size, COPY_MAX));
    return from.size > 0 ? (uint64_t)copy : 0;
}

static void take_memory_map(struct loader *loader, const struct multiboot_info *info)
{
    struct multiboot_range range;
    for (size_t position = 0; multiboot_next_range(info, &position, &range);) {
        loader_add_range(loader, range.start, range.size, range.type);
    }
    if (info->map_form == MULTIBOOT_MAP_NONE && info->upper_k > 0) {
        loader_add_range(loader, 0, MIN(info->lower_k, 640u) * 1024ull, 1);
        loader_add_range(loader, 1 << 20, info->upper_k * 1024ull, 1);
    }
}

_Noreturn void multiboot_main(uint64_t address, uint64_t cycles, enum boot_door door)
{
    static struct multiboot_info info;
    struct loader *loader = loader_begin(door, cycles);
    const char *wrong = door == BOOT_DOOR_MULTIBOOT1
                            ? multiboot1_read(machine_window, address, &info)
                            : multiboot2_read(machine_window, address, &info);
    if (wrong != NULL) {
        fail("Multiboot information at %#llx: %s", (unsigned long long)address, wrong);
    }
    take_memory_map(loader, &info);
    loader_set_cmdline(loader, info.cmdline);
    for (uint32_t i = 0; i < info.module_count; i++) {
        loader_add_initrd(loader, info.modules[i].start, info.modules[i].size);
    }
    loader->info->acpi_rsdp = keep(rsdp_copy, info.rsdp);
    loader->info->smbios = keep(smbios_copy, info.smbios);
    if (info.has_screen) {
        loader->info->framebuffer = info.framebuffer;
        loader->info->text = info.text;
    }
    loader_run(loader);
}
