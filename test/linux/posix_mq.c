/* SPDX-License-Identifier: BSD-2-Clause */
/* POSIX message queues: names, priorities, limits, waiting and notification. */
#include "test/linux/check.h"

#include <grp.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/resource.h>

static long mq_open_raw(const char *name, int flags, unsigned mode, struct mq_attr *attr)
{
    return syscall(SYS_mq_open, name, flags, mode, attr);
}
static long unlink_raw(const char *name)
{
    return syscall(SYS_mq_unlink, name);
}
static long send_to(int fd, const char *text, unsigned priority)
{
    return syscall(SYS_mq_timedsend, fd, text, strlen(text), priority, NULL);
}
static void take(int fd)
{
    char text[8192];
    unsigned priority = 0;
    long got = syscall(SYS_mq_timedreceive, fd, text, sizeof text, &priority, NULL);
    if (got < 0) {
        say("received: %s\n", error_name(errno));
    } else {
        say("received: %u \"%.*s\"\n", priority, (int)got, text);
    }
}
static void say_attr(int fd)
{
    struct mq_attr a;
    memset(&a, 0xff, sizeof a);
    CALL(syscall(SYS_mq_getsetattr, fd, NULL, &a));
    say("flags %#lx, %ld of %ld messages of %ld bytes\n", a.mq_flags, a.mq_curmsgs, a.mq_maxmsg,
        a.mq_msgsize);
}
static short events_of(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    poll(&p, 1, 0);
    return p.revents;
}
/* A name that nobody else has. */
static const char *some_name(void)
{
    static char name[32];
    snprintf(name, sizeof name, "alba-%d", getpid());
    return name;
}
static int new_queue(long max, long size, int flags)
{
    struct mq_attr a = {.mq_maxmsg = max, .mq_msgsize = size};
    const char *name = some_name();
    int fd = (int)mq_open_raw(name, O_CREAT | O_EXCL | O_RDWR | flags, 0600, &a);
    unlink_raw(name);
    return fd;
}

CASE(names)
{
    const char *name = some_name();
    char longest[300];
    memset(longest, 'n', sizeof longest);
    longest[256] = 0;
    CALL(mq_open_raw(name, O_RDWR, 0, NULL));
    CALL(mq_open_raw("", O_RDWR | O_CREAT, 0600, NULL));
    CALL(mq_open_raw(".", O_RDWR | O_CREAT, 0600, NULL));
    CALL(mq_open_raw("..", O_RDWR | O_CREAT, 0600, NULL));
    CALL(mq_open_raw("a/b", O_RDWR | O_CREAT, 0600, NULL));
    CALL(mq_open_raw(longest, O_RDWR | O_CREAT, 0600, NULL));
    CALL(mq_open_raw((void *)8, O_RDWR | O_CREAT, 0600, NULL));
    CALL(mq_open_raw(name, O_RDWR | O_CREAT, 0600, (void *)8));
    int fd = (int)mq_open_raw(name, O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
    CALL(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
    say_attr(fd);
    CALL(mq_open_raw(name, O_RDWR | O_CREAT | O_EXCL, 0600, NULL));
    CALL(mq_open_raw(name, O_ACCMODE, 0, NULL));
    int other = (int)mq_open_raw(name, O_RDONLY | O_NONBLOCK, 0, NULL);
    say_attr(other);
    CALL(send_to(fd, "through another descriptor", 1));
    CALL(send_to(other, "x", 1));
    take(other);
    take(other);
    CALL(unlink_raw(name));
    CALL(unlink_raw(name));
    CALL(unlink_raw("a/b"));
    CALL(mq_open_raw(name, O_RDWR, 0, NULL));
    CALL(send_to(fd, "without a name", 1));
    take(other);
}

CASE(priorities)
{
    int fd = new_queue(5, 20, O_NONBLOCK);
    say_attr(fd);
    SHOW(events_of(fd));
    take(fd);
    CALL(send_to(fd, "one", 1));
    CALL(send_to(fd, "three", 3));
    CALL(send_to(fd, "", 32767));
    CALL(send_to(fd, "three again", 3));
    SHOW(events_of(fd));
    CALL(send_to(fd, "two", 2));
    CALL(send_to(fd, "six", 6));
    SHOW(events_of(fd));
    say_attr(fd);
    CALL(send_to(fd, "x", 32768));
    CALL(send_to(fd, "more than twenty bytes", 1));
    CALL(send_to(0, "x", 1));
    CALL(send_to(99, "x", 1));
    CALL(syscall(SYS_mq_timedsend, fd, (void *)8, 5, 1, NULL));
    char few[19];
    CALL(syscall(SYS_mq_timedreceive, fd, few, sizeof few, NULL, NULL));
    for (int i = 0; i < 6; i++) {
        take(fd);
    }
}

CASE(attributes)
{
    struct mq_attr a = {.mq_maxmsg = 0, .mq_msgsize = 1};
    const char *name = some_name();
    CALL(mq_open_raw(name, O_CREAT | O_RDWR, 0600, &a));
    a.mq_maxmsg = 1;
    a.mq_msgsize = 0;
    CALL(mq_open_raw(name, O_CREAT | O_RDWR, 0600, &a));
    a.mq_maxmsg = 65537;
    a.mq_msgsize = 1;
    CALL(mq_open_raw(name, O_CREAT | O_RDWR, 0600, &a));
    a.mq_maxmsg = 1;
    a.mq_msgsize = (16 << 20) + 1;
    CALL(mq_open_raw(name, O_CREAT | O_RDWR, 0600, &a));
    struct rlimit limit = {1000, 1000};
    setrlimit(RLIMIT_MSGQUEUE, &limit);
    a.mq_maxmsg = 8;
    a.mq_msgsize = 30;
    CALL(mq_open_raw(name, O_CREAT | O_RDWR, 0600, &a));
    a.mq_msgsize = 29;
    int fd = new_queue(8, 29, 0);
    TRUTH(fd >= 0);
    CALL(mq_open_raw(name, O_CREAT | O_RDWR, 0600, &a));
    a.mq_flags = O_NONBLOCK;
    CALL(syscall(SYS_mq_getsetattr, fd, &a, NULL));
    say_attr(fd);
    a.mq_flags = O_APPEND;
    CALL(syscall(SYS_mq_getsetattr, fd, &a, NULL));
    CALL(syscall(SYS_mq_getsetattr, fd, (void *)8, NULL));
    CALL(syscall(SYS_mq_getsetattr, fd, NULL, (void *)8));
    CALL(syscall(SYS_mq_getsetattr, 0, NULL, NULL));
    a.mq_flags = 0;
    struct mq_attr old;
    CALL(syscall(SYS_mq_getsetattr, fd, &a, &old));
    SHOW(old.mq_flags);
    say_attr(fd);
}

static void on_signal(int sig)
{
    (void)sig;
}

CASE(waiting)
{
    int fd = new_queue(1, 100, 0);
    pid_t pid;
    CHILD(pid)
    {
        char text[100];
        CALL(syscall(SYS_mq_timedreceive, fd, text, 100, NULL, NULL));
        CALL(syscall(SYS_mq_timedreceive, fd, text, 100, NULL, NULL));
    }
    send_to(fd, "four", 1);
    send_to(fd, "fives", 1);
    say_end("receiver", pid);
    char text[100];
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    CALL(syscall(SYS_mq_timedreceive, fd, text, 100, NULL, &t));
    send_to(fd, "x", 1);
    CALL(syscall(SYS_mq_timedsend, fd, "y", 1, 1, &t));
    t.tv_nsec = 1000000000;
    CALL(syscall(SYS_mq_timedsend, fd, "y", 1, 1, &t));
    CALL(syscall(SYS_mq_timedsend, fd, "y", 1, 1, (void *)8));
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    pid = pester(getpid(), SIGUSR1);
    CALL(syscall(SYS_mq_timedsend, fd, "y", 1, 1, NULL));
    end_child(pid);
}

static int told;
static void on_message(int sig, siginfo_t *info, void *context)
{
    (void)context;
    say("%s code %d value %d from %s\n", signal_name(sig), info->si_code, info->si_value.sival_int,
        info->si_pid == getpid() ? "myself" : "a child");
    told++;
}

CASE(notification)
{
    struct sigaction action = {.sa_sigaction = on_message, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    int fd = new_queue(3, 8192, O_NONBLOCK);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    event.sigev_value.sival_int = 42;
    CALL(syscall(SYS_mq_notify, fd, &event));
    CALL(syscall(SYS_mq_notify, fd, &event));
    send_to(fd, "a", 1);
    SHOW(told);
    send_to(fd, "b", 1);
    CALL(syscall(SYS_mq_notify, fd, &event));
    send_to(fd, "c", 1); /* was not empty */
    SHOW(told);
    for (int i = 0; i < 3; i++) {
        take(fd);
    }
    pid_t pid;
    CHILD(pid)
    {
        CALL(syscall(SYS_mq_notify, fd, &event));
        CALL(syscall(SYS_mq_notify, fd, NULL));
        send_to(fd, "d", 1);
    }
    say_end("child", pid);
    SHOW(told);
    take(fd);
    CALL(syscall(SYS_mq_notify, fd, &event));
    CALL(syscall(SYS_mq_notify, fd, NULL));
    CALL(syscall(SYS_mq_notify, fd, NULL));
    send_to(fd, "e", 1);
    SHOW(told);
    take(fd);
    /* Closing any descriptor ends it. */
    CALL(syscall(SYS_mq_notify, fd, &event));
    close(dup(fd));
    CALL(syscall(SYS_mq_notify, fd, &event));
    event.sigev_signo = 65;
    CALL(syscall(SYS_mq_notify, fd, &event));
    event.sigev_notify = 3;
    CALL(syscall(SYS_mq_notify, fd, &event));
    CALL(syscall(SYS_mq_notify, fd, (void *)8));
    CALL(syscall(SYS_mq_notify, 0, NULL));
}

CASE(rights)
{
    const char *name = some_name();
    int fd = (int)mq_open_raw(name, O_CREAT | O_RDWR, 0624, NULL);
    pid_t pid;
    for (gid_t group = 0; group < 3; group += 2) {
        CHILD(pid)
        {
            setgroups(0, NULL);
            setresgid(group, group, group);
            setresuid(1000, 1000, 1000);
            CALL(mq_open_raw(name, O_RDONLY, 0, NULL) >= 0);
            CALL(mq_open_raw(name, O_WRONLY, 0, NULL) >= 0);
            CALL(mq_open_raw(name, O_RDWR, 0, NULL) >= 0);
            CALL(unlink_raw(name));
            struct mq_attr a = {.mq_maxmsg = 11, .mq_msgsize = 10};
            CALL(mq_open_raw(some_name(), O_CREAT | O_RDWR, 0600, &a));
        }
        say_end("somebody", pid);
    }
    CALL(unlink_raw(name));
    close(fd);
}

int main(void)
{
    return RUN(ENTRY(names), ENTRY(priorities), ENTRY(attributes), ENTRY(waiting),
               ENTRY(notification), ENTRY(rights));
}
