/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What kexec_load(2), kexec_file_load(2) and reboot(2) say to arguments of all kinds: run on Alba
 * and on Linux, as root of a machine of their own, it must print the same. /kernel is a bzImage.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"

enum { ON_CRASH = 1, X86_64 = 62 << 16, I386 = 3 << 16 };
enum { FILE_UNLOAD = 1, FILE_ON_CRASH = 2, FILE_NO_INITRAMFS = 4 };
enum { MAGIC1 = (int)0xfee1dead, MAGIC2 = 672274793, CMD_KEXEC = 0x45584543 };

struct segment {
    const void *buf;
    size_t buf_size;
    uintptr_t mem;
    size_t mem_size;
};
#define MIB 0x100000ul

static char bytes[65536] __attribute__((aligned(4096)));

static void say(const char *what, long result)
{
    printf("%s: %s, loaded %c\n", what, result == 0 ? "done" : strerror(errno),
           file("/sys/kernel/kexec_loaded")[0]);
}
#define SAY(call) say(#call, call)

static long load(unsigned long count, const struct segment *segments, unsigned long flags)
{
    return syscall(SYS_kexec_load, 0x1000000ul, count, segments, flags);
}
static long one(const void *buf, size_t buf_size, uintptr_t mem, size_t mem_size)
{
    return load(1, &(struct segment){buf, buf_size, mem, mem_size}, 0);
}
static long two(uintptr_t first, uintptr_t second, size_t size)
{
    return load(2, (struct segment[]){{bytes, 1, first, size}, {bytes, 1, second, size}}, X86_64);
}

static long file_load(int kernel, int initrd, size_t size, const char *cmdline, unsigned long flags)
{
    return syscall(SYS_kexec_file_load, kernel, initrd, size, cmdline, flags);
}

static long enter(int command)
{
    return syscall(SYS_reboot, MAGIC1, MAGIC2, command, NULL);
}

static void segments(void)
{
    unsigned long half = (unsigned long)sysconf(_SC_PHYS_PAGES) / 2 * 4096;
    SAY(load(0, NULL, 0));
    SAY(load(0, NULL, X86_64));
    SAY(load(0, (void *)1, 0));
    SAY(load(17, NULL, 0));
    SAY(load(1, NULL, 0));
    SAY(load(1, NULL, 0x100));
    SAY(load(1, NULL, I386));
    SAY(load(0, NULL, ON_CRASH));
    SAY(load(1, &(struct segment){bytes, 1, 16 * MIB, 4096}, ON_CRASH));
    SAY(one(bytes, 1, 16 * MIB + 8, 4096));
    SAY(one(bytes, 1, 16 * MIB, 4095));
    SAY(one(bytes, 1, ~0xffful, 8192));
    SAY(one(bytes, 1, 4096, ~0xffful));
    SAY(one(bytes, 1, 0, 1ul << 60));
    SAY(one(bytes, 4097, 16 * MIB, 4096));
    SAY(one(bytes, 1, 16 * MIB, half + 64 * MIB));
    SAY(one((void *)8, 1, 16 * MIB, 4096));
    SAY(one((void *)-8192, 8192, 16 * MIB, 8192));
    SAY(two(16 * MIB, 16 * MIB, 4096));
    SAY(two(16 * MIB, 16 * MIB + 4096, 8192));
    SAY(two(16 * MIB + 4096, 16 * MIB, 8192));
    SAY(enter(CMD_KEXEC));
    SAY(one(bytes, sizeof bytes, 16 * MIB, MIB));
    SAY(two(16 * MIB, 16 * MIB, 4096));
    SAY(one((void *)8, 1, 16 * MIB, 4096));
    SAY(one(NULL, 0, 16 * MIB, 4096));
    SAY(two(16 * MIB + 4096, 16 * MIB, 4096));
    SAY(load(0, NULL, ON_CRASH));
    SAY(load(0, NULL, 0));
    SAY(enter(CMD_KEXEC));
}

static int file_of(const char *name, const void *content, size_t size)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (write(fd, content, size) != (ssize_t)size) {
        perror(name);
    }
    close(fd);
    return open(name, O_RDONLY);
}

/* The kernel with another value at this place of its header. */
static int changed(unsigned offset, const void *value, size_t size)
{
    static char image[1 << 20];
    int fd = open("/kernel", O_RDONLY);
    ssize_t length = read(fd, image, sizeof image);
    close(fd);
    memcpy(image + offset, value, size);
    return file_of("/tmp/changed", image, (size_t)length);
}
#define CHANGED(offset, type, value)                                                               \
    do {                                                                                           \
        int fd = changed(offset, &(type){value}, sizeof(type));                                    \
        printf("%s = %s: ", #offset, #value);                                                      \
        SAY(file_load(fd, -1, 0, NULL, FILE_NO_INITRAMFS));                                        \
        close(fd);                                                                                 \
    } while (0)

static void files(void)
{
    static char cmdline[70000];
    memset(cmdline, 'x', sizeof cmdline - 1);
    int kernel = open("/kernel", O_RDONLY), directory = open("/", O_RDONLY);
    int null = open("/dev/null", O_RDONLY), blind = open("/kernel", O_WRONLY);
    int path = open("/kernel", O_PATH);
    int empty = file_of("/tmp/empty", "", 0), garbage = file_of("/tmp/garbage", bytes, 65536);
    int tiny = file_of("/tmp/tiny", "MZ", 2), initrd = file_of("/tmp/initrd", "070701", 6);
    SAY(file_load(kernel, -1, 0, NULL, 8));
    SAY(file_load(-1, -1, 0, NULL, FILE_NO_INITRAMFS));
    SAY(file_load(77, -1, 0, NULL, FILE_NO_INITRAMFS));
    SAY(file_load(path, -1, 0, NULL, FILE_NO_INITRAMFS));
    SAY(file_load(blind, -1, 0, NULL, FILE_NO_INITRAMFS));
    SAY(file_load(kernel, -1, 0, NULL, FILE_NO_INITRAMFS)); /* it can be written to */
    close(blind);
    SAY(file_load(directory, -1, 0, NULL, FILE_NO_INITRAMFS));
    SAY(file_load(null, -1, 0, NULL, FILE_NO_INITRAMFS));
    SAY(file_load(empty, -1, 0, NULL, FILE_NO_INITRAMFS));
    SAY(file_load(tiny, -1, 0, NULL, FILE_NO_INITRAMFS));
    SAY(file_load(garbage, -1, 0, NULL, FILE_NO_INITRAMFS));
    SAY(file_load(garbage, -1, 0, NULL, 0));
    SAY(file_load(kernel, -1, 0, NULL, 0));
    SAY(file_load(kernel, directory, 0, NULL, 0));
    SAY(file_load(kernel, empty, 0, NULL, 0));
    SAY(file_load(kernel, initrd, 3, "xyz", 0));
    SAY(file_load(kernel, initrd, 4, (char *)8, 0));
    SAY(file_load(kernel, initrd, sizeof cmdline, cmdline, 0));
    SAY(file_load(kernel, initrd, 4, "xyz", 0));
    SAY(file_load(garbage, initrd, 4, "xyz", 0));
    SAY(file_load(-1, -1, 0, NULL, FILE_UNLOAD | FILE_ON_CRASH));
    SAY(file_load(-1, -1, 0, NULL, FILE_UNLOAD));
    SAY(file_load(kernel, -1, 0, NULL, FILE_NO_INITRAMFS));
    SAY(file_load(kernel, -1, 0, (char *)8, FILE_NO_INITRAMFS));
    SAY(load(0, NULL, 0));
    CHANGED(0x1fe, uint16_t, 0xaa54);
    CHANGED(0x202, uint32_t, 0);
    CHANGED(0x206, uint16_t, 0x20b);
    CHANGED(0x211, uint8_t, 0);
    CHANGED(0x236, uint16_t, 1);
    CHANGED(0x236, uint16_t, 2);
    CHANGED(0x238, uint32_t, 40);
}

static void without_right(void)
{
    if (fork() == 0) {
        if (setuid(1) != 0) {
            perror("setuid");
        }
        SAY(load(0, NULL, 0));
        SAY(load(17, NULL, 0x100));
        SAY(file_load(-1, -1, 0, NULL, 0x100));
        SAY(enter(CMD_KEXEC));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

static void set_disabled(const char *text)
{
    int fd = open("/proc/sys/kernel/kexec_load_disabled", O_WRONLY);
    SAY(write(fd, text, 1) == 1 ? 0 : -1);
    close(fd);
}

static void disabled(void)
{
    set_disabled("0");
    SAY(one(bytes, sizeof bytes, 16 * MIB, MIB));
    set_disabled("2");
    set_disabled("1");
    set_disabled("0");
    SAY(load(0, NULL, 0));
    SAY(load(17, NULL, 0));
    SAY(file_load(-1, -1, 0, NULL, 0x100));
}

int main(void)
{
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sys", "/sys", "sysfs", 0, NULL);
    mount("tmp", "/tmp", "tmpfs", 0, NULL);
    printf("crash loaded %scrash size %s", file("/sys/kernel/kexec_crash_loaded"), "");
    printf("%s", file("/sys/kernel/kexec_crash_size"));
    fflush(stdout);
    segments();
    files();
    fflush(stdout);
    without_right();
    disabled();
    printf("that was all\n");
    return 0;
}
