/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvpanic: tells the virtual machine monitor that the guest has failed, so that it can end with a
 * failure status (QEMU docs/specs/pvpanic). Nothing is touched until then.
 */
#include "kernel/arch/port_io.h"
#include "kernel/dev/api/power.h"

#define PVPANIC_PORT     0x505 /* QEMU's ISA device */
#define PVPANIC_PANICKED 0x01u
#define PVPANIC_EVENTS   0x07u /* the events defined up to now */

void power_fail(void)
{
    /* Reading gives the events that the monitor handles; nothing there reads as all ones. */
    uint8_t events = in8(PVPANIC_PORT);

    if ((events & ~PVPANIC_EVENTS) == 0 && (events & PVPANIC_PANICKED) != 0) {
        out8(PVPANIC_PORT, PVPANIC_PANICKED);
    }
}
