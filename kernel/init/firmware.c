/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C6: what ACPI tables say about interrupt controllers, time sources and power. They are foreign
 * bytes: lib/acpi checks them, and what they lack is taken to be as on any PC. The FADT and the
 * DSDT are not read before somebody needs them.
 */
#include "abi/errno.h"
#include "kernel/arch/clock.h"
#include "kernel/arch/irq.h"
#include "kernel/base/init.h"
#include "kernel/base/log.h"
#include "kernel/dev/drivers.h"
#include "kernel/init/init.h"
#include "kernel/mm/kmap.h"
#include "kernel/mm/physmap.h"
#include "lib/acpi.h"

/* MPS INTI flags of an interrupt override: ACPI 6.4, table 5.26. */
#define INTI_POLARITY   3u
#define INTI_ACTIVE_LOW 3u
#define INTI_TRIGGER    0xcu
#define INTI_LEVEL      0xcu

struct arch_irq_firmware firmware_irq INIT_DATA;
struct arch_clock_firmware firmware_clock INIT_DATA;

static uint64_t direct_map_size RO_AFTER_INIT;
static uint64_t rsdp RO_AFTER_INIT;

static const void *map_table(const struct acpi_memory *memory, uint64_t paddr, size_t size)
{
    (void)memory;
    if (paddr + size < paddr) {
        return NULL;
    }
    if (paddr + size <= direct_map_size) {
        return phys_to_virt(paddr);
    }
    return kmap_device(paddr, size);
}
static const struct acpi_memory memory = {.map = map_table};

static INIT_TEXT void take_madt_entry(const struct acpi_madt_entry *entry)
{
    struct arch_irq_firmware *irq = &firmware_irq;
    if (entry->type == ACPI_MADT_IO_APIC && irq->ioapic_count < ARCH_IOAPICS_MAX) {
        irq->ioapics[irq->ioapic_count].address = entry->address;
        irq->ioapics[irq->ioapic_count++].gsi_base = entry->gsi;
    } else if (entry->type == ACPI_MADT_OVERRIDE && irq->override_count < ARCH_OVERRIDES_MAX) {
        unsigned i = irq->override_count++;
        irq->overrides[i].line = (uint8_t)entry->id;
        irq->overrides[i].gsi = entry->gsi;
        irq->overrides[i].trigger =
            ((entry->flags & INTI_TRIGGER) == INTI_LEVEL ? ARCH_IRQ_LEVEL : 0) |
            ((entry->flags & INTI_POLARITY) == INTI_ACTIVE_LOW ? ARCH_IRQ_LOW : 0);
    } else if (entry->type == ACPI_MADT_LOCAL_APIC_ADDRESS) {
        irq->local_apic = entry->address;
    }
}

static INIT_TEXT void read_madt(const struct acpi *acpi)
{
    struct acpi_table table;
    struct acpi_madt_entry entry;
    size_t position = 0;
    if (acpi_find(acpi, "APIC", &table) != 0) {
        return;
    }
    firmware_irq.local_apic = acpi_madt_local_apic(&table);
    while (acpi_madt_next(&table, &position, &entry)) {
        take_madt_entry(&entry);
    }
}

static INIT_TEXT void read_time_sources(const struct acpi *acpi)
{
    struct acpi_table table;
    struct acpi_hpet hpet;
    struct acpi_fadt fadt;
    if (acpi_find(acpi, "HPET", &table) == 0 && acpi_parse_hpet(&table, &hpet) == 0 &&
        hpet.address.space == 0) {
        firmware_clock.hpet = hpet.address.address;
    } else if (acpi_find(acpi, "FACP", &table) == 0 && acpi_parse_fadt(&table, &fadt) == 0 &&
               fadt.pm_timer < 0x10000) {
        firmware_clock.pm_timer = (uint16_t)fadt.pm_timer;
        firmware_clock.pm_timer_32 = (fadt.flags & ACPI_FADT_TIMER_32BIT) != 0;
    }
}

/* The FADT and the DSDT that it names; false: there are none. */
static bool find_fadt(struct acpi_fadt *fadt, struct acpi_table *dsdt, bool *has_dsdt)
{
    struct acpi acpi;
    struct acpi_table table;
    if (rsdp == 0 || acpi_open(&acpi, &memory, rsdp) != 0 ||
        acpi_find(&acpi, "FACP", &table) != 0 || acpi_parse_fadt(&table, fadt) != 0) {
        return false;
    }
    *has_dsdt = acpi_table_at(&memory, fadt->dsdt, "DSDT", dsdt) == 0;
    return true;
}

/* For drivers of devices that only the DSDT names. */
static bool find_dsdt(const uint8_t **aml, size_t *size)
{
    struct acpi_fadt fadt;
    struct acpi_table dsdt;
    bool has_dsdt;
    if (!find_fadt(&fadt, &dsdt, &has_dsdt) || !has_dsdt) {
        return false;
    }
    *aml = dsdt.bytes;
    *size = dsdt.size;
    return true;
}

/* Called when the machine is to be switched off: only then is the DSDT read for \_S5_. */
static void read_power(void)
{
    struct acpi_table dsdt;
    struct acpi_fadt fadt;
    bool has_dsdt;
    if (!find_fadt(&fadt, &dsdt, &has_dsdt)) {
        return;
    }
    struct power_acpi power = {.pm1a_control = (uint16_t)fadt.pm1a_control.address,
                               .pm1b_control = (uint16_t)fadt.pm1b_control.address};
    power.has_s5 = has_dsdt && acpi_find_s5(&dsdt, &power.sleep_type_a, &power.sleep_type_b) == 0;
    if ((fadt.flags & ACPI_FADT_HARDWARE_REDUCED) != 0) {
        power.sleep_control_space = fadt.sleep_control.space;
        power.sleep_control = fadt.sleep_control.address;
    }
    if ((fadt.flags & ACPI_FADT_RESET_SUPPORTED) != 0) {
        power.reset_space = fadt.reset.space;
        power.reset_register = fadt.reset.address;
        power.reset_value = fadt.reset_value;
    }
    power_set_acpi(&power);
}

INIT_TEXT void init_firmware(void)
{
    struct acpi acpi;
    direct_map_size = boot->direct_map_size;
    rsdp = boot->acpi_rsdp;
    power_set_source(read_power);
    drivers_set_dsdt(find_dsdt);
    if (rsdp == 0) {
        return;
    }
    if (acpi_open(&acpi, &memory, rsdp) != 0) {
        log_warn("ACPI: the tables at %#lx are damaged; going on without", (unsigned long)rsdp);
        rsdp = 0;
        return;
    }
    read_madt(&acpi);
    read_time_sources(&acpi);
}
