/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets of this machine: connections, names, bytes, and their ends. */
#include "test/linux/check.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_un address;
/* A name: '@' begins an abstract one. The size of the address. */
static socklen_t at(const char *name)
{
    size_t length = strlen(name);
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, name, length);
    if (name[0] == '@') {
        address.sun_path[0] = 0;
        return (socklen_t)(2 + length);
    }
    return (socklen_t)(2 + length + 1);
}
static int bind_to(int fd, const char *name)
{
    socklen_t size = at(name);
    return bind(fd, (void *)&address, size);
}
static int connect_to(int fd, const char *name)
{
    socklen_t size = at(name);
    return connect(fd, (void *)&address, size);
}
static void say_name(const char *what, int fd, bool peer)
{
    struct sockaddr_un name;
    socklen_t size = sizeof name;
    memset(&name, 0, sizeof name);
    int result = peer ? getpeername(fd, (void *)&name, &size)
                      : getsockname(fd, (void *)&name, &size);
    if (result) {
        say("%s: %s\n", what, error_name(errno));
        return;
    }
    say("%s: %d bytes, family %d", what, (int)size, name.sun_family);
    if (size > 2) {
        say(" %s%s", name.sun_path[0] ? "" : "@", name.sun_path + !name.sun_path[0]);
    }
    say("\n");
}

CASE(creation)
{
    CALL(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    CALL(socket(AF_UNIX, SOCK_DGRAM, 0) >= 0);
    CALL(socket(AF_UNIX, SOCK_SEQPACKET, 1) >= 0);
    CALL(socket(AF_UNIX, SOCK_RAW, 0) >= 0);
    CALL(socket(AF_UNIX, SOCK_RDM, 0));
    CALL(socket(AF_UNIX, 77, 0));
    CALL(socket(AF_UNIX, SOCK_STREAM, 6));
    CALL(socket(99, SOCK_STREAM, 0));
    CALL(socket(-1, SOCK_STREAM, 0));
    CALL(socket(AF_UNIX, SOCK_STREAM | 0x100000, 0));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CALL(fcntl(fd, F_GETFD));
    CALL(fcntl(fd, F_GETFL));
    struct stat st;
    fstat(fd, &st);
    SHOW(st.st_mode);
    CALL(lseek(fd, 0, SEEK_CUR));
    char name[64], link[64] = "";
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    readlink(name, link, sizeof link - 1);
    say("%.8s\n", link);
    CALL(open(name, O_RDWR));
    int pair[2];
    CALL(socketpair(AF_UNIX, SOCK_STREAM, 0, (void *)8));
    CALL(socketpair(AF_UNIX, 77, 0, pair));
    CALL(socketpair(99, SOCK_STREAM, 0, pair));
    CALL(listen(0, 1));
    CALL(listen(99, 1));
}

CASE(a_pair)
{
    int s[2];
    char buf[64];
    CALL(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    CALL(write(s[0], "hello", 5));
    CALL(write(s[0], " world", 6));
    int waiting = 0;
    CALL(ioctl(s[1], FIONREAD, &waiting));
    SHOW(waiting);
    CALL(recv(s[1], buf, 3, MSG_PEEK));
    CALL(read(s[1], buf, sizeof buf)); /* a stream has no limits between writes */
    say("%.11s\n", buf);
    CALL(recv(s[1], buf, 1, MSG_DONTWAIT));
    CALL(send(s[1], "back", 4, 0));
    CALL(read(s[0], buf, 2));
    CALL(read(s[0], buf, 20));
    say_name("name", s[0], false);
    say_name("peer", s[0], true);
    CALL(write(s[0], "", 0));
    CALL(recv(s[1], buf, 1, MSG_DONTWAIT));
    CALL(read(s[1], buf, 0));
    CALL(pread(s[1], buf, 1, 0));
    CALL(send(s[0], (void *)8, 4, 0));
    write(s[0], "lost?", 5);
    CALL(read(s[1], (void *)8, 4));
    CALL(read(s[1], buf, 20));
    CALL(send(s[0], "x", 1, MSG_OOB | MSG_DONTWAIT) > 1);
    CALL(connect_to(s[0], "@x"));
    CALL(listen(s[0], 1));
}

CASE(the_end_of_a_stream)
{
    int s[2];
    char buf[64];
    signal(SIGPIPE, SIG_IGN);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    write(s[0], "last", 4);
    close(s[0]);
    CALL(read(s[1], buf, sizeof buf));
    CALL(read(s[1], buf, sizeof buf));
    CALL(write(s[1], "x", 1));
    CALL(send(s[1], "x", 1, MSG_NOSIGNAL));
    say_name("peer", s[1], true);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    write(s[1], "unread", 6);
    close(s[1]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    write(s[1], "unread", 6);
    close(s[0]); /* what was sent to it is lost */
    CALL(read(s[1], buf, sizeof buf));
    CALL(read(s[1], buf, sizeof buf));
    signal(SIGPIPE, SIG_DFL);
    pid_t pid;
    CHILD(pid)
    {
        write(s[1], "x", 1);
    }
    say_end("writer", pid);
}

CASE(shut_down)
{
    int s[2];
    char buf[64];
    signal(SIGPIPE, SIG_IGN);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    CALL(shutdown(s[0], 3));
    CALL(shutdown(s[0], -1));
    write(s[0], "a", 1);
    CALL(shutdown(s[0], SHUT_WR));
    CALL(write(s[0], "b", 1));
    CALL(read(s[1], buf, 9));
    CALL(read(s[1], buf, 9));
    CALL(write(s[1], "c", 1));
    CALL(read(s[0], buf, 9));
    CALL(shutdown(s[1], SHUT_RD));
    CALL(shutdown(s[0], SHUT_RD));
    CALL(write(s[1], "c", 1));
    CALL(read(s[0], buf, 9));
    CALL(shutdown(socket(AF_UNIX, SOCK_STREAM, 0), SHUT_RD));
    CALL(shutdown(socket(AF_UNIX, SOCK_DGRAM, 0), SHUT_RD));
    CALL(shutdown(0, SHUT_RD));
}

static void names(const char *name)
{
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    int other = socket(AF_UNIX, SOCK_STREAM, 0), dgram = socket(AF_UNIX, SOCK_DGRAM, 0);
    char buf[8];
    CALL(listen(server, 1));
    CALL(connect_to(client, name));
    CALL(bind_to(server, name));
    CALL(bind_to(server, name));
    CALL(bind_to(other, name));
    CALL(connect_to(client, name));
    CALL(accept(server, NULL, NULL));
    CALL(listen(server, 1));
    CALL(connect_to(dgram, name));
    CALL(connect_to(client, name));
    CALL(connect_to(client, name));
    say_name("server", server, false);
    say_name("server's peer", server, true);
    say_name("client", client, false);
    say_name("client's peer", client, true);
    int end = accept(server, NULL, NULL);
    say_name("end", end, false);
    say_name("end's peer", end, true);
    CALL(write(client, "hi", 2));
    CALL(read(end, buf, 8));
    CALL(read(server, buf, 8));
    CALL(write(server, buf, 8));
    CALL(fcntl(server, F_SETFL, O_NONBLOCK));
    CALL(accept(server, NULL, NULL));
    close(server);
    CALL(connect_to(other, name));
    CALL(write(client, "on", 2)); /* what is connected stays */
    CALL(read(end, buf, 8));
}

CASE(abstract_names)
{
    char name[64];
    snprintf(name, sizeof name, "@alba-test-%d", getpid() % 10);
    names("@alba-test-abstract");
}

CASE(names_in_the_file_system)
{
    struct stat st;
    umask(027);
    names("socket");
    CALL(stat("socket", &st));
    say("%o\n", st.st_mode);
    CALL(open("socket", O_RDWR));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CALL(bind_to(fd, "socket"));
    CALL(unlink("socket"));
    CALL(bind_to(fd, "socket"));
    CALL(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "nowhere"));
    close(open("file", O_CREAT | O_RDWR, 0600));
    CALL(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "file"));
    CALL(bind_to(socket(AF_UNIX, SOCK_STREAM, 0), "no/such/directory"));
    listen(fd, 5);
    symlink("socket", "link");
    CALL(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "link"));
    rename("socket", "other");
    CALL(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "other"));
    chmod("other", 0500);
    setresuid(65534, 65534, 65534);
    CALL(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "other"));
}

CASE(addresses)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    at("@x");
    CALL(bind(fd, (void *)&address, 1));
    CALL(bind(fd, (void *)&address, 111));
    CALL(bind(fd, (void *)&address, -1));
    CALL(bind(fd, (void *)&address, 1000));
    CALL(bind(fd, (void *)8, 10));
    address.sun_family = 2;
    CALL(bind(fd, (void *)&address, 10));
    CALL(connect(fd, (void *)&address, 10));
    CALL(connect(fd, (void *)&address, 1));
    address.sun_family = AF_UNIX;
    CALL(bind(fd, (void *)&address, 2)); /* one of the system's choice */
    struct sockaddr_un name;
    socklen_t size = sizeof name;
    CALL(getsockname(fd, (void *)&name, &size));
    SHOW(size);
    size = 4;
    CALL(getsockname(fd, (void *)&name, &size));
    SHOW(size);
    size = (socklen_t)-1;
    CALL(getsockname(fd, (void *)&name, &size));
    CALL(getsockname(fd, (void *)&name, (void *)8));
    memset(address.sun_path, 'a', sizeof address.sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CALL(bind(fd, (void *)&address, 110)); /* without a zero */
    size = sizeof name;
    struct sockaddr_storage whole;
    size = sizeof whole;
    CALL(getsockname(fd, (void *)&whole, &size));
    SHOW(size);
}

CASE(datagrams)
{
    int a = socket(AF_UNIX, SOCK_DGRAM, 0), b = socket(AF_UNIX, SOCK_DGRAM, 0);
    char buf[64];
    struct sockaddr_un from;
    socklen_t size = sizeof from;
    CALL(send(a, "x", 1, 0));
    bind_to(b, "@alba-test-b");
    at("@alba-test-b");
    CALL(sendto(a, "one", 3, 0, (void *)&address, 14));
    CALL(sendto(a, "", 0, 0, (void *)&address, 14));
    bind_to(a, "@alba-test-a");
    at("@alba-test-b");
    CALL(sendto(a, "three", 5, 0, (void *)&address, 14));
    CALL(recvfrom(b, buf, 2, 0, (void *)&from, &size)); /* the rest is lost */
    SHOW(size);
    CALL(recv(b, buf, 64, 0));
    size = sizeof from;
    CALL(recvfrom(b, buf, 2, MSG_TRUNC, (void *)&from, &size));
    say("%d %s\n", (int)size, from.sun_path + 1);
    CALL(recv(b, buf, 2, MSG_DONTWAIT));
    CALL(connect_to(a, "@alba-test-b"));
    CALL(send(a, "x", 1, 0));
    CALL(connect_to(b, "@alba-test-b"));
    int c = socket(AF_UNIX, SOCK_DGRAM, 0);
    CALL(connect_to(c, "@alba-test-b"));
    CALL(recv(b, buf, 8, 0));
    say_name("peer", a, true);
    address.sun_family = AF_UNSPEC;
    CALL(connect(a, (void *)&address, 2));
    say_name("peer", a, true);
    CALL(send(a, "x", 1, 0));
    CALL(listen(a, 1));
    CALL(accept(a, NULL, NULL));
}

CASE(a_full_queue)
{
    int a = socket(AF_UNIX, SOCK_DGRAM, 0), b = socket(AF_UNIX, SOCK_DGRAM, 0);
    char buf[8];
    bind_to(b, "@alba-test-full");
    connect_to(a, "@alba-test-full");
    int sent = 0;
    while (send(a, "x", 1, MSG_DONTWAIT) == 1) {
        sent++;
    }
    say("%s\n", error_name(errno));
    TRUTH(sent >= 10 && sent < 1000);
    struct pollfd p = {a, POLLOUT, 0};
    CALL(poll(&p, 1, 0));
    recv(b, buf, 8, 0);
    CALL(poll(&p, 1, -1));
    CALL(send(a, "x", 1, 0));
    close(b);
    CALL(send(a, "x", 1, 0));
    CALL(send(a, "x", 1, 0));
}

CASE(packets)
{
    int s[2];
    char buf[64];
    signal(SIGPIPE, SIG_IGN);
    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s);
    write(s[0], "one", 3);
    write(s[0], "two", 3);
    CALL(read(s[1], buf, 2));
    CALL(read(s[1], buf, 20));
    struct msghdr msg = {.msg_iov = &(struct iovec){buf, 2}, .msg_iovlen = 1};
    write(s[0], "three", 5);
    CALL(recvmsg(s[1], &msg, MSG_PEEK));
    SHOW(msg.msg_flags == MSG_TRUNC);
    CALL(recvmsg(s[1], &msg, MSG_TRUNC));
    close(s[0]);
    CALL(read(s[1], buf, 20));
    CALL(send(s[1], "x", 1, MSG_NOSIGNAL));
    int alone = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    CALL(send(alone, "x", 1, 0));
    CALL(recv(alone, buf, 1, 0));
    int stream = socket(AF_UNIX, SOCK_STREAM, 0);
    CALL(send(stream, "x", 1, 0));
    CALL(recv(stream, buf, 1, 0));
    at("@x");
    CALL(sendto(stream, "x", 1, 0, (void *)&address, 4));
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    CALL(sendto(s[0], "x", 1, 0, (void *)&address, 4));
}

static int fill(int fd)
{
    static char block[65536];
    int all = 0, n;
    while ((n = (int)send(fd, block, sizeof block, MSG_DONTWAIT)) > 0) {
        all += n;
    }
    return all;
}

static void *drain(void *arg)
{
    static char block[65536];
    long all = 0, n;
    while ((n = read(*(int *)arg, block, sizeof block)) > 0) {
        all += n;
    }
    return (void *)all;
}

CASE(more_than_fits)
{
    int s[2];
    pthread_t thread;
    void *drained;
    static char big[3 << 20];
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    int filled = fill(s[0]);
    TRUTH(filled > 65536 && filled < 1 << 21);
    say("%s\n", error_name(errno));
    struct pollfd p = {s[0], POLLOUT, 0};
    CALL(poll(&p, 1, 0));
    pthread_create(&thread, NULL, drain, &s[1]);
    CALL(write(s[0], big, sizeof big));
    CALL(poll(&p, 1, -1));
    shutdown(s[0], SHUT_WR);
    pthread_join(thread, &drained);
    SHOW((long)drained == filled + (long)sizeof big);
    char all[10];
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    pid_t pid;
    CHILD(pid)
    {
        for (int i = 0; i < 10; i++) {
            write(s[0], "x", 1);
            sched_yield();
        }
    }
    CALL(recv(s[1], all, 10, MSG_WAITALL));
    say_end("child", pid);
}

CASE(polled)
{
    int s[2], server = socket(AF_UNIX, SOCK_STREAM, 0);
    char byte;
    struct pollfd p = {server, POLLIN | POLLOUT | POLLRDHUP, 0};
    poll(&p, 1, 0);
    SHOW(p.revents);
    bind_to(server, "@alba-test-poll");
    listen(server, 3);
    poll(&p, 1, 0);
    SHOW(p.revents);
    connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "@alba-test-poll");
    poll(&p, 1, 0);
    SHOW(p.revents);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    p.fd = s[0];
    poll(&p, 1, 0);
    SHOW(p.revents);
    write(s[1], "x", 1);
    poll(&p, 1, 0);
    SHOW(p.revents);
    shutdown(s[1], SHUT_WR);
    poll(&p, 1, 0);
    SHOW(p.revents);
    read(s[0], &byte, 1);
    poll(&p, 1, 0);
    SHOW(p.revents);
    close(s[1]);
    poll(&p, 1, 0);
    SHOW(p.revents);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    p.fd = s[0];
    poll(&p, 1, 0);
    SHOW(p.revents);
    close(s[1]);
    poll(&p, 1, 0);
    SHOW(p.revents);
}

CASE(timeouts)
{
    int s[2];
    char byte;
    struct timeval time = {0, 20000};
    socklen_t size = sizeof time;
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    CALL(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    CALL(read(s[0], &byte, 1));
    CALL(getsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &time, &size));
    CALL(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
    fill(s[0]);
    CALL(write(s[0], "x", 1));
    time.tv_usec = 1000000;
    CALL(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    CALL(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &time, 4));
}

static void show_option(const char *what, int fd, int option)
{
    int value = -77;
    socklen_t size = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, option, &value, &size)) {
        say("%s: %s\n", what, error_name(errno));
    } else {
        say("%s: %d, %d bytes\n", what, value, (int)size);
    }
}
#define OPTION(fd, name) show_option(#name, fd, name)

CASE(options)
{
    int s[2], one = 1;
    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s);
    OPTION(s[0], SO_TYPE);
    OPTION(s[0], SO_DOMAIN);
    OPTION(s[0], SO_PROTOCOL);
    OPTION(s[0], SO_ERROR);
    OPTION(s[0], SO_ACCEPTCONN);
    OPTION(s[0], SO_PASSCRED);
    OPTION(s[0], SO_KEEPALIVE);
    OPTION(s[0], SO_REUSEADDR);
    OPTION(s[0], 9999);
    CALL(setsockopt(s[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
    CALL(setsockopt(s[0], SOL_SOCKET, SO_REUSEADDR, &one, 3));
    CALL(setsockopt(s[0], SOL_SOCKET, SO_REUSEADDR, (void *)8, 4));
    CALL(setsockopt(s[0], SOL_SOCKET, SO_TYPE, &one, 4));
    CALL(setsockopt(s[0], SOL_SOCKET, 9999, &one, 4));
    CALL(setsockopt(s[0], 6, 1, &one, 4));
    OPTION(s[0], SO_PASSCRED);
    int size = 10000;
    CALL(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
    OPTION(s[0], SO_SNDBUF);
    size = 1;
    CALL(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
    OPTION(s[0], SO_SNDBUF);
    CALL(setsockopt(s[0], SOL_SOCKET, SO_RCVBUF, &size, sizeof size));
    OPTION(s[0], SO_RCVBUF);
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    bind_to(listening, "@alba-test-options");
    listen(listening, 1);
    OPTION(listening, SO_ACCEPTCONN);
}

static atomic_int served;
static void *serve(void *arg)
{
    int server = *(int *)arg;
    for (;;) {
        int fd = accept(server, NULL, NULL);
        char buf[100];
        ssize_t n;
        while ((n = read(fd, buf, sizeof buf)) > 0) {
            write(fd, buf, (size_t)n);
        }
        close(fd);
        if (++served == 200) {
            return NULL;
        }
    }
}
static void *ask(void *arg)
{
    long good = 0;
    for (int i = 0; i < 50; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        char buf[100] = "";
        connect_to(fd, "@alba-test-server");
        write(fd, "question", 8);
        good += read(fd, buf, sizeof buf) == 8 && !memcmp(buf, "question", 8);
        close(fd);
    }
    (void)arg;
    return (void *)good;
}

CASE(clients_and_a_server)
{
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    pthread_t thread;
    pid_t clients[4];
    bind_to(server, "@alba-test-server");
    listen(server, 2); /* fewer than come */
    pthread_create(&thread, NULL, serve, &server);
    for (int i = 0; i < 4; i++) {
        CHILD(clients[i])
        {
            _exit((int)(long)ask(NULL));
        }
    }
    for (int i = 0; i < 4; i++) {
        say_end("client", clients[i]);
    }
    pthread_join(thread, NULL);
}

CASE(never_accepted)
{
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    char byte;
    signal(SIGPIPE, SIG_IGN);
    bind_to(server, "@alba-test-never");
    listen(server, 0);
    CALL(connect_to(client, "@alba-test-never"));
    int second = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CALL(connect_to(second, "@alba-test-never"));
    write(client, "x", 1);
    close(server);
    CALL(read(client, &byte, 1));
    CALL(read(client, &byte, 1));
    CALL(write(client, "x", 1));
    CALL(connect_to(second, "@alba-test-never"));
}

int main(void)
{
    return RUN(ENTRY(creation), ENTRY(a_pair), ENTRY(the_end_of_a_stream), ENTRY(shut_down),
               ENTRY(abstract_names), ENTRY(names_in_the_file_system), ENTRY(addresses),
               ENTRY(datagrams), ENTRY(a_full_queue), ENTRY(packets), ENTRY(more_than_fits),
               ENTRY(polled), ENTRY(timeouts), ENTRY(options), ENTRY(clients_and_a_server),
               ENTRY(never_accepted));
}
