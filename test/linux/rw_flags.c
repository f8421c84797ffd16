/* SPDX-License-Identifier: BSD-2-Clause */
/* preadv2 and pwritev2 with their flags, readahead, sync_file_range, lseek of files of events. */
#include "test/linux/check.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

enum { HIPRI = 1, DSYNC = 2, SYNC = 4, APPEND = 16, UNKNOWN = 1 << 20 };

/* The system calls: C libraries have ideas of their own. */
static long readv2(int fd, void *to, size_t size, long pos, int flags)
{
    struct iovec vec = {to, size};
    return syscall(SYS_preadv2, fd, &vec, 1, pos, 0L, flags);
}
static long writev2(int fd, const char *from, long pos, int flags)
{
    struct iovec vec = {(void *)(uintptr_t)from, strlen(from)};
    return syscall(SYS_pwritev2, fd, &vec, 1, pos, 0L, flags);
}

CASE(positions)
{
    char bytes[16];
    int fd = open("file", O_RDWR | O_CREAT, 0644);
    CALL(writev2(fd, "abcdef", -1, 0));
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(writev2(fd, "XY", 1, 0));
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(lseek(fd, 2, SEEK_SET));
    say_bytes("at the position", bytes, readv2(fd, bytes, 3, -1, 0));
    say_bytes("at 0", bytes, readv2(fd, bytes, 16, 0, 0));
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(readv2(fd, bytes, 1, -2, 0));
    CALL(writev2(fd, "x", -2, 0));
    CALL(readv2(99, bytes, 1, 0, 0));
    CALL(syscall(SYS_preadv2, fd, NULL, 2000, 0L, 0L, 0));
    CALL(syscall(SYS_preadv2, fd, (void *)8, 1, 0L, 0L, 0));
    say_file("file");
}

CASE(sync_flags)
{
    char bytes[16];
    int fd = open("file", O_RDWR | O_CREAT, 0644);
    CALL(writev2(fd, "one", -1, DSYNC));
    CALL(writev2(fd, "two", -1, SYNC));
    CALL(writev2(fd, "three", -1, HIPRI));
    CALL(readv2(fd, bytes, 3, 0, HIPRI));
    CALL(readv2(fd, bytes, 3, 0, DSYNC | SYNC));
    CALL(readv2(fd, bytes, 3, 0, UNKNOWN));
    CALL(writev2(fd, "x", 0, UNKNOWN));
    CALL(writev2(fd, "", 0, UNKNOWN));
    CALL(readv2(open("file", O_WRONLY), bytes, 3, 0, UNKNOWN));
    say_file("file");
}

CASE(append)
{
    int fd = open("file", O_RDWR | O_CREAT, 0644);
    CALL(writev2(fd, "abc", -1, 0));
    CALL(writev2(fd, "def", 0, APPEND));
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(lseek(fd, 1, SEEK_SET));
    CALL(writev2(fd, "ghi", -1, APPEND));
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(writev2(fd, "Z", 0, 0));
    say_file("file");
    CALL(fcntl(fd, F_GETFL) & O_APPEND);
}

CASE(not_files)
{
    char bytes[16];
    int ends[2];
    pipe(ends);
    CALL(writev2(ends[1], "abc", -1, 0));
    CALL(writev2(ends[1], "def", -1, DSYNC | APPEND));
    CALL(writev2(ends[1], "def", 0, 0));
    say_bytes("pipe", bytes, readv2(ends[0], bytes, 16, -1, HIPRI));
    CALL(readv2(ends[0], bytes, 16, 0, 0));
    CALL(readv2(ends[0], bytes, 16, -1, UNKNOWN));
    CALL(readv2(open("/", O_RDONLY), bytes, 16, -1, 0));
}

CASE(reading_ahead)
{
    int fd = open("file", O_RDWR | O_CREAT, 0644), ends[2];
    pipe(ends);
    CALL(syscall(SYS_readahead, fd, 0L, 4096));
    CALL(syscall(SYS_readahead, open("file", O_WRONLY), 0L, 4096));
    CALL(syscall(SYS_readahead, ends[0], 0L, 4096));
    CALL(syscall(SYS_readahead, open("/", O_RDONLY), 0L, 4096));
    CALL(syscall(SYS_readahead, fd, 0L, -1L));
    CALL(syscall(SYS_readahead, 99, 0L, 4096));
}

CASE(ranges)
{
    int fd = open("file", O_RDWR | O_CREAT, 0644), ends[2];
    pipe(ends);
    CALL(syscall(SYS_sync_file_range, fd, 0L, 0L, 7));
    CALL(syscall(SYS_sync_file_range, fd, 10L, 4096L, 0));
    CALL(syscall(SYS_sync_file_range, fd, 0L, 0L, 8));
    CALL(syscall(SYS_sync_file_range, fd, -1L, 0L, 0));
    CALL(syscall(SYS_sync_file_range, fd, 0L, -1L, 0));
    CALL(syscall(SYS_sync_file_range, fd, LONG_MAX, 1L, 0));
    CALL(syscall(SYS_sync_file_range, ends[0], 0L, 0L, 0));
    CALL(syscall(SYS_sync_file_range, ends[0], 0L, 0L, 8));
    CALL(syscall(SYS_sync_file_range, open("/", O_RDONLY), 0L, 0L, 2));
    CALL(syscall(SYS_sync_file_range, 99, 0L, 0L, 0));
}

static void seek(const char *what, int fd)
{
    char bytes[8];
    say("%s\n", what);
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(lseek(fd, 5, SEEK_SET));
    CALL(lseek(fd, -5, SEEK_END));
    CALL(lseek(fd, 0, 77));
    if (strcmp(what, "pidfd") != 0) {
        CALL(pread(fd, bytes, 8, 0));
        CALL(pwrite(fd, bytes, 8, 0));
    }
}

CASE(idle_seeks)
{
    sigset_t set;
    sigemptyset(&set);
    seek("eventfd", eventfd(1, EFD_NONBLOCK));
    seek("epoll", epoll_create1(0));
    seek("timerfd", timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    seek("signalfd", signalfd(-1, &set, SFD_NONBLOCK));
    seek("pidfd", (int)syscall(SYS_pidfd_open, getpid(), 0));
}

int main(void)
{
    return RUN(ENTRY(positions), ENTRY(sync_flags), ENTRY(append), ENTRY(not_files),
               ENTRY(reading_ahead), ENTRY(ranges), ENTRY(idle_seeks));
}
