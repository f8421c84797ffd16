/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls on sockets but for those that move bytes (message_calls.c): socket(2), socketpair(2),
 * bind(2), connect(2), listen(2), accept(2), getsockname(2), getpeername(2), shutdown(2),
 * getsockopt(2), setsockopt(2).
 */
#include "kernel/arch/user.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/socket/socket_calls.h"

enum { SOCK_CLOEXEC = O_CLOEXEC, SOCK_NONBLOCK = O_NONBLOCK };
#define SOCK_TYPE_MASK 0xfu
#define SOL_SOCKET     1

struct socket *socket_borrow(int fd, struct fd_ref *ref, int *error)
{
    *ref = fd_borrow(fd);
    struct socket *socket = ref->file != NULL ? socket_of_file(ref->file) : NULL;
    *error = ref->file == NULL ? -EBADF : socket == NULL ? -ENOTSOCK : 0;
    return socket;
}

int socket_name_get(vaddr_t addr, int size, struct socket_name *name)
{
    if (size < 0 || (unsigned)size > sizeof(name->bytes)) {
        return -EINVAL;
    }
    name->family = AF_UNSPEC;
    name->size = (uint32_t)size;
    return copy_from_user(name->bytes, addr, (unsigned)size);
}

int socket_name_put(const struct socket_name *name, vaddr_t addr, vaddr_t size_addr)
{
    int room;
    if (get_user(room, size_addr) != 0) {
        return -EFAULT;
    }
    if (room < 0) {
        return -EINVAL;
    }
    if (copy_to_user(addr, name->bytes, MIN((uint32_t)room, name->size)) != 0) {
        return -EFAULT;
    }
    int size = (int)name->size;
    return put_user(size, size_addr);
}

static int create(int family, unsigned type, int protocol, struct socket **out)
{
    if (family < 0 || family >= AF_MAX) {
        return -EAFNOSUPPORT;
    }
    if (type >= SOCK_TYPES) {
        return -EINVAL;
    }
    return family == AF_UNIX ? unix_socket_create(type, protocol, out) : -EAFNOSUPPORT;
}

/* Takes over the socket, always. */
static long install(struct socket *socket, unsigned flags)
{
    struct file *file;
    int error = socket_file_create(socket, flags, &file);
    if (error != 0) {
        socket->ops->release(socket);
        return error;
    }
    return fd_install_new(file, (flags & SOCK_CLOEXEC) != 0);
}

LINUX_CALL3(socket, int, family, unsigned, type, int, protocol)
{
    struct socket *socket;
    unsigned flags = type & ~SOCK_TYPE_MASK;
    if ((flags & ~(unsigned)(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) {
        return -EINVAL;
    }
    int error = create(family, type & SOCK_TYPE_MASK, protocol, &socket);
    return error != 0 ? error : install(socket, flags);
}

static long install_pair(struct socket *pair[2], unsigned flags, vaddr_t addr)
{
    int fds[2];
    fds[0] = (int)install(pair[0], flags);
    fds[1] = (int)install(pair[1], flags);
    int error = fds[0] < 0 ? fds[0] : fds[1] < 0 ? fds[1] : put_user(fds, addr);
    for (int i = 0; i < 2 && error != 0; i++) {
        if (fds[i] >= 0) {
            fd_close(fds[i]);
        }
    }
    return error;
}

LINUX_CALL4(socketpair, int, family, unsigned, type, int, protocol, vaddr_t, addr)
{
    struct socket *pair[2];
    unsigned flags = type & ~SOCK_TYPE_MASK;
    if ((flags & ~(unsigned)(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) {
        return -EINVAL;
    }
    /* Whether the result can be given is asked first, as on Linux. */
    int fds[2], error = get_user(fds, addr) != 0 ? -EFAULT : put_user(fds, addr);
    if (error == 0) {
        error = create(family, type & SOCK_TYPE_MASK, protocol, &pair[0]);
    }
    if (error != 0) {
        return error;
    }
    error = create(family, type & SOCK_TYPE_MASK, protocol, &pair[1]);
    if (error != 0) {
        pair[0]->ops->release(pair[0]);
        return error;
    }
    error = pair[0]->ops->pair(pair[0], pair[1]);
    if (error != 0) {
        pair[0]->ops->release(pair[0]);
        pair[1]->ops->release(pair[1]);
        return error;
    }
    return install_pair(pair, flags, addr);
}

LINUX_CALL3(bind, int, fd, vaddr_t, addr, int, size)
{
    struct socket_name name;
    struct fd_ref ref;
    int error;
    struct socket *socket = socket_borrow(fd, &ref, &error);
    if (error == 0) {
        error = socket_name_get(addr, size, &name);
    }
    if (error == 0) {
        error = socket->ops->bind(socket, &name);
    }
    fd_return(ref);
    return error;
}

static bool is_nonblocking(const struct fd_ref *ref)
{
    return (file_flags(ref->file) & O_NONBLOCK) != 0;
}

LINUX_CALL3(connect, int, fd, vaddr_t, addr, int, size)
{
    struct socket_name name;
    struct fd_ref ref;
    int error;
    struct socket *socket = socket_borrow(fd, &ref, &error);
    if (error != -EBADF) {
        int bad_name = socket_name_get(addr, size, &name);
        error = bad_name != 0 ? bad_name : error;
    }
    if (error == 0) {
        error = socket->ops->connect(socket, &name, is_nonblocking(&ref));
    }
    fd_return(ref);
    return error;
}

LINUX_CALL2(listen, int, fd, int, backlog)
{
    struct fd_ref ref;
    int error;
    struct socket *socket = socket_borrow(fd, &ref, &error);
    if (error == 0) {
        error = socket->ops->listen(socket, backlog);
    }
    fd_return(ref);
    return error;
}

static long accept_one(int fd, vaddr_t addr, vaddr_t size_addr, unsigned flags)
{
    struct socket *socket, *new;
    struct socket_name name = {.size = 0};
    struct fd_ref ref;
    int error;
    if ((flags & ~(unsigned)(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) {
        return -EINVAL;
    }
    socket = socket_borrow(fd, &ref, &error);
    if (error == 0) {
        error = socket->ops->accept(socket, is_nonblocking(&ref), &new);
    }
    fd_return(ref);
    if (error != 0) {
        return error;
    }
    if (addr != 0) {
        error = new->ops->get_name(new, true, &name);
        error = error != 0 ? -ECONNABORTED : socket_name_put(&name, addr, size_addr);
        if (error != 0) {
            new->ops->release(new);
            return error;
        }
    }
    return install(new, flags);
}

LINUX_CALL3(accept, int, fd, vaddr_t, addr, vaddr_t, size_addr)
{
    return accept_one(fd, addr, size_addr, 0);
}

LINUX_CALL4(accept4, int, fd, vaddr_t, addr, vaddr_t, size_addr, unsigned, flags)
{
    return accept_one(fd, addr, size_addr, flags);
}

static long get_name(int fd, vaddr_t addr, vaddr_t size_addr, bool peer)
{
    struct socket_name name;
    struct fd_ref ref;
    int error;
    struct socket *socket = socket_borrow(fd, &ref, &error);
    if (error == 0) {
        error = socket->ops->get_name(socket, peer, &name);
    }
    fd_return(ref);
    return error != 0 ? error : socket_name_put(&name, addr, size_addr);
}

LINUX_CALL3(getsockname, int, fd, vaddr_t, addr, vaddr_t, size_addr)
{
    return get_name(fd, addr, size_addr, false);
}

LINUX_CALL3(getpeername, int, fd, vaddr_t, addr, vaddr_t, size_addr)
{
    return get_name(fd, addr, size_addr, true);
}

LINUX_CALL2(shutdown, int, fd, int, how)
{
    struct fd_ref ref;
    int error;
    struct socket *socket = socket_borrow(fd, &ref, &error);
    if (error == 0) {
        error = how < SHUT_RD || how > SHUT_RDWR ? -EINVAL : socket->ops->shutdown(socket, how);
    }
    fd_return(ref);
    return error;
}

LINUX_CALL5(setsockopt, int, fd, int, level, int, name, vaddr_t, addr, int, size)
{
    struct fd_ref ref;
    int error;
    struct socket *socket = socket_borrow(fd, &ref, &error);
    long result = error;
    if (error == 0) {
        result = size < 0              ? -EINVAL
                 : level == SOL_SOCKET ? socket_set_option(socket, name, addr, (unsigned)size)
                                       : -EOPNOTSUPP;
    }
    fd_return(ref);
    return result;
}

LINUX_CALL5(getsockopt, int, fd, int, level, int, name, vaddr_t, addr, vaddr_t, size_addr)
{
    struct fd_ref ref;
    int error;
    struct socket *socket = socket_borrow(fd, &ref, &error);
    long result = error;
    if (error == 0) {
        result = level == SOL_SOCKET ? socket_get_option(socket, name, addr, size_addr)
                                     : -EOPNOTSUPP;
    }
    fd_return(ref);
    return result;
}
