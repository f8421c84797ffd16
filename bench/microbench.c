/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What operations cost: each is done many times between two marks, of which bench/count.c says the
 * instruction counts. Says "op NAME TIMES" for each pair of marks, or "fail NAME". As process 1 it
 * switches the machine off at the end; with the argument --true it does nothing, for exec.
 */
#include "bench/mark.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129 };

static const char *self = "/init";
static char block[65536];

#define REPEAT(times) for (long i = 0; i < (times); i++)
/* Does something TIMES times between marks, after a few times without. */
#define MEASURE(name, times, what)                                                                 \
    do {                                                                                           \
        MARK(MARK_BEGIN);                                                                          \
        REPEAT(times)                                                                              \
        {                                                                                          \
            what;                                                                                  \
        }                                                                                          \
        MARK(MARK_END);                                                                            \
        printf("op %s %ld\n", name, (long)(times));                                                \
        fflush(stdout);                                                                            \
    } while (0)

static bool good(const char *name, bool condition)
{
    if (!condition) {
        printf("fail %s\n", name);
        fflush(stdout);
    }
    return condition;
}

static void bench_calls(void)
{
    struct timespec t;
    REPEAT(100)
    {
        syscall(SYS_getppid);
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
    }
    MEASURE("getppid", 10000, syscall(SYS_getppid));
    MEASURE("clock_gettime(vdso?)", 10000, clock_gettime(CLOCK_MONOTONIC, &t));
    MEASURE("clock_gettime(syscall)", 10000, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t));
    MEASURE("sched_yield_alone", 10000, sched_yield());
}

static void bench_devices(void)
{
    char c = 0;
    int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
    if (!good("devices", zero >= 0 && null >= 0)) {
        return;
    }
    REPEAT(100)
    {
        read(zero, &c, 1);
        write(null, &c, 1);
    }
    MEASURE("read_devzero_1", 10000, read(zero, &c, 1));
    MEASURE("write_devnull_1", 10000, write(null, &c, 1));
    close(zero);
    close(null);
}

static void bench_names(void)
{
    struct stat st;
    char name[32];
    int fd = open("/tmp/x", O_CREAT | O_RDWR, 0644);
    if (!good("names", fd >= 0)) {
        return;
    }
    write(fd, "hello", 5);
    close(fd);
    REPEAT(50)
    {
        close(open("/tmp/x", O_RDONLY));
    }
    MEASURE("open_close", 5000, close(open("/tmp/x", O_RDONLY)));
    MEASURE("stat", 5000, stat("/tmp/x", &st));
    fd = open("/tmp/x", O_RDONLY);
    MEASURE("fstat", 5000, fstat(fd, &st));
    close(fd);
    MEASURE(
        "create_close", 1000,
        (snprintf(name, sizeof name, "/tmp/f%ld", i), close(open(name, O_CREAT | O_RDWR, 0644))));
    MEASURE("unlink", 1000, (snprintf(name, sizeof name, "/tmp/f%ld", i), unlink(name)));
}

static void bench_files(void)
{
    int fd = open("/tmp/big", O_CREAT | O_RDWR | O_TRUNC, 0644);
    if (!good("files", fd >= 0)) {
        return;
    }
    MEASURE("file_append_4k", 1000, write(fd, block, PAGE));
    MEASURE("file_pwrite_4k_cached", 2000, pwrite(fd, block, PAGE, i % 1000 * PAGE));
    MEASURE("file_pread_4k_cached", 2000, pread(fd, block, PAGE, i % 1000 * PAGE));
    close(fd);
    unlink("/tmp/big");
}

static char *map(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void touch_once(void)
{
    char *at = map(PAGE);
    *(volatile char *)at = 1;
    munmap(at, PAGE);
}

static void bench_memory(void)
{
    enum { PAGES = 4096, FILE_PAGES = 512 };
    MEASURE("mmap_touch_munmap_4k", 5000, touch_once());
    MEASURE("mmap_munmap_4k", 5000, munmap(map(PAGE), PAGE));
    char *at = map((size_t)PAGES * PAGE);
    if (!good("memory", at != MAP_FAILED)) {
        return;
    }
    MEASURE("page_fault_anon", PAGES, *(volatile char *)(at + i * PAGE) = 1);
    MEASURE("mprotect_pair_16M", 1,
            (mprotect(at, (size_t)PAGES * PAGE, PROT_READ),
             mprotect(at, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE)));
    MARK(MARK_BEGIN);
    munmap(at, (size_t)PAGES * PAGE);
    MARK(MARK_END);
    printf("op munmap_per_page %d\n", PAGES);
    int fd = open("/tmp/mf", O_CREAT | O_RDWR | O_TRUNC, 0644);
    REPEAT(FILE_PAGES)
    {
        write(fd, block, PAGE);
    }
    at = mmap(NULL, FILE_PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    if (good("page_fault_file_map", at != MAP_FAILED)) {
        madvise(at, FILE_PAGES * PAGE, MADV_RANDOM);
        MEASURE("page_fault_file_map", FILE_PAGES, (void)*(volatile char *)(at + i * PAGE));
        munmap(at, FILE_PAGES * PAGE);
    }
    close(fd);
    unlink("/tmp/mf");
}

struct echo {
    int from, to;
    long times;
};
static void *echo_thread(void *arg)
{
    struct echo *echo = arg;
    char c;
    REPEAT(echo->times)
    {
        if (read(echo->from, &c, 1) != 1 || write(echo->to, &c, 1) != 1) {
            break;
        }
    }
    return NULL;
}
static void round_trip(int to, int from)
{
    char c = 1;
    write(to, &c, 1);
    read(from, &c, 1);
}

static void bench_ping_pong(const char *name, bool processes)
{
    enum { TIMES = 3000, WARM = 20 };
    int a[2], b[2];
    pthread_t thread;
    pid_t pid = 0;
    if (!good(name, !pipe(a) && !pipe(b))) {
        return;
    }
    struct echo echo = {.from = b[0], .to = a[1], .times = TIMES + WARM};
    if (processes) {
        pid = fork();
        if (pid == 0) {
            echo_thread(&echo);
            _exit(0);
        }
    } else {
        pthread_create(&thread, NULL, echo_thread, &echo);
    }
    REPEAT(WARM)
    {
        round_trip(b[1], a[0]);
    }
    MEASURE(name, TIMES, round_trip(b[1], a[0]));
    if (processes) {
        waitpid(pid, NULL, 0);
    } else {
        pthread_join(thread, NULL);
    }
    close(a[0]);
    close(a[1]);
    close(b[0]);
    close(b[1]);
}

static void read_all(int fd, long size)
{
    while (size > 0) {
        long got = read(fd, block, sizeof block);
        if (got <= 0) {
            break;
        }
        size -= got;
    }
}

static void bench_transfer(void)
{
    enum { MEGABYTES = 16 };
    int p[2];
    long total = MEGABYTES << 20;
    if (!good("pipe_xfer_1MB", !pipe(p))) {
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        while (total > 0) {
            total -= write(p[1], block, sizeof block);
        }
        _exit(0);
    }
    close(p[1]);
    MARK(MARK_BEGIN);
    read_all(p[0], total);
    MARK(MARK_END);
    printf("op pipe_xfer_1MB %d\n", MEGABYTES);
    close(p[0]);
    waitpid(pid, NULL, 0);
}

static void fork_and_wait(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}
static void vfork_and_wait(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}
static char *const true_argv[] = {"microbench", "--true", NULL}, *const no_env[] = {NULL};
static void fork_exec(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execve(self, true_argv, no_env);
        _exit(9);
    }
    waitpid(pid, NULL, 0);
}
static void vfork_exec(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execve(self, true_argv, no_env);
        _exit(9);
    }
    waitpid(pid, NULL, 0);
}

static void bench_processes(void)
{
    MEASURE("fork_exit_wait", 200, fork_and_wait());
    MEASURE("vfork_exit_wait", 200, vfork_and_wait());
    MEASURE("fork_exec_wait", 100, fork_exec());
    MEASURE("vfork_exec_wait", 100, vfork_exec());
}

static void *nothing(void *arg)
{
    return arg;
}
static void create_and_join(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, nothing, NULL) == 0) {
        pthread_join(thread, NULL);
    }
}

static int words[2];
static void futex(int *word, int op, int value)
{
    syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}
static void hand_over(int *from, int *to)
{
    while (!__atomic_load_n(from, __ATOMIC_ACQUIRE)) {
        futex(from, FUTEX_WAIT_PRIVATE, 0);
    }
    __atomic_store_n(from, 0, __ATOMIC_RELEASE);
    __atomic_store_n(to, 1, __ATOMIC_RELEASE);
    futex(to, FUTEX_WAKE_PRIVATE, 1);
}
static void *futex_partner(void *arg)
{
    REPEAT((long)arg)
    {
        hand_over(&words[0], &words[1]);
    }
    return NULL;
}
static void futex_round_trip(void)
{
    __atomic_store_n(&words[0], 1, __ATOMIC_RELEASE);
    futex(&words[0], FUTEX_WAKE_PRIVATE, 1);
    while (!__atomic_load_n(&words[1], __ATOMIC_ACQUIRE)) {
        futex(&words[1], FUTEX_WAIT_PRIVATE, 0);
    }
    __atomic_store_n(&words[1], 0, __ATOMIC_RELEASE);
}

static void bench_threads(void)
{
    enum { TIMES = 3000 };
    pthread_t thread;
    create_and_join();
    MEASURE("pthread_create_join", 500, create_and_join());
    if (good("futex", pthread_create(&thread, NULL, futex_partner, (void *)TIMES) == 0)) {
        MEASURE("futex_pingpong", TIMES, futex_round_trip());
        pthread_join(thread, NULL);
    }
    MEASURE("futex_wake_nobody", 10000, futex(&words[0], FUTEX_WAKE_PRIVATE, 1));
}

static volatile int handled;
static void handler(int sig)
{
    (void)sig;
    handled++;
}

static void bench_signals(void)
{
    struct sigaction act = {.sa_handler = handler};
    sigaction(SIGUSR1, &act, NULL);
    pid_t me = getpid();
    MEASURE("signal_self_deliver", 5000, kill(me, SIGUSR1));
    good("signal_self_deliver", handled == 5000);
    MEASURE("sigaction", 5000, sigaction(SIGUSR1, &act, NULL));
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--true")) {
        return 0;
    }
    bool init = getpid() == 1;
    if (init) {
        mkdir("/tmp", 0777);
        mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
        mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
    } else {
        self = argv[0];
    }
    bench_calls();
    bench_devices();
    bench_names();
    bench_files();
    bench_memory();
    bench_ping_pong("pipe_pingpong_threads", false);
    bench_ping_pong("pipe_pingpong_procs", true);
    bench_transfer();
    bench_processes();
    bench_threads();
    bench_signals();
    printf("microbench done\n");
    fflush(stdout);
    if (init) {
        reboot(RB_POWER_OFF);
    }
    return 0;
}
