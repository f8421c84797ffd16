/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /init of boot tests: children make system calls of the whole table with random arguments, drawn
 * from values that are likely to hurt. Nothing is expected of the calls; the machine must stand it.
 * The numbers depend on the seed alone (argument `seed=N`, and `rounds=N`), so that what fails once
 * fails again.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

struct call {
    int number;
    const char *name, *format;
};
static const struct call calls[] = {
#define LINUX_CALL(number, name, format) {number, #name, format},
#include "abi/linux.def"
#undef LINUX_CALL
};
enum { CALLS = sizeof calls / sizeof calls[0], CALLS_PER_CHILD = 400 };

/* What would end or stop the caller without a reason to look at. */
static const char *const skipped[] = {"exit",   "exit_group", "pause",           "rt_sigsuspend",
                                      "reboot", "kill",       "rt_sigtimedwait", "tkill",
                                      "tgkill", "vfork",      "clone",           "rt_sigreturn"};

static uint64_t state;
static uint64_t random_number(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}
static uint64_t one_of(const uint64_t *values, size_t count)
{
    return values[random_number() % count];
}
#define ONE_OF(values) one_of(values, sizeof(values) / sizeof(values)[0])

static char room[65536] __attribute__((aligned(4096)));
static char *pages; /* readable, writable, nothing, in turn */

static uint64_t pointer(void)
{
    const uint64_t values[] = {0,
                               8,
                               0x7ffffffff000,
                               0x7fffffffeff8,
                               0xffff800000000000,
                               0x8000000000000000,
                               (uint64_t)room,
                               (uint64_t)room + random_number() % sizeof room,
                               (uint64_t)pages,
                               (uint64_t)pages + 4096 - random_number() % 64,
                               (uint64_t)pages + 8192 - random_number() % 64,
                               random_number()};
    return ONE_OF(values);
}

static uint64_t text(void)
{
    static const char *const names[] = {"/",
                                        ".",
                                        "..",
                                        "/tmp/a",
                                        "/tmp/d",
                                        "",
                                        "/dev/null",
                                        "/dev/zero",
                                        "/proc/self/maps",
                                        "/tmp/l",
                                        "/proc/self/fd/1",
                                        "/dev/tty",
                                        "/proc/1/stat"};
    return random_number() % 4 ? (uint64_t)names[random_number() % 13] : pointer();
}

static uint64_t number(void)
{
    const uint64_t values[] = {0,
                               1,
                               2,
                               7,
                               8,
                               4095,
                               4096,
                               65536,
                               0x7fffffff,
                               0x80000000,
                               0xffffffff,
                               (uint64_t)-1,
                               (uint64_t)1 << 47,
                               (uint64_t)1 << 63,
                               (uint64_t)1 << random_number() % 64,
                               random_number() % 256,
                               random_number()};
    return ONE_OF(values);
}

static uint64_t argument(char letter)
{
    switch (letter) {
    case 's':
        return text();
    case 'p':
        return pointer();
    case 'a':
        return random_number() % 2 ? (uint64_t)AT_FDCWD : random_number() % 12;
    case 'f':
        return random_number() % 8 ? random_number() % 12 : number();
    default:
        return number();
    }
}

static int is_skipped(const char *name)
{
    for (size_t i = 0; i < sizeof skipped / sizeof skipped[0]; i++) {
        if (!strcmp(name, skipped[i])) {
            return 1;
        }
    }
    return 0;
}

static void prepare_child(int as_root)
{
    struct rlimit cpu = {2, 3}, files = {64, 64}, size = {8 << 20, 8 << 20},
                  space = {256 << 20, 256 << 20};
    setsid();
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_NOFILE, &files);
    setrlimit(RLIMIT_FSIZE, &size);
    setrlimit(RLIMIT_AS, &space);
    if (!as_root) {
        setgid(1000);
        setuid(1000);
    }
    close(0);
    open("/dev/null", O_RDONLY);
    int p[2];
    pipe2(p, O_NONBLOCK);
    open("/tmp/a", O_RDWR | O_CREAT, 0666);
    open("/tmp", O_RDONLY);
    open("/dev/zero", O_RDWR);
    for (size_t i = 0; i < sizeof room; i += 8) {
        uint64_t value = random_number() % 3 ? random_number() % 16 : random_number();
        memcpy(room + i, &value, 8);
    }
    pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + 4096, 4096, PROT_READ);
    mprotect(pages + 8192, 4096, PROT_NONE);
}

static void nothing(int sig)
{
    (void)sig;
}
/* A call that sleeps is interrupted; whatever calls before did to signals is undone. */
static void arm(void)
{
    struct sigaction act = {.sa_handler = nothing};
    struct itimerval often = {{0, 20000}, {0, 20000}};
    sigset_t none;
    sigemptyset(&none);
    sigaction(SIGALRM, &act, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
}

static void hammer(unsigned long seed)
{
    state = seed * 0x9e3779b97f4a7c15u + 1;
    pid_t first = getpid();
    prepare_child(seed % 4 == 0);
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    dup2(null, 2);
    for (int i = 0; i < CALLS_PER_CHILD; i++) {
        const struct call *call = &calls[random_number() % CALLS];
        uint64_t args[6] = {0};
        for (int k = 0; k < 6; k++) {
            args[k] = call->format[k] ? argument(call->format[k]) : number();
            if (!call->format[k]) {
                break;
            }
        }
        if (is_skipped(call->name)) {
            continue;
        }
        arm();
        syscall(call->number, args[0], args[1], args[2], args[3], args[4], args[5]);
        if (getpid() != first) {
            _exit(0); /* a child of fork or clone3 */
        }
    }
    _exit(0);
}

static void too_long(int sig)
{
    (void)sig;
    kill(-1, SIGKILL); /* everybody but us */
}

/* What a child that was root may have made of it is made good. */
static void renew(void)
{
    umount2("/tmp", MNT_DETACH);
    umount2("/dev", MNT_DETACH);
    unlink("/tmp/a");
    unlink("/dev/null");
    unlink("/dev/zero");
    mkdir("/tmp", 0777);
    mkdir("/dev", 0755);
    chmod("/tmp", 0777);
    mknod("/dev/null", S_IFCHR | 0666, 0x103);
    mknod("/dev/zero", S_IFCHR | 0666, 0x105);
    chmod("/dev/null", 0666);
    chmod("/dev/zero", 0666);
}

/* One child with its children, for five seconds at most. */
static void run_child(unsigned long seed)
{
    renew();
    struct sigaction act = {.sa_handler = too_long};
    sigaction(SIGALRM, &act, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        hammer(seed);
    }
    alarm(5);
    while (waitpid(pid, NULL, WUNTRACED) < 0 && errno == EINTR) {
    }
    alarm(0);
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
    }
}

static unsigned long setting(int argc, char **argv, const char *name, unsigned long value)
{
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], name, strlen(name)) && argv[i][strlen(name)] == '=') {
            return strtoul(argv[i] + strlen(name) + 1, NULL, 0);
        }
    }
    const char *text_value = getenv(name);
    return text_value ? strtoul(text_value, NULL, 0) : value;
}

int main(int argc, char **argv)
{
    unsigned long seed = setting(argc, argv, "seed", 1),
                  rounds = setting(argc, argv, "rounds", 100);
    mount("proc", "/proc", "proc", 0, NULL);
    for (unsigned long i = 0; i < rounds; i++) {
        printf("seed %lu\n", seed + i);
        fflush(stdout);
        run_child(seed + i);
    }
    printf("still here\n");
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 1;
}
