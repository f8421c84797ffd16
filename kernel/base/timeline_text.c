/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot timeline as a table for people and as JSON for programs (`alba run --timeline`). */
#include "abi/bootinfo.h"
#include "kernel/base/init.h"
#include "kernel/base/timeline.h"
#include "lib/format.h"
#include "lib/string.h"

#define USEC_PER_SEC 1000000ull

static const char *const kind_names[] = {"stage", "early", "main", "late", "cpu", "user", "event"};

static const char *const door_names[] = {
    [BOOT_DOOR_NONE] = "unknown",
    [BOOT_DOOR_LINUX16] = "linux16",
    [BOOT_DOOR_LINUX32] = "linux32",
    [BOOT_DOOR_LINUX64] = "linux64",
    [BOOT_DOOR_PVH] = "pvh",
    [BOOT_DOOR_MULTIBOOT1] = "multiboot1",
    [BOOT_DOOR_MULTIBOOT2] = "multiboot2",
    [BOOT_DOOR_EFI] = "efi",
    [BOOT_DOOR_BIOS] = "bios",
    [BOOT_DOOR_SBI] = "sbi",
};

/* Everything but the kernel's steps, which steps.def explains. */
static const struct {
    const char *name, *what;
} others[] = {
    {"sector", "boot sector"},
    {"manager", "boot manager: configuration, menu"},
    {"read", "kernel and initramfs are read"},
    {"setup", "real-mode part: asks the BIOS"},
    {"door", "the machine's way in, to 64-bit mode"},
    {"exit", "the firmware is left"},
    {"loader", "memory map, checks, seed"},
    {"unpack", "the kernel is unpacked"},
    {"place", "the kernel is placed and mapped"},
    {"jump", "page tables are loaded, the kernel is entered"},
    {"wake", "INIT and start-up interrupt to all other CPUs"},
    {"start-up", "from being woken to the first step"},
    {"idle", "nothing left to do for the first time"},
};
static const char init_what[] = "the first program (PID 1) begins";
static const char program_what[] = "a program that PID 1 started begins";

const char *(*timeline_step_what)(const char *step)RO_AFTER_INIT;

static const char *what_of(const struct timeline_record *record)
{
    if (record->kind == TIMELINE_USER) {
        return strcmp(record->name, "init") == 0 ? init_what : program_what;
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        if (strcmp(record->name, others[i].name) == 0) {
            return others[i].what;
        }
    }
    const char *what = timeline_step_what != NULL ? timeline_step_what(record->name) : NULL;
    return what != NULL ? what : "";
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

static const char *door_name(void)
{
    return timeline_door() < ARRAY_SIZE(door_names) ? door_names[timeline_door()] : "unknown";
}

static size_t format_heading(char *buf, size_t size, const struct timeline_unit *unit)
{
    size_t done = 0;

    APPEND("# door %s; times from the first instruction of ours on; ", door_name());
    if (unit->instructions) {
        APPEND("the time stamp counter counts instructions\n");
        APPEND("%14s %12s", "start_instr", "instr");
    } else {
        APPEND("the time stamp counter counts cycles");
        if (unit->per_second > 0) {
            APPEND(", %llu a second", (ull)unit->per_second);
        }
        APPEND("\n%14s %12s", "start_cycles", "cycles");
    }
    if (unit->per_second > 0) {
        APPEND(" %10s %10s", "start_us", "us");
    }
    APPEND(" cpu kind  name\n");
    return done;
}

size_t timeline_format_text(char *buf, size_t size, const struct timeline_unit *unit)
{
    uint64_t zero = first_start();
    struct timeline_record record;
    size_t done = format_heading(buf, size, unit);

    for (unsigned i = 0; i < timeline_count(); i++) {
        if (!timeline_get(i, &record)) {
            continue;
        }
        uint64_t start = difference(zero, record.start);
        uint64_t cost = difference(record.start, record.end);
        APPEND("%14llu %12llu", (ull)start, (ull)cost);
        if (unit->per_second > 0) {
            APPEND(" %10llu %10llu", (ull)microseconds(start, unit->per_second),
                   (ull)microseconds(cost, unit->per_second));
        }
        APPEND(" %3u %-5s %s\n", record.cpu, kind_names[record.kind], record.name);
    }
    if (timeline_lost() > 0) {
        APPEND("# %u more did not fit\n", timeline_lost());
    }
    return done;
}

size_t timeline_format_json(char *buf, size_t size, const struct timeline_unit *unit)
{
    uint64_t zero = first_start();
    struct timeline_record record;
    const char *separator = "";
    size_t done = 0;

    /* Names are constants of our own: nothing in them needs a backslash. */
    APPEND("{\"unit\":\"%s\",\"cycles_per_second\":%llu,\"door\":\"%s\",\"lost\":%u,\"records\":[",
           unit->instructions ? "instructions" : "cycles", (ull)unit->per_second, door_name(),
           timeline_lost());
    for (unsigned i = 0; i < timeline_count(); i++) {
        if (!timeline_get(i, &record)) {
            continue;
        }
        APPEND("%s\n{\"kind\":\"%s\",\"name\":\"%s\",\"cpu\":%u,\"start\":%llu,\"cycles\":%llu,"
               "\"what\":\"%s\"}",
               separator, kind_names[record.kind], record.name, record.cpu,
               (ull)difference(zero, record.start), (ull)difference(record.start, record.end),
               record.cpu == 0 || record.kind == TIMELINE_LATE ? what_of(&record) : "");
        separator = ",";
    }
    APPEND("]}\n");
    return done;
}
