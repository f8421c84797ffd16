/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The page tables that the loader runs on: physical memory where it is. The first 4 GiB are always
 * there; more is added when asked for, from a few tables set aside.
 */
#include "lib/types.h"

/*
 * For a door that comes with 64 bits and foreign page tables: checks the CPU, makes our tables,
 * with the first 4 GiB and the image itself, [start, end), and switches to them.
 */
void identity_adopt(uint64_t start, uint64_t end);

/* Makes sure that [paddr, paddr + size) can be used. False: beyond all reach. */
bool identity_reach(uint64_t paddr, size_t size);
