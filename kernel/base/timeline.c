/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot timeline: a table of records, and two ways to print it. A slot is claimed by an atomic
 * increment and from then on belongs to who claimed it until its end time is set, which publishes
 * it; there is no lock.
 */
#include "kernel/base/timeline.h"

#include "abi/bootinfo.h"
#include "kernel/arch/cpu.h"
#include "lib/format.h"

#define TIMELINE_RECORDS 96u
#define USEC_PER_SEC     1000000ull

static struct timeline_record records[TIMELINE_RECORDS]; /* slots: see above */
static unsigned claimed;                                 /* atomic; may exceed the table */

static const char *const kind_names[] = {"stage", "step", "event"};
static const char *const stage_names[] = {
    [BOOT_STAGE_DOOR] = "door",       [BOOT_STAGE_LOADER] = "loader",
    [BOOT_STAGE_UNPACK] = "unpack",   [BOOT_STAGE_PLACE] = "place",
    [BOOT_STAGE_JUMP] = "jump",       [BOOT_STAGE_SECTOR] = "sector",
    [BOOT_STAGE_MANAGER] = "manager", [BOOT_STAGE_READ] = "read",
    [BOOT_STAGE_SETUP] = "setup",     [BOOT_STAGE_EXIT] = "exit",
};

static unsigned claim(enum timeline_kind kind, const char *name, uint64_t start)
{
    unsigned index = __atomic_fetch_add(&claimed, 1, __ATOMIC_RELAXED);

    if (index < TIMELINE_RECORDS) {
        struct timeline_record *record = &records[index];
        record->name = name;
        record->start = start;
        record->kind = (unsigned short)kind;
        record->cpu = (unsigned short)arch_cpu_number();
    }
    return index;
}

static void publish(unsigned index, uint64_t end)
{
    if (index < TIMELINE_RECORDS) {
        __atomic_store_n(&records[index].end, end, __ATOMIC_RELEASE);
    }
}

unsigned timeline_begin(enum timeline_kind kind, const char *name)
{
    return claim(kind, name, arch_cycles());
}

void timeline_end(unsigned handle)
{
    publish(handle, arch_cycles());
}

void timeline_event(const char *name)
{
    uint64_t now = arch_cycles();

    timeline_add(TIMELINE_EVENT, name, now, now);
}

void timeline_add(enum timeline_kind kind, const char *name, uint64_t start, uint64_t end)
{
    publish(claim(kind, name, start), end);
}

void timeline_add_stamps(const struct boot_stamp *stamps, unsigned count, uint64_t entered)
{
    count = MIN(count, BOOT_MAX_STAMPS);
    for (unsigned i = 0; i < count; i++) {
        uint64_t end = i + 1 < count ? stamps[i + 1].cycles : entered;
        bool known = stamps[i].what < ARRAY_SIZE(stage_names);
        timeline_add(TIMELINE_STAGE, known ? stage_names[stamps[i].what] : "stage",
                     stamps[i].cycles, end);
    }
}

unsigned timeline_count(void)
{
    return MIN(__atomic_load_n(&claimed, __ATOMIC_RELAXED), TIMELINE_RECORDS);
}

bool timeline_get(unsigned index, struct timeline_record *record)
{
    if (index >= timeline_count()) {
        return false;
    }
    uint64_t end = __atomic_load_n(&records[index].end, __ATOMIC_ACQUIRE);
    if (end == 0) {
        return false;
    }
    *record = records[index];
    record->end = end;
    return true;
}

/* A counter that ran backwards (stamps of another machine's clock) shows as no time. */
static uint64_t difference(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0;
}

/* Split, so that nothing overflows for years. */
static uint64_t microseconds(uint64_t cycles, uint64_t per_second)
{
    return cycles / per_second * USEC_PER_SEC + cycles % per_second * USEC_PER_SEC / per_second;
}

static uint64_t first_start(void)
{
    struct timeline_record record;
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < timeline_count(); i++) {
        if (timeline_get(i, &record)) {
            first = MIN(first, record.start);
        }
    }
    return first;
}

/* The unused end of a buffer of which `done` bytes would be used by now. */
static char *rest(char *buf, size_t size, size_t done)
{
    return done < size ? buf + done : NULL;
}

static size_t rest_size(size_t size, size_t done)
{
    return done < size ? size - done : 0;
}

#define APPEND(...)                                                                                \
    do {                                                                                           \
        done += (size_t)snprintf(rest(buf, size, done), rest_size(size, done), __VA_ARGS__);       \
    } while (0)

typedef unsigned long long ull;

size_t timeline_format_text(char *buf, size_t size, uint64_t cycles_per_second)
{
    uint64_t zero = first_start();
    struct timeline_record record;
    size_t done = 0;

    APPEND("%14s %12s", "start_cycles", "cycles");
    if (cycles_per_second > 0) {
        APPEND(" %10s %10s", "start_us", "us");
    }
    APPEND(" kind  name\n");
    for (unsigned i = 0; i < timeline_count(); i++) {
        if (!timeline_get(i, &record)) {
            continue;
        }
        uint64_t start = difference(zero, record.start);
        uint64_t cost = difference(record.start, record.end);
        APPEND("%14llu %12llu", (ull)start, (ull)cost);
        if (cycles_per_second > 0) {
            APPEND(" %10llu %10llu", (ull)microseconds(start, cycles_per_second),
                   (ull)microseconds(cost, cycles_per_second));
        }
        APPEND(" %-5s %s\n", kind_names[record.kind], record.name);
    }
    unsigned lost = __atomic_load_n(&claimed, __ATOMIC_RELAXED) - timeline_count();
    if (lost > 0) {
        APPEND("# %u more did not fit\n", lost);
    }
    return done;
}

size_t timeline_format_json(char *buf, size_t size, uint64_t cycles_per_second)
{
    uint64_t zero = first_start();
    struct timeline_record record;
    const char *separator = "";
    size_t done = 0;

    /* Names are constants of our own: nothing in them needs a backslash. */
    APPEND("{\"cycles_per_second\":%llu,\"records\":[", (ull)cycles_per_second);
    for (unsigned i = 0; i < timeline_count(); i++) {
        if (!timeline_get(i, &record)) {
            continue;
        }
        APPEND("%s\n{\"kind\":\"%s\",\"name\":\"%s\",\"cpu\":%u,\"start\":%llu,\"cycles\":%llu}",
               separator, kind_names[record.kind], record.name, record.cpu,
               (ull)difference(zero, record.start), (ull)difference(record.start, record.end));
        separator = ",";
    }
    APPEND("]}\n");
    return done;
}
