/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A console port as a serial line, hvc0 and on. Output is copied to pages under the port's lock, as
 * the terminal layer calls from anywhere; input is delivered from the interrupt.
 */
#include "kernel/dev/virtio/console.h"
#include "lib/format.h"
#include "lib/string.h"

#define HVC_MAJOR 229u /* Linux's, admin-guide/devices */

static unsigned line_count; /* owner: who announces ports; devices are probed one after another */

static struct port *port_of(struct line *line)
{
    return container_of(line, struct port, line);
}

/* Copies into buffers as far as there are any. REQUIRES port->lock. */
static size_t write_locked(struct port *port, const uint8_t *bytes, size_t size)
{
    size_t done = 0;

    while (done < size) {
        struct port_buffer *buffer = port_tx_get_locked(port);
        if (buffer == NULL) {
            break;
        }
        if (buffer->page == NULL) {
            port_tx_unget_locked(port, buffer);
            /* No memory and nothing on its way: nobody would ever ask again, so it is lost. */
            return port_tx_idle_locked(port) ? size : done;
        }
        size_t piece = MIN(size - done, PAGE_SIZE);
        memcpy(buffer->page, bytes + done, piece);
        port_tx_send_locked(port, buffer, piece);
        done += piece;
    }
    return done;
}

static size_t line_write(struct line *line, const void *bytes, size_t size)
{
    struct port *port = port_of(line);
    const uint8_t *from = bytes;

    unsigned long flags = spin_lock_irqsave(&port->lock);
    size_t done = write_locked(port, from, size);
    if (port->tx.vq.broken) {
        done = size;
    }
    while (done < size && virtqueue_want_interrupt(&port->tx.vq, true)) {
        size_t more = write_locked(port, from + done, size - done);
        done += more;
        if (more == 0) {
            break;
        }
    }
    virtio_kick(&port->tx);
    spin_unlock_irqrestore(&port->lock, flags);
    return done;
}

/* Offers one buffer to the terminal, without port->lock, as the terminal may write from there. */
static void offer_locked(struct port *port, struct port_buffer *buffer, unsigned long *flags)
{
    const struct line_listener *listener = line_listener(&port->line);
    uint32_t size = buffer->size - buffer->start;
    size_t taken = size;

    if (listener != NULL) {
        spin_unlock_irqrestore(&port->lock, *flags);
        taken = listener->received(port->line.listener_arg, buffer->page + buffer->start, size);
        *flags = spin_lock_irqsave(&port->lock);
        assert(taken <= size);
    }
    buffer->start += (uint32_t)taken;
    if (taken == size) {
        port->current = NULL;
        port_recycle_locked(port, buffer);
    }
    /* The terminal may have made room again before we could note that it had none. */
    port->throttled = taken < size && !port->unthrottled;
    port->unthrottled = false;
}

/* Hands received bytes over until the terminal is full. One at a time does it; who comes meanwhile
 * has its bytes taken by that one. */
static void deliver(struct port *port)
{
    struct port_buffer *buffer;

    unsigned long flags = spin_lock_irqsave(&port->lock);
    if (!port->delivering) {
        port->delivering = true;
        while (!port->throttled && (buffer = port_received_locked(port)) != NULL) {
            offer_locked(port, buffer, &flags);
        }
        port->delivering = false;
        virtio_kick(&port->rx);
    }
    spin_unlock_irqrestore(&port->lock, flags);
}

static void line_rx_used(struct virtio_queue *queue)
{
    deliver(container_of(queue, struct port, rx));
}

static void line_tx_used(struct virtio_queue *queue)
{
    struct port *port = container_of(queue, struct port, tx);
    const struct line_listener *listener = line_listener(&port->line);

    spin_lock(&port->lock);
    virtqueue_want_interrupt(&queue->vq, false);
    spin_unlock(&port->lock);
    if (listener != NULL) {
        listener->writable(port->line.listener_arg);
    }
}

static void line_enable(struct line *line, bool on)
{
    struct port *port = port_of(line);

    unsigned long flags = spin_lock_irqsave(&port->lock);
    port->throttled = false;
    virtqueue_want_interrupt(&port->rx.vq, on);
    spin_unlock_irqrestore(&port->lock, flags);
    if (on) {
        (void)port_fill(port);
    }
    if (port->console->multiport) {
        console_send(port->console, port->id, CONSOLE_PORT_OPEN, on ? 1 : 0);
    }
}

static void line_unthrottle(struct line *line)
{
    struct port *port = port_of(line);

    unsigned long flags = spin_lock_irqsave(&port->lock);
    port->throttled = false;
    port->unthrottled = port->delivering;
    spin_unlock_irqrestore(&port->lock, flags);
    deliver(port);
}

static bool line_idle(struct line *line)
{
    struct port *port = port_of(line);

    unsigned long flags = spin_lock_irqsave(&port->lock);
    bool idle = port_tx_idle_locked(port);
    spin_unlock_irqrestore(&port->lock, flags);
    return idle;
}

static bool line_size(struct line *line, unsigned *rows, unsigned *columns)
{
    struct port *port = port_of(line);
    *rows = __atomic_load_n(&port->rows, __ATOMIC_RELAXED);
    *columns = __atomic_load_n(&port->columns, __ATOMIC_RELAXED);
    return *rows != 0 && *columns != 0;
}

static const struct line_ops port_line_ops = {
    .write = line_write,
    .enable = line_enable,
    .unthrottle = line_unthrottle,
    .idle = line_idle,
    .size = line_size,
};

void port_line_resize(struct port *port, unsigned rows, unsigned columns)
{
    __atomic_store_n(&port->rows, rows, __ATOMIC_RELAXED);
    __atomic_store_n(&port->columns, columns, __ATOMIC_RELAXED);
    if (!__atomic_load_n(&port->announced, __ATOMIC_ACQUIRE) || rows == 0 || columns == 0) {
        return;
    }
    const struct line_listener *listener = line_listener(&port->line);
    if (listener != NULL) {
        listener->resized(port->line.listener_arg, rows, columns);
    }
}

void port_announce_line(struct port *port)
{
    snprintf(port->line_name, sizeof(port->line_name), "hvc%u", line_count % 1000);
    port->line = (struct line){
        .name = port->line_name,
        .major = HVC_MAJOR,
        .minor = line_count++,
        .ops = &port_line_ops,
    };
    virtio_queue_listen(&port->rx, line_rx_used);
    virtio_queue_listen(&port->tx, line_tx_used);
    __atomic_store_n(&port->announced, true, __ATOMIC_RELEASE);
    line_register(&port->line);
}
