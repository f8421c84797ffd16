/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Switching off and starting again: first as ACPI says (power_set_acpi), then by the ways that
 * every PC has. A virtual machine without ACPI has no way to switch off; there a reset ends it too,
 * because its monitor is told not to start it again (QEMU -no-reboot, Firecracker always).
 */
#include "kernel/dev/api/power.h"
#include "kernel/arch/cpu.h"
#include "kernel/arch/kexec.h"
#include "kernel/arch/port_io.h"
#include "kernel/arch/smp.h"
#include "kernel/dev/drivers.h"
#include "kernel/mm/kmap.h"

#define PM1_SLP_TYP_SHIFT 10      /* ACPI 6.4, table 4.16: PM1 control register */
#define PM1_SLP_MASK      0x3c00u /* SLP_TYPx and SLP_EN */
#define PM1_SLP_EN        (1u << 13)
#define SLEEP_TYP_SHIFT   2 /* table 4.19: sleep control register */
#define SLEEP_EN          (1u << 5)

#define KBC_COMMAND       0x64
#define KBC_PULSE_RESET   0xfe
#define PCH_RESET         0xcf9 /* RST_CNT of Intel's chip sets since the PIIX */

/* Written once during boot, before other CPUs run. */
static struct power_acpi acpi;
static void (*read_source)(void);
/* Address spaces may be short when the end comes: memory registers are mapped when they are set. */
static volatile uint8_t *sleep_control;
static volatile uint8_t *reset_register; /* as above */

static void (*attention)(void); /* constant once set */

void power_set_attention(void (*handler)(void))
{
    attention = handler;
}

void power_attention(void)
{
    if (attention == NULL) {
        power_reset();
    }
    attention();
}

void power_set_source(void (*read)(void))
{
    read_source = read;
}

/* The tables are read only now: most machines are never switched off by their guest. */
static void read_acpi(void)
{
    if (read_source != NULL) {
        read_source();
        read_source = NULL;
    }
}

void power_set_acpi(const struct power_acpi *from)
{
    acpi = *from;
    if (acpi.sleep_control != 0 && acpi.sleep_control_space == 0) {
        sleep_control = kmap_device(acpi.sleep_control, 1);
    }
    if (acpi.reset_register != 0 && acpi.reset_space == 0) {
        reset_register = kmap_device(acpi.reset_register, 1);
    }
}

/* Time for the platform to act on what was written. */
static void wait_a_little(void)
{
    for (int i = 0; i < 200000; i++) {
        arch_cpu_relax();
    }
}

static void sleep_by_pm1(uint16_t port, uint8_t type)
{
    uint16_t value = in16(port);
    value = (uint16_t)((value & ~PM1_SLP_MASK) | (unsigned)(type & 7) << PM1_SLP_TYP_SHIFT);
    out16(port, value | PM1_SLP_EN);
}

static bool try_acpi_off(void)
{
    uint8_t control = (uint8_t)((acpi.sleep_type_a & 7) << SLEEP_TYP_SHIFT | SLEEP_EN);

    if (!acpi.has_s5) {
        return false;
    }
    if (sleep_control != NULL) {
        *sleep_control = control;
    } else if (acpi.sleep_control != 0 && acpi.sleep_control_space == 1) {
        out8((uint16_t)acpi.sleep_control, control);
    } else if (acpi.pm1a_control != 0) {
        sleep_by_pm1(acpi.pm1a_control, acpi.sleep_type_a);
        if (acpi.pm1b_control != 0) {
            sleep_by_pm1(acpi.pm1b_control, acpi.sleep_type_b);
        }
    } else {
        return false;
    }
    wait_a_little();
    return true;
}

static void try_acpi_reset(void)
{
    if (reset_register != NULL) {
        *reset_register = acpi.reset_value;
    } else if (acpi.reset_register != 0 && acpi.reset_space == 1) {
        out8((uint16_t)acpi.reset_register, acpi.reset_value);
    } else {
        return;
    }
    wait_a_little();
}

_Noreturn void power_off(void)
{
    arch_irq_disable();
    arch_smp_stop_others();
    read_acpi();
    if (try_acpi_off()) {
        /* The machine has the register but did not obey: a reset would be a surprise. */
        arch_cpu_stop();
    }
    power_reset();
}

_Noreturn void power_reset(void)
{
    arch_irq_disable();
    arch_smp_stop_others();
    read_acpi();
    try_acpi_reset();
    if (in8(KBC_COMMAND) != 0xff) {
        out8(KBC_COMMAND, KBC_PULSE_RESET);
        wait_a_little();
    }
    if (in8(PCH_RESET) != 0xff) {
        /* Bit 1: a hard reset is meant; bit 2, 0 to 1: now. */
        out8(PCH_RESET, 0x02);
        out8(PCH_RESET, 0x06);
        wait_a_little();
    }
    arch_cpu_reset();
}

_Noreturn void power_kexec(const struct arch_kexec *kexec)
{
    arch_irq_disable();
    arch_smp_stop_others();
    drivers_stop();
    arch_kexec_enter(kexec);
}
