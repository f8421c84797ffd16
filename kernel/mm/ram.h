/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What the firmware said of physical memory, kept for as long as the kernel lives: for /proc/iomem
 * and /sys/firmware/memmap, and for the kernel that comes after this one. Constant after ram_init.
 */
#include "abi/bootinfo.h"
#include "lib/types.h"

/* From the hand-over, once there is a heap. */
void ram_init(const struct bootinfo *info);

/* Sorted, not overlapping. All memory that can be used is BOOT_MEM_FREE, whatever it is used for
 * now; neighbours of one type are one range. */
const struct boot_range *ram_ranges(unsigned *count);

/* Whether all of [start, end) is memory that can be used. */
bool ram_covers(paddr_t start, paddr_t end);
