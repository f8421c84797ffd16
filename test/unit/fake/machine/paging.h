/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The paging instructions, acting on the model of a TLB in fake/port.c. */
#include "lib/types.h"

paddr_t x86_read_cr3(void);
void x86_write_cr3(paddr_t root);
void x86_invlpg(vaddr_t va);
