/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets as files, and what all families share (socket.h). */
#include "kernel/personality/linux/socket/socket.h"
#include "kernel/fs/nameless.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "lib/string.h"

#define SOCKFS_MAGIC 0x534f434b /* statfs(2) */

enum { FIONREAD = 0x541b, SIOCOUTQ = 0x5411 };

void socket_init(struct socket *socket, const struct socket_ops *ops, unsigned family,
                 unsigned type)
{
    *socket = (struct socket){
        .ops = ops,
        .family = (uint16_t)family,
        .type = (uint16_t)type,
        .send_size = SOCKET_BUFFER_SIZE,
        .receive_size = SOCKET_BUFFER_SIZE,
        .low_water = 1,
    };
}

uint64_t socket_deadline(const uint64_t *timeout_ns)
{
    uint64_t timeout = __atomic_load_n(timeout_ns, __ATOMIC_RELAXED);
    return timeout == 0 ? WAIT_FOREVER : clock_monotonic_ns() + timeout;
}

int socket_waited(int result, uint64_t deadline_ns)
{
    if (result == -EINTR) {
        return deadline_ns == WAIT_FOREVER ? -ERESTARTSYS : -EINTR;
    }
    return result == -ETIMEDOUT ? -EAGAIN : result;
}

int socket_take_error(struct socket *socket)
{
    return -__atomic_exchange_n(&socket->error, 0, __ATOMIC_RELAXED);
}

void scm_files_put(struct scm_files *files)
{
    struct linux_thread *self = linux_current();
    if (files == NULL) {
        return;
    }
    files->next = self->to_drop;
    self->to_drop = files;
    if (self->dropping) {
        return;
    }
    self->dropping = true;
    while ((files = self->to_drop) != NULL) {
        self->to_drop = files->next;
        for (unsigned i = 0; i < files->count; i++) {
            file_put(files->files[i]);
        }
        kfree(files);
    }
    self->dropping = false;
    unix_collect_garbage();
}

struct scm_files *scm_files_copy(const struct scm_files *files)
{
    size_t size = sizeof(*files) + files->count * sizeof(files->files[0]);
    struct scm_files *copy = kmalloc(size);
    if (copy != NULL) {
        memcpy(copy, files, size);
        for (unsigned i = 0; i < copy->count; i++) {
            file_get(copy->files[i]);
        }
    }
    return copy;
}

/* --- as a file ------------------------------------------------------------------------------ */

static unsigned wait_flags(const struct file *file, const struct io *io)
{
    return io->nonblock || (file_flags(file) & O_NONBLOCK) ? MSG_DONTWAIT : 0;
}

/* After a move of all bytes, the io of the call is as the message's. */
static ssize_type socket_read(struct file *file, struct io *io, uint64_t *pos)
{
    struct socket *socket = file->priv;
    struct message message = {.io = *io, .flags = wait_flags(file, io)};
    (void)pos;
    if (io->left == 0) {
        return 0;
    }
    ssize_type result = socket->ops->receive(socket, &message);
    scm_files_put(message.files); /* read(2) cannot take files: they are closed */
    return result;
}

static ssize_type socket_write(struct file *file, struct io *io, uint64_t *pos)
{
    struct socket *socket = file->priv;
    struct message message = {.io = *io, .flags = wait_flags(file, io)};
    (void)pos;
    return socket->ops->send(socket, &message);
}

static unsigned socket_poll(struct file *file, struct poll_table *table)
{
    struct socket *socket = file->priv;
    return socket->ops->poll(socket, table);
}

static long socket_ioctl(struct file *file, unsigned request, vaddr_t arg)
{
    struct socket *socket = file->priv;
    if (request != FIONREAD && request != SIOCOUTQ) {
        return -ENOTTY;
    }
    long size = socket->ops->queued(socket, request == SIOCOUTQ);
    int value = (int)size;
    return size < 0 ? size : put_user(value, arg);
}

static void socket_release(struct file *file)
{
    struct socket *socket = file->priv;
    socket->ops->release(socket);
}

static const struct file_ops socket_file_ops = {
    .read = socket_read,
    .write = socket_write,
    .poll = socket_poll,
    .ioctl = socket_ioctl,
    .release = socket_release,
};

int socket_file_create(struct socket *socket, unsigned flags, struct file **out)
{
    static const struct file_ops none;
    static const struct inode_ops inode_ops; /* sockets are not opened by name: open.c */
    static struct nameless_fs sockfs = {
        .type = {.name = "sockfs", .magic = SOCKFS_MAGIC, .internal = true},
        .mode = S_IFSOCK | 0777,
        .ops = &inode_ops,
        .file_ops = &none,
    };
    struct path path;
    int error = nameless_path(&sockfs, "socket", &path);
    if (error == 0) {
        error = file_create_take(&socket_file_ops, &path, O_RDWR | (flags & O_NONBLOCK), out);
    }
    if (error == 0) {
        (*out)->priv = socket;
    }
    return error;
}

struct socket *socket_of_file(const struct file *file)
{
    return file->ops == &socket_file_ops ? file->priv : NULL;
}
