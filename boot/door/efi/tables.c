/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware's configuration tables (UEFI 2.10, 4.6): those that name ACPI and SMBIOS. */
#include "boot/door/efi/door.h"
#include "lib/string.h"

enum { TABLES_MAX = 1024 };

struct efi_tables efi_find_tables(const struct efi_config_table *tables, size_t count)
{
    /* The better one of each kind stands last. */
    static const struct efi_guid known[] = {
        {0xeb9d2d30, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}}, /* ACPI 1 */
        {0xeb9d2d31, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}}, /* SMBIOS */
        {0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}}, /* ACPI 2 */
        {0xf2fd1544, 0x9794, 0x4a2c, {0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94}}, /* 3 */
    };
    uint64_t found[ARRAY_SIZE(known)] = {0};
    for (size_t i = 0; tables != NULL && i < MIN(count, (size_t)TABLES_MAX); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(known); k++) {
            if (found[k] == 0 && memcmp(&tables[i].guid, &known[k], sizeof(known[k])) == 0) {
                found[k] = tables[i].address;
            }
        }
    }
    return (struct efi_tables){
        .rsdp = found[2] != 0 ? found[2] : found[0],
        .smbios = found[3] != 0 ? found[3] : found[1],
    };
}
