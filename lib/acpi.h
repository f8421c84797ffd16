/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * ACPI tables, read as foreign bytes: every length, checksum and entry is checked before use, and
 * memory is reached only through a function that the caller gives. Pure; nothing is written.
 * Source: "ACPI Specification 6.4", sections named at each function.
 */
#include "lib/types.h"

/* The caller's way to physical memory. */
struct acpi_memory {
    /*
     * A pointer to `size` bytes at paddr, or NULL if they cannot be read. It stays good while the
     * caller uses the tables got through it.
     */
    const void *(*map)(const struct acpi_memory *memory, uint64_t paddr, size_t size);
};

struct acpi_table {
    const uint8_t *bytes; /* the whole table with its header, checksum verified */
    size_t size;
    uint64_t paddr;
};

struct acpi {
    const struct acpi_memory *memory;
    struct acpi_table root; /* RSDT or XSDT */
    bool wide;              /* XSDT: addresses of 8 bytes, else of 4 */
};

#define ACPI_RSDP_SIZE   20u /* of revision 0, which always comes first */
#define ACPI_HEADER_SIZE 36u
#define ACPI_TABLE_MAX   (16u << 20) /* longer ones are refused */

/* Whether the ACPI_RSDP_SIZE bytes are a root pointer: signature and first checksum (5.2.5.3). */
bool acpi_is_rsdp(const void *bytes);

/*
 * Opens the tables by the root pointer at rsdp: the XSDT if there is a good one, else the RSDT.
 * Returns 0, -EFAULT (cannot be read) or -EINVAL (not ACPI's).
 */
int acpi_open(struct acpi *acpi, const struct acpi_memory *memory, uint64_t rsdp);

/* The first good table with this signature of 4 letters. Returns 0 or -ENOENT. (5.2.6) */
int acpi_find(const struct acpi *acpi, const char *signature, struct acpi_table *table);

/* The table at paddr if it is whole and has this signature. Returns 0, -EFAULT or -EINVAL. */
int acpi_table_at(const struct acpi_memory *memory, uint64_t paddr, const char *signature,
                  struct acpi_table *table);

/* MADT: local APIC address and interrupt controller structures (5.2.12). */
enum acpi_madt_type {
    ACPI_MADT_LOCAL_APIC = 0,
    ACPI_MADT_IO_APIC = 1,
    ACPI_MADT_OVERRIDE = 2,
    ACPI_MADT_NMI_SOURCE = 3,
    ACPI_MADT_LOCAL_NMI = 4,
    ACPI_MADT_LOCAL_APIC_ADDRESS = 5,
    ACPI_MADT_LOCAL_X2APIC = 9,
};

#define ACPI_CPU_ENABLED        1u /* local APIC flags: ready to use */
#define ACPI_CPU_ONLINE_CAPABLE 2u /* may be enabled at run time: not there now */

struct acpi_madt_entry {
    enum acpi_madt_type type;
    uint32_t id;       /* of the APIC; OVERRIDE: the ISA interrupt */
    uint32_t gsi;      /* IO_APIC: first global interrupt; OVERRIDE, NMI_SOURCE: the interrupt */
    uint32_t flags;    /* LOCAL_*: ACPI_CPU_*; OVERRIDE: polarity and trigger mode (table 5.26) */
    uint64_t address;  /* IO_APIC, LOCAL_APIC_ADDRESS */
    uint32_t cpu_uid;  /* LOCAL_*: the processor's ACPI id */
    uint8_t local_pin; /* LOCAL_NMI: LINT number */
};

/* The local APICs' physical address in the MADT's head (5.2.12), 0 when the table is too short. */
uint32_t acpi_madt_local_apic(const struct acpi_table *madt);

/*
 * The next structure of a type above; others and damaged ones are passed over. *position is 0 at
 * first. Returns false at the end.
 */
bool acpi_madt_next(const struct acpi_table *madt, size_t *position, struct acpi_madt_entry *entry);

/* Generic Address Structure (5.2.3.2). */
struct acpi_gas {
    uint8_t space; /* 0 memory, 1 I/O ports, 2 PCI configuration */
    uint8_t bit_width;
    uint64_t address; /* 0: there is none */
};

#define ACPI_FADT_RESET_SUPPORTED  (1u << 10)
#define ACPI_FADT_TIMER_32BIT      (1u << 8)
#define ACPI_FADT_HARDWARE_REDUCED (1u << 20)

/* FADT (5.2.9): fields that a shorter, older table does not have are 0. */
struct acpi_fadt {
    uint32_t flags;
    uint64_t dsdt, facs;
    uint16_t sci_interrupt;
    uint32_t smi_command; /* port, 0: ACPI mode is always on */
    uint8_t acpi_enable;  /* value to write there */
    uint16_t boot_flags;  /* IAPC_BOOT_ARCH: bit 1 there is an 8042 */
    uint8_t century;      /* CMOS index or 0 */
    uint32_t pm_timer;    /* port or 0 */
    struct acpi_gas pm1a_event, pm1a_control, pm1b_control;
    struct acpi_gas reset;
    uint8_t reset_value;
    struct acpi_gas sleep_control, sleep_status; /* hardware-reduced machines */
};
int acpi_parse_fadt(const struct acpi_table *table, struct acpi_fadt *fadt);

/* HPET description table (IA-PC HPET specification 1.0a, 3.2.4). */
struct acpi_hpet {
    struct acpi_gas address;
    uint8_t number;
    uint16_t minimum_tick;
};
int acpi_parse_hpet(const struct acpi_table *table, struct acpi_hpet *hpet);

/* MCFG: PCI Express configuration space (PCI Firmware Specification 3.3, 4.1.2). */
struct acpi_mcfg_entry {
    uint64_t address;
    uint16_t segment;
    uint8_t first_bus, last_bus;
};
bool acpi_mcfg_next(const struct acpi_table *table, size_t *position,
                    struct acpi_mcfg_entry *entry);

/*
 * The sleep types of \_S5_ for PM1a and PM1b (7.4.2), found by looking for its name and a package
 * of small constants behind it in the DSDT (or an SSDT); no AML is interpreted.
 * Returns 0 or -ENOENT.
 */
int acpi_find_s5(const struct acpi_table *dsdt, uint8_t *type_a, uint8_t *type_b);
