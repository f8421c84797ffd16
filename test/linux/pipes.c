/* SPDX-License-Identifier: BSD-2-Clause */
/* Pipes: order, end of file, EPIPE, atomic writes, non-blocking ends, capacity, FIFOs. */
#include "test/linux/check.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

static int p[2];

CASE(bytes_come_in_order)
{
    char text[64];
    CALL(pipe(p));
    CALL(write(p[1], "hello ", 6));
    CALL(write(p[1], "world", 5));
    ssize_t size = read(p[0], text, 3);
    say_bytes("first", text, size);
    size = read(p[0], text, sizeof text);
    say_bytes("rest", text, size);
    int left = -1;
    CALL(ioctl(p[0], FIONREAD, &left));
    SHOW(left);
}

CASE(end_of_file)
{
    char c;
    pipe(p);
    write(p[1], "x", 1);
    close(p[1]);
    CALL(read(p[0], &c, 1));
    CALL(read(p[0], &c, 1));
    CALL(read(p[0], &c, 1));
}

CASE(wrong_ends)
{
    char c = 0;
    pipe(p);
    CALL(read(p[1], &c, 1));
    CALL(write(p[0], &c, 1));
    CALL(lseek(p[0], 0, SEEK_SET));
    CALL(pread(p[0], &c, 1, 0));
    CALL(ftruncate(p[1], 0));
    CALL(fsync(p[0]));
}

CASE(no_reader)
{
    pid_t pid;
    pipe(p);
    close(p[0]);
    CHILD(pid)
    {
        write(p[1], "x", 1);
    }
    say_end("default", pid);
    signal(SIGPIPE, SIG_IGN);
    CALL(write(p[1], "x", 1));
    CALL(write(p[1], "x", 0));
}

CASE(full_pipe_does_not_block)
{
    static char page[4096];
    char c;
    long total = 0;
    CALL(pipe2(p, O_NONBLOCK));
    CALL(read(p[0], &c, 1));
    ssize_t size;
    while ((size = write(p[1], page, sizeof page)) > 0) {
        total += size;
    }
    say("%s after %ld bytes\n", error_name(errno), total);
    CALL(write(p[1], &c, 1));
    read(p[0], page, 4096);
    CALL(write(p[1], page, 4096));
    CALL(write(p[1], page, 4096));
}

CASE(capacity_can_be_changed)
{
    pipe(p);
    CALL(fcntl(p[0], F_GETPIPE_SZ));
    CALL(fcntl(p[0], F_SETPIPE_SZ, 4096));
    CALL(fcntl(p[1], F_GETPIPE_SZ));
    CALL(fcntl(p[1], F_SETPIPE_SZ, 100000));
}

/* A write of up to PIPE_BUF bytes is never mixed with others. */
CASE(small_writes_are_whole)
{
    enum { WRITERS = 4, ROUNDS = 50, SIZE = 4096 };
    static char block[SIZE];
    pipe(p);
    for (int i = 0; i < WRITERS; i++) {
        if (fork() == 0) {
            memset(block, 'a' + i, SIZE);
            for (int k = 0; k < ROUNDS; k++) {
                write(p[1], block, SIZE);
            }
            _exit(0);
        }
    }
    close(p[1]);
    long counts[WRITERS] = {0}, mixed = 0;
    for (;;) {
        size_t have = 0;
        ssize_t size;
        while (have < SIZE && (size = read(p[0], block + have, SIZE - have)) > 0) {
            have += (size_t)size;
        }
        if (have == 0) {
            break;
        }
        for (size_t i = 1; i < have; i++) {
            mixed += block[i] != block[0];
        }
        counts[block[0] - 'a']++;
    }
    say("%ld %ld %ld %ld, mixed %ld\n", counts[0], counts[1], counts[2], counts[3], mixed);
}

CASE(big_write_waits_for_the_reader)
{
    enum { SIZE = 1000000 };
    pipe(p);
    pid_t pid = fork();
    if (pid == 0) {
        char *bytes = malloc(SIZE);
        for (int i = 0; i < SIZE; i++) {
            bytes[i] = (char)(i * 7);
        }
        _exit(write(p[1], bytes, SIZE) == SIZE ? 0 : 1);
    }
    close(p[1]);
    char text[777];
    ssize_t size;
    long total = 0, wrong = 0;
    while ((size = read(p[0], text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < size; i++) {
            wrong += text[i] != (char)((total + i) * 7);
        }
        total += size;
    }
    say("%ld bytes, %ld wrong\n", total, wrong);
    say_end("writer", pid);
}

CASE(reader_goes_away_during_write)
{
    enum { SIZE = 300000 };
    signal(SIGPIPE, SIG_IGN);
    pipe(p);
    pid_t pid = fork();
    if (pid == 0) {
        char *bytes = calloc(1, SIZE);
        close(p[0]);
        long got = write(p[1], bytes, SIZE);
        say("first write is short: %s\n", got > 0 && got < SIZE ? "yes" : "no");
        CALL(write(p[1], bytes, SIZE));
        _exit(0);
    }
    close(p[1]);
    static char text[4096];
    read(p[0], text, sizeof text);
    close(p[0]);
    say_end("writer", pid);
}

CASE(poll_sees_the_ends)
{
    pipe(p);
    struct pollfd fds[2] = {{.fd = p[0], .events = POLLIN}, {.fd = p[1], .events = POLLOUT}};
    CALL(poll(fds, 2, 0));
    say("read %#x write %#x\n", fds[0].revents, fds[1].revents);
    write(p[1], "x", 1);
    CALL(poll(fds, 2, 0));
    say("read %#x write %#x\n", fds[0].revents, fds[1].revents);
    close(p[1]);
    CALL(poll(fds, 1, 0));
    say("read %#x\n", fds[0].revents);
    char c;
    read(p[0], &c, 1);
    CALL(poll(fds, 1, 0));
    say("read %#x\n", fds[0].revents);
    pipe(p);
    close(p[0]);
    fds[1].fd = p[1];
    CALL(poll(fds + 1, 1, 0));
    say("write %#x\n", fds[1].revents);
}

CASE(vectors)
{
    char a[3], b[5], c[8];
    struct iovec out[3] = {{"abc", 3}, {"", 0}, {"defghij", 7}};
    struct iovec in[3] = {{a, 3}, {b, 5}, {c, 8}};
    pipe(p);
    CALL(writev(p[1], out, 3));
    CALL(readv(p[0], in, 3));
    say_bytes("a", a, 3);
    say_bytes("b", b, 5);
    say_bytes("c", c, 2);
    CALL(writev(p[1], out, 0));
    CALL(writev(p[1], out, -1));
    CALL(writev(p[1], out, 1025));
    struct iovec huge[2] = {{a, SIZE_MAX}, {a, 2}};
    CALL(writev(p[1], huge, 2));
}

CASE(flags)
{
    CALL(pipe2(p, O_CLOEXEC | O_NONBLOCK));
    SHOW(fcntl(p[0], F_GETFD));
    SHOW(fcntl(p[0], F_GETFL) & (O_ACCMODE | O_NONBLOCK));
    SHOW(fcntl(p[1], F_GETFL) & (O_ACCMODE | O_NONBLOCK));
    CALL(fcntl(p[0], F_SETFL, 0));
    SHOW(fcntl(p[0], F_GETFL) & O_NONBLOCK);
    SHOW(fcntl(p[1], F_GETFL) & O_NONBLOCK);
    CALL(pipe2(p, 0x40));
    CALL(syscall(SYS_pipe2, 8, 0));
    struct stat st;
    fstat(p[0], &st);
    SHOW(S_ISFIFO(st.st_mode));
    SHOW(st.st_mode & 0777);
    SHOW(st.st_size);
}

CASE(named_pipe)
{
    CALL(mkfifo("fifo", 0640));
    CALL(mkfifo("fifo", 0640));
    struct stat st;
    CALL(stat("fifo", &st));
    SHOW(S_ISFIFO(st.st_mode));
    CALL(open("fifo", O_WRONLY | O_NONBLOCK));
    int fd = open("fifo", O_RDONLY | O_NONBLOCK);
    TRUTH(fd >= 0);
    char c;
    CALL(read(fd, &c, 1));
    close(fd);
    pid_t pid;
    CHILD(pid)
    {
        int w = open("fifo", O_WRONLY);
        write(w, "through", 7);
    }
    fd = open("fifo", O_RDONLY);
    char text[16];
    say_bytes("read", text, read(fd, text, sizeof text));
    say_bytes("read", text, read(fd, text, sizeof text));
    say_end("writer", pid);
    fd = open("fifo", O_RDWR);
    TRUTH(fd >= 0);
    write(fd, "k", 1);
    CALL(read(fd, &c, 1));
}

CASE(pipe_opened_by_its_name_in_proc)
{
    char path[32], text[16];
    pipe(p);
    write(p[1], "left behind", 11);
    close(p[1]);
    snprintf(path, sizeof path, "/proc/self/fd/%d", p[0]);
    int again = open(path, O_RDONLY);
    TRUTH(again >= 0);
    say_bytes("read", text, read(again, text, 4));
    say_bytes("read", text, read(p[0], text, sizeof text));
    CALL(read(again, text, 1));
    int writer = open(path, O_WRONLY | O_NONBLOCK);
    TRUTH(writer >= 0);
    CALL(write(writer, "more", 4));
    say_bytes("read", text, read(again, text, sizeof text));
    CALL(readlink(path, text, 5));
    say_bytes("link", text, 5);
}

CASE(pipeline_of_processes)
{
    enum { N = 8 };
    int in = -1, first = -1;
    for (int i = 0; i < N; i++) {
        pipe(p);
        if (i == 0) {
            first = p[1];
            in = p[0];
            continue;
        }
        if (fork() == 0) {
            char c;
            close(first);
            close(p[0]);
            while (read(in, &c, 1) == 1) {
                c++;
                write(p[1], &c, 1);
            }
            _exit(0);
        }
        close(in);
        close(p[1]);
        in = p[0];
    }
    write(first, "aAz", 3);
    close(first);
    char text[16];
    size_t have = 0;
    ssize_t size;
    while ((size = read(in, text + have, sizeof text - have)) > 0) {
        have += (size_t)size;
    }
    say_bytes("end of the pipeline", text, (ssize_t)have);
    int status, children = 0;
    while (wait(&status) > 0) {
        children++;
    }
    SHOW(children);
}

int main(void)
{
    return RUN(ENTRY(bytes_come_in_order), ENTRY(end_of_file), ENTRY(wrong_ends), ENTRY(no_reader),
               ENTRY(full_pipe_does_not_block), ENTRY(capacity_can_be_changed),
               ENTRY(small_writes_are_whole), ENTRY(big_write_waits_for_the_reader),
               ENTRY(reader_goes_away_during_write), ENTRY(poll_sees_the_ends), ENTRY(vectors),
               ENTRY(flags), ENTRY(named_pipe), ENTRY(pipe_opened_by_its_name_in_proc),
               ENTRY(pipeline_of_processes));
}
