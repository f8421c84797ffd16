/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams to the host as character devices, with Linux's names: /dev/vportNpM, and for those that
 * have a name /dev/virtio-ports/NAME. One user at a time: only who has it open may open it again,
 * which Linux refuses, but which lets /dev/stdout be a stream. Unlike Linux, which lets a writer
 * wait for a host that has gone, a write to a closed stream fails like that to a closed pipe.
 */
#include "kernel/personality/linux/device/stream_dev.h"
#include "abi/errno.h"
#include "kernel/base/log.h"
#include "kernel/dev/api/stream.h"
#include "kernel/fs/file.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/process/process.h"
#include "lib/format.h"

/* Linux takes the first free major number from 254 down; programs ask for names. */
#define STREAM_MAJOR     245u
#define PORTS_PER_DEVICE 64u

struct stream_node {
    struct stream *stream;
    struct chrdev chrdev;
    struct list link; /* [nodes_lock] */
    char name[32];
    struct mutex open_lock;
    unsigned open_count; /* [open_lock] */
};

static struct spinlock nodes_lock = SPINLOCK_INIT(LOCK_STREAM_NODES);
static struct list nodes = LIST_INIT(nodes); /* [nodes_lock] only grows */

static struct stream *stream_of(struct file *file)
{
    const struct stream_node *node = file->priv;
    return node->stream;
}

static bool is_nonblocking(const struct file *file)
{
    return (__atomic_load_n(&file->flags, __ATOMIC_RELAXED) & O_NONBLOCK) != 0;
}

static ssize_type stream_file_read(struct file *file, struct io *io, uint64_t *pos)
{
    (void)pos;
    struct stream *stream = stream_of(file);

    while (io->left > 0) {
        ssize_type result = stream->ops->read(stream, io);
        if (result != -EAGAIN || is_nonblocking(file)) {
            return result;
        }
        if (wait_event_intr(&stream->readers, stream->ops->readable(stream)) != 0) {
            return -ERESTARTSYS;
        }
    }
    return 0;
}

/* As to a pipe: a blocking write takes all, or what it could before a signal or the end. */
static ssize_type stream_file_write(struct file *file, struct io *io, uint64_t *pos)
{
    (void)pos;
    struct stream *stream = stream_of(file);
    ssize_type total = 0;

    while (io->left > 0) {
        ssize_type result = stream->ops->write(stream, io);
        if (result >= 0) {
            total += result;
            continue;
        }
        if (result == -EAGAIN && !is_nonblocking(file)) {
            if (wait_event_intr(&stream->writers, stream->ops->writable(stream)) == 0) {
                continue;
            }
            result = -ERESTARTSYS;
        }
        return total > 0 ? total : result;
    }
    return total;
}

static unsigned stream_file_poll(struct file *file, struct poll_table *table)
{
    struct stream *stream = stream_of(file);
    unsigned mask = 0;

    poll_wait(table, &stream->readers);
    poll_wait_for(table, &stream->writers, POLLOUT);
    if (stream->ops->readable(stream)) {
        mask |= POLLIN | POLLRDNORM;
    }
    if (stream->ops->writable(stream)) {
        mask |= POLLOUT | POLLWRNORM;
    }
    if (!stream->ops->host_open(stream)) {
        mask |= POLLHUP;
    }
    return mask;
}

static int stream_file_fsync(struct file *file)
{
    struct stream *stream = stream_of(file);
    return stream->ops->drain(stream) == 0 ? 0 : -ERESTARTSYS;
}

static void stream_file_release(struct file *file)
{
    struct stream_node *node = file->priv;
    struct stream *stream = node->stream;

    /* The host gets all before it hears that the end is closed; a signal cuts the wait short. */
    (void)stream->ops->drain(stream);
    mutex_lock(&node->open_lock);
    if (--node->open_count == 0) {
        stream->ops->set_open(stream, false);
    }
    mutex_unlock(&node->open_lock);
}

static const struct file_ops stream_file_ops = {
    .read = stream_file_read,
    .write = stream_file_write,
    .poll = stream_file_poll,
    .fsync = stream_file_fsync,
    .release = stream_file_release,
};

static struct stream_node *find(dev_number dev)
{
    struct stream_node *node, *found = NULL;

    unsigned long flags = spin_lock_irqsave(&nodes_lock);
    list_for_each (node, &nodes, link) {
        if (node->chrdev.first == dev) {
            found = node;
            break;
        }
    }
    spin_unlock_irqrestore(&nodes_lock, flags);
    return found;
}

/* Whether the caller has the stream open. */
static bool is_held(const struct stream_node *node)
{
    bool held = false;
    unsigned fd = 0;
    struct file *file;

    while (!held && (file = fd_table_next(current_process(), &fd)) != NULL) {
        held = file->ops == &stream_file_ops && file->priv == node;
        file_put(file);
        fd++;
    }
    return held;
}

static int stream_open(struct file *file, dev_number dev)
{
    struct stream_node *node = find(dev);
    int error = 0;

    if (node == NULL) {
        return -ENXIO;
    }
    bool held = __atomic_load_n(&node->open_count, __ATOMIC_RELAXED) > 0 && is_held(node);
    mutex_lock(&node->open_lock);
    if (node->open_count > 0 && !held) {
        error = -EBUSY;
    } else if (node->open_count++ == 0) {
        node->stream->ops->set_open(node->stream, true);
    }
    mutex_unlock(&node->open_lock);
    file->priv = node;
    return error;
}

static int make_nodes(struct stream_node *node)
{
    struct stream *stream = node->stream;
    char target[40], link[80];

    int error = chrdev_register(&node->chrdev);
    if (error != 0 || stream->name[0] == '\0') {
        return error;
    }
    snprintf(target, sizeof(target), "../%s", node->name);
    snprintf(link, sizeof(link), "virtio-ports/%s", stream->name);
    return devtmpfs_symlink(target, link);
}

static void stream_added(struct stream *stream)
{
    struct stream_node *node = kzalloc(sizeof(*node));
    int error = -ENOMEM;

    if (node != NULL) {
        node->stream = stream;
        mutex_init(&node->open_lock, LOCK_STREAM_OPEN);
        snprintf(node->name, sizeof(node->name), "vport%up%u", stream->device, stream->port);
        node->chrdev = (struct chrdev){
            .name = node->name,
            .first = DEV(STREAM_MAJOR, stream->device * PORTS_PER_DEVICE + stream->port),
            .count = 1,
            .mode = 0600,
            .ops = &stream_file_ops,
            .open = stream_open,
        };
        unsigned long flags = spin_lock_irqsave(&nodes_lock);
        list_add_tail(&nodes, &node->link);
        spin_unlock_irqrestore(&nodes_lock, flags);
        error = make_nodes(node);
    }
    if (error != 0) {
        log_warn("stream %u.%u: no device node: error %d", stream->device, stream->port, error);
    }
}

void stream_dev_init(void)
{
    stream_listen(stream_added);
}
