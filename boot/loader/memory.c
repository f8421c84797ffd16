/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map of physical memory (memory.h). Sanitising looks at every stretch between two neighbouring
 * borders and asks which of the firmware's ranges covering it weighs most: simple, and quick for
 * the dozen ranges that machines have.
 */
#include "boot/loader/memory.h"
#include "lib/string.h"

/* Of two claims to the same memory the heavier one counts. */
static unsigned weight(uint32_t type)
{
    switch (type) {
    case BOOT_MEM_FREE:
        return 1;
    case BOOT_MEM_ACPI:
        return 2;
    case BOOT_MEM_NVS:
        return 3;
    case BOOT_MEM_RESERVED:
        return 4;
    default:
        return 5;
    }
}

static bool insert(struct memory_map *map, uint32_t at, struct boot_range range)
{
    if (map->count >= map->max) {
        return false;
    }
    for (uint32_t i = map->count; i > at; i--) {
        map->ranges[i] = map->ranges[i - 1];
    }
    map->ranges[at] = range;
    map->count++;
    return true;
}

static void delete (struct memory_map *map, uint32_t at)
{
    map->count--;
    memmove(&map->ranges[at], &map->ranges[at + 1], (map->count - at) * sizeof(map->ranges[0]));
}

int memory_add(struct memory_map *map, uint64_t start, uint64_t size, uint32_t type)
{
    if (size == 0) {
        return 0;
    }
    size = MIN(size, UINT64_MAX - start);
    /* Free memory ends inside its pages, everything else covers them. */
    uint64_t end = start + size;
    if (type == BOOT_MEM_FREE) {
        start = start > UINT64_MAX - PAGE_MASK ? end : ALIGN_UP(start, PAGE_SIZE);
        end = ALIGN_DOWN(end, PAGE_SIZE);
    } else {
        start = ALIGN_DOWN(start, PAGE_SIZE);
        end = end > UINT64_MAX - PAGE_MASK ? ALIGN_DOWN(end, PAGE_SIZE) : ALIGN_UP(end, PAGE_SIZE);
    }
    if (start >= end) {
        return 0;
    }
    struct boot_range *last = map->count > 0 ? &map->ranges[map->count - 1] : NULL;
    if (last != NULL && last->type == type && last->start + last->size == start) {
        last->size += end - start;
        return 0;
    }
    struct boot_range range = {.start = start, .size = end - start, .type = type};
    if (!insert(map, map->count, range)) {
        return type == BOOT_MEM_FREE ? 0 : -E2BIG;
    }
    return 0;
}

static void cut_to_width(struct memory_map *map, uint64_t limit)
{
    for (uint32_t i = 0; i < map->count;) {
        struct boot_range *range = &map->ranges[i];
        if (range->start >= limit) {
            delete (map, i);
            continue;
        }
        range->size = MIN(range->size, limit - range->start);
        i++;
    }
}

static void sort(struct memory_map *map)
{
    for (uint32_t i = 1; i < map->count; i++) {
        struct boot_range range = map->ranges[i];
        uint32_t at = i;
        while (at > 0 && map->ranges[at - 1].start > range.start) {
            map->ranges[at] = map->ranges[at - 1];
            at--;
        }
        map->ranges[at] = range;
    }
}

/*
 * Sorted ranges a, b that overlap become up to three that do not: the lighter one loses. Returns
 * false when there is no room. The order by start may be lost behind b; the caller sorts again.
 */
static bool resolve(struct memory_map *map, uint32_t i)
{
    struct boot_range *a = &map->ranges[i], *b = &map->ranges[i + 1];
    uint64_t a_end = a->start + a->size, b_end = b->start + b->size;
    if (a->type == b->type) {
        a->size = MAX(a_end, b_end) - a->start;
        delete (map, i + 1);
        return true;
    }
    if (weight(a->type) >= weight(b->type)) {
        /* b keeps what sticks out behind a. */
        if (b_end <= a_end) {
            delete (map, i + 1);
        } else {
            b->start = a_end;
            b->size = b_end - a_end;
        }
        return true;
    }
    /* a keeps what lies before b and, as a range of its own, what sticks out behind. */
    struct boot_range rest = {.start = b_end, .size = a_end - b_end, .type = a->type};
    a->size = b->start - a->start;
    bool split = a_end > b_end;
    if (a->size == 0) {
        delete (map, i);
        i--;
    }
    return !split || insert(map, i + 2, rest);
}

static int resolve_all(struct memory_map *map)
{
    sort(map);
    uint32_t i = 0;
    while (i + 1 < map->count) {
        struct boot_range *a = &map->ranges[i];
        uint64_t end = a->start + a->size;
        bool touch = end == a[1].start && a->type == a[1].type;
        if (end <= a[1].start && !touch) {
            i++;
            continue;
        }
        if (!resolve(map, i)) {
            return -E2BIG;
        }
        sort(map);
        i = i > 0 ? i - 1 : 0;
    }
    return 0;
}

int memory_sanitise(struct memory_map *map, unsigned address_bits)
{
    cut_to_width(map, 1ul << MIN(address_bits, 52u));
    int err = memory_add(map, 0, PAGE_SIZE, BOOT_MEM_RESERVED);
    if (err == 0) {
        err = resolve_all(map);
    }
    if (err != 0) {
        return err;
    }
    return memory_total(map, BOOT_MEM_FREE) > 0 ? 0 : -ENOENT;
}

void memory_limit(struct memory_map *map, uint64_t limit)
{
    limit = ALIGN_DOWN(limit, PAGE_SIZE);
    for (uint32_t i = map->count; i-- > 0;) {
        struct boot_range *range = &map->ranges[i];
        if (range->type == BOOT_MEM_FREE && range->start >= limit) {
            delete (map, i);
        } else if (range->type == BOOT_MEM_FREE) {
            range->size = MIN(range->size, limit - range->start);
        }
    }
}

/* Joins range i with its successor when they are one. */
static void join(struct memory_map *map, uint32_t i)
{
    if (i + 1 >= map->count) {
        return;
    }
    struct boot_range *a = &map->ranges[i], *b = a + 1;
    if (a->type == b->type && a->start + a->size == b->start) {
        a->size += b->size;
        delete (map, i + 1);
    }
}

int memory_retype(struct memory_map *map, uint64_t start, uint64_t size, uint32_t from, uint32_t to)
{
    const uint64_t limit = UINT64_MAX - PAGE_MASK;
    if (size == 0 || size > limit || start > limit - size) {
        return -EINVAL;
    }
    uint64_t end = ALIGN_UP(start + size, PAGE_SIZE);
    start = ALIGN_DOWN(start, PAGE_SIZE);
    uint32_t i = 0;
    while (i < map->count && map->ranges[i].start + map->ranges[i].size <= start) {
        i++;
    }
    if (i == map->count || map->ranges[i].type != from || map->ranges[i].start > start ||
        map->ranges[i].start + map->ranges[i].size < end) {
        return -EINVAL;
    }
    struct boot_range old = map->ranges[i];
    bool before = old.start < start, behind = end < old.start + old.size;
    if (map->count + before + behind > map->max) {
        return -E2BIG;
    }
    map->ranges[i] = (struct boot_range){.start = start, .size = end - start, .type = to};
    if (behind) {
        struct boot_range rest = {.start = end, .size = old.start + old.size - end, .type = from};
        insert(map, i + 1, rest);
    }
    if (before) {
        old.size = start - old.start;
        insert(map, i, old);
        i++;
    }
    join(map, i);
    if (i > 0) {
        join(map, i - 1);
    }
    return 0;
}

int memory_reserve(struct memory_map *map, uint64_t start, uint64_t size, uint32_t type)
{
    return memory_retype(map, start, size, BOOT_MEM_FREE, type);
}

int memory_take(struct memory_map *map, uint64_t size, uint32_t type, uint64_t *start)
{
    size = ALIGN_UP(size, PAGE_SIZE);
    for (uint32_t i = 0; i < map->count; i++) {
        struct boot_range *range = &map->ranges[i];
        uint64_t low = MAX(range->start, MEMORY_TAKE_LOW);
        uint64_t high = MIN(range->start + range->size, MEMORY_TAKE_HIGH);
        if (range->type != BOOT_MEM_FREE || low >= high || high - low < size) {
            continue;
        }
        *start = low;
        /* The usual case by the short way: it continues the range before. */
        struct boot_range *last = range - 1;
        if (i > 0 && low == range->start && high - low > size && last->type == type &&
            last->start + last->size == low) {
            last->size += size;
            range->start += size;
            range->size -= size;
            return 0;
        }
        return memory_retype(map, low, size, BOOT_MEM_FREE, type) == 0 ? 0 : -ENOMEM;
    }
    return -ENOMEM;
}

uint64_t memory_total(const struct memory_map *map, uint32_t type)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        total += map->ranges[i].type == type ? map->ranges[i].size : 0;
    }
    return total;
}
