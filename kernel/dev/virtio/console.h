/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The virtio console device (VIRTIO 1.2, 5.3) inside: the device with its control queues
 * (console.c), its ports' buffers (port.c), and the two faces of a port: a line for a terminal
 * (port_line.c) or a stream (port_stream.c). Locks: port->lock guards a port's queues and flags and
 * is taken in interrupt context; it ranks below tty->lock. console->control_lock is a mutex; the
 * control queues and what comes in by them belong to its holder.
 */
#include "kernel/core/wait.h"
#include "kernel/dev/api/line.h"
#include "kernel/dev/api/stream.h"
#include "kernel/dev/virtio/virtio.h"

#define CONSOLE_MAX_PORTS    16u
#define CONSOLE_MESSAGES     32u /* control buffers of either direction */
#define CONSOLE_MESSAGE_SIZE 256u
#define PORT_QUEUE_SIZE      16u
#define PORT_BUFFERS         8u /* pages for each direction */

/* A page on its way. */
struct port_buffer {
    uint8_t *page;        /* NULL: not needed yet */
    uint32_t size, start; /* received: bytes [start, size) are still to be read */
};

struct port {
    struct console *console;
    unsigned id;
    struct spinlock lock;
    struct virtio_queue rx, tx;                  /* [lock] */
    struct port_buffer rx_buffers[PORT_BUFFERS]; /* [lock] lent to the device or current */
    struct port_buffer *current;                 /* received, partly read */
    struct port_buffer tx_buffers[PORT_BUFFERS]; /* [lock] */
    struct port_buffer *tx_free[PORT_BUFFERS];   /* [lock] the first tx_free_count */
    unsigned tx_free_count;                      /* [lock] */
    bool rx_filled;                              /* [lock] */
    bool host_open;                              /* atomic */
    bool added, is_console;                      /* [control_lock] */
    bool announced; /* atomic: set when line or stream is complete; is_console stays from then on */
    struct mutex read_lock, write_lock; /* streams: one reader, one writer at a time */
    unsigned columns, rows;             /* atomic: as the host said last; 0: unknown */
    bool throttled;                     /* [lock] lines: the listener is full */
    bool unthrottled; /* [lock] lines: it was full and has room again while it was offered more */
    bool delivering;  /* [lock] lines: somebody hands bytes over */
    struct stream stream;
    struct line line;
    char line_name[8];
};

struct console {
    struct virtio_device *device;
    unsigned number; /* of this device among its kind */
    bool multiport;
    unsigned port_count;
    struct port *ports[CONSOLE_MAX_PORTS]; /* constant after probe */
    struct mutex control_lock;
    struct virtio_queue control_rx, control_tx; /* [control_lock] but for interrupts' look */
    uint8_t *messages;                          /* [control_lock] CONSOLE_MESSAGES received ones */
    struct console_message *replies;            /* [control_lock] sent ones */
    struct console_message *reply_free[CONSOLE_MESSAGES];
    unsigned reply_free_count;
    struct waitq worker; /* the thread that handles control messages sleeps here */
};

struct console_config {
    uint16_t columns, rows;
    uint32_t max_ports;
    uint32_t emergency_write;
};
#define CONSOLE_F_SIZE      (1ull << 0)
#define CONSOLE_F_MULTIPORT (1ull << 1)

struct console_message {
    uint32_t id;
    uint16_t event, value;
};
static_assert(sizeof(struct console_message) == 8, "VIRTIO 1.2, 5.3.6.2");

enum console_event {
    CONSOLE_DEVICE_READY,
    CONSOLE_DEVICE_ADD,
    CONSOLE_DEVICE_REMOVE,
    CONSOLE_PORT_READY,
    CONSOLE_CONSOLE_PORT,
    CONSOLE_RESIZE,
    CONSOLE_PORT_OPEN,
    CONSOLE_PORT_NAME,
};

/* console.c: sends a control message, from thread context. */
void console_send(struct console *console, unsigned id, enum console_event event, unsigned value);

/* port.c */
int port_create(struct console *console, unsigned id, struct port **out);
/* Lends all receive buffers to the device, once: -ENOMEM when there is not even one. */
int port_fill(struct port *port);
/* The rest REQUIRE port->lock. A received buffer that is not used up, or NULL. */
struct port_buffer *port_received_locked(struct port *port);
/* Gives a received buffer back to the device. */
void port_recycle_locked(struct port *port, struct port_buffer *buffer);
/* A free buffer to send, or NULL; it has a page unless memory is out. */
struct port_buffer *port_tx_get_locked(struct port *port);
void port_tx_unget_locked(struct port *port, struct port_buffer *buffer);
void port_tx_send_locked(struct port *port, struct port_buffer *buffer, size_t size);
/* All that was sent has been taken. */
bool port_tx_idle_locked(struct port *port);
static inline bool port_host_open(const struct port *port)
{
    return __atomic_load_n(&port->host_open, __ATOMIC_ACQUIRE);
}
void port_set_host_open(struct port *port, bool open);

/* port_line.c and port_stream.c: shows the port, once, from thread context. */
void port_announce_line(struct port *port);
void port_announce_stream(struct port *port);
void port_line_resize(struct port *port, unsigned rows, unsigned columns);
