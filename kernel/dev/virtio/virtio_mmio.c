/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio over MMIO (VIRTIO 1.2, 4.2), both version 2 and the legacy version 1 (4.2.4) that QEMU's
 * microvm offers by default. Devices are named on the command line as on Linux,
 * virtio_mmio.device=SIZE@ADDRESS:IRQ[:ID], or in ACPI's DSDT. An empty slot costs three reads.
 */
#include "kernel/base/cmdline.h"
#include "kernel/base/log.h"
#include "kernel/core/irq.h"
#include "kernel/dev/drivers.h"
#include "kernel/dev/pci.h"
#include "kernel/dev/virtio/mmio_option.h"
#include "kernel/dev/virtio/virtio.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/kmap.h"
#include "lib/string.h"

enum {
    MMIO_MAGIC = 0x000,
    MMIO_VERSION = 0x004,
    MMIO_DEVICE_ID = 0x008,
    MMIO_DEVICE_FEATURES = 0x010,
    MMIO_DEVICE_FEATURES_SEL = 0x014,
    MMIO_DRIVER_FEATURES = 0x020,
    MMIO_DRIVER_FEATURES_SEL = 0x024,
    MMIO_GUEST_PAGE_SIZE = 0x028, /* legacy */
    MMIO_QUEUE_SEL = 0x030,
    MMIO_QUEUE_NUM_MAX = 0x034,
    MMIO_QUEUE_NUM = 0x038,
    MMIO_QUEUE_ALIGN = 0x03c, /* legacy */
    MMIO_QUEUE_PFN = 0x040,   /* legacy */
    MMIO_QUEUE_READY = 0x044,
    MMIO_QUEUE_NOTIFY = 0x050,
    MMIO_INTERRUPT_STATUS = 0x060,
    MMIO_INTERRUPT_ACK = 0x064,
    MMIO_STATUS = 0x070,
    MMIO_QUEUE_DESC_LOW = 0x080,
    MMIO_QUEUE_DRIVER_LOW = 0x090,
    MMIO_QUEUE_DEVICE_LOW = 0x0a0,
    MMIO_CONFIG_GENERATION = 0x0fc,
    MMIO_CONFIG = 0x100,
};
#define MMIO_MAGIC_VALUE 0x74726976u /* "virt" */
#define MMIO_IRQ_QUEUES  1u
#define MMIO_IRQ_CONFIG  2u

struct mmio_device {
    struct virtio_device virtio;
    volatile uint8_t *registers;
    size_t size;
    char name[24];
};

static struct mmio_device *mmio_of(struct virtio_device *device)
{
    return container_of(device, struct mmio_device, virtio);
}

static uint32_t read32(const struct mmio_device *mmio, unsigned offset)
{
    return *(volatile uint32_t *)(mmio->registers + offset);
}

static void write32(const struct mmio_device *mmio, unsigned offset, uint32_t value)
{
    *(volatile uint32_t *)(mmio->registers + offset) = value;
}

static uint8_t mmio_get_status(struct virtio_device *device)
{
    return (uint8_t)read32(mmio_of(device), MMIO_STATUS);
}

static void mmio_set_status(struct virtio_device *device, uint8_t status)
{
    write32(mmio_of(device), MMIO_STATUS, status);
}

static uint64_t mmio_get_features(struct virtio_device *device)
{
    struct mmio_device *mmio = mmio_of(device);

    write32(mmio, MMIO_DEVICE_FEATURES_SEL, 0);
    uint64_t features = read32(mmio, MMIO_DEVICE_FEATURES);
    if (!device->legacy) {
        write32(mmio, MMIO_DEVICE_FEATURES_SEL, 1);
        features |= (uint64_t)read32(mmio, MMIO_DEVICE_FEATURES) << 32;
    }
    return features;
}

static void mmio_set_features(struct virtio_device *device, uint64_t features)
{
    struct mmio_device *mmio = mmio_of(device);

    write32(mmio, MMIO_DRIVER_FEATURES_SEL, 0);
    write32(mmio, MMIO_DRIVER_FEATURES, (uint32_t)features);
    if (device->legacy) {
        write32(mmio, MMIO_GUEST_PAGE_SIZE, PAGE_SIZE);
    } else {
        write32(mmio, MMIO_DRIVER_FEATURES_SEL, 1);
        write32(mmio, MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
    }
}

static void mmio_read_config(struct virtio_device *device, unsigned offset, void *buf, size_t size)
{
    struct mmio_device *mmio = mmio_of(device);

    if (MMIO_CONFIG + offset + size > mmio->size) {
        memset(buf, 0, size);
        return;
    }
    virtio_copy_config(buf, mmio->registers + MMIO_CONFIG + offset, size);
}

static unsigned mmio_queue_max(struct virtio_device *device, unsigned index)
{
    struct mmio_device *mmio = mmio_of(device);
    write32(mmio, MMIO_QUEUE_SEL, index);
    return read32(mmio, MMIO_QUEUE_NUM_MAX);
}

static void write_address(const struct mmio_device *mmio, unsigned offset, paddr_t address)
{
    write32(mmio, offset, (uint32_t)address);
    write32(mmio, offset + 4, (uint32_t)(address >> 32));
}

/* The queue was selected by queue_max. */
static int mmio_queue_setup(struct virtio_queue *queue, paddr_t memory)
{
    struct mmio_device *mmio = mmio_of(queue->device);
    const struct virtqueue *vq = &queue->vq;

    queue->notify = mmio->registers + MMIO_QUEUE_NOTIFY;
    write32(mmio, MMIO_QUEUE_NUM, vq->size);
    if (queue->device->legacy) {
        if (memory >> (32 + PAGE_SHIFT) != 0) {
            return -ENOMEM;
        }
        write32(mmio, MMIO_QUEUE_ALIGN, VIRTQ_USED_ALIGN);
        write32(mmio, MMIO_QUEUE_PFN, (uint32_t)(memory >> PAGE_SHIFT));
        return 0;
    }
    write_address(mmio, MMIO_QUEUE_DESC_LOW, memory);
    write_address(mmio, MMIO_QUEUE_DRIVER_LOW,
                  memory + (paddr_t)((char *)vq->avail - (char *)vq->desc));
    write_address(mmio, MMIO_QUEUE_DEVICE_LOW,
                  memory + (paddr_t)((volatile char *)vq->used - (char *)vq->desc));
    write32(mmio, MMIO_QUEUE_READY, 1);
    return 0;
}

static void mmio_notify(struct virtio_queue *queue)
{
    *(volatile uint32_t *)queue->notify = queue->index;
}

static const struct virtio_transport mmio_transport = {
    .name = "virtio-mmio",
    .get_status = mmio_get_status,
    .set_status = mmio_set_status,
    .get_features = mmio_get_features,
    .set_features = mmio_set_features,
    .read_config = mmio_read_config,
    .queue_max = mmio_queue_max,
    .queue_setup = mmio_queue_setup,
    .notify = mmio_notify,
};

static void mmio_interrupt(void *arg)
{
    struct mmio_device *mmio = arg;
    uint32_t status = read32(mmio, MMIO_INTERRUPT_STATUS);

    if (status == 0) {
        return;
    }
    /* Acknowledged before the queues are looked at, so that what comes later raises it again. */
    write32(mmio, MMIO_INTERRUPT_ACK, status);
    virtio_interrupt(&mmio->virtio, (status & MMIO_IRQ_QUEUES) != 0,
                     (status & MMIO_IRQ_CONFIG) != 0);
}

/* Lines below 16 are ISA's, whose trigger the firmware's tables may change. */
static int request_irq(struct mmio_device *mmio, const struct mmio_option *option)
{
    if (option->from_acpi) {
        return irq_request_gsi(option->irq, option->trigger, mmio_interrupt, mmio, mmio->name);
    }
    return option->irq < 16
               ? irq_request_isa(option->irq, mmio_interrupt, mmio, mmio->name)
               : irq_request_gsi(option->irq, ARCH_IRQ_LEVEL, mmio_interrupt, mmio, mmio->name);
}

/* Identifies what is there; true: a device that a driver of ours takes. */
static bool identify(struct mmio_device *mmio)
{
    if (read32(mmio, MMIO_MAGIC) != MMIO_MAGIC_VALUE) {
        return false;
    }
    uint32_t version = read32(mmio, MMIO_VERSION);
    mmio->virtio.device_id = read32(mmio, MMIO_DEVICE_ID);
    mmio->virtio.legacy = version == 1;
    return (version == 1 || version == 2) && virtio_driver_find(mmio->virtio.device_id) != NULL;
}

static int take_device(const struct mmio_option *option)
{
    struct mmio_device *mmio = kzalloc(sizeof(*mmio));
    int error = -ENOMEM;

    if (mmio == NULL) {
        return error;
    }
    mmio->registers = kmap_device(option->address, option->size);
    mmio->size = option->size;
    mmio->virtio.transport = &mmio_transport;
    if (mmio->registers != NULL) {
        error = identify(mmio) ? 0 : -ENODEV;
    }
    if (error == 0) {
        strlcpy(mmio->name, "virtio-mmio", sizeof(mmio->name));
        error = request_irq(mmio, option);
    }
    if (error != 0) {
        kfree(mmio);
        return error;
    }
    /* From here on the interrupt handler knows the device, so it stays. */
    return virtio_attach(&mmio->virtio);
}

static void take_option(void *arg, const char *value)
{
    (void)arg;
    struct mmio_option option;

    if (!mmio_parse_option(value, &option)) {
        log_warn("virtio_mmio.device=%s: not SIZE@ADDRESS:IRQ", value);
        return;
    }
    int error = take_device(&option);
    if (error != 0 && error != -ENODEV) {
        log_err("virtio_mmio.device=%s: error %d", value, error);
    }
}

static bool (*find_dsdt)(const uint8_t **aml, size_t *size); /* set before drivers_init */

void drivers_set_dsdt(bool (*find)(const uint8_t **aml, size_t *size))
{
    find_dsdt = find;
}

static void take_from_acpi(void)
{
    const uint8_t *aml;
    size_t size, position = 0;
    struct mmio_option option;

    if (find_dsdt == NULL || !find_dsdt(&aml, &size)) {
        return;
    }
    while (mmio_next_acpi(aml, size, &position, &option)) {
        int error = take_device(&option);
        if (error != 0 && error != -ENODEV) {
            log_err("virtio-mmio at %#lx: error %d", (unsigned long)option.address, error);
        }
    }
}

/* The command line has the say; else ACPI, but not where there is PCI, whose machines have virtio
 * there and a large DSDT. */
static void mmio_probe(void)
{
    if (cmdline_get("virtio_mmio.device") != NULL) {
        cmdline_for_each("virtio_mmio.device", take_option, NULL);
    } else if (!pci_present()) {
        take_from_acpi();
    }
}

static void mmio_stop(void)
{
    virtio_stop(&mmio_transport);
}

const struct driver virtio_mmio_driver = {"virtio-mmio", mmio_probe, mmio_stop};
