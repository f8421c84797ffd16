/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A generic port as a stream. Readers copy straight out of the pages that the device has filled,
 * writers into pages of which several go with one notification. Interrupts are asked for only while
 * somebody found nothing to read or no room to write.
 */
#include "kernel/dev/virtio/console.h"
#include "lib/string.h"

static struct port *port_of(struct stream *stream)
{
    return container_of(stream, struct port, stream);
}

static struct port_buffer *next_received(struct port *port)
{
    unsigned long flags = spin_lock_irqsave(&port->lock);
    struct port_buffer *buffer = port_received_locked(port);
    spin_unlock_irqrestore(&port->lock, flags);
    return buffer;
}

static void used_up(struct port *port, struct port_buffer *buffer)
{
    unsigned long flags = spin_lock_irqsave(&port->lock);
    port->current = NULL;
    port_recycle_locked(port, buffer);
    spin_unlock_irqrestore(&port->lock, flags);
}

static void kick(struct port *port, struct virtio_queue *queue)
{
    unsigned long flags = spin_lock_irqsave(&port->lock);
    virtio_kick(queue);
    spin_unlock_irqrestore(&port->lock, flags);
}

/* Moves what there is. REQUIRES read_lock. */
static ssize_type read_received(struct port *port, struct io *io)
{
    ssize_type total = 0;
    struct port_buffer *buffer;

    while (io->left > 0 && (buffer = next_received(port)) != NULL) {
        size_t want = MIN(io->left, (size_t)(buffer->size - buffer->start));
        size_t moved = io_put(io, buffer->page + buffer->start, want);
        buffer->start += (uint32_t)moved;
        total += (ssize_type)moved;
        if (buffer->start == buffer->size) {
            used_up(port, buffer);
        }
        if (moved < want) {
            return total > 0 ? total : -EFAULT;
        }
    }
    return total;
}

static ssize_type stream_read(struct stream *stream, struct io *io)
{
    struct port *port = port_of(stream);

    /* Looked at first: what was sent before the host closed is read before the end. */
    bool open = port_host_open(port);
    mutex_lock(&port->read_lock);
    ssize_type result = read_received(port, io);
    kick(port, &port->rx);
    mutex_unlock(&port->read_lock);
    if (result == 0) {
        return open ? -EAGAIN : 0;
    }
    return result;
}

static struct port_buffer *tx_get(struct port *port)
{
    unsigned long flags = spin_lock_irqsave(&port->lock);
    struct port_buffer *buffer = port_tx_get_locked(port);
    spin_unlock_irqrestore(&port->lock, flags);
    return buffer;
}

static void tx_put(struct port *port, struct port_buffer *buffer, size_t size)
{
    unsigned long flags = spin_lock_irqsave(&port->lock);
    if (size == 0) {
        port_tx_unget_locked(port, buffer);
    } else {
        port_tx_send_locked(port, buffer, size);
    }
    spin_unlock_irqrestore(&port->lock, flags);
}

/* Fills buffers as far as there are any. REQUIRES write_lock. */
static ssize_type write_buffers(struct port *port, struct io *io)
{
    ssize_type total = 0;
    struct port_buffer *buffer;

    while (io->left > 0 && (buffer = tx_get(port)) != NULL) {
        size_t size = 0;
        if (buffer->page != NULL) {
            size = io_take(io, buffer->page, MIN(io->left, PAGE_SIZE));
        }
        tx_put(port, buffer, size);
        if (size == 0) {
            int error = buffer->page != NULL ? -EFAULT : -ENOMEM;
            return total > 0 ? total : error;
        }
        total += (ssize_type)size;
    }
    return total > 0 ? total : -EAGAIN;
}

static ssize_type stream_write(struct stream *stream, struct io *io)
{
    struct port *port = port_of(stream);

    if (!port_host_open(port)) {
        return -EPIPE;
    }
    if (io->left == 0) {
        return 0;
    }
    mutex_lock(&port->write_lock);
    ssize_type result = port->tx.vq.broken ? -EIO : write_buffers(port, io);
    kick(port, &port->tx);
    mutex_unlock(&port->write_lock);
    return result;
}

static bool stream_readable(struct stream *stream)
{
    struct port *port = port_of(stream);

    unsigned long flags = spin_lock_irqsave(&port->lock);
    bool ready = port_received_locked(port) != NULL;
    if (!ready && virtqueue_want_interrupt(&port->rx.vq, true)) {
        ready = port_received_locked(port) != NULL;
    }
    spin_unlock_irqrestore(&port->lock, flags);
    return ready || !port_host_open(port);
}

static bool has_room_locked(struct port *port)
{
    struct port_buffer *buffer = port_tx_get_locked(port);
    if (buffer != NULL) {
        port_tx_unget_locked(port, buffer);
    }
    return buffer != NULL;
}

static bool stream_writable(struct stream *stream)
{
    struct port *port = port_of(stream);

    unsigned long flags = spin_lock_irqsave(&port->lock);
    bool ready = has_room_locked(port);
    if (!ready && virtqueue_want_interrupt(&port->tx.vq, true)) {
        ready = has_room_locked(port);
    }
    spin_unlock_irqrestore(&port->lock, flags);
    return ready || !port_host_open(port) || port->tx.vq.broken;
}

static bool drained(struct port *port)
{
    unsigned long flags = spin_lock_irqsave(&port->lock);
    bool idle = port_tx_idle_locked(port);
    if (!idle && virtqueue_want_interrupt(&port->tx.vq, true)) {
        idle = port_tx_idle_locked(port);
    }
    spin_unlock_irqrestore(&port->lock, flags);
    return idle || !port_host_open(port);
}

static int stream_drain(struct stream *stream)
{
    struct port *port = port_of(stream);
    return wait_event_intr(&stream->writers, drained(port));
}

static bool stream_host_open(struct stream *stream)
{
    return port_host_open(port_of(stream));
}

static void stream_set_open(struct stream *stream, bool open)
{
    struct port *port = port_of(stream);

    if (open) {
        /* Without memory for buffers nothing is received; writing works all the same. */
        (void)port_fill(port);
    }
    console_send(port->console, port->id, CONSOLE_PORT_OPEN, open ? 1 : 0);
}

static const struct stream_ops port_stream_ops = {
    .read = stream_read,
    .write = stream_write,
    .readable = stream_readable,
    .writable = stream_writable,
    .host_open = stream_host_open,
    .set_open = stream_set_open,
    .drain = stream_drain,
};

/* One interrupt per wait: who finds nothing asks again. */
static void no_more_interrupts(struct port *port, struct virtio_queue *queue)
{
    spin_lock(&port->lock);
    virtqueue_want_interrupt(&queue->vq, false);
    spin_unlock(&port->lock);
}

static void stream_rx_used(struct virtio_queue *queue)
{
    struct port *port = container_of(queue, struct port, rx);
    no_more_interrupts(port, queue);
    waitq_wake_all(&port->stream.readers);
}

static void stream_tx_used(struct virtio_queue *queue)
{
    struct port *port = container_of(queue, struct port, tx);
    no_more_interrupts(port, queue);
    waitq_wake_all(&port->stream.writers);
}

void port_announce_stream(struct port *port)
{
    struct stream *stream = &port->stream;

    stream->ops = &port_stream_ops;
    stream->device = port->console->number;
    stream->port = port->id;
    waitq_init(&stream->readers);
    waitq_init(&stream->writers);
    virtio_queue_listen(&port->rx, stream_rx_used);
    virtio_queue_listen(&port->tx, stream_tx_used);
    __atomic_store_n(&port->announced, true, __ATOMIC_RELEASE);
    stream_register(stream);
}
