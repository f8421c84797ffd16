/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The boot timeline (C13): what ran when, from the door's first instruction on. Stages are the
 * loader's (abi/bootinfo.h), steps the kernel's (kernel/init/steps.def); a step may lie within
 * another. A table of fixed size, filled by whoever runs a step; records beyond it are counted.
 * Times are counts of arch_cycles().
 */
#include "lib/types.h"

struct boot_stamp;

enum timeline_kind { TIMELINE_STAGE, TIMELINE_STEP, TIMELINE_EVENT };

struct timeline_record {
    const char *name; /* constant text that stays */
    uint64_t start, end;
    unsigned short kind;
    unsigned short cpu;
};

/* A step starts: a handle for timeline_end. Any context, any CPU. */
unsigned timeline_begin(enum timeline_kind kind, const char *name);
void timeline_end(unsigned handle);
/* A moment without a length. */
void timeline_event(const char *name);
/* What has both ends already. */
void timeline_add(enum timeline_kind kind, const char *name, uint64_t start, uint64_t end);

/* The loader's stages from bootinfo's stamps: each lasts to the next, the last to `entered`. */
void timeline_add_stamps(const struct boot_stamp *stamps, unsigned count, uint64_t entered);

/* Number of records, and one of them (false: there is none, or it has not ended). */
unsigned timeline_count(void);
bool timeline_get(unsigned index, struct timeline_record *record);

/*
 * Texts of all finished records, oldest first, times relative to the first start; cycles_per_second
 * 0: the clock is not calibrated, and microseconds are left out. As snprintf: at most size-1 bytes
 * and a zero; returns the full length.
 */
size_t timeline_format_text(char *buf, size_t size, uint64_t cycles_per_second);
size_t timeline_format_json(char *buf, size_t size, uint64_t cycles_per_second);
