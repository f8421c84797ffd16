/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors: dup, fcntl, limits, closing ranges, locks, poll and select. */
#include "test/linux/check.h"

#include <poll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/select.h>

CASE(lowest_number_is_used)
{
    make_file("f", "x");
    CALL(open("f", O_RDONLY));
    CALL(open("f", O_RDONLY));
    CALL(open("f", O_RDONLY));
    CALL(close(4));
    CALL(dup(3));
    CALL(dup(3));
    CALL(fcntl(3, F_DUPFD, 100));
    CALL(fcntl(3, F_DUPFD, 100));
    CALL(fcntl(3, F_DUPFD, 5));
}

CASE(dup_shares_the_offset)
{
    make_file("f", "0123456789");
    int a = open("f", O_RDONLY), b = dup(a), c = open("f", O_RDONLY);
    char x;
    read(a, &x, 1);
    CALL(lseek(b, 0, SEEK_CUR));
    CALL(lseek(c, 0, SEEK_CUR));
    lseek(b, 7, SEEK_SET);
    CALL(lseek(a, 0, SEEK_CUR));
}

CASE(dup2_and_dup3)
{
    make_file("f", "x");
    int fd = open("f", O_RDONLY);
    CALL(dup2(fd, 20));
    CALL(dup2(fd, fd));
    CALL(dup2(99, 99));
    CALL(dup2(99, 20));
    CALL(fcntl(20, F_GETFD));
    CALL(dup2(fd, -1));
    CALL(dup2(fd, 1000000));
    CALL(dup3(fd, 21, O_CLOEXEC));
    CALL(fcntl(21, F_GETFD));
    CALL(syscall(SYS_dup3, fd, fd, 0));
    CALL(syscall(SYS_dup3, fd, 22, O_NONBLOCK));
    CALL(dup(-1));
    CALL(dup(99));
}

CASE(flags_of_file_and_descriptor)
{
    make_file("f", "x");
    int fd = open("f", O_RDWR | O_APPEND);
    SHOW(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    CALL(fcntl(fd, F_SETFL, O_NONBLOCK | O_WRONLY));
    SHOW(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    CALL(fcntl(fd, F_GETFD));
    CALL(fcntl(fd, F_SETFD, FD_CLOEXEC));
    CALL(fcntl(fd, F_GETFD));
    int other = dup(fd);
    CALL(fcntl(other, F_GETFD));
    CALL(fcntl(fd, 9999, 0));
    CALL(fcntl(99, F_GETFL));
    CALL(fcntl(fd, F_DUPFD, -1));
    CALL(fcntl(fd, F_DUPFD, 1000000));
}

CASE(limit_of_descriptors)
{
    struct rlimit limit = {16, 32};
    CALL(setrlimit(RLIMIT_NOFILE, &limit));
    make_file("f", "x");
    int last = -1, fd;
    while ((fd = open("f", O_RDONLY)) >= 0) {
        last = fd;
    }
    say("last %d then %s\n", last, error_name(errno));
    int p[2];
    CALL(pipe(p));
    CALL(dup(0));
    CALL(fcntl(0, F_DUPFD, 16));
    close(15);
    CALL(pipe(p));
    CALL(open("f", O_RDONLY));
}

CASE(close_range_closes)
{
    make_file("f", "x");
    int fd = open("f", O_RDONLY);
    for (int i = 10; i < 20; i++) {
        dup2(fd, i);
    }
    CALL(syscall(SYS_close_range, 12, 15, 0));
    CALL(syscall(SYS_close_range, 16, 17, 4));
    for (int i = 10; i < 20; i++) {
        say("%d: %s\n", i,
            fcntl(i, F_GETFD) < 0 ? "closed"
            : fcntl(i, F_GETFD)   ? "cloexec"
                                  : "open");
    }
    CALL(syscall(SYS_close_range, 15, 12, 0));
    CALL(syscall(SYS_close_range, 10, 12, 0x80));
    CALL(syscall(SYS_close_range, 10, ~0u, 0));
    CALL(fcntl(19, F_GETFD));
}

CASE(close_errors)
{
    CALL(close(-1));
    CALL(close(99));
    CALL(close(0));
    CALL(close(0));
}

CASE(poll_bad_descriptors)
{
    make_file("f", "x");
    struct pollfd fds[3] = {{.fd = -1, .events = POLLIN},
                            {.fd = 99, .events = POLLIN},
                            {.fd = open("f", O_RDWR), .events = POLLIN | POLLOUT | POLLPRI}};
    CALL(poll(fds, 3, 0));
    for (int i = 0; i < 3; i++) {
        say("revents %#x\n", fds[i].revents);
    }
    CALL(poll(NULL, 0, 0));
    CALL(poll((struct pollfd *)8, 1, 0));
    CALL(poll(fds, 1000000, 0));
}

CASE(poll_waits_and_times_out)
{
    int p[2];
    pipe(p);
    struct pollfd fd = {.fd = p[0], .events = POLLIN};
    long long start = now_ns();
    CALL(poll(&fd, 1, 30));
    TRUTH(now_ns() - start >= 29000000);
    pid_t pid;
    CHILD(pid)
    {
        sleep_ms(30);
        pass(p[1]);
    }
    CALL(poll(&fd, 1, -1));
    SHOW(fd.revents);
    waitpid(pid, NULL, 0);
}

static void nothing(int sig)
{
    (void)sig;
}

CASE(poll_is_interrupted)
{
    struct sigaction act = {.sa_handler = nothing, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &act, NULL);
    pid_t pid = pester(getpid(), SIGUSR1);
    CALL(poll(NULL, 0, 60000));
    end_child(pid);
    sigset_t none, set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    sigemptyset(&none);
    CALL(ppoll(NULL, 0, NULL, &none));
    CALL(poll(NULL, 0, 1));
    struct timespec bad = {0, -1};
    CALL(ppoll(NULL, 0, &bad, NULL));
}

CASE(select_sets)
{
    int a[2], b[2];
    pipe(a);
    pipe(b);
    fd_set r, w;
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_SET(a[0], &r);
    FD_SET(b[0], &r);
    FD_SET(a[1], &w);
    write(b[1], "x", 1);
    struct timeval t = {5, 0};
    CALL(select(64, &r, &w, NULL, &t));
    say("a %d b %d w %d\n", FD_ISSET(a[0], &r), FD_ISSET(b[0], &r), FD_ISSET(a[1], &w));
    FD_ZERO(&r);
    FD_SET(a[0], &r);
    struct timeval zero = {0, 0};
    CALL(select(a[0] + 1, &r, NULL, NULL, &zero));
    SHOW(FD_ISSET(a[0], &r));
    FD_ZERO(&r);
    FD_SET(50, &r);
    CALL(select(51, &r, NULL, NULL, &zero));
    CALL(select(-1, NULL, NULL, NULL, &zero));
    struct timeval bad = {-1, 0};
    CALL(select(0, NULL, NULL, NULL, &bad));
    struct timeval little = {0, 20000};
    long long start = now_ns();
    CALL(select(0, NULL, NULL, NULL, &little));
    TRUTH(now_ns() - start >= 19000000);
}

CASE(select_needs_the_highest_plus_one)
{
    int p[2];
    pipe(p);
    write(p[1], "x", 1);
    fd_set r;
    FD_ZERO(&r);
    FD_SET(p[0], &r);
    struct timeval zero = {0, 0};
    CALL(select(p[0], &r, NULL, NULL, &zero));
    SHOW(FD_ISSET(p[0], &r) != 0);
    FD_SET(p[0], &r);
    CALL(select(p[0] + 1, &r, NULL, NULL, &zero));
}

CASE(whole_file_locks)
{
    make_file("f", "x");
    int fd = open("f", O_RDWR);
    CALL(flock(fd, LOCK_EX));
    pid_t pid;
    CHILD(pid)
    {
        int other = open("f", O_RDWR);
        CALL(flock(other, LOCK_EX | LOCK_NB));
        CALL(flock(other, LOCK_SH | LOCK_NB));
        CALL(flock(fd, LOCK_EX | LOCK_NB));
    }
    say_end("child", pid);
    CALL(flock(fd, LOCK_UN));
    CALL(flock(fd, 77));
    CALL(flock(99, LOCK_SH));
}

CASE(record_locks)
{
    make_file("f", "0123456789");
    int fd = open("f", O_RDWR);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 4};
    CALL(fcntl(fd, F_SETLK, &lock));
    pid_t pid;
    CHILD(pid)
    {
        struct flock mine = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 1};
        CALL(fcntl(fd, F_SETLK, &mine));
        CALL(fcntl(fd, F_GETLK, &mine));
        TRUTH(mine.l_pid == getppid());
        say("type %d from %ld for %ld\n", mine.l_type, (long)mine.l_start, (long)mine.l_len);
        struct flock free = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 6, .l_len = 0};
        CALL(fcntl(fd, F_SETLK, &free));
    }
    say_end("child", pid);
    CALL(fcntl(fd, F_GETLK, &lock));
    SHOW(lock.l_type == F_UNLCK);
}

int main(void)
{
    return RUN(ENTRY(lowest_number_is_used), ENTRY(dup_shares_the_offset), ENTRY(dup2_and_dup3),
               ENTRY(flags_of_file_and_descriptor), ENTRY(limit_of_descriptors),
               ENTRY(close_range_closes), ENTRY(close_errors), ENTRY(poll_bad_descriptors),
               ENTRY(poll_waits_and_times_out), ENTRY(poll_is_interrupted), ENTRY(select_sets),
               ENTRY(select_needs_the_highest_plus_one), ENTRY(whole_file_locks),
               ENTRY(record_locks));
}
