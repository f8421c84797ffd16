/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of watched files: what is reported, when, how often, and to whom. */
#include "test/linux/proc_fd.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int add(int ep, int fd, unsigned events)
{
    struct epoll_event event = {.events = events, .data.u32 = (unsigned)fd};
    return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
}
static int modify(int ep, int fd, unsigned events)
{
    struct epoll_event event = {.events = events, .data.u32 = (unsigned)fd};
    return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event);
}
static int delete (int ep, int fd)
{
    return epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
}

/* What is ready now, and how. */
static void say_ready_in(const char *when, int ep, int timeout)
{
    struct epoll_event events[16];
    int n = epoll_wait(ep, events, 16, timeout);
    say("%s: %d", when, n);
    for (int i = 0; i < n; i++) {
        say(" %d:%#x", (int)events[i].data.u32, events[i].events);
    }
    say("\n");
}
static void say_ready(const char *when, int ep)
{
    say_ready_in(when, ep, 0);
}

CASE(creation)
{
    CALL(epoll_create1(0) >= 0);
    CALL(epoll_create(1) >= 0);
    CALL(syscall(SYS_epoll_create, 0));
    CALL(syscall(SYS_epoll_create, -1));
    CALL(epoll_create1(1));
    int ep = epoll_create1(EPOLL_CLOEXEC);
    CALL(fcntl(ep, F_GETFD));
    CALL(fcntl(ep, F_GETFL));
    char byte;
    CALL(read(ep, &byte, 1));
    CALL(write(ep, &byte, 1));
    struct stat st;
    CALL(fstat(ep, &st));
    SHOW(st.st_mode);
    say_link(ep);
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", ep);
    CALL(open(name, O_RDWR));
}

CASE(arguments)
{
    int p[2], ep = epoll_create1(0), plain = open("plain", O_CREAT | O_RDWR, 0600);
    struct epoll_event event = {.events = EPOLLIN};
    pipe(p);
    CALL(add(-1, p[0], EPOLLIN));
    CALL(add(ep, -1, EPOLLIN));
    CALL(add(ep, 99, EPOLLIN));
    CALL(add(p[0], p[1], EPOLLIN));
    CALL(add(ep, ep, EPOLLIN));
    CALL(add(ep, plain, EPOLLIN));
    CALL(add(ep, open("/", O_RDONLY), EPOLLIN));
    CALL(add(ep, open("/", O_PATH), EPOLLIN));
    CALL(add(ep, p[0], EPOLLIN));
    CALL(add(ep, p[0], EPOLLIN));
    CALL(modify(ep, p[1], EPOLLIN));
    CALL(delete (ep, p[1]));
    CALL(epoll_ctl(ep, 4, p[0], &event));
    CALL(epoll_ctl(ep, 0, p[0], &event));
    CALL(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], NULL));
    CALL(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], (void *)8));
    CALL(delete (ep, p[0]));
    CALL(delete (ep, p[0]));
    CALL(epoll_wait(ep, &event, 0, 0));
    CALL(epoll_wait(ep, &event, -1, 0));
    CALL(epoll_wait(p[0], &event, 1, 0));
    CALL(epoll_wait(-1, &event, 1, 0));
    CALL(epoll_wait(ep, (void *)(1ul << 63), 1, 0));
    CALL(epoll_wait(ep, (void *)8, 1, 0)); /* nothing is ready, so nothing is written */
    add(ep, p[1], EPOLLOUT);
    CALL(epoll_wait(ep, (void *)8, 1, 0));
    say_ready("still there", ep);
}

CASE(level_triggered)
{
    int p[2], ep = epoll_create1(0);
    char bytes[4];
    pipe(p);
    add(ep, p[0], EPOLLIN);
    add(ep, p[1], EPOLLOUT);
    say_ready("empty", ep);
    write(p[1], "ab", 2);
    say_ready("two bytes", ep);
    say_ready("again", ep);
    read(p[0], bytes, 1);
    say_ready("one byte", ep);
    read(p[0], bytes, 1);
    say_ready("none", ep);
    close(p[1]);
    say_ready("writer closed", ep);
}

CASE(edge_triggered)
{
    int p[2], ep = epoll_create1(0);
    char bytes[4];
    pipe(p);
    add(ep, p[0], EPOLLIN | EPOLLET);
    say_ready("empty", ep);
    write(p[1], "a", 1);
    say_ready("a byte", ep);
    say_ready("the same", ep);
    write(p[1], "b", 1);
    say_ready("another", ep);
    read(p[0], bytes, 1);
    say_ready("one read", ep);
    modify(ep, p[0], EPOLLIN | EPOLLET);
    say_ready("modified", ep);
    say_ready("and again", ep);
    close(p[1]);
    say_ready("hung up", ep);
    say_ready("hung up, again", ep);
}

/* The other direction does not count. */
CASE(edges_of_one_direction)
{
    int event = eventfd(0, EFD_NONBLOCK), ep = epoll_create1(0);
    eventfd_t value;
    add(ep, event, EPOLLOUT | EPOLLET);
    say_ready("room", ep);
    eventfd_write(event, 3);
    say_ready("written", ep);
    eventfd_read(event, &value);
    say_ready("read", ep);
    modify(ep, event, EPOLLIN | EPOLLOUT | EPOLLET);
    say_ready("both", ep);
    eventfd_write(event, 3);
    say_ready("written", ep);
    eventfd_read(event, &value);
    say_ready("read", ep);
    say_ready("again", ep);
}

CASE(one_shot)
{
    int p[2], ep = epoll_create1(0);
    pipe(p);
    add(ep, p[0], EPOLLIN | EPOLLONESHOT);
    write(p[1], "a", 1);
    say_ready("a byte", ep);
    say_ready("taken", ep);
    write(p[1], "b", 1);
    say_ready("another", ep);
    close(p[1]);
    say_ready("not even a hang-up", ep);
    modify(ep, p[0], EPOLLIN | EPOLLONESHOT);
    say_ready("armed", ep);
    say_ready("taken", ep);
    modify(ep, p[0], 0);
    say_ready("nothing wanted", ep);
    say_ready("level", ep);
}

CASE(interest_changes)
{
    int p[2], ep = epoll_create1(0);
    pipe(p);
    add(ep, p[1], 0);
    say_ready("nothing wanted", ep);
    for (int i = 0; i < 1000; i++) {
        modify(ep, p[1], i % 2 ? EPOLLIN : EPOLLOUT);
    }
    say_ready("not readable", ep);
    modify(ep, p[1], EPOLLOUT | EPOLLIN);
    say_ready("writable", ep);
    close(p[0]);
    say_ready("no reader", ep);
}

CASE(more_are_ready_than_fit)
{
    int ep = epoll_create1(0), fds[5];
    struct epoll_event events[2];
    unsigned seen = 0;
    for (int i = 0; i < 5; i++) {
        fds[i] = eventfd(1, 0);
        add(ep, fds[i], EPOLLIN);
    }
    for (int round = 0; round < 3; round++) {
        int n = epoll_wait(ep, events, 2, 0);
        for (int i = 0; i < n; i++) {
            seen |= 1u << (events[i].data.u32 - (unsigned)fds[0]);
        }
        SHOW(n);
    }
    SHOW(seen); /* everybody has had a turn */
}

CASE(duplicates)
{
    int p[2], ep = epoll_create1(0);
    pipe(p);
    int other = dup(p[0]);
    CALL(add(ep, p[0], EPOLLIN));
    CALL(add(ep, other, EPOLLIN));
    write(p[1], "a", 1);
    say_ready("both", ep);
    close(p[0]);
    say_ready("one is closed, the file is open", ep);
    CALL(delete (ep, p[0]));
    close(other);
    say_ready("the file is gone", ep);
    CALL(add(ep, p[1], EPOLLOUT));
    say_ready("another", ep);
}

CASE(closed_while_ready)
{
    int ep = epoll_create1(0);
    for (int i = 0; i < 100; i++) {
        int event = eventfd(1, 0);
        add(ep, event, EPOLLIN | (i % 3 ? EPOLLET : 0));
        close(event);
    }
    say_ready("all are gone", ep);
    int event = eventfd(1, 0);
    add(ep, event, EPOLLIN);
    close(ep);
    CALL(write(event, "12345678", 8));
}

CASE(a_set_in_a_set)
{
    int p[2], inner = epoll_create1(0), outer = epoll_create1(0);
    char byte;
    pipe(p);
    CALL(add(outer, inner, EPOLLIN));
    CALL(add(inner, outer, EPOLLIN));
    CALL(add(inner, p[0], EPOLLIN));
    say_ready("nothing", outer);
    write(p[1], "a", 1);
    say_ready("outer", outer);
    say_ready("inner", inner);
    say_ready("outer", outer);
    read(p[0], &byte, 1);
    say_ready("outer", outer);
    modify(outer, inner, EPOLLIN | EPOLLET);
    write(p[1], "a", 1);
    say_ready("edge", outer);
    say_ready("the same", outer);
    write(p[1], "b", 1);
    say_ready("another", outer);
    close(inner);
    say_ready("inner is closed", outer);
}

CASE(depth)
{
    int sets[8];
    for (int i = 0; i < 8; i++) {
        sets[i] = epoll_create1(0);
    }
    for (int i = 0; i < 7; i++) {
        CALL(add(sets[i + 1], sets[i], EPOLLIN));
    }
    CALL(add(sets[0], sets[4], EPOLLIN));
    int p[2];
    pipe(p);
    CALL(add(sets[0], p[1], EPOLLOUT));
    say_ready("through some", sets[3]);
}

struct waiter {
    pthread_t thread;
    int ep, count;
};
static atomic_int waiting;
static void *wait_once(void *arg)
{
    struct waiter *w = arg;
    struct epoll_event event;
    waiting++;
    w->count = epoll_wait(w->ep, &event, 1, -1);
    return NULL;
}

CASE(a_sleeper_is_woken)
{
    struct waiter w = {.ep = epoll_create1(0)};
    int p[2];
    pipe(p);
    pthread_create(&w.thread, NULL, wait_once, &w);
    while (!waiting) {
        sched_yield();
    }
    add(w.ep, p[0], EPOLLIN); /* added while it sleeps */
    write(p[1], "a", 1);
    pthread_join(w.thread, NULL);
    SHOW(w.count);
}

/* An edge is for one of several. */
CASE(an_edge_wakes_one)
{
    struct waiter w[4];
    int ep = epoll_create1(0), event = eventfd(0, EFD_SEMAPHORE);
    add(ep, event, EPOLLIN | EPOLLET);
    for (int i = 0; i < 4; i++) {
        w[i] = (struct waiter){.ep = ep};
        pthread_create(&w[i].thread, NULL, wait_once, &w[i]);
    }
    for (int i = 0; i < 4; i++) {
        eventfd_write(event, 1);
        /* Somebody takes the edge before the next one comes. */
        for (int taken = 0; taken <= i;) {
            taken = 0;
            for (int k = 0; k < 4; k++) {
                taken += __atomic_load_n(&w[k].count, __ATOMIC_RELAXED);
            }
            sched_yield();
        }
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(w[i].thread, NULL);
        SHOW(w[i].count);
    }
}

CASE(many_threads_and_files)
{
    enum { FILES = 64, ROUNDS = 2000 };
    int ep = epoll_create1(0), fds[FILES];
    long long sum = 0;
    for (int i = 0; i < FILES; i++) {
        fds[i] = eventfd(0, EFD_NONBLOCK);
        add(ep, fds[i], EPOLLIN | (i % 2 ? EPOLLET : 0));
    }
    pid_t writer;
    CHILD(writer)
    {
        for (int i = 0; i < ROUNDS; i++) {
            eventfd_write(fds[(i * 7) % FILES], 1);
        }
    }
    while (sum < ROUNDS) {
        struct epoll_event events[8];
        eventfd_t value;
        int n = epoll_wait(ep, events, 8, -1);
        for (int i = 0; i < n; i++) {
            if (eventfd_read((int)events[i].data.u32, &value) == 0) {
                sum += (long long)value;
            }
        }
    }
    SHOW(sum);
    say_end("writer", writer);
}

static void ignore(int sig)
{
    (void)sig;
}

CASE(signals_end_the_wait)
{
    struct epoll_event event;
    int ep = epoll_create1(0);
    sigset_t none, usr1, now;
    struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    pid_t pid = pester(getpid(), SIGUSR1);
    CALL(epoll_wait(ep, &event, 1, -1)); /* never restarted */
    end_child(pid);
    sigemptyset(&none);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    kill(getpid(), SIGUSR1);
    CALL(epoll_wait(ep, &event, 1, 0));
    CALL(epoll_pwait(ep, &event, 1, -1, &none));
    sigprocmask(SIG_BLOCK, NULL, &now);
    TRUTH(sigismember(&now, SIGUSR1));
    CALL(syscall(SYS_epoll_pwait, ep, &event, 1, 0, &none, 4));
    struct timespec zero = {0, 0}, bad = {0, -1}, soon = {0, 1000};
    CALL(syscall(441, ep, &event, 1, &zero, NULL, 8));
    CALL(syscall(441, ep, &event, 1, &bad, NULL, 8));
    CALL(syscall(441, ep, &event, 1, &soon, NULL, 8));
    CALL(syscall(441, ep, &event, 1, (void *)8, NULL, 8));
}

CASE(timeouts)
{
    struct epoll_event event;
    int ep = epoll_create1(0);
    long long start = now_ns();
    CALL(epoll_wait(ep, &event, 1, 30));
    TRUTH(now_ns() - start >= 30000000);
    CALL(epoll_wait(ep, &event, 1, 0));
}

CASE(exclusive)
{
    int p[2], ep = epoll_create1(0), other = epoll_create1(0);
    pipe(p);
    CALL(add(ep, p[0], EPOLLIN | EPOLLEXCLUSIVE));
    CALL(modify(ep, p[0], EPOLLIN));
    CALL(modify(ep, p[0], EPOLLIN | EPOLLEXCLUSIVE));
    CALL(add(ep, p[1], EPOLLOUT | EPOLLEXCLUSIVE | EPOLLONESHOT));
    CALL(add(ep, p[1], EPOLLOUT | EPOLLPRI | EPOLLEXCLUSIVE));
    CALL(add(ep, other, EPOLLIN | EPOLLEXCLUSIVE));
    write(p[1], "a", 1);
    say_ready("ready", ep);
}

CASE(terminals_and_devices)
{
    int ep = epoll_create1(0);
    CALL(add(ep, open("/dev/null", O_RDWR), EPOLLIN));
    CALL(add(ep, open("/dev/zero", O_RDWR), EPOLLIN));
    CALL(add(ep, open("/proc/self/status", O_RDONLY), EPOLLIN));
}

CASE(seen_in_proc)
{
    int ep = epoll_create1(0), event = eventfd(5, 0);
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLET, .data.u64 = 0x123456789abcull};
    epoll_ctl(ep, EPOLL_CTL_ADD, event, &wanted);
    say_fdinfo(ep, "tfd:", "  pos");
}

int main(void)
{
    return RUN(ENTRY(creation), ENTRY(arguments), ENTRY(level_triggered), ENTRY(edge_triggered),
               ENTRY(edges_of_one_direction), ENTRY(one_shot), ENTRY(interest_changes),
               ENTRY(more_are_ready_than_fit), ENTRY(duplicates), ENTRY(closed_while_ready),
               ENTRY(a_set_in_a_set), ENTRY(depth), ENTRY(a_sleeper_is_woken),
               ENTRY(an_edge_wakes_one), ENTRY(many_threads_and_files), ENTRY(signals_end_the_wait),
               ENTRY(timeouts), ENTRY(exclusive), ENTRY(terminals_and_devices),
               ENTRY(seen_in_proc));
}
