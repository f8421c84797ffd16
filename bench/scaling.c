/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How work that needs nothing in common grows with the number of those who do it: 1, 2 and 4
 * workers, as threads of one process and as processes, each with operations of its own for a fixed
 * span of time. Says "scale NAME KIND WORKERS OPERATIONS NANOSECONDS" for each round; rounds of 1,
 * 2 and 4 workers take turns, so that a slow moment of the machine below meets all of them. As
 * process 1 it switches the machine off at the end.
 */
#include <fcntl.h>
#include <pthread.h>
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

enum { WORKERS = 4, ROUNDS = 15, SPAN_NS = 20000000, PAGE = 4096, PAGES = 32 };
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1 };

/* What a worker and its partner have; in shared memory, each on pages of its own. */
struct worker {
    const struct operation *operation;
    long done;
    long long ns;
    int here[2], there[2]; /* pipes */
    int words[2];          /* futexes */
    int last;              /* the partner shall end */
    char directory[32];
    char pad[PAGE];
};
static struct worker *workers;
static int *started;

struct operation {
    const char *name;
    void (*run)(struct worker *worker); /* some of them */
    int count;                          /* how many */
    void *(*partner)(void *worker);     /* runs beside, or NULL */
};

static long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void futex(int *word, int op, int value)
{
    syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

static void compute(struct worker *worker)
{
    (void)worker;
    volatile unsigned long sum = 1;
    for (int i = 0; i < 20000; i++) {
        sum = sum * 5 + 1;
    }
}

static void getppids(struct worker *worker)
{
    (void)worker;
    for (int i = 0; i < 200; i++) {
        syscall(SYS_getppid);
    }
}

static void faults(struct worker *worker)
{
    (void)worker;
    char *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; at != MAP_FAILED && i < PAGES; i++) {
        *(volatile char *)(at + i * PAGE) = 1;
    }
    munmap(at, PAGES * PAGE);
}

static void own_pipe(struct worker *worker)
{
    char c = 1;
    for (int i = 0; i < 50; i++) {
        write(worker->here[1], &c, 1);
        read(worker->here[0], &c, 1);
    }
}

static void files(struct worker *worker)
{
    char name[64], block[PAGE];
    memset(block, 1, sizeof(block));
    snprintf(name, sizeof(name), "%s/f", worker->directory);
    for (int i = 0; i < 10; i++) {
        int fd = open(name, O_CREAT | O_RDWR, 0644);
        write(fd, block, sizeof(block));
        close(fd);
        unlink(name);
    }
}

static void pipe_pair(struct worker *worker)
{
    char c = 1;
    for (int i = 0; i < 20; i++) {
        write(worker->there[1], &c, 1);
        read(worker->here[0], &c, 1);
    }
}
static void *pipe_partner(void *arg)
{
    struct worker *worker = arg;
    char c;
    while (read(worker->there[0], &c, 1) == 1 && c) {
        write(worker->here[1], &c, 1);
    }
    return NULL;
}

static void give(int *word)
{
    __atomic_store_n(word, 1, __ATOMIC_RELEASE);
    futex(word, FUTEX_WAKE, 1);
}
static void take(int *word)
{
    while (!__atomic_load_n(word, __ATOMIC_ACQUIRE)) {
        futex(word, FUTEX_WAIT, 0);
    }
    __atomic_store_n(word, 0, __ATOMIC_RELAXED);
}
static void futex_pair(struct worker *worker)
{
    for (int i = 0; i < 20; i++) {
        give(&worker->words[0]);
        take(&worker->words[1]);
    }
}
static void *futex_partner(void *arg)
{
    struct worker *worker = arg;
    for (;;) {
        take(&worker->words[0]);
        if (__atomic_load_n(&worker->last, __ATOMIC_ACQUIRE)) {
            return NULL;
        }
        give(&worker->words[1]);
    }
}

static const struct operation operations[] = {
    {"compute", compute, 1, NULL},
    {"getppid", getppids, 200, NULL},
    {"page_fault", faults, PAGES, NULL},
    {"pipe", own_pipe, 50, NULL},
    {"tmpfs_file", files, 10, NULL},
    {"pipe_pair", pipe_pair, 20, pipe_partner},
    {"futex_pair", futex_pair, 20, futex_partner},
};

/* One worker of a round, once all are there. */
static void *work(void *arg)
{
    struct worker *worker = arg;
    while (!__atomic_load_n(started, __ATOMIC_ACQUIRE)) {
        futex(started, FUTEX_WAIT, 0);
    }
    long long begin = now_ns(), end;
    long done = 0;
    do {
        worker->operation->run(worker);
        done += worker->operation->count;
        end = now_ns();
    } while (end - begin < SPAN_NS);
    worker->done = done;
    worker->ns = end - begin;
    return NULL;
}

struct task {
    pthread_t thread;
    pid_t pid;
};
static void begin(struct task *task, bool processes, void *(*run)(void *), struct worker *worker)
{
    if (!processes) {
        pthread_create(&task->thread, NULL, run, worker);
        return;
    }
    task->pid = fork();
    if (task->pid == 0) {
        run(worker);
        _exit(0);
    }
}
static void finish(struct task *task, bool processes)
{
    if (processes) {
        waitpid(task->pid, NULL, 0);
    } else {
        pthread_join(task->thread, NULL);
    }
}

static void end_partner(struct worker *worker, struct task *task, bool processes)
{
    char none = 0;
    if (worker->operation->partner == pipe_partner) {
        write(worker->there[1], &none, 1);
    } else {
        __atomic_store_n(&worker->last, 1, __ATOMIC_RELEASE);
        give(&worker->words[0]);
    }
    finish(task, processes);
}

static void round_of(const struct operation *operation, bool processes, int count)
{
    struct task tasks[WORKERS], partners[WORKERS];
    *started = 0;
    for (int i = 0; i < count; i++) {
        workers[i].operation = operation;
        workers[i].last = workers[i].words[0] = workers[i].words[1] = 0;
        if (operation->partner) {
            begin(&partners[i], processes, operation->partner, &workers[i]);
        }
        begin(&tasks[i], processes, work, &workers[i]);
    }
    __atomic_store_n(started, 1, __ATOMIC_RELEASE);
    futex(started, FUTEX_WAKE, WORKERS);
    for (int i = 0; i < count; i++) {
        finish(&tasks[i], processes);
        if (operation->partner) {
            end_partner(&workers[i], &partners[i], processes);
        }
    }
    double rate = 0; /* of all, each over its own span */
    for (int i = 0; i < count; i++) {
        rate += (double)workers[i].done / (double)workers[i].ns;
    }
    printf("scale %s %s %d %.0f\n", operation->name, processes ? "processes" : "threads", count,
           rate * 1e9);
    fflush(stdout);
}

static void prepare(const char *place)
{
    size_t size = WORKERS * sizeof(struct worker) + PAGE;
    char *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    workers = (struct worker *)(shared + PAGE);
    started = (int *)shared;
    for (int i = 0; i < WORKERS; i++) {
        snprintf(workers[i].directory, sizeof(workers[i].directory), "%s/w%d", place, i);
        mkdir(workers[i].directory, 0755);
        if (pipe(workers[i].here) || pipe(workers[i].there)) {
            perror("pipe");
            exit(1);
        }
    }
}

int main(int argc, char **argv)
{
    bool init = getpid() == 1;
    if (init) {
        mkdir("/tmp", 0777);
        mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
    }
    prepare(argc > 1 ? argv[1] : "/tmp");
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        for (int n = 0; n < ROUNDS * 2 * 3; n++) {
            round_of(&operations[i], n / 3 % 2, 1 << n % 3);
        }
    }
    printf("scaling done\n");
    fflush(stdout);
    if (init) {
        reboot(RB_POWER_OFF);
    }
    return 0;
}
