/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The tables of the "MultiProcessor Specification 1.4" (chapter 4): the processors, buses and
 * interrupts of machines without ACPI. Pure; reads only the bytes that the caller hands over.
 */
#include "lib/types.h"

#define MP_POINTER_SIZE    16u
#define MP_HEADER_SIZE     44u
#define MP_TABLE_MAX       65535u /* the length field has 16 bits */

#define MP_CPU_ENABLED     1u
#define MP_CPU_BSP         2u
#define MP_IO_APIC_ENABLED 1u

#define MP_FEATURE_IMCR    0x80u /* feature byte 2: PIC mode, an IMCR must be set */

/* What the floating pointer structure says (4.1). */
struct mp_pointer {
    uint64_t table;         /* physical address of the configuration table, 0: none */
    uint8_t default_config; /* 1 to 7: one of the default configurations (5), two CPUs */
    uint8_t features;       /* feature byte 2 */
};

/* Reads MP_POINTER_SIZE bytes. Returns 0, or -EINVAL if they are not a valid pointer. */
int mp_parse_pointer(const void *bytes, struct mp_pointer *pointer);

/* The length of the table whose first MP_HEADER_SIZE bytes are given, or -EINVAL. (4.2) */
int mp_table_size(const void *header);

struct mp_table {
    const uint8_t *bytes;
    size_t size;
    unsigned entries;    /* as the header says */
    uint32_t local_apic; /* physical address */
};

/* Checks the whole table, size bytes: signature, length, checksum. Returns 0 or -EINVAL. */
int mp_open(struct mp_table *table, const void *bytes, size_t size);

enum mp_type { MP_CPU, MP_BUS, MP_IO_APIC, MP_INTERRUPT, MP_LOCAL_INTERRUPT };

/* One entry of the base table (4.3). */
struct mp_entry {
    enum mp_type type;
    uint8_t id;       /* CPU, IO_APIC: APIC id; BUS: bus id */
    uint8_t flags;    /* CPU: MP_CPU_*; IO_APIC: MP_IO_APIC_* */
    uint32_t address; /* IO_APIC */
    char bus[7];      /* BUS: "ISA", "PCI", ... blanks removed */
    uint8_t kind;     /* *INTERRUPT: 0 INT, 1 NMI, 2 SMI, 3 ExtINT */
    uint16_t mode;    /* *INTERRUPT: polarity in bits 0-1, trigger in bits 2-3 (table 4-10) */
    uint8_t source_bus, source_irq;
    uint8_t target, target_pin; /* APIC id (0xff: all) and its INTIN or LINTIN pin */
};

/* The next entry; *position is 0 at first. Returns false at the end or at a damaged entry. */
bool mp_next(const struct mp_table *table, size_t *position, struct mp_entry *entry);
