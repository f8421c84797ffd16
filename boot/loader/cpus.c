/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the CPUs (step B4): by the ACPI MADT, else by the MP table, else there is one. Where the
 * door gave no RSDP, the firmware's areas are searched once for both tables' pointers.
 */
#include "boot/loader/loader.h"
#include "lib/acpi.h"
#include "lib/mptable.h"
#include "lib/string.h"

/* Interrupts for all CPUs go to these ids, so no CPU has them (SDM vol. 3, 10.6.2). */
#define XAPIC_ALL  0xffu
#define X2APIC_ALL 0xffffffffu

static const void *map_physical(const struct acpi_memory *memory, uint64_t paddr, size_t size)
{
    (void)memory;
    return machine_window(paddr, size);
}

/* What the search for pointers has found. */
struct found {
    uint64_t rsdp;
    struct mp_pointer mp;
    bool has_mp;
    bool want_rsdp; /* else only the MP pointer is of interest */
};

/* Looks through an area; true when nothing more is needed. Both pointers lie at 16 bytes. */
static bool look(uint64_t start, size_t size, void *context)
{
    struct found *found = context;
    const uint32_t rsd = 'R' | 'S' << 8 | 'D' << 16 | ' ' << 24;
    const uint32_t mp = '_' | 'M' << 8 | 'P' << 16 | '_' << 24;
    const uint8_t *at = machine_window(start, size);
    for (const uint8_t *end = at + size; at != NULL && at < end; at += 16) {
        uint32_t word = *(const uint32_t *)at;
        if (likely(word != rsd && word != mp)) {
            continue;
        }
        if (word == rsd && found->want_rsdp && end - at >= (long)ACPI_RSDP_SIZE &&
            acpi_is_rsdp(at)) {
            found->rsdp = (uint64_t)at;
            return true; /* ACPI says all that the MP table could */
        }
        if (word == mp && !found->has_mp && mp_parse_pointer(at, &found->mp) == 0) {
            found->has_mp = true;
            if (!found->want_rsdp) {
                return true;
            }
        }
    }
    return false;
}

/* As many as are wanted, the boot CPU included. */
static uint32_t limit = BOOT_MAX_CPUS;

/* Notes a CPU once; the boot CPU is entry 0 already. Some firmware lists a CPU twice, or fills its
 * table up with the id that means all CPUs (`nobody`). */
static void add_cpu(struct bootinfo *info, struct boot_cpu *cpus, uint32_t id, uint32_t nobody)
{
    if (id == nobody) {
        return;
    }
    for (uint32_t i = 0; i < info->cpu_count; i++) {
        if (cpus[i].hw_id == id) {
            return;
        }
    }
    if (info->cpu_count == limit) {
        info->cpus_dropped++;
        return;
    }
    cpus[info->cpu_count++] = (struct boot_cpu){.hw_id = id, .flags = BOOT_CPU_ENABLED};
}

static bool cpus_by_acpi(struct bootinfo *info, struct boot_cpu *cpus)
{
    const struct acpi_memory memory = {.map = map_physical};
    struct acpi acpi;
    struct acpi_table madt;
    if (acpi_open(&acpi, &memory, info->acpi_rsdp) != 0 || acpi_find(&acpi, "APIC", &madt) != 0) {
        return false;
    }
    struct acpi_madt_entry entry;
    for (size_t position = 0; acpi_madt_next(&madt, &position, &entry);) {
        bool x2apic = entry.type == ACPI_MADT_LOCAL_X2APIC;
        bool cpu = entry.type == ACPI_MADT_LOCAL_APIC || x2apic;
        if (cpu && (entry.flags & ACPI_CPU_ENABLED)) {
            add_cpu(info, cpus, entry.id, x2apic ? X2APIC_ALL : XAPIC_ALL);
        }
    }
    return true;
}

static void cpus_by_mp(struct bootinfo *info, struct boot_cpu *cpus, const struct mp_pointer *mp)
{
    if (mp->default_config != 0) {
        add_cpu(info, cpus, cpus[0].hw_id ^ 1,
                XAPIC_ALL); /* MP specification, 5: always two, ids 0 and 1 */
        return;
    }
    const void *bytes = machine_window(mp->table, MP_HEADER_SIZE);
    int size = bytes != NULL ? mp_table_size(bytes) : -EFAULT;
    struct mp_table table;
    if (size < 0 || machine_window(mp->table, (size_t)size) == NULL ||
        mp_open(&table, bytes, (size_t)size) != 0) {
        return;
    }
    struct mp_entry entry;
    for (size_t position = 0; mp_next(&table, &position, &entry);) {
        if (entry.type == MP_CPU && (entry.flags & MP_CPU_ENABLED)) {
            add_cpu(info, cpus, entry.id, XAPIC_ALL);
        }
    }
}

void cpus_find(struct loader *loader)
{
    static struct boot_cpu cpus[BOOT_MAX_CPUS];
    struct bootinfo *info = loader->info;
    info->cpus = (uint64_t)cpus;
    info->cpu_count = 1;
    cpus[0] = (struct boot_cpu){.hw_id = machine_cpu_id(),
                                .flags = BOOT_CPU_BSP | BOOT_CPU_ENABLED};
    uint64_t wanted = loader_number(loader, "nr_cpus=", limit);
    limit = wanted != 0 ? (uint32_t)MIN(wanted, limit) : limit; /* 0: the kernel says something */
    /* kexec says it this way, where EFI's tables are gone (admin-guide/kernel-parameters). */
    info->acpi_rsdp = loader_number(loader, "acpi_rsdp=", info->acpi_rsdp);
    if (info->acpi_rsdp != 0 && cpus_by_acpi(info, cpus)) {
        return;
    }
    /* A PVH start says whether there is an RSDP, and is believed; others may not know. */
    struct found found = {.want_rsdp = info->acpi_rsdp == 0 && info->door != BOOT_DOOR_PVH};
    machine_firmware_areas(look, &found);
    if (found.rsdp != 0) {
        info->acpi_rsdp = found.rsdp;
        if (cpus_by_acpi(info, cpus)) {
            return;
        }
    }
    if (found.has_mp) {
        cpus_by_mp(info, cpus, &found.mp);
    }
}
