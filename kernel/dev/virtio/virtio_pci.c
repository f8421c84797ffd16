/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio over PCI (VIRTIO 1.2, 4.1), the modern interface, which transitional devices have as well.
 * Interrupts are MSI-X messages: one for changes of configuration, one for all queues.
 */
#include "kernel/base/log.h"
#include "kernel/core/irq.h"
#include "kernel/dev/drivers.h"
#include "kernel/dev/virtio/pci_layout.h"
#include "kernel/dev/virtio/virtio.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/kmap.h"
#include "lib/string.h"

#define VIRTIO_VENDOR       0x1af4u
#define VIRTIO_TRANSITIONAL 0x1000u /* to 0x103f: the subsystem says which device it is */
#define VIRTIO_MODERN       0x1040u /* to 0x107f: plus the device id */
#define VIRTIO_LAST         0x107fu

/* struct virtio_pci_common_cfg */
enum {
    COMMON_DEVICE_FEATURE_SELECT = 0,
    COMMON_DEVICE_FEATURE = 4,
    COMMON_DRIVER_FEATURE_SELECT = 8,
    COMMON_DRIVER_FEATURE = 12,
    COMMON_CONFIG_VECTOR = 16,
    COMMON_NUM_QUEUES = 18,
    COMMON_STATUS = 20,
    COMMON_QUEUE_SELECT = 22,
    COMMON_QUEUE_SIZE = 24,
    COMMON_QUEUE_VECTOR = 26,
    COMMON_QUEUE_ENABLE = 28,
    COMMON_QUEUE_NOTIFY_OFF = 30,
    COMMON_QUEUE_DESC = 32,
    COMMON_QUEUE_DRIVER = 40,
    COMMON_QUEUE_DEVICE = 48,
};

#define MSIX_CONTROL       2u
#define MSIX_TABLE         4u
#define MSIX_ENABLE        0x8000u
#define MSIX_FUNCTION_MASK 0x4000u
#define MSIX_ENTRY_BYTES   16u
#define NO_VECTOR          0xffffu

struct pci_virtio {
    struct virtio_device virtio;
    struct pci_device pci;
    struct pci_config config;
    struct virtio_pci_layout layout;
    volatile uint8_t *common, *notify, *device_config;
    unsigned queue_vector;
};

static struct pci_virtio *pci_of(struct virtio_device *device)
{
    return container_of(device, struct pci_virtio, virtio);
}

static uint16_t common_read16(const struct pci_virtio *pci, unsigned offset)
{
    return *(volatile uint16_t *)(pci->common + offset);
}

static void common_write16(const struct pci_virtio *pci, unsigned offset, uint16_t value)
{
    *(volatile uint16_t *)(pci->common + offset) = value;
}

static void common_write32(const struct pci_virtio *pci, unsigned offset, uint32_t value)
{
    *(volatile uint32_t *)(pci->common + offset) = value;
}

static uint32_t common_read32(const struct pci_virtio *pci, unsigned offset)
{
    return *(volatile uint32_t *)(pci->common + offset);
}

static void common_write64(const struct pci_virtio *pci, unsigned offset, uint64_t value)
{
    common_write32(pci, offset, (uint32_t)value);
    common_write32(pci, offset + 4, (uint32_t)(value >> 32));
}

static uint8_t pci_get_status(struct virtio_device *device)
{
    return pci_of(device)->common[COMMON_STATUS];
}

static void pci_set_status(struct virtio_device *device, uint8_t status)
{
    pci_of(device)->common[COMMON_STATUS] = status;
}

static uint64_t pci_get_features(struct virtio_device *device)
{
    struct pci_virtio *pci = pci_of(device);

    common_write32(pci, COMMON_DEVICE_FEATURE_SELECT, 0);
    uint64_t features = common_read32(pci, COMMON_DEVICE_FEATURE);
    common_write32(pci, COMMON_DEVICE_FEATURE_SELECT, 1);
    return features | (uint64_t)common_read32(pci, COMMON_DEVICE_FEATURE) << 32;
}

static void pci_set_features(struct virtio_device *device, uint64_t features)
{
    struct pci_virtio *pci = pci_of(device);

    common_write32(pci, COMMON_DRIVER_FEATURE_SELECT, 0);
    common_write32(pci, COMMON_DRIVER_FEATURE, (uint32_t)features);
    common_write32(pci, COMMON_DRIVER_FEATURE_SELECT, 1);
    common_write32(pci, COMMON_DRIVER_FEATURE, (uint32_t)(features >> 32));
    /* A reset has cleared it. */
    common_write16(pci, COMMON_CONFIG_VECTOR, 0);
}

static void pci_read_device_config(struct virtio_device *device, unsigned offset, void *buf,
                                   size_t size)
{
    struct pci_virtio *pci = pci_of(device);

    if (pci->device_config == NULL || offset + size > pci->layout.device.length) {
        memset(buf, 0, size);
        return;
    }
    virtio_copy_config(buf, pci->device_config + offset, size);
}

static unsigned pci_queue_max(struct virtio_device *device, unsigned index)
{
    struct pci_virtio *pci = pci_of(device);

    if (index >= common_read16(pci, COMMON_NUM_QUEUES)) {
        return 0;
    }
    common_write16(pci, COMMON_QUEUE_SELECT, (uint16_t)index);
    return common_read16(pci, COMMON_QUEUE_SIZE);
}

/* The queue was selected by queue_max. */
static int pci_queue_setup(struct virtio_queue *queue, paddr_t memory)
{
    struct pci_virtio *pci = pci_of(queue->device);
    const struct virtqueue *vq = &queue->vq;
    uint64_t notify = (uint64_t)common_read16(pci, COMMON_QUEUE_NOTIFY_OFF) *
                      pci->layout.notify_multiplier;

    if (notify + 2 > pci->layout.notify.length) {
        return -EINVAL;
    }
    queue->notify = pci->notify + notify;
    common_write16(pci, COMMON_QUEUE_SIZE, (uint16_t)vq->size);
    common_write16(pci, COMMON_QUEUE_VECTOR, (uint16_t)pci->queue_vector);
    if (common_read16(pci, COMMON_QUEUE_VECTOR) == NO_VECTOR) {
        return -ENOSPC;
    }
    common_write64(pci, COMMON_QUEUE_DESC, memory);
    common_write64(pci, COMMON_QUEUE_DRIVER,
                   memory + (paddr_t)((char *)vq->avail - (char *)vq->desc));
    common_write64(pci, COMMON_QUEUE_DEVICE,
                   memory + (paddr_t)((volatile char *)vq->used - (char *)vq->desc));
    common_write16(pci, COMMON_QUEUE_ENABLE, 1);
    return 0;
}

static void pci_notify(struct virtio_queue *queue)
{
    *(volatile uint16_t *)queue->notify = (uint16_t)queue->index;
}

static const struct virtio_transport pci_transport = {
    .name = "virtio-pci",
    .get_status = pci_get_status,
    .set_status = pci_set_status,
    .get_features = pci_get_features,
    .set_features = pci_set_features,
    .read_config = pci_read_device_config,
    .queue_max = pci_queue_max,
    .queue_setup = pci_queue_setup,
    .notify = pci_notify,
};

static void config_interrupt(void *arg)
{
    struct pci_virtio *pci = arg;
    virtio_interrupt(&pci->virtio, pci->queue_vector == 0, true);
}

static void queue_interrupt(void *arg)
{
    struct pci_virtio *pci = arg;
    virtio_interrupt(&pci->virtio, true, false);
}

/* Maps a structure after checking it against its BAR; NULL: it is not there or does not fit. */
static volatile uint8_t *map_place(const struct pci_virtio *pci,
                                   const struct virtio_pci_place *place)
{
    struct pci_bar bar;

    if (place->length == 0 || !pci_read_bar(&pci->pci, place->bar, &bar) ||
        (uint64_t)place->offset + place->length > bar.size) {
        return NULL;
    }
    return kmap_device(bar.address + place->offset, place->length);
}

static void write_entry(volatile uint32_t *table, unsigned index, const struct irq_message *message)
{
    volatile uint32_t *entry = table + index * (MSIX_ENTRY_BYTES / 4);
    entry[0] = (uint32_t)message->address;
    entry[1] = (uint32_t)(message->address >> 32);
    entry[2] = message->data;
    entry[3] = 0; /* not masked */
}

/* PCI Local Bus 3.0, 6.8.2. */
static int setup_msix(struct pci_virtio *pci)
{
    unsigned cap = pci_capability_next(&pci->config, 0, PCI_CAP_MSIX);
    struct irq_message message;

    if (cap == 0) {
        return -ENOTSUP;
    }
    uint16_t control = pci_read16(&pci->pci, cap + MSIX_CONTROL);
    uint32_t where = pci_read32(&pci->pci, cap + MSIX_TABLE);
    unsigned vectors = MIN((control & 0x7ffu) + 1, 2u);
    struct virtio_pci_place place = {where & 7, where & ~7u, vectors * MSIX_ENTRY_BYTES};
    volatile uint8_t *table = map_place(pci, &place);
    if (table == NULL) {
        return -EINVAL;
    }
    pci->queue_vector = vectors - 1;
    pci_write16(&pci->pci, cap + MSIX_CONTROL, control | MSIX_ENABLE | MSIX_FUNCTION_MASK);
    int error = irq_request_message(config_interrupt, pci, "virtio-config", &message);
    if (error != 0) {
        return error;
    }
    write_entry((volatile uint32_t *)table, 0, &message);
    if (vectors > 1) {
        error = irq_request_message(queue_interrupt, pci, "virtio-queues", &message);
        if (error != 0) {
            return error;
        }
        write_entry((volatile uint32_t *)table, 1, &message);
    }
    pci_write16(&pci->pci, cap + MSIX_CONTROL,
                (uint16_t)((control | MSIX_ENABLE) & ~MSIX_FUNCTION_MASK));
    return 0;
}

static uint8_t config_read(const struct pci_config *config, unsigned offset)
{
    const struct pci_virtio *pci = container_of(config, struct pci_virtio, config);
    return pci_read8(&pci->pci, offset);
}

static int start_device(struct pci_virtio *pci)
{
    int error = virtio_pci_find_layout(&pci->config, &pci->layout);
    if (error != 0) {
        return error;
    }
    pci->common = map_place(pci, &pci->layout.common);
    pci->notify = map_place(pci, &pci->layout.notify);
    pci->device_config = map_place(pci, &pci->layout.device);
    if (pci->common == NULL || pci->notify == NULL) {
        return -EINVAL;
    }
    uint16_t command = pci_read16(&pci->pci, PCI_COMMAND);
    pci_write16(&pci->pci, PCI_COMMAND,
                command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX);
    error = setup_msix(pci);
    return error != 0 ? error : virtio_attach(&pci->virtio);
}

static uint32_t device_id_of(const struct pci_device *device)
{
    if (device->vendor != VIRTIO_VENDOR || device->device < VIRTIO_TRANSITIONAL ||
        device->device > VIRTIO_LAST) {
        return 0;
    }
    return device->device >= VIRTIO_MODERN ? device->device - VIRTIO_MODERN
                                           : pci_read16(device, PCI_SUBSYSTEM_ID);
}

static void take_function(void *arg, const struct pci_device *device)
{
    (void)arg;
    uint32_t id = device_id_of(device);

    if (id == 0 || virtio_driver_find(id) == NULL) {
        return;
    }
    struct pci_virtio *pci = kzalloc(sizeof(*pci));
    int error = -ENOMEM;
    if (pci != NULL) {
        pci->virtio.transport = &pci_transport;
        pci->virtio.device_id = id;
        pci->pci = *device;
        pci->config.read = config_read;
        /* On failure it stays: an interrupt may know it. */
        error = start_device(pci);
    }
    if (error != 0) {
        log_err("virtio-pci %02x:%02x.%x: error %d", device->bus, device->slot, device->function,
                error);
    }
}

static void pci_probe(void)
{
    pci_for_each(take_function, NULL);
}

static void pci_stop(void)
{
    virtio_stop(&pci_transport);
}

const struct driver virtio_pci_driver = {"virtio-pci", pci_probe, pci_stop};
