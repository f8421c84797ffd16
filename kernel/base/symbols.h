/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Names of the kernel's functions, woven into the image by the build (tools/symbols.awk). */
#include "lib/types.h"

/* The function that holds addr, and how far into it: NULL when it is none of ours. */
const char *symbol_find(vaddr_t addr, size_t *offset);
/* Logs a line for each address of a back trace; level: enum log_level. */
void symbols_log(int level, const vaddr_t *pcs, size_t count);
