/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Between the files of the Linux door. */
#include "boot/loader/loader.h"
#include "lib/linux_params.h"

/* door.c: entry.S calls it with the zero page's address. */
_Noreturn void linux_main(uint64_t address, uint64_t cycles, enum boot_door door);

/* efi.c: where ACPI's tables are, if the boot loader came from EFI. */
void linux_take_efi(struct loader *loader, const struct linux_params *params);

/* setup_data.c: the list that begins at address (0: there is none); memory of the map. */
void linux_take_setup_data(struct loader *loader, uint64_t address);
void linux_take_ranges(struct loader *loader, const struct linux_range *range, uint64_t count);
