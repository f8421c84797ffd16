/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio console device (VIRTIO 1.2, 5.3): set-up, and the control queues by which the host
 * names, opens and closes ports. Control messages are handled by a kernel thread, and at boot right
 * after the device was told to begin, so that a host that answers at once has its ports known
 * before the first program runs.
 */
#include "kernel/dev/virtio/console.h"
#include "kernel/base/log.h"
#include "kernel/core/thread.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/heap.h"
#include "lib/string.h"

#define RX_ORDER 1u
static_assert(CONSOLE_MESSAGES * CONSOLE_MESSAGE_SIZE == PAGE_SIZE << RX_ORDER, "whole pages");

/* A generic port of this name is a terminal. QEMU throws away what a console port's host end does
 * not take at once (hw/char/virtio-console.c); a generic port waits. */
#define TERMINAL_NAME "alba.terminal"

static unsigned console_count; /* owner: probe; devices are probed one after another */

/* Hands one receive buffer to the device. */
static void lend_message(struct console *console, uint8_t *message)
{
    struct virtq_buffer piece = {virt_to_phys(message), CONSOLE_MESSAGE_SIZE};
    (void)virtqueue_add(&console->control_rx.vq, &piece, 0, 1, message);
}

static void send_locked(struct console *console, unsigned id, enum console_event event,
                        unsigned value)
{
    struct virtqueue *vq = &console->control_tx.vq;
    struct console_message *message;
    uint32_t written;

    while ((message = virtqueue_take(vq, &written)) != NULL) {
        console->reply_free[console->reply_free_count++] = message;
    }
    if (console->reply_free_count == 0) {
        log_warn("virtio console: the host does not take control messages");
        return;
    }
    message = console->reply_free[--console->reply_free_count];
    *message = (struct console_message){id, (uint16_t)event, (uint16_t)value};
    struct virtq_buffer piece = {virt_to_phys(message), sizeof(*message)};
    (void)virtqueue_add(vq, &piece, 1, 0, message);
    virtio_kick(&console->control_tx);
}

void console_send(struct console *console, unsigned id, enum console_event event, unsigned value)
{
    if (!console->multiport) {
        return;
    }
    mutex_lock(&console->control_lock);
    send_locked(console, id, event, value);
    mutex_unlock(&console->control_lock);
}

/* The name goes into file names: what is not plain there ends it. */
static void take_name(struct port *port, const uint8_t *name, size_t size)
{
    size_t i = 0;

    for (; i < size && i < sizeof(port->stream.name) - 1; i++) {
        uint8_t c = name[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '-' || c == '_' || c == ':' || c == '@';
        if (!plain) {
            break;
        }
        port->stream.name[i] = (char)c;
    }
    port->stream.name[i] = '\0';
}

static void take_resize(struct port *port, const uint8_t *data, size_t size)
{
    uint16_t dimensions[2]; /* columns, rows */

    if (size >= sizeof(dimensions)) {
        memcpy(dimensions, data, sizeof(dimensions));
        port_line_resize(port, dimensions[1], dimensions[0]);
    }
}

/* Acts on a message from the host. REQUIRES control_lock. */
static void handle_message(struct console *console, const uint8_t *bytes, size_t size)
{
    struct console_message message;

    if (size < sizeof(message)) {
        return;
    }
    memcpy(&message, bytes, sizeof(message));
    const uint8_t *rest = bytes + sizeof(message);
    size_t rest_size = size - sizeof(message);
    struct port *port = message.id < console->port_count ? console->ports[message.id] : NULL;
    if (port == NULL) {
        if (message.event == CONSOLE_DEVICE_ADD) {
            send_locked(console, message.id, CONSOLE_PORT_READY, 0);
        }
        return;
    }
    switch (message.event) {
    case CONSOLE_DEVICE_ADD:
        port->added = true;
        send_locked(console, message.id, CONSOLE_PORT_READY, 1);
        break;
    case CONSOLE_DEVICE_REMOVE:
        port->added = false;
        port_set_host_open(port, false);
        break;
    case CONSOLE_CONSOLE_PORT:
        if (!port->announced) {
            port->is_console = true;
        }
        break;
    case CONSOLE_RESIZE:
        take_resize(port, rest, rest_size);
        break;
    case CONSOLE_PORT_OPEN:
        port_set_host_open(port, message.value != 0);
        break;
    case CONSOLE_PORT_NAME:
        if (!port->announced) {
            take_name(port, rest, rest_size);
            port->is_console |= strcmp(port->stream.name, TERMINAL_NAME) == 0;
        }
        break;
    default:
        break;
    }
}

/* All messages that have come; true: there were any. REQUIRES control_lock. */
static bool handle_messages(struct console *console)
{
    bool any = false;
    uint32_t size;
    uint8_t *message;

    while ((message = virtqueue_take(&console->control_rx.vq, &size)) != NULL) {
        handle_message(console, message, MIN(size, CONSOLE_MESSAGE_SIZE));
        lend_message(console, message);
        any = true;
    }
    virtio_kick(&console->control_rx);
    return any;
}

/* Shows the ports that are complete: what is said of a port comes in one go after PORT_READY. */
static void announce_ports(struct console *console)
{
    for (unsigned i = 0; i < console->port_count; i++) {
        struct port *port = console->ports[i];
        if (!port->added || port->announced) {
            continue;
        }
        if (port->is_console) {
            port_announce_line(port);
        } else if (port->host_open || port->stream.name[0] != '\0') {
            port_announce_stream(port);
        }
    }
}

static void control(struct console *console)
{
    mutex_lock(&console->control_lock);
    while (handle_messages(console)) {
    }
    mutex_unlock(&console->control_lock);
    /* Without the lock: whoever is told of a port may open it. Only one thread comes here. */
    announce_ports(console);
}

static void control_used(struct virtio_queue *queue)
{
    struct console *console = container_of(queue, struct console, control_rx);
    waitq_wake_all(&console->worker);
}

static void worker(void *arg)
{
    struct console *console = arg;

    for (;;) {
        wait_event_idle(&console->worker, virtqueue_has_used(&console->control_rx.vq));
        control(console);
        if (console->control_rx.vq.broken) {
            log_err("virtio console: the device broke the rules of its control queue");
            return;
        }
    }
}

static int create_control(struct console *console)
{
    struct frame *rx = frame_alloc_order(RX_ORDER, FRAME_KERNEL);
    struct frame *tx = frame_alloc(FRAME_KERNEL);
    if (rx == NULL || tx == NULL) {
        return -ENOMEM;
    }
    console->messages = frame_to_virt(rx);
    console->replies = frame_to_virt(tx);
    for (unsigned i = 0; i < CONSOLE_MESSAGES; i++) {
        console->reply_free[i] = &console->replies[i];
    }
    int error = virtio_queue_create(console->device, 2, CONSOLE_MESSAGES, &console->control_rx);
    if (error == 0) {
        error = virtio_queue_create(console->device, 3, CONSOLE_MESSAGES, &console->control_tx);
    }
    if (error != 0) {
        return error;
    }
    console->reply_free_count = MIN(CONSOLE_MESSAGES, console->control_tx.vq.size);
    virtqueue_want_interrupt(&console->control_tx.vq, false);
    console->control_rx.used = control_used;
    for (unsigned i = 0; i < MIN(CONSOLE_MESSAGES, console->control_rx.vq.size); i++) {
        lend_message(console, console->messages + i * CONSOLE_MESSAGE_SIZE);
    }
    return 0;
}

/* Begins the conversation about ports. */
static int start_ports(struct console *console)
{
    struct thread *thread;

    int error = thread_create("virtio-console", worker, console, &thread);
    if (error != 0) {
        return error;
    }
    virtio_kick(&console->control_rx);
    console_send(console, 0, CONSOLE_DEVICE_READY, 1);
    control(console);
    thread_start(thread);
    thread_put(thread);
    return 0;
}

static int create_queues(struct console *console, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int error = port_create(console, i, &console->ports[i]);
        if (error != 0) {
            return error;
        }
        console->port_count = i + 1;
        if (i == 0 && console->multiport) {
            error = create_control(console);
            if (error != 0) {
                return error;
            }
        }
    }
    return 0;
}

static void read_size(struct console *console)
{
    struct console_config config = {0};

    if (virtio_has(console->device, CONSOLE_F_SIZE)) {
        const struct virtio_transport *transport = console->device->transport;
        transport->read_config(console->device, offsetof(struct console_config, columns),
                               &config.columns, sizeof(config.columns));
        transport->read_config(console->device, offsetof(struct console_config, rows), &config.rows,
                               sizeof(config.rows));
        port_line_resize(console->ports[0], config.rows, config.columns);
    }
}

static unsigned read_port_count(struct console *console)
{
    uint32_t count = 1;

    if (console->multiport) {
        console->device->transport->read_config(
            console->device, offsetof(struct console_config, max_ports), &count, sizeof(count));
    }
    return MIN(MAX(count, 1u), CONSOLE_MAX_PORTS);
}

static int console_probe(struct virtio_device *device)
{
    struct console *console = kzalloc(sizeof(*console));
    if (console == NULL) {
        return -ENOMEM;
    }
    device->data = console;
    console->device = device;
    console->number = console_count++;
    console->multiport = virtio_has(device, CONSOLE_F_MULTIPORT);
    mutex_init(&console->control_lock, LOCK_CONSOLE_CONTROL);
    waitq_init(&console->worker);
    int error = create_queues(console, read_port_count(console));
    if (error != 0) {
        /* The device may know some of the queues: the memory stays, the device is marked failed. */
        return error;
    }
    read_size(console);
    virtio_ready(device);
    if (console->multiport) {
        return start_ports(console);
    }
    console->ports[0]->added = console->ports[0]->is_console = true;
    console->ports[0]->host_open = true;
    announce_ports(console);
    return 0;
}

static void console_config_changed(struct virtio_device *device)
{
    read_size(device->data);
}

const struct virtio_driver virtio_console_driver = {
    .name = "virtio-console",
    .device_id = VIRTIO_ID_CONSOLE,
    .features = CONSOLE_F_SIZE | CONSOLE_F_MULTIPORT,
    .probe = console_probe,
    .config_changed = console_config_changed,
};
