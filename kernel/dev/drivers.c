/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one table of drivers, probed from top to bottom (C15). Drivers of devices on a bus hang below
 * the bus: virtio_drivers lists those that take virtio devices, whatever the transport.
 */
#include "kernel/dev/drivers.h"
#include "kernel/base/panic.h"
#include "kernel/dev/api/power.h"
#include "kernel/dev/pci.h"
#include "kernel/dev/screen/screen.h"
#include "kernel/dev/virtio/virtio.h"

static const struct driver *const drivers[] = {
    &uart16550_driver,
    &screen_driver,
    &virtio_mmio_driver,
    &virtio_pci_driver,
};

static const struct virtio_driver *const virtio_drivers[] = {
    &virtio_console_driver,
};

void drivers_early_init(const struct bootinfo *info)
{
    uart_early_init();
    screen_early_init(info);
    panic_set_stop(power_fail);
}

void drivers_init(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        drivers[i]->probe();
    }
}

void drivers_stop(void)
{
    for (size_t i = ARRAY_SIZE(drivers); i-- > 0;) {
        if (drivers[i]->stop != NULL) {
            drivers[i]->stop();
        }
    }
    pci_quiet();
}

const struct virtio_driver *virtio_driver_find(uint32_t device_id)
{
    for (size_t i = 0; i < ARRAY_SIZE(virtio_drivers); i++) {
        if (virtio_drivers[i]->device_id == device_id) {
            return virtio_drivers[i];
        }
    }
    return NULL;
}
