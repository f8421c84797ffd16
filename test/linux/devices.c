/* SPDX-License-Identifier: BSD-2-Clause */
/* The devices without hardware: null(4), zero, full(4), random(4), and the links to descriptors. */
#include "test/linux/check.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

static char bytes[100000];

static void say_node(const char *name)
{
    struct stat st;
    if (stat(name, &st) != 0) {
        say("%s: %s\n", name, error_name(errno));
        return;
    }
    say("%s: %s %u:%u mode %o size %ld\n", name, S_ISCHR(st.st_mode) ? "character" : "other",
        major(st.st_rdev), minor(st.st_rdev), st.st_mode & 0777, (long)st.st_size);
}

CASE(nodes)
{
    say_node("/dev/null");
    say_node("/dev/zero");
    say_node("/dev/full");
    say_node("/dev/random");
    say_node("/dev/urandom");
    say_node("/dev/tty");
}

CASE(null)
{
    int fd = open("/dev/null", O_RDWR);
    CALL(read(fd, bytes, 100));
    CALL(write(fd, "hello", 5));
    CALL(write(fd, bytes, sizeof bytes));
    CALL(write(fd, bytes, 0));
    CALL(pwrite(fd, bytes, 10, 1000));
    CALL(pread(fd, bytes, 10, 1000));
    CALL(lseek(fd, 100, SEEK_SET));
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(lseek(fd, -5, SEEK_END));
    CALL(ftruncate(fd, 0));
    CALL(ioctl(fd, 0x5401, bytes));
    struct iovec iov[2] = {{bytes, 10}, {bytes, 20}};
    CALL(writev(fd, iov, 2));
    CALL(readv(fd, iov, 2));
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    CALL(poll(&p, 1, 0));
    SHOW(p.revents);
    TRUTH(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED);
    SHOW(errno == ENODEV);
    CALL(open("/dev/null", O_WRONLY | O_TRUNC | O_CREAT, 0600) >= 0);
    CALL(open("/dev/null", O_DIRECTORY));
    CALL(open("/dev/null/x", O_RDONLY));
}

static bool all_zero(const char *start, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (start[i] != 0) {
            return false;
        }
    }
    return true;
}

CASE(zero)
{
    int fd = open("/dev/zero", O_RDWR);
    memset(bytes, 'x', sizeof bytes);
    CALL(read(fd, bytes, 50000));
    TRUTH(all_zero(bytes, 50000));
    TRUTH(bytes[50000] == 'x');
    CALL(write(fd, bytes, sizeof bytes));
    CALL(read(fd, (void *)8, 10));
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(pread(fd, bytes, 100, 5));
}

CASE(zero_mapped_private)
{
    int fd = open("/dev/zero", O_RDWR);
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    TRUTH(p != MAP_FAILED);
    TRUTH(all_zero(p, 8192));
    p[5000] = 1;
    pid_t pid;
    CHILD(pid)
    {
        p[5000] = 2;
    }
    say_end("child", pid);
    SHOW(p[5000]);
    char *q = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
    SHOW(q[5000]);
}

CASE(zero_mapped_shared)
{
    int fd = open("/dev/zero", O_RDWR);
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    TRUTH(p != MAP_FAILED);
    pid_t pid;
    CHILD(pid)
    {
        p[5000] = 2;
    }
    say_end("child", pid);
    SHOW(p[5000]);
}

CASE(full)
{
    int fd = open("/dev/full", O_RDWR);
    CALL(write(fd, "x", 1));
    CALL(write(fd, "x", 0));
    memset(bytes, 'x', 100);
    CALL(read(fd, bytes, 100));
    TRUTH(all_zero(bytes, 100));
    CALL(lseek(fd, 10, SEEK_SET));
}

static void say_random(const char *name)
{
    int fd = open(name, O_RDWR);
    say("%s\n", name);
    CALL(read(fd, bytes, 64));
    TRUTH(!all_zero(bytes, 64));
    CALL(read(fd, bytes, 64));
    TRUTH(memcmp(bytes, bytes + 64, 64) != 0);
    CALL(read(fd, bytes, 0));
    CALL(read(fd, (void *)8, 64));
    CALL(write(fd, "seed", 4));
    int bits = 0;
    CALL(ioctl(fd, 0x80045200, &bits)); /* RNDGETENTCNT */
    SHOW(bits);
    CALL(ioctl(fd, 0x5401, bytes));
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    CALL(poll(&p, 1, 0));
    SHOW(p.revents);
}

CASE(random)
{
    say_random("/dev/urandom");
    say_random("/dev/random");
}

CASE(random_large)
{
    int fd = open("/dev/urandom", O_RDONLY);
    CALL(read(fd, bytes, sizeof bytes));
    /* No run of 16 zeroes in 100000 bytes, and every byte value comes. */
    unsigned counts[256] = {0};
    size_t run = 0, longest = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        counts[(unsigned char)bytes[i]]++;
        run = bytes[i] == 0 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    TRUTH(longest < 8);
    for (int i = 0; i < 256; i++) {
        if (counts[i] < 200 || counts[i] > 600) {
            say("value %d comes %u times\n", i, counts[i]);
        }
    }
}

CASE(descriptor_links)
{
    make_file("f", "hello");
    int fd = open("f", O_RDONLY);
    char name[64];
    dup2(fd, 0);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    CALL(read(open(name, O_RDONLY), bytes, 3));
    CALL(lseek(fd, 0, SEEK_CUR)); /* a new open file: the offset is its own */
    CALL(read(open("/proc/self/fd/0", O_RDONLY), bytes, 100));
    unlink("f");
    CALL(read(open(name, O_RDONLY), bytes, 100));
    int ends[2];
    pipe(ends);
    snprintf(name, sizeof name, "/proc/self/fd/%d", ends[1]);
    CALL(write(open(name, O_WRONLY), "abc", 3));
    CALL(read(ends[0], bytes, 100));
}

int main(void)
{
    return RUN(ENTRY(nodes), ENTRY(null), ENTRY(zero), ENTRY(zero_mapped_private),
               ENTRY(zero_mapped_shared), ENTRY(full), ENTRY(random), ENTRY(random_large),
               ENTRY(descriptor_links));
}
