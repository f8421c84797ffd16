/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /init of test_kill.py: `init ROUNDS THREADS SEED` makes ROUNDS processes with up to THREADS
 * threads in every state that threads have, kills each at a random moment, and says whether all
 * that they used is free again: objects of each cache, frames, threads, processes.
 */
#include "test/boot/guest/file.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
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

enum {
    WARM_UP = 30,
    CACHES = 64,
    STACK = 16384,
    SETTLE_SECONDS = 20,
    SLACK_PAGES = 128,
    SLACK_OBJECTS = 24
};

static unsigned long long state;
static unsigned random_below(unsigned limit)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(state >> 33) % limit;
}

/* --- the victim
 * ------------------------------------------------------------------------------------ */

static unsigned word, lock_word, robust_word;
static int pipe_ends[2];

static void *spins(void *arg)
{
    volatile unsigned *count = arg;
    for (;;) {
        (*count)++;
    }
    return NULL;
}
static void *sleeps(void *arg)
{
    (void)arg;
    for (;;) {
        pause();
    }
    return NULL;
}
static void *waits_for_a_word(void *arg)
{
    (void)arg;
    for (;;) {
        syscall(SYS_futex, &word, 0, 0, NULL, NULL, 0);
    }
    return NULL;
}
static void *wants_a_lock(void *arg)
{
    (void)arg;
    for (;;) {
        syscall(SYS_futex, &lock_word, 6, 0, NULL, NULL, 0); /* FUTEX_LOCK_PI */
        sched_yield();
    }
    return NULL;
}
static void *reads(void *arg)
{
    char c;
    (void)arg;
    read(pipe_ends[0], &c, 1);
    return NULL;
}
static void *maps(void *arg)
{
    (void)arg;
    for (;;) {
        char *at = mmap(NULL, 32768, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at != MAP_FAILED) {
            memset(at, 1, 32768);
            munmap(at, 32768);
        }
    }
    return NULL;
}
static void *opens(void *arg)
{
    (void)arg;
    for (;;) {
        int fd = open("/tmp/file", O_RDWR | O_CREAT, 0600);
        if (fd >= 0) {
            write(fd, "text", 4);
            close(fd);
        }
    }
    return NULL;
}
static void *nothing(void *arg)
{
    return arg;
}
static void *makes_threads(void *arg)
{
    (void)arg;
    for (;;) {
        pthread_t t;
        if (pthread_create(&t, NULL, nothing, NULL) == 0) {
            pthread_join(t, NULL);
        }
    }
    return NULL;
}
static void *forks(void *arg)
{
    (void)arg;
    for (;;) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(0);
        }
        if (pid > 0) {
            waitpid(pid, NULL, 0);
        }
    }
    return NULL;
}
static void *vforks(void *arg)
{
    (void)arg;
    for (;;) {
        pid_t pid = vfork();
        if (pid == 0) {
            _exit(0);
        }
        if (pid > 0) {
            waitpid(pid, NULL, 0);
        }
    }
    return NULL;
}
static void *times_out(void *arg)
{
    struct timespec little = {0, 200000};
    (void)arg;
    for (;;) {
        nanosleep(&little, NULL);
    }
    return NULL;
}
static void handle(int sig)
{
    (void)sig;
}
static void *signals(void *arg)
{
    (void)arg;
    signal(SIGUSR1, handle);
    for (;;) {
        raise(SIGUSR1);
        kill(getpid(), SIGUSR1);
    }
    return NULL;
}

static void *(*const kinds[])(void *) = {
    sleeps,    waits_for_a_word, wants_a_lock, reads,  maps,          opens,
    times_out, sleeps,           forks,        vforks, makes_threads, signals,
    spins,     waits_for_a_word, reads,        sleeps};

static void victim(unsigned threads, unsigned busy)
{
    struct {
        void *next;
        long offset;
        void *pending;
    } robust = {&robust, 0, &robust_word};
    pthread_attr_t attr;
    setpgid(0, 0);
    pipe(pipe_ends);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    robust_word = (unsigned)syscall(SYS_gettid);
    syscall(SYS_set_robust_list, &robust, sizeof robust);
    for (unsigned i = 0; i < threads; i++) {
        pthread_t t;
        /* Few of those that are busy, else nobody else gets on. */
        unsigned kind = random_below(i % 16 == 0 ? busy : 4);
        pthread_create(&t, &attr, kinds[kind], &word);
    }
    if (random_below(4) == 0) {
        char *argv[] = {"init", NULL};
        execv("/init", argv); /* which ends at once */
    }
    pause();
    _exit(1);
}

static void round_of(unsigned threads)
{
    unsigned count = 1 + random_below(threads), delay = random_below(40);
    random_below(7); /* another sequence in the child */
    pid_t pid = fork();
    if (pid == 0) {
        victim(count, sizeof kinds / sizeof *kinds);
    }
    if (pid < 0) {
        printf("fork failed\n");
        return;
    }
    struct timespec moment = {0, delay * delay * 4000l};
    nanosleep(&moment, NULL);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    /* Children of its threads: whoever is left of the group. */
    kill(-pid, SIGKILL);
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

/* --- the account
 * ------------------------------------------------------------------------------------- */

struct account {
    char name[CACHES][32];
    long used[CACHES];
    int caches;
    long pages, threads, processes;
};

static long kilobytes(const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtol(at + strlen(name), NULL, 10) : -1;
}

static void take_account(struct account *a)
{
    memset(a, 0, sizeof *a);
    const char *line = file("/proc/slabinfo");
    for (int i = 0; line; i++) {
        if (i >= 2 && a->caches < CACHES &&
            sscanf(line, "%31s %ld", a->name[a->caches], &a->used[a->caches]) == 2) {
            a->caches++;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    file("/proc/meminfo");
    a->pages = (kilobytes("MemFree:") + kilobytes("Slab:")) / 4;
    const char *slash = strchr(file("/proc/loadavg"), '/');
    a->threads = slash ? strtol(slash + 1, NULL, 10) : -1;
    DIR *dir = opendir("/proc");
    for (struct dirent *e; dir && (e = readdir(dir));) {
        a->processes += e->d_name[0] >= '1' && e->d_name[0] <= '9';
    }
    closedir(dir);
}

/* Says what differs; 0: nothing that should not. */
static int compare(const struct account *a, const struct account *b, int aloud)
{
    int differ = 0;
    for (int i = 0; i < b->caches; i++) {
        /* Headers of slabs, and this program's own memory, may come and go in the nameless ones. */
        int slack = strncmp(b->name[i], "kmalloc-", 8) == 0 ? SLACK_OBJECTS : 0;
        if (labs(a->used[i] - b->used[i]) > slack) {
            differ++;
            if (aloud) {
                printf("%s: %ld, then %ld\n", b->name[i], a->used[i], b->used[i]);
            }
        }
    }
    if (b->pages < a->pages - SLACK_PAGES) {
        differ++;
    }
    differ += a->threads != b->threads || a->processes != b->processes;
    if (aloud) {
        printf("free pages: %ld, then %ld\nthreads: %ld, then %ld\nprocesses: %ld, then %ld\n",
               a->pages, b->pages, a->threads, b->threads, a->processes, b->processes);
    }
    return differ;
}

/* What is freed later may take a moment. */
static int settle(const struct account *before, struct account *now)
{
    for (int i = 0; i < SETTLE_SECONDS * 20; i++) {
        struct timespec moment = {0, 50000000};
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        take_account(now);
        if (compare(before, now, 0) == 0) {
            return 0;
        }
        nanosleep(&moment, NULL);
    }
    return compare(before, now, 1);
}

int main(int argc, char **argv)
{
    static struct account before, now;
    if (getpid() != 1) {
        return 0;
    }
    mkdir("/proc", 0755);
    mkdir("/tmp", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    int rounds = argc > 1 ? atoi(argv[1]) : 100;
    unsigned threads = argc > 2 ? (unsigned)atoi(argv[2]) : 100;
    state = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    int fd = open("/tmp/file", O_RDWR | O_CREAT, 0600);
    write(fd, "text", 4);
    close(fd);
    /* More at once than there will be, so that what is kept for reuse is there already. */
    pid_t crowd = fork();
    if (crowd == 0) {
        victim(threads + threads / 2, 4);
    }
    struct timespec second = {1, 0};
    nanosleep(&second, NULL);
    kill(crowd, SIGKILL);
    waitpid(crowd, NULL, 0);
    for (int i = 0; i < WARM_UP; i++) {
        round_of(threads);
    }
    do {
        now = before;
        nanosleep(&second, NULL);
        take_account(&before);
    } while (compare(&before, &now, 0) != 0);
    for (int i = 0; i < rounds; i++) {
        round_of(threads);
    }
    int differ = settle(&before, &now);
    printf("%d rounds: %s\n", rounds, differ ? "something is left" : "all is free again");
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 0;
}
