/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The direct map: where physical memory is seen by the kernel. */
#include "abi/layout.h"
#include "lib/types.h"

/* paddr must lie inside RAM, ACPI or other memory of the memory map. */
static inline void *phys_to_virt(paddr_t paddr)
{
    return (void *)(LAYOUT_DIRECT_MAP + paddr);
}

/* virt must be a direct-map pointer. */
static inline paddr_t virt_to_phys(const void *virt)
{
    return (paddr_t)((vaddr_t)virt - LAYOUT_DIRECT_MAP);
}
