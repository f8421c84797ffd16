/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the ACPI tables: the input is physical memory from 4 KiB on, with its checksums mended so
 * that the fuzzer gets past them. Every reader reads every table that is found.
 */
// sources: lib/acpi.c
#include <stdlib.h>
#include <string.h>

#include "lib/acpi.h"

enum { BASE = 4096, HANDED_MAX = 256 };
static uint8_t *memory_bytes;
static size_t memory_size;
static void *handed[HANDED_MAX];
static unsigned handed_count;

static void mend(uint8_t *bytes, size_t size, size_t field)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    bytes[field] = (uint8_t)(bytes[field] - sum);
}

static const void *map(const struct acpi_memory *memory, uint64_t paddr, size_t size)
{
    (void)memory;
    if (paddr < BASE || size > memory_size || paddr - BASE > memory_size - size ||
        handed_count == HANDED_MAX) {
        return NULL;
    }
    uint8_t *at = memory_bytes + (paddr - BASE);
    if (size > ACPI_HEADER_SIZE || (size == ACPI_HEADER_SIZE && memcmp(at, "RSD ", 4) != 0)) {
        mend(at, size, 9);
    }
    void *copy = malloc(size);
    memcpy(copy, at, size);
    handed[handed_count++] = copy;
    return copy;
}

static void read_all(const struct acpi *acpi)
{
    struct acpi_table table;
    size_t position = 0;
    uint8_t a, b;
    struct acpi_madt_entry entry;
    struct acpi_mcfg_entry mcfg;
    struct acpi_fadt fadt;
    struct acpi_hpet hpet;
    if (acpi_find(acpi, "APIC", &table) == 0) {
        (void)acpi_madt_local_apic(&table);
        while (acpi_madt_next(&table, &position, &entry)) {
            continue;
        }
    }
    position = 0;
    if (acpi_find(acpi, "MCFG", &table) == 0) {
        while (acpi_mcfg_next(&table, &position, &mcfg)) {
            continue;
        }
    }
    if (acpi_find(acpi, "HPET", &table) == 0) {
        (void)acpi_parse_hpet(&table, &hpet);
    }
    if (acpi_find(acpi, "FACP", &table) == 0 && acpi_parse_fadt(&table, &fadt) == 0 &&
        acpi_table_at(acpi->memory, fadt.dsdt, "DSDT", &table) == 0) {
        (void)acpi_find_s5(&table, &a, &b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct acpi_memory memory = {.map = map};
    struct acpi acpi;
    struct acpi_table whole;
    uint8_t a, b;
    memory_bytes = malloc(size + 1);
    memory_size = size;
    memcpy(memory_bytes, data, size);
    if (size >= 36 && memcmp(data, "RSD PTR ", 8) == 0) {
        mend(memory_bytes, ACPI_RSDP_SIZE, 8);
        mend(memory_bytes, 36, 32);
    }
    if (acpi_open(&acpi, &memory, BASE) == 0) {
        read_all(&acpi);
    }
    /* And the readers on any bytes. */
    whole = (struct acpi_table){.bytes = memory_bytes, .size = size};
    struct acpi_madt_entry entry;
    for (size_t position = 0; acpi_madt_next(&whole, &position, &entry);) {
        continue;
    }
    (void)acpi_find_s5(&whole, &a, &b);
    while (handed_count > 0) {
        free(handed[--handed_count]);
    }
    free(memory_bytes);
    return 0;
}
