/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The map of physical memory: what the firmware said, made sane, then divided up. Pure; the
 * caller owns the array. A door adds ranges as they come; memory_sanitise() sorts them; from then
 * on memory_reserve() and memory_take() turn free memory into memory of a purpose.
 */
#include "abi/bootinfo.h"
#include "abi/errno.h"
#include "lib/types.h"

struct memory_map {
    struct boot_range *ranges; /* room for max */
    uint32_t count, max;
};

/* Loader and kernel take memory from here up to there only. */
#define MEMORY_TAKE_LOW  0x100000ul
#define MEMORY_TAKE_HIGH 0x100000000ul

/*
 * Notes a range of the firmware's; any values are allowed. -E2BIG: no room. (Free memory that finds
 * no room is left out, which is safe.)
 */
int memory_add(struct memory_map *map, uint64_t start, uint64_t size, uint32_t type);

/*
 * Sorts, cuts to address_bits, and resolves overlaps: what is not free wins. Free ranges shrink to
 * whole pages, others grow. Page 0 is never free. Returns 0, -ENOENT (no free memory at all) or
 * -E2BIG (more ranges than there is room for).
 */
int memory_sanitise(struct memory_map *map, unsigned address_bits);

/* Free memory from limit on is as if it were not there (Linux's mem=). After memory_sanitise(). */
void memory_limit(struct memory_map *map, uint64_t limit);

/*
 * Gives the pages of [start, start + size) the new type. -EINVAL: not all of them have the old
 * type, nothing is changed; -E2BIG: no room for another range.
 */
int memory_retype(struct memory_map *map, uint64_t start, uint64_t size, uint32_t from,
                  uint32_t to);

/* memory_retype() from free. */
int memory_reserve(struct memory_map *map, uint64_t start, uint64_t size, uint32_t type);

/* Takes `size` bytes (made whole pages) of free memory: the lowest that fits. Or -ENOMEM. */
int memory_take(struct memory_map *map, uint64_t size, uint32_t type, uint64_t *start);

/* Bytes of this type. */
uint64_t memory_total(const struct memory_map *map, uint32_t type);
