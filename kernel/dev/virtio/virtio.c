/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all virtio devices have in common: negotiation (VIRTIO 1.2, 3.1.1), queues in memory, and
 * interrupts handed to queues.
 */
#include "kernel/dev/virtio/virtio.h"
#include "kernel/base/log.h"
#include "kernel/mm/frame.h"
#include "lib/string.h"

#define RESET_LOOKS 1000000u /* then the device is taken to be dead */

static struct virtio_device *attached; /* changes while devices are probed, on one CPU */

static void add_status(struct virtio_device *device, uint8_t bit)
{
    const struct virtio_transport *transport = device->transport;
    transport->set_status(device, transport->get_status(device) | bit);
}

/* Steps 1 to 6 of the specification's list. */
static int negotiate(struct virtio_device *device)
{
    const struct virtio_transport *transport = device->transport;
    uint64_t known = device->driver->features | VIRTIO_F_VERSION_1;

    transport->set_status(device, 0);
    transport->set_status(device, VIRTIO_STATUS_ACKNOWLEDGE);
    transport->set_status(device, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    device->features = transport->get_features(device) & known;
    if (device->legacy) {
        device->features &= ~VIRTIO_F_VERSION_1;
        transport->set_features(device, device->features);
        return 0;
    }
    if (!virtio_has(device, VIRTIO_F_VERSION_1)) {
        return -ENOTSUP;
    }
    transport->set_features(device, device->features);
    add_status(device, VIRTIO_STATUS_FEATURES_OK);
    return (transport->get_status(device) & VIRTIO_STATUS_FEATURES_OK) != 0 ? 0 : -ENOTSUP;
}

int virtio_attach(struct virtio_device *device)
{
    device->driver = virtio_driver_find(device->device_id);
    if (device->driver == NULL) {
        return -ENODEV;
    }
    list_init(&device->queues);
    device->next = attached;
    attached = device;
    int error = negotiate(device);
    if (error == 0) {
        error = device->driver->probe(device);
    }
    if (error != 0) {
        device->transport->set_status(device, VIRTIO_STATUS_FAILED);
        log_err("%s: %s: error %d", device->transport->name, device->driver->name, error);
    }
    return error;
}

void virtio_stop(const struct virtio_transport *transport)
{
    for (struct virtio_device *device = attached; device != NULL; device = device->next) {
        if (device->transport == transport) {
            transport->set_status(device, 0);
            for (unsigned i = 0; i < RESET_LOOKS && transport->get_status(device) != 0; i++) {
                arch_cpu_relax();
            }
        }
    }
}

/* The largest power of two that is not above n. */
static unsigned round_down(unsigned n)
{
    while ((n & (n - 1)) != 0) {
        n &= n - 1;
    }
    return n;
}

int virtio_queue_create(struct virtio_device *device, unsigned index, unsigned size,
                        struct virtio_queue *queue)
{
    unsigned max = device->transport->queue_max(device, index);

    if (max == 0) {
        return -ENOENT;
    }
    size = round_down(MIN(MIN(size, max), VIRTQ_MAX_SIZE));
    assert(virtqueue_bytes(size) <= PAGE_SIZE);
    struct frame *frame = frame_alloc(FRAME_ZERO | FRAME_KERNEL);
    if (frame == NULL) {
        return -ENOMEM;
    }
    virtqueue_init(&queue->vq, frame_to_virt(frame), size);
    queue->device = device;
    queue->index = index;
    int error = device->transport->queue_setup(queue, frame_to_paddr(frame));
    if (error != 0) {
        frame_put(frame);
        return error;
    }
    list_add_tail(&device->queues, &queue->link);
    return 0;
}

void virtio_copy_config(void *buf, const volatile uint8_t *from, size_t size)
{
    if (size == 4) {
        uint32_t value = *(const volatile uint32_t *)from;
        memcpy(buf, &value, 4);
    } else if (size == 2) {
        uint16_t value = *(const volatile uint16_t *)from;
        memcpy(buf, &value, 2);
    } else {
        for (size_t i = 0; i < size; i++) {
            ((uint8_t *)buf)[i] = from[i];
        }
    }
}

void virtio_ready(struct virtio_device *device)
{
    __atomic_store_n(&device->ready, true, __ATOMIC_RELEASE);
    add_status(device, VIRTIO_STATUS_DRIVER_OK);
}

void virtio_interrupt(struct virtio_device *device, bool queues, bool config)
{
    struct virtio_queue *queue;

    if (!__atomic_load_n(&device->ready, __ATOMIC_ACQUIRE)) {
        return;
    }
    if (queues) {
        list_for_each (queue, &device->queues, link) {
            void (*used)(struct virtio_queue *) = __atomic_load_n(&queue->used, __ATOMIC_ACQUIRE);
            if (used != NULL && virtqueue_has_used(&queue->vq)) {
                used(queue);
            }
        }
    }
    if (config && device->driver->config_changed != NULL) {
        device->driver->config_changed(device);
    }
}
