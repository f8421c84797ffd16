/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of all sockets, level SOL_SOCKET: socket(7). */
#include "kernel/arch/user.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/socket/socket.h"

enum {
    SO_DEBUG = 1,
    SO_REUSEADDR,
    SO_TYPE,
    SO_ERROR,
    SO_DONTROUTE,
    SO_BROADCAST,
    SO_SNDBUF,
    SO_RCVBUF,
    SO_KEEPALIVE,
    SO_OOBINLINE,
    SO_PRIORITY = 12,
    SO_LINGER,
    SO_REUSEPORT = 15,
    SO_PASSCRED,
    SO_PEERCRED,
    SO_RCVLOWAT,
    SO_SNDLOWAT,
    SO_RCVTIMEO,
    SO_SNDTIMEO,
    SO_TIMESTAMP = 29,
    SO_ACCEPTCONN,
    SO_SNDBUFFORCE = 32,
    SO_RCVBUFFORCE,
    SO_PROTOCOL = 38,
    SO_DOMAIN,
};

/* Linux doubles what programs ask for, to have room for its own; and has bounds: socket(7). */
#define SEND_MIN    4608
#define RECEIVE_MIN 2304
#define SIZE_MAX_   212992 /* net.core.wmem_max, rmem_max */

static unsigned flag_of(int name)
{
    switch (name) {
    case SO_DEBUG:
        return SOCKET_DEBUG;
    case SO_REUSEADDR:
        return SOCKET_REUSE;
    case SO_DONTROUTE:
        return SOCKET_DONTROUTE;
    case SO_BROADCAST:
        return SOCKET_BROADCAST;
    case SO_KEEPALIVE:
        return SOCKET_KEEPALIVE;
    case SO_OOBINLINE:
        return SOCKET_OOBINLINE;
    case SO_REUSEPORT:
        return SOCKET_REUSEPORT;
    case SO_PASSCRED:
        return SOCKET_PASSCRED;
    case SO_TIMESTAMP:
        return SOCKET_TIMESTAMP;
    default:
        return 0;
    }
}

static long set_timeout(uint64_t *timeout_ns, vaddr_t addr, unsigned size)
{
    struct linux_timeval time;
    if (size < sizeof(time)) {
        return -EINVAL;
    }
    if (get_user(time, addr) != 0) {
        return -EFAULT;
    }
    if (time.usec < 0 || time.usec >= 1000000) {
        return -EDOM;
    }
    /* A time that is over fails at once; one that nobody lives to see is none. */
    uint64_t ns = 0;
    if (time.sec < 0) {
        ns = 1;
    } else if ((uint64_t)time.sec < TIMESPEC_NS_MAX / NSEC_PER_SEC) {
        ns = (uint64_t)time.sec * NSEC_PER_SEC + (uint64_t)time.usec * NSEC_PER_USEC;
    }
    __atomic_store_n(timeout_ns, ns, __ATOMIC_RELAXED);
    return 0;
}

static long set_linger(struct socket *socket, vaddr_t addr, unsigned size)
{
    int32_t linger[2];
    if (size < sizeof(linger)) {
        return -EINVAL;
    }
    if (get_user(linger, addr) != 0) {
        return -EFAULT;
    }
    socket->linger[0] = linger[0] != 0;
    socket->linger[1] = linger[1];
    return 0;
}

static void set_size(uint32_t *size, int value, int least)
{
    int wanted = MIN(value, SIZE_MAX_);
    wanted = MIN(MAX(wanted, 0), INT_MAX / 2);
    __atomic_store_n(size, (uint32_t)MAX(2 * wanted, least), __ATOMIC_RELAXED);
}

long socket_set_option(struct socket *socket, int name, vaddr_t addr, unsigned size)
{
    int value;
    switch (name) { /* those that are not an int */
    case SO_RCVTIMEO:
        return set_timeout(&socket->receive_timeout_ns, addr, size);
    case SO_SNDTIMEO:
        return set_timeout(&socket->send_timeout_ns, addr, size);
    default:
        break;
    }
    if (size < sizeof(value)) {
        return -EINVAL;
    }
    if (get_user(value, addr) != 0) {
        return -EFAULT;
    }
    unsigned flag = flag_of(name);
    if (name == SO_DEBUG && value != 0 && !linux_capable(CAP_NET_ADMIN)) {
        return -EACCES;
    }
    if (flag != 0) {
        if (value != 0) {
            __atomic_fetch_or(&socket->flags, flag, __ATOMIC_RELAXED);
        } else {
            __atomic_fetch_and(&socket->flags, ~flag, __ATOMIC_RELAXED);
        }
        return 0;
    }
    switch (name) {
    case SO_SNDBUFFORCE:
    case SO_RCVBUFFORCE:
        if (!linux_capable(CAP_NET_ADMIN)) {
            return -EPERM;
        }
        __atomic_store_n(name == SO_SNDBUFFORCE ? &socket->send_size : &socket->receive_size,
                         (uint32_t)MAX(2 * MIN(MAX(value, 0), INT_MAX / 2), SEND_MIN),
                         __ATOMIC_RELAXED);
        return 0;
    case SO_SNDBUF:
        set_size(&socket->send_size, value, SEND_MIN);
        return 0;
    case SO_RCVBUF:
        set_size(&socket->receive_size, value, RECEIVE_MIN);
        return 0;
    case SO_PRIORITY:
        if ((value < 0 || value > 6) && !linux_capable(CAP_NET_ADMIN)) {
            return -EPERM;
        }
        socket->priority = value;
        return 0;
    case SO_LINGER:
        return set_linger(socket, addr, size);
    case SO_RCVLOWAT:
        socket->low_water = value < 0 ? INT_MAX : MAX(value, 1);
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

/* What an option is: up to 16 bytes. */
struct option_value {
    unsigned size;
    union {
        int32_t number;
        int32_t linger[2];
        struct linux_timeval time;
        struct linux_ucred cred;
    };
};

static int get_number(struct socket *socket, int name, int32_t *number)
{
    unsigned flag = flag_of(name);
    if (flag != 0) {
        *number = (socket->flags & flag) != 0;
        return 0;
    }
    switch (name) {
    case SO_TYPE:
        *number = socket->type;
        break;
    case SO_DOMAIN:
        *number = socket->family;
        break;
    case SO_PROTOCOL:
        *number = 0;
        break;
    case SO_ERROR:
        *number = -socket_take_error(socket);
        break;
    case SO_SNDBUF:
        *number = (int32_t)socket->send_size;
        break;
    case SO_RCVBUF:
        *number = (int32_t)socket->receive_size;
        break;
    case SO_PRIORITY:
        *number = socket->priority;
        break;
    case SO_RCVLOWAT:
        *number = socket->low_water;
        break;
    case SO_SNDLOWAT:
        *number = 1;
        break;
    case SO_ACCEPTCONN:
        *number = socket->ops->is_listening(socket);
        break;
    default:
        return -ENOPROTOOPT;
    }
    return 0;
}

static int get_value(struct socket *socket, int name, struct option_value *value)
{
    switch (name) {
    case SO_RCVTIMEO:
    case SO_SNDTIMEO: {
        uint64_t ns = name == SO_RCVTIMEO ? socket->receive_timeout_ns : socket->send_timeout_ns;
        value->size = sizeof(value->time);
        value->time = (struct linux_timeval){(int64_t)(ns / NSEC_PER_SEC),
                                             (int64_t)(ns % NSEC_PER_SEC / NSEC_PER_USEC)};
        return 0;
    }
    case SO_LINGER:
        value->size = sizeof(value->linger);
        value->linger[0] = socket->linger[0];
        value->linger[1] = socket->linger[1];
        return 0;
    case SO_PEERCRED:
        value->size = sizeof(value->cred);
        return socket->ops->peer_cred(socket, &value->cred);
    default:
        value->size = sizeof(value->number);
        return get_number(socket, name, &value->number);
    }
}

long socket_get_option(struct socket *socket, int name, vaddr_t addr, vaddr_t size_addr)
{
    struct option_value value;
    int size;
    if (get_user(size, size_addr) != 0) {
        return -EFAULT;
    }
    if (size < 0) {
        return -EINVAL;
    }
    int error = get_value(socket, name, &value);
    if (error != 0) {
        return error;
    }
    size = (int)MIN((unsigned)size, value.size);
    if (copy_to_user(addr, &value.number, (unsigned)size) != 0) {
        return -EFAULT;
    }
    return put_user(size, size_addr);
}
