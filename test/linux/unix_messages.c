/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes with bytes through sockets: files, credentials; and files that nobody can receive. */
#include "test/linux/check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

/* By hand: musl's functions look into the control messages, and have a limit for them. */
#define sendmsg(fd, msg, flags) syscall(SYS_sendmsg, fd, msg, flags)
#define recvmsg(fd, msg, flags) syscall(SYS_recvmsg, fd, msg, flags)

static int send_files(int to, const int *fds, int count, int flags)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(300 * sizeof(int))];
    } control;
    char byte = 'f';
    struct msghdr msg = {.msg_iov = &(struct iovec){&byte, 1},
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
    memset(&control, 0, sizeof control);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    memcpy(CMSG_DATA(&control.header), fds, (size_t)count * sizeof(int));
    return (int)sendmsg(to, &msg, flags);
}

/* Receives up to `room` files; how many came. */
static int receive_files(int from, int *fds, int room, int flags)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(300 * sizeof(int))];
    } control;
    char buf[8];
    struct msghdr msg = {.msg_iov = &(struct iovec){buf, sizeof buf},
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = CMSG_LEN((size_t)room * sizeof(int))};
    memset(&control, 0, sizeof control);
    ssize_t n = recvmsg(from, &msg, flags);
    int count = 0;
    if (n >= 0 && msg.msg_controllen >= sizeof control.header) {
        count = (int)((control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(&control.header), (size_t)count * sizeof(int));
    }
    say("received %d: %d files, flags %#x\n", (int)n, count, msg.msg_flags);
    return count;
}

CASE(a_file)
{
    int s[2], p[2], got[4];
    char byte;
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    pipe(p);
    CALL(send_files(s[0], &p[1], 1, 0));
    close(p[1]);
    struct pollfd poll_ = {p[0], POLLIN, 0};
    CALL(poll(&poll_, 1, 0)); /* it is on its way, so it is open */
    receive_files(s[1], got, 4, 0);
    CALL(write(got[0], "x", 1));
    CALL(read(p[0], &byte, 1));
    CALL(fcntl(got[0], F_GETFD));
    send_files(s[0], got, 1, 0);
    receive_files(s[1], got, 4, MSG_CMSG_CLOEXEC);
    CALL(fcntl(got[0], F_GETFD));
}

CASE(several_files)
{
    int s[2], fds[254], got[300];
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    for (int i = 0; i < 254; i++) {
        fds[i] = 1;
    }
    CALL(send_files(s[0], fds, 254, 0));
    CALL(send_files(s[0], fds, 253, 0));
    CALL(send_files(s[0], fds, 0, 0));
    SHOW(receive_files(s[1], got, 300, 0));
    SHOW(receive_files(s[1], got, 300, 0));
    send_files(s[0], fds, 5, 0);
    SHOW(receive_files(s[1], got, 2, 0)); /* not all fit */
    send_files(s[0], fds, 2, 0);
    SHOW(receive_files(s[1], got, 2, MSG_PEEK));
    SHOW(receive_files(s[1], got, 2, 0));
    send_files(s[0], fds, 1, 0);
    char byte;
    CALL(read(s[1], &byte, 1)); /* without room for files they are closed */
    fds[0] = 999;
    CALL(send_files(s[0], fds, 1, 0));
}

CASE(files_and_limits)
{
    int s[2], fds[3] = {1, 1, 1}, got[3];
    struct rlimit limit;
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)s[1] + 2;
    setrlimit(RLIMIT_NOFILE, &limit);
    send_files(s[0], fds, 3, 0);
    SHOW(receive_files(s[1], got, 3, 0));
}

/* A read of a stream does not go beyond files. */
CASE(files_part_a_stream)
{
    int s[2], one = 1, got[3];
    char buf[8];
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    write(s[0], "ab", 2);
    send_files(s[0], &one, 1, 0);
    write(s[0], "cd", 2);
    receive_files(s[1], got, 3, 0);
    receive_files(s[1], got, 3, 0);
    CALL(recv(s[1], buf, 8, MSG_DONTWAIT));
}

CASE(control_messages)
{
    int s[2];
    char bytes[64];
    struct msghdr msg = {.msg_iov = &(struct iovec){"x", 1}, .msg_iovlen = 1};
    struct cmsghdr *header = (void *)bytes;
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    memset(bytes, 0, sizeof bytes);
    msg.msg_control = bytes;
    msg.msg_controllen = 8;
    CALL(sendmsg(s[0], &msg, 0)); /* too small to be one */
    msg.msg_controllen = 24;
    CALL(sendmsg(s[0], &msg, 0));
    header->cmsg_len = 25;
    CALL(sendmsg(s[0], &msg, 0));
    header->cmsg_len = 20;
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = 77;
    CALL(sendmsg(s[0], &msg, 0));
    header->cmsg_level = 77;
    CALL(sendmsg(s[0], &msg, 0)); /* not ours */
    msg.msg_control = (void *)8;
    CALL(sendmsg(s[0], &msg, 0));
    msg.msg_controllen = 1u << 30;
    CALL(sendmsg(s[0], &msg, 0));
    msg.msg_control = NULL;
    msg.msg_controllen = 0;
    msg.msg_iovlen = 1025;
    CALL(sendmsg(s[0], &msg, 0));
    CALL(recvmsg(s[1], &msg, MSG_DONTWAIT));
    CALL(sendmsg(s[0], (void *)8, 0));
    msg.msg_iovlen = 1;
    msg.msg_iov = (void *)8;
    CALL(sendmsg(s[0], &msg, 0));
}

static void receive_cred(int from)
{
    char bytes[CMSG_SPACE(sizeof(int[3])) + 64], byte;
    struct msghdr msg = {.msg_iov = &(struct iovec){&byte, 1},
                         .msg_iovlen = 1,
                         .msg_control = bytes,
                         .msg_controllen = sizeof bytes};
    memset(bytes, 0, sizeof bytes);
    CALL(recvmsg(from, &msg, MSG_DONTWAIT));
    const struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
    if (!header) {
        say("no control message\n");
        return;
    }
    int cred[3];
    memcpy(cred, CMSG_DATA(header), sizeof cred);
    say("type %d, %d bytes: pid %s, uid %d, gid %d\n", header->cmsg_type, (int)header->cmsg_len,
        cred[0] == getpid() ? "ours" : "another's", cred[1], cred[2]);
}

static int send_cred(int to, int pid, int uid, int gid)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int[3]))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int[3])),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_CREDENTIALS}};
    const int cred[3] = {pid, uid, gid};
    memcpy(CMSG_DATA(&control.header), cred, sizeof cred);
    struct msghdr msg = {.msg_iov = &(struct iovec){"x", 1},
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    return (int)sendmsg(to, &msg, 0);
}

CASE(credentials)
{
    int s[2], one = 1;
    enum { PASSCRED = 16, PEERCRED = 17 };
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    int cred[3];
    socklen_t size = sizeof cred;
    CALL(getsockopt(s[0], SOL_SOCKET, PEERCRED, cred, &size));
    say("%d %d %d %d\n", cred[0] == getpid(), cred[1], cred[2], (int)size);
    CALL(getsockopt(socket(AF_UNIX, SOCK_STREAM, 0), SOL_SOCKET, PEERCRED, cred, &size));
    say("%d %d %d\n", cred[0], cred[1], cred[2]);
    write(s[0], "x", 1);
    receive_cred(s[1]);
    setsockopt(s[1], SOL_SOCKET, PASSCRED, &one, sizeof one);
    write(s[0], "x", 1);
    receive_cred(s[1]);
    CALL(send_cred(s[0], getpid(), 7, 8));
    receive_cred(s[1]);
    setresgid(1000, 1000, 1000);
    setresuid(1000, 1000, 1000);
    CALL(send_cred(s[0], getpid(), 1000, 1000));
    receive_cred(s[1]);
    CALL(send_cred(s[0], getpid(), 0, 1000));
    CALL(send_cred(s[0], getpid(), 1000, 0));
    CALL(send_cred(s[0], 1, 1000, 1000));
}

CASE(several_messages)
{
    int s[2];
    char a[8], b[8];
    struct iovec v[2] = {{a, 8}, {b, 8}};
    struct mmsghdr m[3] = {{.msg_hdr = {.msg_iov = &(struct iovec){"one", 3}, .msg_iovlen = 1}},
                           {.msg_hdr = {.msg_iov = &(struct iovec){"three", 5}, .msg_iovlen = 1}}};
    struct mmsghdr r[3] = {{.msg_hdr = {.msg_iov = &v[0], .msg_iovlen = 1}},
                           {.msg_hdr = {.msg_iov = &v[1], .msg_iovlen = 1}}};
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    CALL(syscall(SYS_sendmmsg, s[0], m, 2, 0));
    SHOW(m[1].msg_len);
    CALL(syscall(SYS_recvmmsg, s[1], r, 2, 0, NULL));
    SHOW(r[0].msg_len);
    SHOW(r[1].msg_len);
    CALL(syscall(SYS_recvmmsg, s[1], r, 2, MSG_DONTWAIT, NULL));
    write(s[0], "x", 1);
    CALL(syscall(SYS_recvmmsg, s[1], r, 2, MSG_WAITFORONE, NULL));
    struct timespec bad = {0, -1};
    CALL(syscall(SYS_recvmmsg, s[1], r, 2, 0, &bad));
    CALL(syscall(SYS_sendmmsg, s[0], (void *)8, 2, 0));
}

/* A pipe end that is held by sockets in each other's queues goes with them. */
static bool hung_up(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    return poll(&p, 1, 10000) == 1 && p.revents == POLLHUP;
}

CASE(a_socket_in_its_own_queue)
{
    int s[2], p[2];
    pipe(p);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    int both[2] = {s[1], p[1]};
    CALL(send_files(s[0], both, 2, 0)); /* into s[1] */
    close(p[1]);
    close(s[0]);
    close(s[1]);
    int other[2]; /* Linux looks for garbage when a socket is closed */
    socketpair(AF_UNIX, SOCK_STREAM, 0, other);
    close(other[0]);
    close(other[1]);
    TRUTH(hung_up(p[0]));
}

CASE(a_ring_of_sockets)
{
    int s[8][2], p[2];
    pipe(p);
    for (int i = 0; i < 8; i++) {
        socketpair(AF_UNIX, SOCK_DGRAM, 0, s[i]);
    }
    for (int i = 0; i < 8; i++) {
        send_files(s[i][0], (int[]){s[(i + 1) % 8][1], s[(i + 3) % 8][0]}, 2, 0);
    }
    send_files(s[3][0], &p[1], 1, 0);
    close(p[1]);
    for (int i = 0; i < 8; i++) {
        close(s[i][0]);
        if (i > 0) {
            close(s[i][1]);
        }
    }
    struct pollfd still = {p[0], POLLIN, 0};
    CALL(poll(&still, 1, 0)); /* one end is open: all can be reached */
    close(s[0][1]);
    int other = socket(AF_UNIX, SOCK_STREAM, 0);
    close(other);
    TRUTH(hung_up(p[0]));
}

/* One in the other, very deep: all end when the last one is closed. */
CASE(deep)
{
    int p[2], inner[2], outer[2];
    pipe(p);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, inner);
    send_files(inner[0], &p[1], 1, 0);
    close(p[1]);
    close(inner[0]);
    for (int i = 0; i < 3000; i++) {
        socketpair(AF_UNIX, SOCK_DGRAM, 0, outer);
        if (send_files(outer[0], &inner[1], 1, 0) != 1) {
            break; /* in newer systems there is a limit */
        }
        close(outer[0]);
        close(inner[1]);
        inner[1] = outer[1];
    }
    close(inner[1]);
    close(outer[0]);
    close(outer[1]);
    TRUTH(hung_up(p[0]));
}

CASE(sent_while_polled)
{
    int s[2], event = eventfd(0, 0), ep = epoll_create1(0), got[2];
    struct epoll_event e = {.events = EPOLLIN};
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    epoll_ctl(ep, EPOLL_CTL_ADD, event, &e);
    send_files(s[0], (int[]){event, ep}, 2, 0);
    close(event);
    close(ep);
    SHOW(receive_files(s[1], got, 2, 0));
    eventfd_write(got[0], 1);
    CALL(epoll_wait(got[1], &e, 1, 0));
}

int main(void)
{
    return RUN(ENTRY(a_file), ENTRY(several_files), ENTRY(files_and_limits),
               ENTRY(files_part_a_stream), ENTRY(control_messages), ENTRY(credentials),
               ENTRY(several_messages), ENTRY(a_socket_in_its_own_queue), ENTRY(a_ring_of_sockets),
               ENTRY(deep), ENTRY(sent_while_polled));
}
