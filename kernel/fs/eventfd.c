/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters to wait for: eventfd(2). */
#include "abi/errno.h"
#include "kernel/fs/event.h"
#include "kernel/fs/nameless.h"
#include "kernel/fs/pseudo.h"
#include "kernel/mm/heap.h"

#define COUNT_MAX (UINT64_MAX - 1)

struct eventfd {
    struct spinlock lock;
    uint64_t count; /* [lock] to change; atomic to read */
    bool semaphore; /* constant */
    struct waitq read_wait, write_wait;
};

static uint64_t count_of(const struct eventfd *event)
{
    return __atomic_load_n(&event->count, __ATOMIC_RELAXED);
}

/* What a read gets; 0: nothing yet. */
static uint64_t try_take(struct eventfd *event)
{
    spin_lock(&event->lock);
    uint64_t got = event->semaphore ? MIN(event->count, 1ull) : event->count;
    __atomic_store_n(&event->count, event->count - got, __ATOMIC_RELAXED);
    spin_unlock(&event->lock);
    return got;
}

static bool try_add(struct eventfd *event, uint64_t n)
{
    spin_lock(&event->lock);
    bool fits = n <= COUNT_MAX - event->count;
    if (fits) {
        __atomic_store_n(&event->count, event->count + n, __ATOMIC_RELAXED);
    }
    spin_unlock(&event->lock);
    return fits;
}

static ssize_type eventfd_read(struct file *file, struct io *io, uint64_t *pos)
{
    struct eventfd *event = file->priv;
    uint64_t got;
    (void)pos;
    if (io->left < sizeof(got)) {
        return -EINVAL;
    }
    while ((got = try_take(event)) == 0) {
        if (file_flags(file) & O_NONBLOCK) {
            return -EAGAIN;
        }
        if (wait_event_intr(&event->read_wait, count_of(event) != 0) != 0) {
            return -ERESTARTSYS;
        }
    }
    waitq_wake_all(&event->write_wait);
    return io_put(io, &got, sizeof(got)) == sizeof(got) ? (ssize_type)sizeof(got) : -EFAULT;
}

static ssize_type eventfd_write(struct file *file, struct io *io, uint64_t *pos)
{
    struct eventfd *event = file->priv;
    uint64_t n;
    (void)pos;
    if (io->left < sizeof(n)) {
        return -EINVAL;
    }
    if (io_take(io, &n, sizeof(n)) != sizeof(n)) {
        return -EFAULT;
    }
    if (n > COUNT_MAX) {
        return -EINVAL;
    }
    while (!try_add(event, n)) {
        if (file_flags(file) & O_NONBLOCK) {
            return -EAGAIN;
        }
        if (wait_event_intr(&event->write_wait, n <= COUNT_MAX - count_of(event)) != 0) {
            return -ERESTARTSYS;
        }
    }
    waitq_wake_all(&event->read_wait);
    return sizeof(n);
}

static unsigned eventfd_poll(struct file *file, struct poll_table *table)
{
    struct eventfd *event = file->priv;
    poll_wait_for(table, &event->read_wait, POLLIN);
    poll_wait_for(table, &event->write_wait, POLLOUT);
    uint64_t count = count_of(event);
    return (count > 0 ? POLLIN : 0u) | (count < COUNT_MAX ? POLLOUT : 0u);
}

static void eventfd_show(struct file *file, struct text *out)
{
    const struct eventfd *event = file->priv;
    text_printf(out, "eventfd-count: %16llx\n", (unsigned long long)count_of(event));
}

static void eventfd_release(struct file *file)
{
    kfree(file->priv);
}

static const struct file_ops eventfd_ops = {
    .read = eventfd_read,
    .write = eventfd_write,
    .poll = eventfd_poll,
    .show = eventfd_show,
    .release = eventfd_release,
    .traits = FILE_IDLE_SEEK,
};

int eventfd_create(uint64_t count, bool semaphore, unsigned flags, struct file **out)
{
    struct eventfd *event = kzalloc(sizeof(*event));
    if (event == NULL) {
        return -ENOMEM;
    }
    spin_init(&event->lock, LOCK_EVENTFD);
    waitq_init(&event->read_wait);
    waitq_init(&event->write_wait);
    event->count = count;
    event->semaphore = semaphore;
    int error = anon_file_create("anon_inode:[eventfd]", &eventfd_ops, O_RDWR | flags, event, out);
    if (error != 0) {
        kfree(event);
    }
    return error;
}
