/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buffers of a virtio console port: pages that are lent to the device to be filled, and pages of
 * output that come back when the host has taken them. Pages are made when the port is first used.
 */
#include "kernel/dev/virtio/console.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"

/* VIRTIO 1.2, 5.3.2: queues 2 and 3 are the control queues. */
static unsigned queue_index(unsigned id)
{
    return id == 0 ? 0 : 2 + 2 * id;
}

int port_create(struct console *console, unsigned id, struct port **out)
{
    struct port *port = kzalloc(sizeof(*port));
    if (port == NULL) {
        return -ENOMEM;
    }
    port->console = console;
    port->id = id;
    spin_init(&port->lock, LOCK_PORT);
    mutex_init(&port->read_lock, LOCK_PORT_READ);
    mutex_init(&port->write_lock, LOCK_PORT_WRITE);
    for (unsigned i = 0; i < PORT_BUFFERS; i++) {
        port->tx_free[i] = &port->tx_buffers[PORT_BUFFERS - 1 - i];
    }
    port->tx_free_count = PORT_BUFFERS;

    struct virtio_device *device = console->device;
    unsigned index = queue_index(id);
    int error = virtio_queue_create(device, index, PORT_QUEUE_SIZE, &port->rx);
    if (error == 0) {
        error = virtio_queue_create(device, index + 1, PORT_QUEUE_SIZE, &port->tx);
    }
    if (error != 0) {
        /* The device may know a queue of it already: the memory stays. */
        return error;
    }
    virtqueue_want_interrupt(&port->rx.vq, false);
    virtqueue_want_interrupt(&port->tx.vq, false);
    *out = port;
    return 0;
}

static bool give_page(struct port_buffer *buffer)
{
    if (buffer->page == NULL) {
        struct frame *frame = frame_alloc(0);
        buffer->page = frame == NULL ? NULL : frame_to_virt(frame);
    }
    return buffer->page != NULL;
}

void port_recycle_locked(struct port *port, struct port_buffer *buffer)
{
    struct virtq_buffer piece = {virt_to_phys(buffer->page), PAGE_SIZE};
    /* Fails only when the device broke the queue's rules, and then nothing more is received. */
    (void)virtqueue_add(&port->rx.vq, &piece, 0, 1, buffer);
}

int port_fill(struct port *port)
{
    unsigned count = 0;

    unsigned long flags = spin_lock_irqsave(&port->lock);
    for (; !port->rx_filled && count < MIN(PORT_BUFFERS, port->rx.vq.size); count++) {
        if (!give_page(&port->rx_buffers[count])) {
            break;
        }
        port_recycle_locked(port, &port->rx_buffers[count]);
    }
    if (count > 0) {
        port->rx_filled = true;
        virtio_kick(&port->rx);
    }
    bool filled = port->rx_filled;
    spin_unlock_irqrestore(&port->lock, flags);
    return filled ? 0 : -ENOMEM;
}

struct port_buffer *port_received_locked(struct port *port)
{
    uint32_t size;

    while (port->current == NULL) {
        struct port_buffer *buffer = virtqueue_take(&port->rx.vq, &size);
        if (buffer == NULL) {
            return NULL;
        }
        if (size == 0) {
            port_recycle_locked(port, buffer);
            continue;
        }
        buffer->start = 0;
        buffer->size = size;
        port->current = buffer;
    }
    return port->current;
}

static void reclaim_locked(struct port *port)
{
    uint32_t written;
    struct port_buffer *buffer;

    while ((buffer = virtqueue_take(&port->tx.vq, &written)) != NULL) {
        port->tx_free[port->tx_free_count++] = buffer;
    }
}

struct port_buffer *port_tx_get_locked(struct port *port)
{
    if (port->tx_free_count == 0) {
        /* What is waiting here must be shown to the host before it can come back. */
        virtio_kick(&port->tx);
        reclaim_locked(port);
    }
    if (port->tx_free_count == 0 || virtqueue_outstanding(&port->tx.vq) >= port->tx.vq.size ||
        port->tx.vq.broken) {
        return NULL;
    }
    struct port_buffer *buffer = port->tx_free[--port->tx_free_count];
    give_page(buffer);
    return buffer;
}

void port_tx_unget_locked(struct port *port, struct port_buffer *buffer)
{
    port->tx_free[port->tx_free_count++] = buffer;
}

void port_tx_send_locked(struct port *port, struct port_buffer *buffer, size_t size)
{
    struct virtq_buffer piece = {virt_to_phys(buffer->page), (uint32_t)size};
    if (virtqueue_add(&port->tx.vq, &piece, 1, 0, buffer) != 0) {
        port_tx_unget_locked(port, buffer);
    }
}

bool port_tx_idle_locked(struct port *port)
{
    reclaim_locked(port);
    return virtqueue_outstanding(&port->tx.vq) == 0 || port->tx.vq.broken;
}

void port_set_host_open(struct port *port, bool open)
{
    __atomic_store_n(&port->host_open, open, __ATOMIC_RELEASE);
    if (__atomic_load_n(&port->announced, __ATOMIC_ACQUIRE) && !port->is_console) {
        waitq_wake_all(&port->stream.readers);
        waitq_wake_all(&port->stream.writers);
    }
}
