/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI functions and their configuration space by ports 0xcf8 and 0xcfc; see pci.h. */
#include "kernel/dev/pci.h"
#include "kernel/arch/port_io.h"
#include "kernel/base/spinlock.h"

#define CONFIG_ADDRESS    0xcf8
#define CONFIG_DATA       0xcfc
#define CONFIG_ENABLE     0x80000000u

#define PCI_HEADER_TYPE   0x0eu
#define PCI_HEADER_MULTI  0x80u
#define PCI_HEADER_BRIDGE 0x01u
#define PCI_SECONDARY_BUS 0x19u
#define PCI_BAR0          0x10u
#define PCI_BAR_IO        0x01u
#define PCI_BAR_TYPE      0x06u
#define PCI_BAR_TYPE_64   0x04u
#define PCI_BAR_FLAGS     0x0fu
#define PCI_BARS          6u
#define PCI_MSI_ENABLE    0x0001u
#define PCI_MSIX_ENABLE   0x8000u

/* Address and data port are one transaction. */
static struct spinlock pci_lock = SPINLOCK_INIT(LOCK_PCI);

/* Selects the word at offset; returns the data port for it. REQUIRES pci_lock. */
static uint16_t select_locked(const struct pci_device *device, unsigned offset)
{
    out32(CONFIG_ADDRESS, CONFIG_ENABLE | (uint32_t)device->bus << 16 |
                              (uint32_t)device->slot << 11 | (uint32_t)device->function << 8 |
                              (offset & 0xfcu));
    return (uint16_t)(CONFIG_DATA + (offset & 3));
}

uint32_t pci_read32(const struct pci_device *device, unsigned offset)
{
    unsigned long flags = spin_lock_irqsave(&pci_lock);
    uint32_t value = in32(select_locked(device, offset & ~3u));
    spin_unlock_irqrestore(&pci_lock, flags);
    return value;
}

uint16_t pci_read16(const struct pci_device *device, unsigned offset)
{
    return (uint16_t)(pci_read32(device, offset) >> (offset & 2) * 8);
}

uint8_t pci_read8(const struct pci_device *device, unsigned offset)
{
    return (uint8_t)(pci_read32(device, offset) >> (offset & 3) * 8);
}

void pci_write16(const struct pci_device *device, unsigned offset, uint16_t value)
{
    unsigned long flags = spin_lock_irqsave(&pci_lock);
    out16(select_locked(device, offset & ~1u), value);
    spin_unlock_irqrestore(&pci_lock, flags);
}

void pci_write32(const struct pci_device *device, unsigned offset, uint32_t value)
{
    unsigned long flags = spin_lock_irqsave(&pci_lock);
    out32(select_locked(device, offset & ~3u), value);
    spin_unlock_irqrestore(&pci_lock, flags);
}

/* Buses that were seen to exist and those that were visited. */
struct walk_state {
    uint8_t pending[32], visited[32]; /* bits by bus number */
};

static bool test_and_set(uint8_t *bits, unsigned n)
{
    uint8_t bit = (uint8_t)(1u << n % 8);
    bool was = (bits[n / 8] & bit) != 0;
    bits[n / 8] |= bit;
    return was;
}

/* Visits a function if there is one; returns its header type, or 0xff. */
static uint8_t visit_function(struct pci_device *device, struct walk_state *state,
                              void (*visit)(void *arg, const struct pci_device *device), void *arg)
{
    uint32_t id = pci_read32(device, 0);
    if ((id & 0xffff) == 0xffff || (id & 0xffff) == 0) {
        return 0xff;
    }
    device->vendor = (uint16_t)id;
    device->device = (uint16_t)(id >> 16);
    uint8_t header = pci_read8(device, PCI_HEADER_TYPE);
    if ((header & ~PCI_HEADER_MULTI) == PCI_HEADER_BRIDGE) {
        test_and_set(state->pending, pci_read8(device, PCI_SECONDARY_BUS));
    } else {
        visit(arg, device);
    }
    return header;
}

static void visit_bus(unsigned bus, struct walk_state *state,
                      void (*visit)(void *arg, const struct pci_device *device), void *arg)
{
    for (unsigned slot = 0; slot < 32; slot++) {
        struct pci_device device = {.bus = (uint8_t)bus, .slot = (uint8_t)slot};
        uint8_t header = visit_function(&device, state, visit, arg);
        bool multi = header != 0xff && (header & PCI_HEADER_MULTI) != 0;
        for (unsigned function = 1; multi && function < 8; function++) {
            device.function = (uint8_t)function;
            visit_function(&device, state, visit, arg);
        }
    }
}

bool pci_present(void)
{
    static enum { UNKNOWN, ABSENT, PRESENT } state; /* owner: whoever probes devices */

    if (state == UNKNOWN) {
        /* The address register has bits that are always 0. */
        state = in32(CONFIG_ADDRESS) == 0xffffffff ? ABSENT : PRESENT;
    }
    return state == PRESENT;
}

void pci_for_each(void (*visit)(void *arg, const struct pci_device *device), void *arg)
{
    struct walk_state state = {.pending = {1}};

    if (!pci_present()) {
        return;
    }
    /* Firmware numbers buses below a bridge higher than the bridge's own; others are left out. */
    for (unsigned bus = 0; bus < 256; bus++) {
        if ((state.pending[bus / 8] >> bus % 8 & 1) != 0 && !test_and_set(state.visited, bus)) {
            visit_bus(bus, &state, visit, arg);
        }
    }
}

struct pci_reader {
    struct pci_config config;
    const struct pci_device *device;
};

static uint8_t read_config(const struct pci_config *config, unsigned offset)
{
    return pci_read8(container_of(config, struct pci_reader, config)->device, offset);
}

/* PCI Local Bus 3.0, 6.8.1.3 and 6.8.2.3: message control is 2 bytes into the capability. */
static void quiet_function(void *arg, const struct pci_device *device)
{
    const struct pci_reader reader = {{read_config}, device};
    unsigned msi = pci_capability_next(&reader.config, 0, PCI_CAP_MSI);
    unsigned msix = pci_capability_next(&reader.config, 0, PCI_CAP_MSIX);
    uint16_t command = pci_read16(device, PCI_COMMAND);

    (void)arg;
    pci_write16(device, PCI_COMMAND,
                command & (uint16_t) ~(PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX));
    if (msi != 0) {
        pci_write16(device, msi + 2, pci_read16(device, msi + 2) & (uint16_t)~PCI_MSI_ENABLE);
    }
    if (msix != 0) {
        pci_write16(device, msix + 2, pci_read16(device, msix + 2) & (uint16_t)~PCI_MSIX_ENABLE);
    }
}

void pci_quiet(void)
{
    pci_for_each(quiet_function, NULL);
}

/* The size mask of a BAR word: what sticks when all ones are written. */
static uint32_t probe_word(const struct pci_device *device, unsigned offset, uint32_t value)
{
    pci_write32(device, offset, 0xffffffff);
    uint32_t mask = pci_read32(device, offset);
    pci_write32(device, offset, value);
    return mask;
}

bool pci_read_bar(const struct pci_device *device, unsigned index, struct pci_bar *bar)
{
    unsigned offset = PCI_BAR0 + 4 * index;

    if (index >= PCI_BARS) {
        return false;
    }
    uint32_t low = pci_read32(device, offset);
    bool wide = (low & PCI_BAR_TYPE) == PCI_BAR_TYPE_64;
    if ((low & PCI_BAR_IO) != 0 || (wide && index + 1 >= PCI_BARS)) {
        return false;
    }
    /* Decoding is off while the size is asked for. */
    uint16_t command = pci_read16(device, PCI_COMMAND);
    pci_write16(device, PCI_COMMAND, command & (uint16_t)~PCI_COMMAND_MEMORY);
    uint64_t address = low & ~PCI_BAR_FLAGS;
    uint64_t mask = probe_word(device, offset, low) & ~PCI_BAR_FLAGS;
    if (wide) {
        uint32_t high = pci_read32(device, offset + 4);
        address |= (uint64_t)high << 32;
        mask |= (uint64_t)probe_word(device, offset + 4, high) << 32;
    } else {
        mask |= 0xffffffff00000000ull;
    }
    pci_write16(device, PCI_COMMAND, command);
    bar->address = address;
    bar->size = mask & -mask; /* the lowest bit that can be set */
    return address != 0 && mask != 0;
}
