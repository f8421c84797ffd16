/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The page by which programs read the clock without a system call: the kernel writes it, every
 * program has it mapped read-only just below the vDSO (user/vdso).
 *
 *     monotonic ns = base_ns + ((cycles - base_cycles) * mult >> 32)
 *     realtime ns  = monotonic ns + wall_offset_ns
 *
 * A reader takes the sequence, reads, and starts again when the sequence was odd or has changed.
 */
#include <stdint.h>

struct clock_page {
    uint32_t sequence;
    uint32_t wall_known; /* 0: the wall clock has not been read yet: a system call does that */
    uint64_t base_cycles;
    uint64_t base_ns;
    uint64_t mult;
    int64_t wall_offset_ns;
    uint32_t cycles_differ; /* nonzero: from CPU to CPU: only a system call knows the time */
    uint32_t zero;
};
