/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Where a virtio PCI device says that its structures lie (VIRTIO 1.2, 4.1.4), checked as far as
 * that is possible without the BARs. Pure, for the host's test.
 */
#include "kernel/dev/pci.h"

struct virtio_pci_place {
    uint8_t bar;             /* 0 to 5 */
    uint32_t offset, length; /* offset + length does not overflow; length 0: not there */
};

struct virtio_pci_layout {
    struct virtio_pci_place common, notify, isr, device;
    uint32_t notify_multiplier;
};

/* 0, or -ENODEV when the device has no usable common and notify structures (a legacy one). */
int virtio_pci_find_layout(const struct pci_config *config, struct virtio_pci_layout *out);
