/* SPDX-License-Identifier: BSD-2-Clause */
/* Files: open flags, offsets, holes, truncation, times, sizes, vectors, copies. */
#include "test/linux/check.h"

#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/uio.h>

CASE(open_flags)
{
    CALL(open("none", O_RDONLY));
    CALL(open("f", O_WRONLY | O_CREAT, 0644));
    CALL(open("f", O_WRONLY | O_CREAT | O_EXCL, 0644));
    CALL(open("f", O_RDONLY | O_DIRECTORY));
    CALL(open("f/x", O_RDONLY));
    CALL(open("f/", O_RDONLY));
    CALL(open("", O_RDONLY));
    mkdir("d", 0755);
    CALL(open("d", O_WRONLY));
    CALL(open("d", O_RDONLY | O_CREAT, 0644));
    CALL(open("d", O_RDONLY | O_DIRECTORY));
    CALL(open("d/new/", O_WRONLY | O_CREAT, 0644));
    symlink("f", "l");
    CALL(open("l", O_RDONLY | O_NOFOLLOW));
    CALL(open("l", O_RDONLY));
    symlink("target", "dangling");
    CALL(open("dangling", O_RDONLY));
    CALL(open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0644));
    CALL(open("dangling", O_WRONLY | O_CREAT, 0644));
    CALL(access("target", F_OK));
}

CASE(truncate_on_open)
{
    make_file("f", "0123456789");
    close(open("f", O_WRONLY));
    say_file("f");
    close(open("f", O_WRONLY | O_TRUNC));
    say_file("f");
}

CASE(append)
{
    make_file("f", "one ");
    int fd = open("f", O_RDWR | O_APPEND);
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(write(fd, "two ", 4));
    lseek(fd, 0, SEEK_SET);
    CALL(write(fd, "three ", 6));
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(pwrite(fd, "four", 4, 0)); /* appends on Linux, whatever POSIX says */
    say_file("f");
}

CASE(seek)
{
    make_file("f", "0123456789");
    int fd = open("f", O_RDWR);
    CALL(lseek(fd, 5, SEEK_SET));
    CALL(lseek(fd, 2, SEEK_CUR));
    CALL(lseek(fd, -3, SEEK_END));
    CALL(lseek(fd, -11, SEEK_END));
    CALL(lseek(fd, -1, SEEK_SET));
    CALL(lseek(fd, 100, SEEK_SET));
    char c;
    CALL(read(fd, &c, 1));
    CALL(lseek(fd, 0, 99));
    CALL(lseek(fd, LONG_MAX, SEEK_SET) >= 0);
    CALL(lseek(fd, 1, SEEK_END));
    CALL(lseek(99, 0, SEEK_SET));
}

CASE(holes_read_as_zero)
{
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    char text[8];
    CALL(pwrite(fd, "end", 3, 100000));
    CALL(pread(fd, text, 8, 99996));
    say_bytes("around", text, 8);
    CALL(pread(fd, text, 8, 50000));
    say_bytes("hole", text, 8);
    struct stat st;
    fstat(fd, &st);
    SHOW(st.st_size);
    TRUTH(st.st_blocks * 512 < 100000);
    CALL(lseek(fd, 0, SEEK_HOLE));
    CALL(lseek(fd, 200000, SEEK_DATA));
    CALL(lseek(fd, 200000, SEEK_HOLE));
}

CASE(truncate_cuts_and_grows)
{
    make_file("f", "0123456789");
    CALL(truncate("f", 5));
    say_file("f");
    CALL(truncate("f", 8));
    say_file("f");
    CALL(truncate("f", -1));
    CALL(truncate("none", 1));
    CALL(truncate(".", 1));
    int r = open("f", O_RDONLY), w = open("f", O_WRONLY);
    CALL(ftruncate(r, 1));
    CALL(ftruncate(w, 3));
    CALL(ftruncate(w, -1));
    say_file("f");
}

CASE(read_and_write_errors)
{
    make_file("f", "x");
    int r = open("f", O_RDONLY), w = open("f", O_WRONLY), d = open(".", O_RDONLY);
    char c = 0;
    CALL(write(r, &c, 1));
    CALL(read(w, &c, 1));
    CALL(read(d, &c, 1));
    CALL(write(d, &c, 1));
    CALL(read(99, &c, 1));
    CALL(read(r, (char *)8, 1));
    CALL(read(r, &c, 0));
    CALL(write(w, (char *)8, 1));
    CALL(write(w, (char *)8, 0));
    CALL(pread(r, &c, 1, -1));
    CALL(pwrite(w, &c, 1, -1));
    int path = open("f", O_PATH);
    CALL(read(path, &c, 1));
    CALL(syscall(SYS_fchmod, path, 0600));
    struct stat st;
    CALL(fstat(path, &st));
}

CASE(limit_of_file_size)
{
    struct rlimit limit = {10, 10};
    setrlimit(RLIMIT_FSIZE, &limit);
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    CALL(write(fd, "0123456", 7));
    CALL(write(fd, "0123456", 7));
    pid_t pid;
    CHILD(pid)
    {
        write(fd, "x", 1);
    }
    say_end("signal", pid);
    signal(SIGXFSZ, SIG_IGN);
    CALL(write(fd, "x", 1));
    CALL(ftruncate(fd, 11));
    CALL(ftruncate(fd, 5));
}

CASE(stat_fields)
{
    umask(022);
    make_file("f", "0123456789");
    chmod("f", 0640);
    struct stat st;
    CALL(stat("f", &st));
    say("mode %o links %ld size %ld\n", st.st_mode, (long)st.st_nlink, (long)st.st_size);
    say("uid %d gid %d blksize %ld\n", st.st_uid, st.st_gid, (long)st.st_blksize);
    mkdir("d", 0750);
    CALL(stat("d", &st));
    say("mode %o links %ld\n", st.st_mode, (long)st.st_nlink);
    mkdir("d/e", 0755);
    stat("d", &st);
    say("links %ld\n", (long)st.st_nlink);
    symlink("target", "l");
    CALL(lstat("l", &st));
    say("mode %o size %ld\n", st.st_mode, (long)st.st_size);
    CALL(stat("l", &st));
    struct stat a, b;
    stat("f", &a);
    stat("./d/../f", &b);
    TRUTH(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    stat("d", &b);
    TRUTH(a.st_ino != b.st_ino);
    CALL(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
    CALL(fstatat(AT_FDCWD, "", &st, 0));
    CALL(fstatat(AT_FDCWD, "f", &st, 0x80000));
    CALL(fstatat(99, "f", &st, 0));
    int fd = open("f", O_RDONLY);
    CALL(fstatat(fd, "x", &st, 0));
    CALL(fstatat(fd, "", &st, AT_EMPTY_PATH));
}

CASE(times_of_files)
{
    make_file("f", "x");
    struct timespec times[2] = {{1000000000, 123456789}, {1100000000, 987654321}};
    CALL(utimensat(AT_FDCWD, "f", times, 0));
    struct stat st;
    stat("f", &st);
    say("%ld.%09ld %ld.%09ld\n", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec,
        st.st_mtim.tv_nsec);
    times[0].tv_nsec = UTIME_OMIT;
    times[1] = (struct timespec){5, 0};
    CALL(utimensat(AT_FDCWD, "f", times, 0));
    stat("f", &st);
    say("%ld %ld\n", st.st_atim.tv_sec, st.st_mtim.tv_sec);
    times[1].tv_nsec = 2000000000;
    CALL(utimensat(AT_FDCWD, "f", times, 0));
    CALL(utimensat(AT_FDCWD, "none", NULL, 0));
    CALL(utimensat(AT_FDCWD, "f", NULL, 0));
    stat("f", &st);
    TRUTH(st.st_mtim.tv_sec > 1600000000);
    symlink("f", "l");
    struct timespec link_times[2] = {{1, 0}, {2, 0}};
    CALL(utimensat(AT_FDCWD, "l", link_times, AT_SYMLINK_NOFOLLOW));
    lstat("l", &st);
    SHOW(st.st_mtim.tv_sec);
    stat("f", &st);
    TRUTH(st.st_mtim.tv_sec > 1600000000);
}

CASE(writing_changes_the_times)
{
    make_file("f", "x");
    struct timespec old[2] = {{10, 0}, {10, 0}};
    utimensat(AT_FDCWD, "f", old, 0);
    int fd = open("f", O_RDWR);
    struct stat st;
    write(fd, "", 0);
    fstat(fd, &st);
    TRUTH(st.st_mtim.tv_sec == 10);
    write(fd, "y", 1);
    fstat(fd, &st);
    TRUTH(st.st_mtim.tv_sec > 1600000000);
    TRUTH(st.st_ctim.tv_sec > 1600000000);
    utimensat(AT_FDCWD, ".", old, 0);
    close(open("new", O_CREAT | O_WRONLY, 0644));
    stat(".", &st);
    TRUTH(st.st_mtim.tv_sec > 1600000000);
}

CASE(copy_in_the_kernel)
{
    make_file("from", "0123456789");
    int in = open("from", O_RDONLY), out = open("to", O_RDWR | O_CREAT, 0644);
    CALL(sendfile(out, in, NULL, 4));
    off_t at = 7;
    CALL(sendfile(out, in, &at, 100));
    SHOW(at);
    CALL(lseek(in, 0, SEEK_CUR));
    say_file("to");
    CALL(sendfile(in, in, NULL, 1));
    CALL(sendfile(out, 99, NULL, 1));
    loff_t from = 0, to = 20;
    CALL(copy_file_range(in, &from, out, &to, 3, 0));
    say("%ld %ld\n", (long)from, (long)to);
    CALL(copy_file_range(in, &from, out, &to, 3, 1));
    int p[2];
    pipe(p);
    CALL(sendfile(p[1], in, NULL, 3));
}

CASE(vectors_and_positions)
{
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    struct iovec out[2] = {{"abc", 3}, {"defg", 4}};
    CALL(writev(fd, out, 2));
    CALL(pwritev(fd, out, 2, 10));
    CALL(lseek(fd, 0, SEEK_CUR));
    char a[4], b[20];
    struct iovec in[2] = {{a, 4}, {b, 20}};
    CALL(preadv(fd, in, 2, 1));
    say_bytes("a", a, 4);
    say_bytes("b", b, 12);
    CALL(preadv(fd, in, 2, 100));
    CALL(preadv(fd, in, 2, -1));
    struct iovec bad[2] = {{a, 4}, {(void *)8, 4}};
    CALL(preadv(fd, bad, 2, 0));
    CALL(readv(fd, (struct iovec *)8, 1));
    CALL(writev(99, out, 2));
}

CASE(reserve_space)
{
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    struct stat st;
    CALL(fallocate(fd, 0, 0, 10000));
    fstat(fd, &st);
    SHOW(st.st_size);
    CALL(fallocate(fd, 1, 0, 100000));
    fstat(fd, &st);
    SHOW(st.st_size);
    write(fd, "0123456789", 10);
    CALL(fallocate(fd, 3, 2, 4));
    char text[10];
    pread(fd, text, 10, 0);
    say_bytes("punched", text, 10);
    CALL(fallocate(fd, 0, -1, 10));
    CALL(fallocate(fd, 0, 0, 0));
    CALL(fallocate(open("f", O_RDONLY), 0, 0, 10));
    CALL(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
}

CASE(big_file)
{
    enum { SIZE = 3000000 };
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    char *bytes = malloc(SIZE);
    for (long i = 0; i < SIZE; i++) {
        bytes[i] = (char)(i * i >> 5);
    }
    CALL(write(fd, bytes, SIZE));
    memset(bytes, 0, SIZE);
    CALL(pread(fd, bytes, SIZE, 0));
    long wrong = 0;
    for (long i = 0; i < SIZE; i++) {
        wrong += bytes[i] != (char)(i * i >> 5);
    }
    SHOW(wrong);
    CALL(fsync(fd));
    CALL(fdatasync(fd));
    struct statfs fs;
    CALL(fstatfs(fd, &fs));
    SHOW(fs.f_namelen);
    SHOW(fs.f_type == 0x01021994);
}

CASE(unlinked_file_lives_on)
{
    make_file("f", "still here");
    int fd = open("f", O_RDWR);
    CALL(unlink("f"));
    CALL(open("f", O_RDONLY));
    struct stat st;
    fstat(fd, &st);
    SHOW(st.st_nlink);
    char text[16];
    say_bytes("read", text, read(fd, text, sizeof text));
    CALL(write(fd, "!", 1));
    make_file("f", "another");
    say_file("f");
    pread(fd, text, 16, 0);
    say_bytes("old", text, 11);
}

CASE(device_files)
{
    char text[8] = "abcdefg";
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR);
    CALL(read(null, text, 8));
    CALL(write(null, text, 8));
    CALL(read(zero, text, 4));
    say_bytes("zero", text, 8);
    CALL(write(zero, text, 8));
    int full = open("/dev/full", O_RDWR);
    CALL(write(full, text, 8));
    CALL(read(full, text, 8));
    int random = open("/dev/urandom", O_RDONLY);
    CALL(read(random, text, 8));
    struct stat st;
    stat("/dev/null", &st);
    say("mode %o device %lx\n", st.st_mode, (long)st.st_rdev);
    char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    say("%d\n", at == MAP_FAILED ? -1 : at[100]);
    CALL(lseek(null, 5, SEEK_SET));
}

int main(void)
{
    return RUN(ENTRY(open_flags), ENTRY(truncate_on_open), ENTRY(append), ENTRY(seek),
               ENTRY(holes_read_as_zero), ENTRY(truncate_cuts_and_grows),
               ENTRY(read_and_write_errors), ENTRY(limit_of_file_size), ENTRY(stat_fields),
               ENTRY(times_of_files), ENTRY(writing_changes_the_times), ENTRY(copy_in_the_kernel),
               ENTRY(vectors_and_positions), ENTRY(reserve_space), ENTRY(big_file),
               ENTRY(unlinked_file_lives_on), ENTRY(device_files));
}
