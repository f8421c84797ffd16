/* SPDX-License-Identifier: BSD-2-Clause */
/* The capability list of a PCI function (PCI Local Bus 3.0, 6.7), from any source of bytes. */
#include "kernel/dev/pci.h"

#define FIRST_PLACE 0x40u /* behind the header */
#define MAX_LENGTH  48u   /* as many as fit: four bytes each, from 0x40 to 0xff */

static unsigned next_of(const struct pci_config *config, unsigned pointer)
{
    unsigned at = config->read(config, pointer) & 0xfcu;
    return at >= FIRST_PLACE ? at : 0;
}

unsigned pci_capability_next(const struct pci_config *config, unsigned from, uint8_t id)
{
    if (from == 0 && (config->read(config, PCI_STATUS) & PCI_STATUS_CAPS) == 0) {
        return 0;
    }
    unsigned at = next_of(config, from == 0 ? PCI_CAPABILITIES : from + 1);
    /* A list in circles keeps one call busy for MAX_LENGTH steps; callers bound their calls. */
    for (unsigned i = 0; i < MAX_LENGTH && at != 0; i++) {
        if (config->read(config, at) == id) {
            return at;
        }
        at = next_of(config, at + 1);
    }
    return 0;
}

uint32_t pci_config_read32(const struct pci_config *config, unsigned offset)
{
    uint32_t value = 0;
    for (unsigned i = 4; i-- > 0;) {
        value = value << 8 | config->read(config, (offset + i) & 0xffu);
    }
    return value;
}
