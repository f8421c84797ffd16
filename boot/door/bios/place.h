/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Where in memory things may lie, by the BIOS's memory map, which nobody has put in order. */
#include "lib/linux_params.h"

/* Whether all bytes from start to end (not included) are memory, and nothing else. */
bool place_is_free(const struct linux_range *ranges, unsigned count, uint64_t start, uint64_t end);

/* The highest place, page aligned, for `size` bytes between `low` and `limit`; 0: there is none. */
uint64_t place_highest(const struct linux_range *ranges, unsigned count, uint64_t size,
                       uint64_t low, uint64_t limit);
