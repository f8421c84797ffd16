/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls that move bytes through sockets: send(2), sendto(2), sendmsg(2), sendmmsg(2), recv(2),
 * recvfrom(2), recvmsg(2), recvmmsg(2); and what travels beside the bytes: files and credentials
 * (unix(7), cmsg(3)).
 */
#include "abi/layout.h"
#include "kernel/arch/user.h"
#include "kernel/mm/heap.h"
#include "kernel/personality/linux/call.h"
#include "kernel/personality/linux/file/vector.h"
#include "kernel/personality/linux/process/cred.h"
#include "kernel/personality/linux/socket/socket_calls.h"
#include "lib/string.h"

/* struct msghdr, struct cmsghdr and struct mmsghdr of the ABI, 64 bit. */
struct linux_msghdr {
    uint64_t name;
    int32_t name_size, pad;
    uint64_t vec, vec_count;
    uint64_t control, control_size;
    uint32_t flags, pad2;
};
struct linux_cmsghdr {
    uint64_t size; /* with this header */
    int32_t level, type;
};
struct linux_mmsghdr {
    struct linux_msghdr header;
    uint32_t moved, pad;
};
static_assert(sizeof(struct linux_msghdr) == 56 && sizeof(struct linux_mmsghdr) == 64, "ABI");

enum { SOL_SOCKET = 1 };
enum { SCM_RIGHTS = 1, SCM_CREDENTIALS };
#define CONTROL_MAX  20480u /* net.core.optmem_max */
#define MESSAGES_MAX 1024   /* of one sendmmsg or recvmmsg: UIO_MAXIOV */

/* --- control messages that are sent --------------------------------------------------------- */

static int take_files(struct message *message, const int32_t *fds, unsigned count)
{
    unsigned before = message->files != NULL ? message->files->count : 0;
    if (count > SCM_FILES_MAX - before) {
        return -EINVAL;
    }
    struct scm_files *files = krealloc(message->files,
                                       sizeof(*files) + (before + count) * sizeof(struct file *));
    if (files == NULL) {
        return -ENOMEM;
    }
    message->files = files;
    files->count = before;
    for (unsigned i = 0; i < count; i++) {
        struct file *file = fd_get_any(fds[i]);
        if (file == NULL) {
            return -EBADF;
        }
        files->files[files->count++] = file;
    }
    return 0;
}

/* A program says who it is: the truth, unless it may lie. */
static int take_cred(struct message *message, const struct linux_ucred *said)
{
    const struct cred *cred = linux_current()->cred;
    bool pid = said->pid == current_process()->pid || linux_capable(CAP_SYS_ADMIN);
    bool uid = said->uid == cred->uid || said->uid == cred->euid || said->uid == cred->suid ||
               linux_capable(CAP_SETUID);
    bool gid = said->gid == cred->gid || said->gid == cred->egid || said->gid == cred->sgid ||
               linux_capable(CAP_SETGID);
    if (!pid || !uid || !gid) {
        return -EPERM;
    }
    message->cred = *said;
    message->has_cred = true;
    return 0;
}

static int take_control(struct message *message, const unsigned char *bytes, size_t size)
{
    size_t at = 0;
    while (size - at >= sizeof(struct linux_cmsghdr)) {
        struct linux_cmsghdr header;
        struct linux_ucred cred;
        memcpy(&header, bytes + at, sizeof(header));
        if (header.size < sizeof(header) || header.size > size - at) {
            return -EINVAL;
        }
        const unsigned char *data = bytes + at + sizeof(header);
        size_t data_size = header.size - sizeof(header);
        int error = 0;
        if (header.level != SOL_SOCKET) {
            /* for other families */
        } else if (header.type == SCM_RIGHTS) {
            error = take_files(message, (const void *)data, (unsigned)(data_size / sizeof(int)));
        } else if (header.type == SCM_CREDENTIALS && data_size == sizeof(cred)) {
            memcpy(&cred, data, sizeof(cred));
            error = take_cred(message, &cred);
        } else {
            error = -EINVAL;
        }
        if (error != 0) {
            return error;
        }
        at = MIN(size, at + ALIGN_UP(header.size, sizeof(uint64_t)));
    }
    return 0;
}

static int get_control(struct message *message, vaddr_t addr, uint64_t size)
{
    if (size == 0) {
        return 0;
    }
    if (size > CONTROL_MAX) {
        return -ENOBUFS;
    }
    unsigned char *bytes = kmalloc(size);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    int error = copy_from_user(bytes, addr, size);
    if (error == 0) {
        error = take_control(message, bytes, size);
    }
    kfree(bytes);
    return error;
}

/* --- control messages that are received ----------------------------------------------------- */

struct control_space {
    vaddr_t at;
    uint64_t left;
    unsigned flags; /* MSG_CTRUNC: something did not fit */
};

/* The header of a message of `size` data bytes, which the caller has put behind it. */
static int put_header(struct control_space *space, int type, size_t size)
{
    const struct linux_cmsghdr header = {sizeof(header) + size, SOL_SOCKET, type};
    int error = put_user(header, space->at);
    size_t whole = MIN(space->left, ALIGN_UP(header.size, sizeof(uint64_t)));
    space->at += whole;
    space->left -= whole;
    return error;
}

static int put_cred(struct control_space *space, const struct linux_ucred *cred)
{
    if (space->left < sizeof(struct linux_cmsghdr)) {
        space->flags |= MSG_CTRUNC;
        return 0;
    }
    size_t room = space->left - sizeof(struct linux_cmsghdr);
    size_t size = MIN(room, sizeof(*cred));
    space->flags |= size < sizeof(*cred) ? MSG_CTRUNC : 0u;
    int error = copy_to_user(space->at + sizeof(struct linux_cmsghdr), cred, size);
    return error != 0 ? error : put_header(space, SCM_CREDENTIALS, size);
}

/* Files become descriptors of the receiver, as many as fit. */
static int put_files(struct control_space *space, const struct scm_files *files, bool close_on_exec)
{
    unsigned done = 0, room = 0;
    int error = 0;
    if (space->left >= sizeof(struct linux_cmsghdr)) {
        room = (unsigned)MIN((space->left - sizeof(struct linux_cmsghdr)) / sizeof(int), 1024ul);
    }
    for (; done < files->count && done < room && error == 0; done++) {
        file_get(files->files[done]);
        int fd = fd_install(files->files[done], 0, close_on_exec);
        if (fd < 0) {
            file_put(files->files[done]);
            break;
        }
        error = put_user(fd, space->at + sizeof(struct linux_cmsghdr) + done * sizeof(int));
    }
    space->flags |= done < files->count ? MSG_CTRUNC : 0u;
    return error != 0 || done == 0 ? error : put_header(space, SCM_RIGHTS, done * sizeof(int));
}

static int put_control(const struct socket *socket, struct message *message, unsigned flags,
                       struct control_space *space)
{
    int error = 0;
    if (socket_flag(socket, SOCKET_PASSCRED) && message->has_cred) {
        error = put_cred(space, &message->cred);
    }
    if (error == 0 && message->files != NULL) {
        error = put_files(space, message->files, (flags & MSG_CMSG_CLOEXEC) != 0);
    }
    scm_files_put(message->files);
    message->files = NULL;
    return error;
}

/* --- sending -------------------------------------------------------------------------------- */

/* Addresses that no user has are refused before anything else is looked at; others when used. */
static int check_range(vaddr_t buf, size_t size)
{
    return buf > LAYOUT_USER_END || MIN(size, RW_MAX) > LAYOUT_USER_END - buf ? -EFAULT : 0;
}

static unsigned with_file_flags(const struct fd_ref *ref, unsigned flags)
{
    return flags | (file_flags(ref->file) & O_NONBLOCK ? MSG_DONTWAIT : 0u);
}

LINUX_CALL6(sendto, int, fd, vaddr_t, buf, size_t, size, unsigned, flags, vaddr_t, addr, int,
            addr_size)
{
    if (check_range(buf, size) != 0) {
        return -EFAULT;
    }
    struct message message = {.name.size = 0};
    struct fd_ref ref;
    int error;
    struct socket *socket = socket_borrow(fd, &ref, &error);
    if (error == 0 && addr != 0) {
        error = socket_name_get(addr, addr_size, &message.name);
    }
    long result = error;
    if (error == 0) {
        message.flags = with_file_flags(&ref, flags);
        io_init_user(&message.io, buf, MIN(size, RW_MAX));
        result = socket->ops->send(socket, &message);
    }
    fd_return(ref);
    return result;
}

/* The header of a message, with its vector and its name; what it holds is let go by end_header. */
struct header {
    struct linux_msghdr user;
    struct user_vector vector;
};

static int begin_header(struct header *h, vaddr_t addr, struct message *message)
{
    if (get_user(h->user, addr) != 0) {
        return -EFAULT;
    }
    if (h->user.name == 0) {
        h->user.name_size = 0;
    }
    if (h->user.name_size < 0) {
        return -EINVAL;
    }
    if (h->user.vec_count > LINUX_IOV_MAX) {
        return -EMSGSIZE;
    }
    int error = user_vector_get(&h->vector, h->user.vec, h->user.vec_count);
    if (error == 0) {
        io_init_vec(&message->io, h->vector.vec, h->user.vec_count, true);
    }
    return error;
}

static long send_message(struct socket *socket, vaddr_t addr, unsigned flags)
{
    struct header h;
    struct message message = {.flags = flags};
    int error = begin_header(&h, addr, &message);
    if (error != 0) {
        return error;
    }
    if (h.user.name_size > 0) {
        error = socket_name_get(h.user.name, MIN(h.user.name_size, (int)sizeof(message.name.bytes)),
                                &message.name);
    }
    if (error == 0) {
        error = get_control(&message, h.user.control, h.user.control_size);
    }
    long result = error == 0 ? socket->ops->send(socket, &message) : error;
    scm_files_put(message.files);
    user_vector_free(&h.vector);
    return result;
}

LINUX_CALL3(sendmsg, int, fd, vaddr_t, addr, unsigned, flags)
{
    if ((flags & MSG_CMSG_COMPAT) != 0) {
        return -EINVAL;
    }
    struct fd_ref ref;
    int error;
    struct socket *socket = socket_borrow(fd, &ref, &error);
    long result = error == 0 ? send_message(socket, addr, with_file_flags(&ref, flags)) : error;
    fd_return(ref);
    return result;
}

LINUX_CALL4(sendmmsg, int, fd, vaddr_t, addr, unsigned, count, unsigned, flags)
{
    if ((flags & MSG_CMSG_COMPAT) != 0) {
        return -EINVAL;
    }
    struct fd_ref ref;
    int error;
    unsigned done = 0;
    struct socket *socket = socket_borrow(fd, &ref, &error);
    long result = error;
    for (; error == 0 && result >= 0 && done < MIN(count, (unsigned)MESSAGES_MAX); done++) {
        vaddr_t at = addr + done * sizeof(struct linux_mmsghdr);
        result = send_message(socket, at, with_file_flags(&ref, flags));
        if (result < 0) {
            break;
        }
        uint32_t moved = (uint32_t)result;
        result = put_user(moved, at + offsetof(struct linux_mmsghdr, moved));
    }
    fd_return(ref);
    return done > 0 ? (long)done : result;
}

/* --- receiving ------------------------------------------------------------------------------ */

LINUX_CALL6(recvfrom, int, fd, vaddr_t, buf, size_t, size, unsigned, flags, vaddr_t, addr, vaddr_t,
            addr_size)
{
    if (check_range(buf, size) != 0) {
        return -EFAULT;
    }
    struct message message = {.name.size = 0};
    struct fd_ref ref;
    int error;
    struct socket *socket = socket_borrow(fd, &ref, &error);
    long result = error;
    if (error == 0) {
        message.flags = with_file_flags(&ref, flags);
        io_init_user(&message.io, buf, MIN(size, RW_MAX));
        result = socket->ops->receive(socket, &message);
        scm_files_put(message.files);
    }
    fd_return(ref);
    if (result >= 0 && addr != 0) {
        error = socket_name_put(&message.name, addr, addr_size);
        result = error != 0 ? error : result;
    }
    return result;
}

/* The name, the control messages, and the header's fields. */
static int put_received(const struct socket *socket, const struct header *h, vaddr_t addr,
                        struct message *message, unsigned flags)
{
    struct control_space space = {.at = h->user.control, .left = h->user.control_size};
    if (h->user.control == 0) {
        space.left = 0;
    }
    int error = put_control(socket, message, flags, &space);
    if (error == 0 && h->user.name != 0) {
        uint32_t room = (uint32_t)MIN(h->user.name_size, (int)sizeof(message->name.bytes));
        error = copy_to_user(h->user.name, message->name.bytes, MIN(room, message->name.size));
    }
    if (error != 0) {
        return error;
    }
    uint32_t out = (message->flags & (MSG_TRUNC | MSG_EOR | MSG_OOB | MSG_ERRQUEUE)) | space.flags |
                   (flags & MSG_CMSG_CLOEXEC);
    uint64_t used = space.at - h->user.control;
    int32_t name_size = (int32_t)message->name.size;
    if ((h->user.name != 0 &&
         put_user(name_size, addr + offsetof(struct linux_msghdr, name_size)) != 0) ||
        put_user(out, addr + offsetof(struct linux_msghdr, flags)) != 0 ||
        put_user(used, addr + offsetof(struct linux_msghdr, control_size)) != 0) {
        return -EFAULT;
    }
    return 0;
}

static long receive_message(struct socket *socket, vaddr_t addr, unsigned flags)
{
    struct header h;
    struct message message = {.flags = flags};
    int error = begin_header(&h, addr, &message);
    if (error != 0) {
        return error;
    }
    long result = socket->ops->receive(socket, &message);
    if (result >= 0) {
        error = put_received(socket, &h, addr, &message, flags);
        result = error != 0 ? error : result;
    }
    scm_files_put(message.files);
    user_vector_free(&h.vector);
    return result;
}

LINUX_CALL3(recvmsg, int, fd, vaddr_t, addr, unsigned, flags)
{
    if ((flags & MSG_CMSG_COMPAT) != 0) {
        return -EINVAL;
    }
    struct fd_ref ref;
    int error;
    struct socket *socket = socket_borrow(fd, &ref, &error);
    long result = error == 0 ? receive_message(socket, addr, with_file_flags(&ref, flags)) : error;
    fd_return(ref);
    return result;
}

/* The deadline is looked at between messages only, as on Linux (recvmmsg(2), BUGS). */
static long receive_messages(struct socket *socket, vaddr_t addr, unsigned count, unsigned flags,
                             uint64_t deadline_ns)
{
    unsigned done = 0;
    long result = 0;
    while (done < count) {
        vaddr_t at = addr + done * sizeof(struct linux_mmsghdr);
        result = receive_message(socket, at, flags & ~(unsigned)MSG_WAITFORONE);
        if (result < 0) {
            break;
        }
        uint32_t moved = (uint32_t)result;
        result = put_user(moved, at + offsetof(struct linux_mmsghdr, moved));
        if (result != 0) {
            break;
        }
        done++;
        flags |= flags & MSG_WAITFORONE ? MSG_DONTWAIT : 0u;
        if (deadline_ns != WAIT_FOREVER && clock_monotonic_ns() >= deadline_ns) {
            break;
        }
    }
    return done > 0 ? (long)done : result;
}

LINUX_CALL5(recvmmsg, int, fd, vaddr_t, addr, unsigned, count, unsigned, flags, vaddr_t, timeout)
{
    if ((flags & MSG_CMSG_COMPAT) != 0) {
        return -EINVAL;
    }
    struct fd_ref ref;
    int error = 0;
    uint64_t deadline = WAIT_FOREVER;
    if (timeout != 0) {
        uint64_t ns = 0;
        error = timespec_from_user(timeout, &ns);
        deadline = clock_monotonic_ns() + ns;
    }
    if (error != 0) {
        return error;
    }
    struct socket *socket = socket_borrow(fd, &ref, &error);
    long result = error;
    if (error == 0) {
        error = socket_take_error(socket);
        result = error != 0 ? error
                            : receive_messages(socket, addr, MIN(count, (unsigned)MESSAGES_MAX),
                                               with_file_flags(&ref, flags), deadline);
    }
    fd_return(ref);
    return result;
}
