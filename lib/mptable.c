/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the MultiProcessor Specification's tables (lib/mptable.h). */
#include "lib/mptable.h"
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

static uint16_t load16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t load32(const uint8_t *p)
{
    return load16(p) | (uint32_t)load16(p + 2) << 16;
}

int mp_parse_pointer(const void *bytes, struct mp_pointer *pointer)
{
    const uint8_t *p = bytes;
    if (memcmp(p, "_MP_", 4) != 0 || p[8] != 1 || sum8(p, MP_POINTER_SIZE) != 0) {
        return -EINVAL;
    }
    *pointer = (struct mp_pointer){
        .table = load32(p + 4), .default_config = p[11], .features = p[12]};
    return 0;
}

int mp_table_size(const void *header)
{
    const uint8_t *p = header;
    int size = load16(p + 4);
    return memcmp(p, "PCMP", 4) == 0 && size >= (int)MP_HEADER_SIZE ? size : -EINVAL;
}

int mp_open(struct mp_table *table, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    if (size < MP_HEADER_SIZE || mp_table_size(bytes) != (int)size || sum8(p, size) != 0) {
        return -EINVAL;
    }
    *table = (struct mp_table){
        .bytes = p, .size = size, .entries = load16(p + 34), .local_apic = load32(p + 36)};
    return 0;
}

static void read_bus(const uint8_t *p, struct mp_entry *entry)
{
    entry->id = p[1];
    memcpy(entry->bus, p + 2, 6);
    for (int i = 5; i >= 0 && entry->bus[i] == ' '; i--) {
        entry->bus[i] = 0;
    }
}

bool mp_next(const struct mp_table *table, size_t *position, struct mp_entry *entry)
{
    size_t at = *position == 0 ? MP_HEADER_SIZE : *position;
    if (at >= table->size) {
        return false;
    }
    const uint8_t *p = table->bytes + at;
    size_t size = p[0] == MP_CPU ? 20 : 8;
    if (p[0] > MP_LOCAL_INTERRUPT || size > table->size - at) {
        return false;
    }
    *entry = (struct mp_entry){.type = p[0]};
    switch (entry->type) {
    case MP_CPU:
        entry->id = p[1];
        entry->flags = p[3];
        break;
    case MP_BUS:
        read_bus(p, entry);
        break;
    case MP_IO_APIC:
        entry->id = p[1];
        entry->flags = p[3];
        entry->address = load32(p + 4);
        break;
    case MP_INTERRUPT:
    case MP_LOCAL_INTERRUPT:
        entry->kind = p[1];
        entry->mode = load16(p + 2);
        entry->source_bus = p[4];
        entry->source_irq = p[5];
        entry->target = p[6];
        entry->target_pin = p[7];
        break;
    }
    *position = at + size;
    return true;
}
