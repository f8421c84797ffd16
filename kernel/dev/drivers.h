/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What kernel/init asks of the drivers. A driver is one file that ends in one struct driver; the
 * table in drivers.c lists them all in the order in which they look for their devices.
 */
#include "lib/types.h"

struct driver {
    const char *name;
    /* Looks for its devices and takes them. A device that is not there costs one access. */
    void (*probe)(void);
    /* Its devices do nothing any more, as before they were probed: another kernel comes. Interrupts
     * off, no other CPU runs, no locks. NULL: they do nothing by themselves. */
    void (*stop)(void);
};

/* The very first call: makes COM1 and the screen consoles of the log and of panics, and power_fail
 * the way to end after one. Touches no port until something is printed. */
struct bootinfo;
void drivers_early_init(const struct bootinfo *info);
/* The console's part of it. */
void uart_early_init(void);

/* C15, once, when interrupts can be requested and the command line is known. */
void drivers_init(void);

/* All of them: stop. No PCI function reaches memory by itself from then on. */
void drivers_stop(void);

/*
 * What the FADT says about power (ACPI 6.4, 5.2.9), when there is one; before that power_off has
 * only what every PC has. Zero ports or addresses mean that there is no such register.
 */
struct power_acpi {
    uint16_t pm1a_control, pm1b_control; /* I/O ports */
    bool has_s5;                         /* sleep_type_a/b were found in the DSDT's \_S5_ */
    uint8_t sleep_type_a, sleep_type_b;
    uint8_t sleep_control_space; /* hardware-reduced: 0 memory, 1 I/O port */
    uint64_t sleep_control;
    uint8_t reset_space; /* as above */
    uint8_t reset_value;
    uint64_t reset_register;
};
void power_set_acpi(const struct power_acpi *acpi);
/* Called once before power_off or power_reset acts, to call power_set_acpi. */
void power_set_source(void (*read)(void));

/* Where drivers find ACPI's DSDT, should one need it; called before drivers_init. */
void drivers_set_dsdt(bool (*find)(const uint8_t **aml, size_t *size));

/* The wall clock of the CMOS RTC: 0, -ENODEV without one, -EINVAL when it holds no date. */
int rtc_read(int64_t *unix_seconds);

extern const struct driver uart16550_driver;
extern const struct driver screen_driver;
extern const struct driver virtio_mmio_driver;
extern const struct driver virtio_pci_driver;
