/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Virtio devices (VIRTIO 1.2): what a device driver sees of them, and what a transport (MMIO, PCI)
 * does for it. The life of a device: the transport finds it and calls virtio_attach, which picks
 * the driver, negotiates features and calls its probe; probe sets queues up and ends with
 * virtio_ready.
 */
#include "kernel/base/spinlock.h"
#include "kernel/dev/virtio/virtqueue.h"
#include "lib/list.h"

#define VIRTIO_ID_CONSOLE         3u

#define VIRTIO_STATUS_ACKNOWLEDGE 1u
#define VIRTIO_STATUS_DRIVER      2u
#define VIRTIO_STATUS_DRIVER_OK   4u
#define VIRTIO_STATUS_FEATURES_OK 8u
#define VIRTIO_STATUS_FAILED      128u

#define VIRTIO_F_VERSION_1        (1ull << 32)

struct virtio_device;

/* A queue of a device. The driver guards it by a lock of its own. */
struct virtio_queue {
    struct virtqueue vq;
    struct virtio_device *device;
    unsigned index;
    struct list link; /* of the device's queues; changes only before virtio_ready */
    /* Interrupt context, no locks held, when the device has used buffers; or NULL. Set once, by
     * virtio_queue_listen if interrupts may come already. */
    void (*used)(struct virtio_queue *queue);
    volatile void *notify; /* the transport's */
};

struct virtio_transport {
    const char *name;
    uint8_t (*get_status)(struct virtio_device *device);
    void (*set_status)(struct virtio_device *device, uint8_t status);
    uint64_t (*get_features)(struct virtio_device *device);
    void (*set_features)(struct virtio_device *device, uint64_t features);
    void (*read_config)(struct virtio_device *device, unsigned offset, void *buf, size_t size);
    /* The largest size of a queue; 0: there is none with this index. */
    unsigned (*queue_max)(struct virtio_device *device, unsigned index);
    /* Tells the device where the queue lies (physical address of its memory). */
    int (*queue_setup)(struct virtio_queue *queue, paddr_t memory);
    void (*notify)(struct virtio_queue *queue);
};

struct virtio_driver {
    const char *name;
    uint32_t device_id;
    uint64_t features; /* wanted; VERSION_1 is understood */
    int (*probe)(struct virtio_device *device);
    /* Interrupt context. */
    void (*config_changed)(struct virtio_device *device);
};

struct virtio_device {
    const struct virtio_transport *transport;
    const struct virtio_driver *driver;
    uint32_t device_id;
    bool legacy;       /* no VERSION_1: the transport is of before 1.0 */
    bool ready;        /* interrupts are handled */
    uint64_t features; /* negotiated */
    struct list queues;
    void *data;                 /* the driver's */
    struct virtio_device *next; /* of all that were attached; constant once set */
};

/* Resets the device, finds its driver and lets it probe: 0; -ENODEV: no driver. */
int virtio_attach(struct virtio_device *device);
static inline bool virtio_has(const struct virtio_device *device, uint64_t feature)
{
    return (device->features & feature) != 0;
}
/* Resets all devices of this transport that were attached: they forget their queues. */
void virtio_stop(const struct virtio_transport *transport);
/* Sets up queue `index` with at most size entries: -ENOENT when the device has none, -ENOMEM. */
int virtio_queue_create(struct virtio_device *device, unsigned index, unsigned size,
                        struct virtio_queue *queue);
/* What `used` needs has been written. */
static inline void virtio_queue_listen(struct virtio_queue *queue,
                                       void (*used)(struct virtio_queue *queue))
{
    __atomic_store_n(&queue->used, used, __ATOMIC_RELEASE);
}
/* The driver is ready for interrupts. */
void virtio_ready(struct virtio_device *device);
/* Shows added buffers to the device. */
static inline void virtio_kick(struct virtio_queue *queue)
{
    if (virtqueue_publish(&queue->vq)) {
        queue->device->transport->notify(queue);
    }
}
/* Reads a field of mapped configuration space, whole when it has 2 or 4 bytes, as both transports
 * demand (4.1.3.1, 4.2.2.2). */
void virtio_copy_config(void *buf, const volatile uint8_t *from, size_t size);
/* From a transport's interrupt handler. */
void virtio_interrupt(struct virtio_device *device, bool queues, bool config);

/* drivers.c */
const struct virtio_driver *virtio_driver_find(uint32_t device_id);
extern const struct virtio_driver virtio_console_driver;
