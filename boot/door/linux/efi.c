/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a boot loader that left the firmware itself says of it (arch/x86/zero-page.rst, efi_info),
 * as GRUB's `linux` does: from the system table ACPI's pointer is known, which is nowhere else to
 * find.
 */
#include "boot/door/efi/door.h"
#include "boot/door/linux/door.h"

enum { TABLES_MAX = 1024 };

void linux_take_efi(struct loader *loader, const struct linux_params *params)
{
    const struct linux_efi_info efi = params->efi; /* the page is packed */
    struct bootinfo *info = loader->info;
    uint64_t address = efi.table | (uint64_t)efi.table_high << 32;
    const struct efi_system_table *table = NULL;
    if (efi.signature == LINUX_EFI_64 && IS_ALIGNED(address, 8)) {
        table = machine_window(address, sizeof(*table));
    }
    if (table == NULL || table->header.signature != EFI_SYSTEM_TABLE_SIGNATURE) {
        return;
    }
    info->efi_table = address;
    info->efi_map = efi.map | (uint64_t)efi.map_high << 32;
    info->efi_map_size = efi.map_size;
    info->efi_descriptor_size = efi.descriptor_size;
    info->efi_descriptor_version = efi.descriptor_version;
    uint64_t count = MIN(table->table_count, (uint64_t)TABLES_MAX);
    const struct efi_config_table *known = machine_window((uint64_t)table->tables,
                                                          count * sizeof(*known));
    struct efi_tables found = efi_find_tables(known, count);
    info->acpi_rsdp = info->acpi_rsdp != 0 ? info->acpi_rsdp : found.rsdp;
    info->smbios = found.smbios;
}
