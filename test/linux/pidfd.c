/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes as files: opened, signalled, waited for, polled; and files taken out of them. */
#include "test/linux/proc_fd.h"

#include <poll.h>

#define P_PIDFD_ ((idtype_t)3)
enum { CLONE_PIDFD_ = 0x1000 };

static int pidfd_open(int pid, unsigned flags)
{
    return (int)syscall(434, pid, flags);
}
static long pidfd_send(int fd, int sig, const siginfo_t *info, unsigned flags)
{
    return syscall(424, fd, sig, info, flags);
}
static long pidfd_getfd(int fd, int target, unsigned flags)
{
    return syscall(438, fd, target, flags);
}
static short events_of(int fd, int timeout)
{
    struct pollfd p = {fd, POLLIN, 0};
    poll(&p, 1, timeout);
    return p.revents;
}

CASE(arguments)
{
    CALL(pidfd_open(0, 0));
    CALL(pidfd_open(-1, 0));
    CALL(pidfd_open(getpid(), 1));
    CALL(pidfd_open(4000000, 0));
    int fd = pidfd_open(getpid(), O_NONBLOCK);
    CALL(fcntl(fd, F_GETFD));
    CALL(fcntl(fd, F_GETFL));
    char byte;
    say_link(fd);
    CALL(read(fd, &byte, 1));
    CALL(pidfd_send(0, 0, NULL, 0));
    CALL(pidfd_send(99, 0, NULL, 0));
    CALL(pidfd_send(fd, 65, NULL, 0));
    CALL(pidfd_send(fd, 0, NULL, 0));
}

CASE(a_child)
{
    pid_t pid = start_idler();
    int fd = pidfd_open(pid, 0), again = pidfd_open(pid, O_NONBLOCK);
    siginfo_t info;
    SHOW(events_of(fd, 0));
    CALL(waitid(P_PIDFD_, (id_t)fd, &info, WEXITED | WNOHANG));
    CALL(waitid(P_PIDFD_, (id_t)again, &info, WEXITED));
    CALL(waitid(P_PIDFD_, 99, &info, WEXITED));
    CALL(waitid(P_PIDFD_, 0, &info, WEXITED));
    CALL(pidfd_send(fd, SIGUSR1, NULL, 0));
    SHOW(events_of(fd, -1));
    CALL(pidfd_send(fd, 0, NULL, 0)); /* a zombie is there */
    CALL(pidfd_open(pid, 0) >= 0);
    CALL(waitid(P_PIDFD_, (id_t)fd, &info, WEXITED));
    SHOW(info.si_pid == pid);
    SHOW(info.si_status);
    SHOW(info.si_code);
    SHOW(events_of(fd, 0) & POLLIN);
    CALL(pidfd_send(fd, 0, NULL, 0));
    CALL(waitid(P_PIDFD_, (id_t)fd, &info, WEXITED));
    CALL(pidfd_open(pid, 0));
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    (void)context;
    say("%s code %d value %d\n", signal_name(sig), info->si_code, info->si_value.sival_int);
}

CASE(signals_with_information)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    int fd = pidfd_open(getpid(), 0);
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGUSR1;
    info.si_code = SI_QUEUE;
    info.si_value.sival_int = 42;
    CALL(pidfd_send(fd, SIGUSR1, &info, 0));
    CALL(pidfd_send(fd, SIGUSR2, &info, 0));
    CALL(pidfd_send(fd, SIGUSR1, (void *)8, 0));
    pid_t pid = start_idler();
    int child = pidfd_open(pid, 0);
    info.si_code = SI_USER;
    CALL(pidfd_send(child, SIGUSR1, &info, 0));
    end_child(pid);
}

CASE(with_clone)
{
    int fd = -1;
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    } args = {.flags = CLONE_PIDFD_, .pidfd = (uintptr_t)&fd, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        _exit(5);
    }
    TRUTH(pid > 0 && fd >= 0);
    CALL(fcntl(fd, F_GETFD));
    siginfo_t info;
    CALL(waitid(P_PIDFD_, (id_t)fd, &info, WEXITED));
    SHOW(info.si_status);
    SHOW(info.si_pid == pid);
    args.pidfd = 8;
    CALL(syscall(SYS_clone3, &args, sizeof args));
    CALL(waitpid(-1, NULL, WNOHANG));
    CALL(syscall(SYS_clone, CLONE_PIDFD_ | 0x100000 | SIGCHLD, 0, &fd, 0, 0));
    CALL(syscall(SYS_clone, CLONE_PIDFD_ | 0x400000 | SIGCHLD, 0, &fd, 0, 0));
    fd = -1;
    pid = syscall(SYS_clone, CLONE_PIDFD_ | SIGCHLD, 0, &fd, 0, 0);
    if (pid == 0) {
        _exit(6);
    }
    SHOW(events_of(fd, -1));
    CALL(waitid(P_PIDFD_, (id_t)fd, &info, WEXITED));
    SHOW(info.si_status);
}

CASE(files_of_others)
{
    int p[2], ready[2];
    char byte;
    pipe(ready);
    pid_t pid;
    CHILD(pid)
    {
        pipe(p);
        dup2(p[1], 50);
        write(p[1], "x", 1);
        dup2(p[0], 51);
        pass(ready[1]);
        pause();
    }
    await(ready[0]);
    int fd = pidfd_open(pid, 0);
    CALL(pidfd_getfd(fd, 51, 1));
    CALL(pidfd_getfd(fd, 52, 0));
    CALL(pidfd_getfd(fd, -1, 0));
    CALL(pidfd_getfd(0, 51, 0));
    int got = (int)pidfd_getfd(fd, 51, 0);
    CALL(fcntl(got, F_GETFD));
    CALL(read(got, &byte, 1));
    pid_t other;
    CHILD(other)
    {
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        CALL(pidfd_getfd(fd, 51, 0));
        CALL(pidfd_send(fd, SIGUSR1, NULL, 0));
    }
    say_end("another user", other);
    end_child(pid);
    CALL(pidfd_getfd(fd, 51, 0));
}

int main(void)
{
    return RUN(ENTRY(arguments), ENTRY(a_child), ENTRY(signals_with_information), ENTRY(with_clone),
               ENTRY(files_of_others));
}
