/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * PCI configuration space by the PC's two ports (PCI Local Bus 3.0, 3.2.2.3.2), and the parts of it
 * that drivers ask for. What devices say of themselves is checked. Only while devices are probed,
 * and when they are stopped.
 */
#include "lib/types.h"

struct pci_device {
    uint8_t bus, slot, function;
    uint16_t vendor, device;
};

#define PCI_COMMAND         0x04u
#define PCI_COMMAND_MEMORY  0x0002u
#define PCI_COMMAND_MASTER  0x0004u
#define PCI_COMMAND_NO_INTX 0x0400u
#define PCI_STATUS          0x06u
#define PCI_STATUS_CAPS     0x0010u
#define PCI_SUBSYSTEM_ID    0x2eu
#define PCI_CAPABILITIES    0x34u
#define PCI_CAP_MSI         0x05u
#define PCI_CAP_MSIX        0x11u
#define PCI_CAP_VENDOR      0x09u

/* offset is aligned to the size, and below 256. */
uint8_t pci_read8(const struct pci_device *device, unsigned offset);
uint16_t pci_read16(const struct pci_device *device, unsigned offset);
uint32_t pci_read32(const struct pci_device *device, unsigned offset);
void pci_write16(const struct pci_device *device, unsigned offset, uint16_t value);
void pci_write32(const struct pci_device *device, unsigned offset, uint32_t value);

/* Whether there are configuration ports; one access. */
bool pci_present(void);

/* Calls visit for each function of each bus that can be reached from bus 0. One access when there
 * is no PCI. */
void pci_for_each(void (*visit)(void *arg, const struct pci_device *device), void *arg);

/* No function reaches memory or sends messages by itself any more. */
void pci_quiet(void);

/* The memory that BAR index decodes: false for I/O ports, and for BARs that are empty or not set.
 */
struct pci_bar {
    paddr_t address;
    uint64_t size;
};
bool pci_read_bar(const struct pci_device *device, unsigned index, struct pci_bar *bar);

/*
 * A walk through the capability list, on any source of configuration bytes so that the host can
 * test it: the offset of the next capability with this id after `from` (0: from the start), or 0. A
 * list that leads out of its place or in circles ends.
 */
struct pci_config {
    uint8_t (*read)(const struct pci_config *config, unsigned offset);
};
unsigned pci_capability_next(const struct pci_config *config, unsigned from, uint8_t id);
uint32_t pci_config_read32(const struct pci_config *config, unsigned offset);
