/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters, timers and signals as files: eventfd, timerfd, signalfd. */
#include "test/linux/proc_fd.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#define MS 1000000ll

static short events_of(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    poll(&p, 1, 0);
    return p.revents;
}

/* --- counters ----------------------------------------------------------------------------------
 */

CASE(counter)
{
    uint64_t value = 7;
    int fd = eventfd(0, EFD_NONBLOCK);
    say_link(fd);
    CALL(fcntl(fd, F_GETFL));
    SHOW(events_of(fd));
    CALL(read(fd, &value, 8));
    CALL(write(fd, &value, 8));
    SHOW(events_of(fd));
    say_fdinfo(fd, "eventfd-count", "\n");
    CALL(read(fd, &value, 7));
    CALL(write(fd, &value, 7));
    CALL(read(fd, (void *)8, 8)); /* what was there is lost */
    CALL(read(fd, &value, 8));
    CALL(write(fd, (void *)8, 8));
    value = UINT64_MAX;
    CALL(write(fd, &value, 8));
    value = UINT64_MAX - 1;
    CALL(write(fd, &value, 8));
    SHOW(events_of(fd));
    value = 1;
    CALL(write(fd, &value, 8));
    CALL(read(fd, &value, 100));
    TRUTH(value == UINT64_MAX - 1);
    CALL(pread(fd, &value, 8, 0));
}

CASE(counter_flags)
{
    CALL(fcntl(eventfd(0, EFD_CLOEXEC), F_GETFD));
    CALL(eventfd(0, 2));
    CALL(eventfd(0, -1));
    CALL(syscall(SYS_eventfd, 5) >= 0);
    uint64_t value;
    int fd = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
    for (int i = 0; i < 4; i++) {
        CALL(read(fd, &value, 8));
        SHOW(value);
    }
}

static void *read_counter(void *arg)
{
    eventfd_t value = 0;
    eventfd_read(*(int *)arg, &value);
    return (void *)value;
}
static void *fill_counter(void *arg)
{
    eventfd_write(*(int *)arg, 5);
    return NULL;
}

CASE(counter_blocks)
{
    int fd = eventfd(0, 0);
    pthread_t thread;
    void *value;
    pthread_create(&thread, NULL, read_counter, &fd);
    eventfd_write(fd, 41);
    pthread_join(thread, &value);
    SHOW((long)value);
    eventfd_write(fd, UINT64_MAX - 1);
    pthread_create(&thread, NULL, fill_counter, &fd);
    eventfd_t got;
    eventfd_read(fd, &got);
    pthread_join(thread, NULL);
    eventfd_read(fd, &got);
    SHOW(got);
}

/* --- timers ------------------------------------------------------------------------------------
 */

static int set(int fd, int flags, long long value, long long interval, struct itimerspec *old)
{
    struct itimerspec new = {{interval / 1000000000, interval % 1000000000},
                             {value / 1000000000, value % 1000000000}};
    return timerfd_settime(fd, flags, &new, old);
}

CASE(timer_arguments)
{
    struct itimerspec value = {{0, 0}, {0, -1}};
    CALL(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
    CALL(timerfd_create(77, 0));
    CALL(timerfd_create(-1, 0));
    CALL(timerfd_create(CLOCK_MONOTONIC, 1));
    CALL(timerfd_create(CLOCK_BOOTTIME, 0) >= 0);
    CALL(timerfd_create(CLOCK_REALTIME, 0) >= 0);
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    say_link(fd);
    CALL(fcntl(fd, F_GETFD));
    CALL(fcntl(fd, F_GETFL));
    CALL(timerfd_settime(fd, 0, &value, NULL));
    value.it_value.tv_nsec = 1000000000;
    CALL(timerfd_settime(fd, 0, &value, NULL));
    value.it_value.tv_nsec = 1;
    value.it_interval.tv_sec = -1;
    CALL(timerfd_settime(fd, 0, &value, NULL));
    value.it_interval.tv_sec = 0;
    CALL(timerfd_settime(fd, 4, &value, NULL));
    CALL(timerfd_settime(0, 0, &value, NULL));
    CALL(timerfd_settime(-1, 0, &value, NULL));
    CALL(timerfd_settime(fd, 0, (void *)8, NULL));
    CALL(timerfd_gettime(fd, (void *)8));
    CALL(timerfd_gettime(0, &value));
    CALL(timerfd_gettime(99, &value));
    uint64_t ticks;
    CALL(write(fd, &ticks, 8));
    CALL(read(fd, &ticks, 4));
}

CASE(timer_once)
{
    uint64_t ticks;
    struct itimerspec now;
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    long long start = now_ns();
    CALL(set(fd, 0, 20 * MS, 0, NULL));
    SHOW(events_of(fd));
    CALL(timerfd_gettime(fd, &now));
    TRUTH(now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 20 * MS);
    CALL(read(fd, &ticks, 8));
    SHOW(ticks);
    TRUTH(now_ns() - start >= 20 * MS);
    CALL(timerfd_gettime(fd, &now));
    SHOW(now.it_value.tv_nsec);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    CALL(read(fd, &ticks, 8));
    CALL(set(fd, TFD_TIMER_ABSTIME, start, 0, &now)); /* in the past */
    SHOW(now.it_value.tv_nsec);
    struct pollfd p = {fd, POLLIN, 0};
    CALL(poll(&p, 1, -1));
    CALL(read(fd, &ticks, 8));
    SHOW(ticks);
    CALL(set(fd, 0, 1000 * MS, 0, NULL));
    CALL(set(fd, 0, 0, 0, &now));
    TRUTH(now.it_value.tv_nsec > 0 || now.it_value.tv_sec > 0);
    CALL(timerfd_gettime(fd, &now));
    SHOW(now.it_value.tv_nsec);
}

CASE(timer_again_and_again)
{
    uint64_t ticks, all = 0;
    struct itimerspec now;
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    long long start = now_ns();
    CALL(set(fd, 0, 5 * MS, 5 * MS, NULL));
    while (all < 5) {
        if (read(fd, &ticks, 8) == 8) {
            all += ticks;
        }
    }
    TRUTH((uint64_t)((now_ns() - start) / (5 * MS)) >= all);
    while (now_ns() - start < 60 * MS) {
    }
    CALL(read(fd, &ticks, 8));
    TRUTH(ticks >= 1 && all + ticks >= 10);
    CALL(timerfd_gettime(fd, &now));
    SHOW(now.it_interval.tv_nsec);
    TRUTH(now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 5 * MS);
}

CASE(timer_in_epoll)
{
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK), ep = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    uint64_t ticks;
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
    CALL(set(fd, 0, 1, 1 * MS, NULL));
    for (int i = 0; i < 5; i++) {
        CALL(epoll_wait(ep, &event, 1, -1));
        CALL(read(fd, &ticks, 8));
    }
}

/* --- signals -----------------------------------------------------------------------------------
 */

static int block_and_open(int flags, int one, int other)
{
    sigset_t set_;
    sigemptyset(&set_);
    sigaddset(&set_, one);
    sigaddset(&set_, other);
    sigprocmask(SIG_BLOCK, &set_, NULL);
    return signalfd(-1, &set_, flags);
}

CASE(signal_arguments)
{
    sigset_t all;
    sigfillset(&all);
    CALL(signalfd(0, &all, 0));
    CALL(signalfd(99, &all, 0));
    CALL(signalfd(-2, &all, 0));
    CALL(signalfd(-1, &all, 1));
    CALL(syscall(SYS_signalfd4, -1, &all, 4, 0));
    CALL(syscall(SYS_signalfd4, -1, 8, 8, 0));
    int fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    say_link(fd);
    say_fdinfo(fd, "sigmask", "\n");
    CALL(fcntl(fd, F_GETFD));
    char bytes[256];
    CALL(read(fd, bytes, 127));
    CALL(read(fd, bytes, 128));
    CALL(write(fd, bytes, 128));
}

CASE(signals_are_read)
{
    struct signalfd_siginfo info[4];
    int fd = block_and_open(SFD_NONBLOCK, SIGUSR1, SIGRTMIN);
    SHOW(events_of(fd));
    kill(getpid(), SIGUSR1);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 5});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 6});
    SHOW(events_of(fd));
    int size = (int)read(fd, info, sizeof info);
    SHOW(size);
    for (int i = 0; i < size / 128; i++) {
        say("%s %d %d %d\n", signal_name((int)info[i].ssi_signo), info[i].ssi_code, info[i].ssi_int,
            info[i].ssi_pid == (unsigned)getpid());
    }
    CALL(read(fd, info, 128));
    kill(getpid(), SIGUSR1);
    CALL(read(fd, (void *)8, 128));
    CALL(read(fd, info, 128)); /* it is lost */
}

CASE(a_child_is_read)
{
    struct signalfd_siginfo info;
    int fd = block_and_open(0, SIGCHLD, SIGUSR1);
    pid_t pid;
    CHILD(pid)
    {
        _exit(3);
    }
    CALL(read(fd, &info, sizeof info));
    TRUTH(info.ssi_pid == (unsigned)pid);
    SHOW(info.ssi_code == CLD_EXITED);
    SHOW(info.ssi_status);
    SHOW(info.ssi_signo == SIGCHLD);
    say_end("child", pid);
}

static void *send_later(void *arg)
{
    kill(getpid(), SIGUSR1);
    return arg;
}

CASE(a_reader_sleeps)
{
    struct signalfd_siginfo info;
    int fd = block_and_open(0, SIGUSR1, SIGUSR2), ep = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    pthread_t thread;
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
    pthread_create(&thread, NULL, send_later, NULL);
    CALL(read(fd, &info, sizeof info));
    pthread_join(thread, NULL);
    say("%s\n", signal_name((int)info.ssi_signo));
    pthread_create(&thread, NULL, send_later, NULL);
    pthread_join(thread, NULL);
    CALL(epoll_wait(ep, &event, 1, -1));
    CALL(epoll_wait(ep, &event, 1, 0));
    CALL(read(fd, &info, sizeof info));
}

CASE(another_set)
{
    struct signalfd_siginfo info;
    sigset_t usr2;
    int fd = block_and_open(SFD_NONBLOCK, SIGUSR1, SIGUSR2);
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    CALL(signalfd(fd, &usr2, 0) == fd);
    kill(getpid(), SIGUSR1);
    CALL(read(fd, &info, sizeof info));
    kill(getpid(), SIGUSR2);
    CALL(read(fd, &info, sizeof info));
    say("%s\n", signal_name((int)info.ssi_signo));
}

/* Who reads gets his own signals, not those of who opened it. */
CASE(after_fork)
{
    struct signalfd_siginfo info;
    int fd = block_and_open(SFD_NONBLOCK, SIGUSR1, SIGUSR2);
    kill(getpid(), SIGUSR1);
    pid_t pid;
    CHILD(pid)
    {
        CALL(read(fd, &info, sizeof info));
        kill(getpid(), SIGUSR2);
        CALL(read(fd, &info, sizeof info));
    }
    say_end("child", pid);
    CALL(read(fd, &info, sizeof info));
}

int main(void)
{
    return RUN(ENTRY(counter), ENTRY(counter_flags), ENTRY(counter_blocks), ENTRY(timer_arguments),
               ENTRY(timer_once), ENTRY(timer_again_and_again), ENTRY(timer_in_epoll),
               ENTRY(signal_arguments), ENTRY(signals_are_read), ENTRY(a_child_is_read),
               ENTRY(a_reader_sleeps), ENTRY(another_set), ENTRY(after_fork));
}
