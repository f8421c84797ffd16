/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the structures of a virtio PCI device; see pci_layout.h. */
#include "kernel/dev/virtio/pci_layout.h"
#include "abi/errno.h"

/* struct virtio_pci_cap */
#define CAP_LENGTH       2u
#define CAP_TYPE         3u
#define CAP_BAR          4u
#define CAP_OFFSET       8u
#define CAP_SIZE         12u
#define CAP_MULTIPLIER   16u
#define CAP_BYTES        16u
#define CAP_NOTIFY_BYTES 20u

#define TYPE_COMMON      1u
#define TYPE_NOTIFY      2u
#define TYPE_ISR         3u
#define TYPE_DEVICE      4u

#define COMMON_BYTES     56u /* up to queue_device */
#define CONFIG_BYTES     256u
#define MAX_CAPS         16u

static struct virtio_pci_place *place_for(struct virtio_pci_layout *layout, uint8_t type)
{
    switch (type) {
    case TYPE_COMMON:
        return &layout->common;
    case TYPE_NOTIFY:
        return &layout->notify;
    case TYPE_ISR:
        return &layout->isr;
    case TYPE_DEVICE:
        return &layout->device;
    default:
        return NULL;
    }
}

/* Takes a capability if it is sound and the first of its type: devices list their best first. */
static void take_capability(const struct pci_config *config, unsigned at,
                            struct virtio_pci_layout *layout)
{
    if (at + CAP_BYTES > CONFIG_BYTES) {
        return;
    }
    uint8_t bytes = config->read(config, at + CAP_LENGTH);
    uint8_t type = config->read(config, at + CAP_TYPE);
    struct virtio_pci_place *place = place_for(layout, type);
    struct virtio_pci_place found = {
        .bar = config->read(config, at + CAP_BAR),
        .offset = pci_config_read32(config, at + CAP_OFFSET),
        .length = pci_config_read32(config, at + CAP_SIZE),
    };
    unsigned need = type == TYPE_NOTIFY ? CAP_NOTIFY_BYTES : CAP_BYTES;

    if (place == NULL || place->length != 0 || bytes < need || at + need > CONFIG_BYTES ||
        found.bar > 5 || found.length == 0 || found.offset + found.length < found.offset ||
        (type == TYPE_COMMON && (found.length < COMMON_BYTES || (found.offset & 3) != 0))) {
        return;
    }
    *place = found;
    if (type == TYPE_NOTIFY) {
        layout->notify_multiplier = pci_config_read32(config, at + CAP_MULTIPLIER);
    }
}

int virtio_pci_find_layout(const struct pci_config *config, struct virtio_pci_layout *out)
{
    unsigned at = 0;

    *out = (struct virtio_pci_layout){0};
    for (unsigned i = 0; i < MAX_CAPS; i++) {
        at = pci_capability_next(config, at, PCI_CAP_VENDOR);
        if (at == 0) {
            break;
        }
        take_capability(config, at, out);
    }
    return out->common.length != 0 && out->notify.length != 0 ? 0 : -ENODEV;
}
