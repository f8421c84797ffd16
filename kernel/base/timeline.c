/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot timeline's records. A slot is claimed by an atomic increment and from then on belongs to
 * who claimed it until its end time is set, which publishes it; there is no lock.
 */
#include "kernel/base/timeline.h"

#include "abi/bootinfo.h"
#include "kernel/arch/cpu.h"

#define TIMELINE_RECORDS 64u

static struct timeline_record records[TIMELINE_RECORDS]; /* slots: see above */
static struct timeline_record *more;                     /* slots; constant once CPUs are woken */
static unsigned more_count;                              /* the same */
static unsigned claimed;                                 /* atomic; may exceed the tables */
static unsigned door;                                    /* constant once the kernel begins */
static uint64_t wake_cycles;                             /* atomic */

static const char *const stage_names[] = {
    [BOOT_STAGE_DOOR] = "door",       [BOOT_STAGE_LOADER] = "loader",
    [BOOT_STAGE_UNPACK] = "unpack",   [BOOT_STAGE_PLACE] = "place",
    [BOOT_STAGE_JUMP] = "jump",       [BOOT_STAGE_SECTOR] = "sector",
    [BOOT_STAGE_MANAGER] = "manager", [BOOT_STAGE_READ] = "read",
    [BOOT_STAGE_SETUP] = "setup",     [BOOT_STAGE_EXIT] = "exit",
};

static struct timeline_record *slot(unsigned index)
{
    if (index < TIMELINE_RECORDS) {
        return &records[index];
    }
    index -= TIMELINE_RECORDS;
    return index < more_count ? &more[index] : NULL;
}

static unsigned claim(enum timeline_kind kind, const char *name, uint64_t start)
{
    unsigned index = __atomic_fetch_add(&claimed, 1, __ATOMIC_RELAXED);
    struct timeline_record *record = slot(index);

    if (record != NULL) {
        record->name = name;
        record->start = start;
        record->kind = (unsigned short)kind;
        record->cpu = (unsigned short)arch_cpu_number();
    }
    return index;
}

static void publish(unsigned index, uint64_t end)
{
    struct timeline_record *record = slot(index);

    if (record != NULL) {
        __atomic_store_n(&record->end, end, __ATOMIC_RELEASE);
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

void timeline_event(enum timeline_kind kind, const char *name)
{
    uint64_t now = arch_cycles();

    timeline_add(kind, name, now, now);
}

void timeline_add(enum timeline_kind kind, const char *name, uint64_t start, uint64_t end)
{
    publish(claim(kind, name, start), end);
}

void timeline_add_stamps(const struct bootinfo *info, uint64_t entered)
{
    const struct boot_stamp *stamps = info->stamps;
    unsigned count = MIN(info->stamp_count, BOOT_MAX_STAMPS);

    door = info->door;
    for (unsigned i = 0; i < count; i++) {
        uint64_t end = i + 1 < count ? stamps[i + 1].cycles : entered;
        bool known = stamps[i].what < ARRAY_SIZE(stage_names);
        timeline_add(TIMELINE_STAGE, known ? stage_names[stamps[i].what] : "stage",
                     stamps[i].cycles, end);
    }
}

void timeline_extend(struct timeline_record *room, unsigned count)
{
    more = room;
    more_count = count;
}

void timeline_wake(void)
{
    __atomic_store_n(&wake_cycles, arch_cycles(), __ATOMIC_RELAXED);
}

void timeline_woken(void)
{
    uint64_t now = arch_cycles();

    timeline_add(TIMELINE_CPU, "start-up",
                 MIN(now, __atomic_load_n(&wake_cycles, __ATOMIC_RELAXED)), now);
}

unsigned timeline_count(void)
{
    return MIN(__atomic_load_n(&claimed, __ATOMIC_RELAXED), TIMELINE_RECORDS + more_count);
}

unsigned timeline_lost(void)
{
    return __atomic_load_n(&claimed, __ATOMIC_RELAXED) - timeline_count();
}

unsigned timeline_door(void)
{
    return door;
}

bool timeline_get(unsigned index, struct timeline_record *record)
{
    if (index >= timeline_count()) {
        return false;
    }
    const struct timeline_record *from = slot(index);
    uint64_t end = __atomic_load_n(&from->end, __ATOMIC_ACQUIRE);
    if (end == 0) {
        return false;
    }
    *record = *from;
    record->end = end;
    return true;
}
