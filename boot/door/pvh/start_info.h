/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What a PVH guest is started with, by address in EBX: Xen's "x86/HVM direct boot ABI"
 * (docs/misc/pvh.pandoc) and xen/include/public/arch-x86/hvm/start_info.h describe it. Reading it
 * is pure: memory is reached by the function that the caller gives.
 */

#include "lib/types.h"

#define PVH_MAGIC 0x336ec578u

struct pvh_start_info {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t module_count;
    uint64_t modules; /* struct pvh_module[] */
    uint64_t cmdline; /* zero-terminated */
    uint64_t rsdp;
    /* Since version 1: */
    uint64_t memory_map; /* struct pvh_range[] */
    uint32_t memory_map_entries;
    uint32_t reserved;
};

struct pvh_module {
    uint64_t start;
    uint64_t size;
    uint64_t cmdline;
    uint64_t reserved;
};

struct pvh_range {
    uint64_t start;
    uint64_t size;
    uint32_t type; /* as in ACPI's address ranges */
    uint32_t reserved;
};

static_assert(sizeof(struct pvh_start_info) == 56, "start_info.h");
static_assert(sizeof(struct pvh_module) == 32, "start_info.h");
static_assert(sizeof(struct pvh_range) == 24, "start_info.h");

/* `size` bytes of physical memory, or NULL: out of reach. */
typedef void *pvh_memory(uint64_t paddr, size_t size);

/* What it says, checked. */
struct pvh_info {
    const struct pvh_range *ranges;
    uint32_t range_count;
    uint64_t initrd, initrd_size; /* the first module, as for Linux; size 0: there is none */
    uint64_t cmdline, rsdp;       /* or 0 */
};

/* Reads the start info at an address. Returns NULL, or a sentence that says what is wrong. */
const char *pvh_read(pvh_memory *memory, uint64_t address, struct pvh_info *out);
