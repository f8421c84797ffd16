/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images of other kernels where memory is short: a load for which there is no memory fails and
 * leaves the image there was; many loads and unloads, good and bad, by several processes at once,
 * use none up.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"

enum { MIB = 1 << 20, ROUNDS = 100, PROCESSES = 4 };

static char *bytes;

static long load(uintptr_t mem, size_t size)
{
    const struct {
        void *buf;
        size_t buf_size;
        uintptr_t mem;
        size_t mem_size;
    } segment = {bytes, size, mem, size};
    return syscall(SYS_kexec_load, 0ul, 1ul, &segment, 0ul);
}
static long unload(void)
{
    return syscall(SYS_kexec_load, 0ul, 0ul, NULL, 0ul);
}

static long free_kib(void)
{
    static const char drop[] = "3\n";
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
    if (write(fd, drop, 2) != 2) {
        perror("drop_caches");
    }
    close(fd);
    return atol(strstr(file("/proc/meminfo"), "MemFree:") + 8);
}

static void say(const char *what, long result)
{
    printf("%s: %s, loaded %c\n", what, result == 0 ? "done" : strerror(errno),
           file("/sys/kernel/kexec_loaded")[0]);
}

/* Until there are fewer than this many MiB left. */
static int fill(const char *name, long left)
{
    int fd = open(name, O_RDWR | O_CREAT, 0600);
    while (free_kib() / 1024 > left && write(fd, bytes, 256 << 10) > 0) {
    }
    return fd;
}

/* Each call is made until nobody else loads just then. */
static void load_and_unload(unsigned seed)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        uintptr_t mem = (4u + (i * 7 + seed) % 16) * MIB;
        while ((i % 3 == 2 ? unload() : load(mem, (1 + i % 4) * MIB / 2)) != 0) {
            if (errno != EBUSY) {
                perror("load or unload");
                _exit(1);
            }
            sched_yield();
        }
    }
    _exit(0);
}

static void several(void)
{
    int failed = 0, status;
    for (unsigned i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            load_and_unload(i);
        }
    }
    while (wait(&status) > 0) {
        failed += status != 0;
    }
    printf("%d processes failed\n", failed);
    unload();
}

int main(void)
{
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sys", "/sys", "sysfs", 0, NULL);
    mount("tmp", "/tmp", "tmpfs", 0, "size=100%");
    bytes = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                 -1, 0);
    memset(bytes, 0x5a, 16 * MIB);
    say("small", load(8 * MIB, MIB));
    int fd = fill("/tmp/file", 9);
    say("large", load(32 * MIB, 12 * MIB));
    say("large again", load(8 * MIB, 12 * MIB));
    say("medium", load(8 * MIB, 4 * MIB));
    ftruncate(fd, 0);
    say("with room", load(32 * MIB, 12 * MIB));
    say("unload", unload());
    several(); /* what the caches keep is kept now */
    long before = free_kib();
    several();
    for (int i = 0; i < ROUNDS; i++) {
        load(8 * MIB, 12 * MIB);
        load(0xf0000, MIB);
        syscall(SYS_kexec_load, 0ul, 1ul,
                (void *[4]){(void *)8, (void *)4096, (void *)(8 * MIB), (void *)4096}, 0ul);
        unload();
    }
    long lost = before - free_kib();
    printf(lost < 64 ? "nothing is lost\n" : "%ld KiB are lost\n", lost);
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 1;
}
