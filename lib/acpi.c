/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables (lib/acpi.h): root pointer, table look-up, and one reader for each table in use. All
 * fields are fetched by get*(), which answer 0 for what lies behind a table's end.
 */
#include "lib/acpi.h"
#include "abi/errno.h"
#include "lib/string.h"

static uint8_t sum8(const uint8_t *bytes, size_t size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    return sum;
}

/* `width` little-endian bytes at offset, 0 where they are not all inside. */
static uint64_t get(const struct acpi_table *table, size_t offset, size_t width)
{
    uint64_t value = 0;
    if (offset <= table->size && width <= table->size - offset) {
        memcpy(&value, table->bytes + offset, width);
    }
    return value;
}

static uint8_t get8(const struct acpi_table *table, size_t offset)
{
    return (uint8_t)get(table, offset, 1);
}

static uint16_t get16(const struct acpi_table *table, size_t offset)
{
    return (uint16_t)get(table, offset, 2);
}

static uint32_t get32(const struct acpi_table *table, size_t offset)
{
    return (uint32_t)get(table, offset, 4);
}

static uint64_t get64(const struct acpi_table *table, size_t offset)
{
    return get(table, offset, 8);
}

bool acpi_is_rsdp(const void *bytes)
{
    return memcmp(bytes, "RSD PTR ", 8) == 0 && sum8(bytes, ACPI_RSDP_SIZE) == 0;
}

int acpi_table_at(const struct acpi_memory *memory, uint64_t paddr, const char *signature,
                  struct acpi_table *table)
{
    if (paddr == 0 || paddr > INT64_MAX) {
        return -EFAULT;
    }
    const uint8_t *header = memory->map(memory, paddr, ACPI_HEADER_SIZE);
    if (header == NULL) {
        return -EFAULT;
    }
    if (memcmp(header, signature, 4) != 0) {
        return -EINVAL;
    }
    uint32_t size;
    memcpy(&size, header + 4, sizeof(size));
    if (size < ACPI_HEADER_SIZE || size > ACPI_TABLE_MAX) {
        return -EINVAL;
    }
    const uint8_t *bytes = memory->map(memory, paddr, size);
    if (bytes == NULL) {
        return -EFAULT;
    }
    if (sum8(bytes, size) != 0) {
        return -EINVAL;
    }
    *table = (struct acpi_table){.bytes = bytes, .size = size, .paddr = paddr};
    return 0;
}

int acpi_open(struct acpi *acpi, const struct acpi_memory *memory, uint64_t rsdp)
{
    enum { REVISION = 15, RSDT = 16, XSDT = 24, SIZE_2 = 36 };
    *acpi = (struct acpi){.memory = memory};
    struct acpi_table pointer = {.size = ACPI_RSDP_SIZE, .paddr = rsdp};
    if (rsdp == 0 || rsdp > INT64_MAX) {
        return -EFAULT;
    }
    pointer.bytes = memory->map(memory, rsdp, ACPI_RSDP_SIZE);
    if (pointer.bytes == NULL) {
        return -EFAULT;
    }
    if (!acpi_is_rsdp(pointer.bytes)) {
        return -EINVAL;
    }
    uint32_t rsdt = get32(&pointer, RSDT);
    if (pointer.bytes[REVISION] >= 2) {
        pointer.bytes = memory->map(memory, rsdp, SIZE_2);
        pointer.size = SIZE_2;
        acpi->wide = pointer.bytes != NULL && sum8(pointer.bytes, SIZE_2) == 0 &&
                     acpi_table_at(memory, get64(&pointer, XSDT), "XSDT", &acpi->root) == 0;
    }
    return acpi->wide ? 0 : acpi_table_at(memory, rsdt, "RSDT", &acpi->root);
}

int acpi_find(const struct acpi *acpi, const char *signature, struct acpi_table *table)
{
    size_t width = acpi->wide ? 8 : 4;
    for (size_t at = ACPI_HEADER_SIZE; at + width <= acpi->root.size; at += width) {
        if (acpi_table_at(acpi->memory, get(&acpi->root, at, width), signature, table) == 0) {
            return 0;
        }
    }
    return -ENOENT;
}

uint32_t acpi_madt_local_apic(const struct acpi_table *madt)
{
    return get32(madt, ACPI_HEADER_SIZE);
}

/* Reads one structure; false for types that nobody uses and for those that are too short. */
static bool madt_entry(const struct acpi_table *e, struct acpi_madt_entry *entry)
{
    static const uint8_t least[] = {8, 12, 10, 8, 6, 12, 0, 0, 0, 16};
    uint8_t type = e->bytes[0];
    if (type >= sizeof(least) || least[type] == 0 || e->size < least[type]) {
        return false;
    }
    *entry = (struct acpi_madt_entry){.type = type};
    switch (type) {
    case ACPI_MADT_LOCAL_APIC:
        entry->cpu_uid = get8(e, 2);
        entry->id = get8(e, 3);
        entry->flags = get32(e, 4);
        break;
    case ACPI_MADT_IO_APIC:
        entry->id = get8(e, 2);
        entry->address = get32(e, 4);
        entry->gsi = get32(e, 8);
        break;
    case ACPI_MADT_OVERRIDE:
        entry->id = get8(e, 3);
        entry->gsi = get32(e, 4);
        entry->flags = get16(e, 8);
        break;
    case ACPI_MADT_NMI_SOURCE:
        entry->flags = get16(e, 2);
        entry->gsi = get32(e, 4);
        break;
    case ACPI_MADT_LOCAL_NMI:
        entry->cpu_uid = get8(e, 2);
        entry->flags = get16(e, 3);
        entry->local_pin = get8(e, 5);
        break;
    case ACPI_MADT_LOCAL_APIC_ADDRESS:
        entry->address = get64(e, 4);
        break;
    case ACPI_MADT_LOCAL_X2APIC:
        entry->id = get32(e, 4);
        entry->flags = get32(e, 8);
        entry->cpu_uid = get32(e, 12);
        break;
    default:
        return false;
    }
    return true;
}

bool acpi_madt_next(const struct acpi_table *madt, size_t *position, struct acpi_madt_entry *entry)
{
    enum { FIRST = ACPI_HEADER_SIZE + 8 };
    size_t at = *position == 0 ? FIRST : *position;
    while (at + 2 <= madt->size) {
        struct acpi_table e = {.bytes = madt->bytes + at, .size = madt->bytes[at + 1]};
        if (e.size < 2 || e.size > madt->size - at) {
            break; /* where the next one starts is not known any more */
        }
        at += e.size;
        if (madt_entry(&e, entry)) {
            *position = at;
            return true;
        }
    }
    *position = madt->size;
    return false;
}

static struct acpi_gas get_gas(const struct acpi_table *table, size_t offset)
{
    return (struct acpi_gas){.space = get8(table, offset),
                             .bit_width = get8(table, offset + 1),
                             .address = get64(table, offset + 4)};
}

/* A register block has a 32-bit port field, and in newer tables a GAS that counts when set. */
static struct acpi_gas get_block(const struct acpi_table *table, size_t port, size_t length,
                                 size_t gas)
{
    struct acpi_gas block = get_gas(table, gas);
    if (block.address == 0) {
        block = (struct acpi_gas){.space = 1,
                                  .bit_width = (uint8_t)(get8(table, length) * 8),
                                  .address = get32(table, port)};
    }
    return block;
}

int acpi_parse_fadt(const struct acpi_table *table, struct acpi_fadt *fadt)
{
    if (table->size < 116) { /* the table of ACPI 1.0 */
        return -EINVAL;
    }
    *fadt = (struct acpi_fadt){
        .facs = get64(table, 132),
        .dsdt = get64(table, 140),
        .sci_interrupt = get16(table, 46),
        .smi_command = get32(table, 48),
        .acpi_enable = get8(table, 52),
        .pm1a_event = get_block(table, 56, 88, 148),
        .pm1a_control = get_block(table, 64, 89, 172),
        .pm1b_control = get_block(table, 68, 89, 184),
        .pm_timer = get32(table, 76),
        .century = get8(table, 108),
        .boot_flags = get16(table, 109),
        .flags = get32(table, 112),
        .reset = get_gas(table, 116),
        .reset_value = get8(table, 128),
        .sleep_control = get_gas(table, 244),
        .sleep_status = get_gas(table, 256),
    };
    if (fadt->facs == 0) {
        fadt->facs = get32(table, 36);
    }
    if (fadt->dsdt == 0) {
        fadt->dsdt = get32(table, 40);
    }
    return 0;
}

int acpi_parse_hpet(const struct acpi_table *table, struct acpi_hpet *hpet)
{
    if (table->size < 56) {
        return -EINVAL;
    }
    *hpet = (struct acpi_hpet){
        .address = get_gas(table, 40), .number = get8(table, 52), .minimum_tick = get16(table, 53)};
    return hpet->address.address != 0 ? 0 : -EINVAL;
}

bool acpi_mcfg_next(const struct acpi_table *table, size_t *position, struct acpi_mcfg_entry *entry)
{
    enum { FIRST = ACPI_HEADER_SIZE + 8, ENTRY = 16 };
    size_t at = *position == 0 ? FIRST : *position;
    if (at > table->size || table->size - at < ENTRY) {
        return false;
    }
    *entry = (struct acpi_mcfg_entry){.address = get64(table, at),
                                      .segment = get16(table, at + 8),
                                      .first_bus = get8(table, at + 10),
                                      .last_bus = get8(table, at + 11)};
    *position = at + ENTRY;
    return true;
}

/* A small constant of AML (20.2.3): ZeroOp, OneOp, BytePrefix or WordPrefix; moves *at past it. */
static bool aml_constant(const struct acpi_table *table, size_t *at, uint8_t *value)
{
    enum { ZERO = 0x00, ONE = 0x01, BYTE = 0x0a, WORD = 0x0b };
    uint8_t op = get8(table, *at);
    size_t width = op == BYTE ? 1 : op == WORD ? 2 : 0;
    if (*at >= table->size || width >= table->size - *at ||
        (width == 0 && op != ZERO && op != ONE)) {
        return false;
    }
    *value = width == 0 ? op : get8(table, *at + 1);
    *at += 1 + width;
    return *value <= 7; /* SLP_TYP has three bits (4.8.3.2.1) */
}

int acpi_find_s5(const struct acpi_table *dsdt, uint8_t *type_a, uint8_t *type_b)
{
    enum { NAME_OP = 0x08, ROOT = '\\', PACKAGE_OP = 0x12 };
    for (size_t at = ACPI_HEADER_SIZE + 1; at + 8 <= dsdt->size; at++) {
        if (dsdt->bytes[at] != '_' || memcmp(dsdt->bytes + at, "_S5_", 4) != 0) {
            continue;
        }
        bool named = dsdt->bytes[at - 1] == NAME_OP ||
                     (dsdt->bytes[at - 1] == ROOT && dsdt->bytes[at - 2] == NAME_OP);
        if (!named || dsdt->bytes[at + 4] != PACKAGE_OP) {
            continue;
        }
        /* PkgLength has 1 to 4 bytes, by the top two bits of the first (20.2.4); then a count. */
        size_t element = at + 5 + 1 + (dsdt->bytes[at + 5] >> 6) + 1;
        if (!aml_constant(dsdt, &element, type_a)) {
            continue;
        }
        if (!aml_constant(dsdt, &element, type_b)) {
            *type_b = *type_a;
        }
        return 0;
    }
    return -ENOENT;
}
