/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Places in memory (place.h). Ranges of a BIOS's map come in any order, lie over each other, and
 * may be wild: what any range calls something else than memory is not memory.
 */
#include "boot/door/bios/place.h"

enum { MEMORY = 1 };

static uint64_t range_end(const struct linux_range *range)
{
    return range->size > UINT64_MAX - range->start ? UINT64_MAX : range->start + range->size;
}

/* The lowest byte from `start` to `end` that is not memory by any range; `end`: there is none. */
static uint64_t lowest_other(const struct linux_range *ranges, unsigned count, uint64_t start,
                             uint64_t end)
{
    for (unsigned i = 0; i < count; i++) {
        bool other = ranges[i].type != MEMORY && ranges[i].size > 0;
        if (other && ranges[i].start < end && range_end(&ranges[i]) > start) {
            end = MAX(ranges[i].start, start);
        }
    }
    return end;
}

bool place_is_free(const struct linux_range *ranges, unsigned count, uint64_t start, uint64_t end)
{
    if (lowest_other(ranges, count, start, end) != end) {
        return false;
    }
    /* Ranges that touch count as one: each round goes on where one that holds `start` ends. */
    for (unsigned rounds = 0; rounds < count && start < end; rounds++) {
        for (unsigned i = 0; i < count; i++) {
            if (ranges[i].type == MEMORY && ranges[i].start <= start) {
                start = MAX(start, range_end(&ranges[i]));
            }
        }
    }
    return start >= end;
}

uint64_t place_highest(const struct linux_range *ranges, unsigned count, uint64_t size,
                       uint64_t low, uint64_t limit)
{
    /* The highest place ends at the limit, at the end of memory, or where something else begins. */
    uint64_t best = 0;
    for (unsigned i = 0; i <= count; i++) {
        uint64_t end = limit;
        if (i < count) {
            end = ranges[i].type == MEMORY ? range_end(&ranges[i]) : ranges[i].start;
            end = MIN(end, limit);
        }
        if (end < size || end - size < low) {
            continue;
        }
        uint64_t start = ALIGN_DOWN(end - size, (uint64_t)PAGE_SIZE);
        if (start >= low && start > best && place_is_free(ranges, count, start, start + size)) {
            best = start;
        }
    }
    return best;
}
