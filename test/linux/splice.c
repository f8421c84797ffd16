/* SPDX-License-Identifier: BSD-2-Clause */
/* splice, tee, vmsplice: between pipes, files and sockets. */
#include "test/linux/check.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

static char big[200000] __attribute__((aligned(4096)));

static void make_pipe(int ends[2], const char *text)
{
    pipe(ends);
    write(ends[1], text, strlen(text));
}

static void say_pipe(const char *what, int fd)
{
    char bytes[256];
    fcntl(fd, F_SETFL, O_NONBLOCK);
    ssize_t size = read(fd, bytes, sizeof bytes);
    if (size < 0) {
        say("%s: %s\n", what, error_name(errno));
    } else {
        say_bytes(what, bytes, size);
    }
}

CASE(pipe_to_pipe)
{
    int a[2], b[2];
    make_pipe(a, "abcdef");
    pipe(b);
    CALL(splice(a[0], NULL, b[1], NULL, 3, 0));
    say_pipe("b", b[0]);
    CALL(splice(a[0], NULL, b[1], NULL, 100, 0));
    say_pipe("b", b[0]);
    CALL(splice(a[0], NULL, b[1], NULL, 100, SPLICE_F_NONBLOCK));
    close(a[1]);
    CALL(splice(a[0], NULL, b[1], NULL, 100, 0));
    CALL(tee(a[0], b[1], 100, 0));
}

CASE(tees)
{
    int a[2], b[2];
    make_pipe(a, "abcdef");
    pipe(b);
    CALL(tee(a[0], b[1], 4, 0));
    say_pipe("b", b[0]);
    CALL(tee(a[0], b[1], 100, 0));
    say_pipe("a", a[0]);
    say_pipe("b", b[0]);
    CALL(tee(a[0], b[1], 100, SPLICE_F_NONBLOCK));
    CALL(tee(a[0], a[1], 100, 0));
    CALL(tee(a[0], b[1], 0, 0));
    CALL(tee(a[0], b[1], 0, 0x100));
    CALL(tee(a[1], b[1], 1, 0));
    CALL(tee(99, b[1], 1, 0));
    CALL(tee(open("file", O_RDWR | O_CREAT, 0644), b[1], 1, 0));
}

CASE(arguments)
{
    int a[2], b[2], fd = open("file", O_RDWR | O_CREAT, 0644);
    off_t pos = 0, bad = -1;
    make_pipe(a, "abc");
    pipe(b);
    CALL(splice(a[0], NULL, b[1], NULL, 0, 0x100));
    CALL(splice(a[0], NULL, b[1], NULL, 1, 0x100));
    CALL(splice(99, NULL, b[1], NULL, 1, 0));
    CALL(splice(a[0], NULL, 99, NULL, 1, 0));
    CALL(splice(99, NULL, 99, NULL, 0, 0));
    CALL(splice(a[0], NULL, a[1], NULL, 1, 0));
    CALL(splice(a[0], &pos, fd, NULL, 1, 0));
    CALL(splice(fd, NULL, b[1], &pos, 1, 0));
    CALL(splice(fd, NULL, fd, NULL, 1, 0));
    CALL(splice(a[1], NULL, fd, NULL, 1, 0));
    CALL(splice(a[0], NULL, open("file", O_RDONLY), NULL, 1, 0));
    CALL(splice(a[0], NULL, open("file", O_WRONLY | O_APPEND), NULL, 1, 0));
    CALL(splice(a[0], NULL, fd, &bad, 1, 0));
    CALL(splice(a[0], NULL, fd, (off_t *)8, 1, 0));
    CALL(splice(fd, (off_t *)8, fd, NULL, 1, 0));
    CALL(splice(fd, &bad, b[1], NULL, 1, 0));
    CALL(splice(open("/", O_RDONLY), NULL, b[1], NULL, 1, 0));
    CALL(splice(a[0], NULL, eventfd(0, EFD_NONBLOCK), NULL, 8, 0));
    CALL(splice(eventfd(1, EFD_NONBLOCK), NULL, b[1], NULL, 8, 0));
    CALL(splice(a[0], NULL, open("file", O_PATH), NULL, 1, 0));
    say_pipe("a", a[0]);
}

CASE(pipe_to_file)
{
    int a[2], fd = open("file", O_RDWR | O_CREAT, 0644);
    off_t pos = 2;
    make_pipe(a, "abcdef");
    CALL(splice(a[0], NULL, fd, NULL, 2, 0));
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(splice(a[0], NULL, fd, &pos, 100, 0));
    SHOW(pos);
    CALL(lseek(fd, 0, SEEK_CUR));
    say_file("file");
    CALL(splice(a[0], NULL, fd, NULL, 100, SPLICE_F_NONBLOCK));
    fcntl(a[0], F_SETFL, O_NONBLOCK);
    CALL(splice(a[0], NULL, fd, NULL, 100, 0));
    close(a[1]);
    CALL(splice(a[0], NULL, fd, NULL, 100, 0));
}

CASE(file_to_pipe)
{
    int a[2], fd;
    off_t pos = 4;
    make_file("file", "some bytes of a file");
    fd = open("file", O_RDONLY);
    pipe(a);
    CALL(splice(fd, NULL, a[1], NULL, 5, 0));
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(splice(fd, &pos, a[1], NULL, 6, 0));
    SHOW(pos);
    CALL(lseek(fd, 0, SEEK_CUR));
    say_pipe("a", a[0]);
    CALL(splice(fd, NULL, a[1], NULL, 1000, 0));
    CALL(splice(fd, NULL, a[1], NULL, 1000, 0));
    say_pipe("a", a[0]);
    pos = 1000;
    CALL(splice(fd, &pos, a[1], NULL, 1000, 0));
    SHOW(pos);
}

CASE(a_full_pipe)
{
    int a[2], b[2], fd = open("file", O_RDWR | O_CREAT, 0644);
    pipe(a);
    pipe(b);
    write(fd, big, sizeof big);
    lseek(fd, 0, SEEK_SET);
    CALL(splice(fd, NULL, a[1], NULL, sizeof big, 0));
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(splice(fd, NULL, a[1], NULL, sizeof big, SPLICE_F_NONBLOCK));
    CALL(lseek(fd, 0, SEEK_CUR));
    CALL(splice(a[0], NULL, b[1], NULL, sizeof big, 0));
    CALL(splice(a[0], NULL, b[1], NULL, sizeof big, SPLICE_F_NONBLOCK));
    CALL(splice(fd, NULL, a[1], NULL, sizeof big, 0));
    CALL(splice(a[0], NULL, b[1], NULL, sizeof big, SPLICE_F_NONBLOCK));
    CALL(tee(a[0], b[1], sizeof big, SPLICE_F_NONBLOCK));
    lseek(fd, 0, SEEK_SET);
    CALL(splice(a[0], NULL, fd, NULL, sizeof big, 0));
    CALL(tee(b[0], a[1], sizeof big, 0));
}

static void on_pipe(int sig)
{
    say("%s\n", signal_name(sig));
}

CASE(nobody_reads)
{
    int a[2], b[2];
    signal(SIGPIPE, on_pipe);
    make_pipe(a, "abc");
    pipe(b);
    close(b[0]);
    make_file("file", "text");
    CALL(splice(a[0], NULL, b[1], NULL, 3, 0));
    CALL(tee(a[0], b[1], 3, 0));
    CALL(splice(open("file", O_RDONLY), NULL, b[1], NULL, 3, 0));
    struct iovec vec = {"abc", 3};
    CALL(vmsplice(b[1], &vec, 1, 0));
    say_pipe("a", a[0]);
}

CASE(sockets)
{
    int a[2], b[2], s[2];
    char bytes[16];
    make_pipe(a, "abcdef");
    pipe(b);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    CALL(splice(a[0], NULL, s[0], NULL, 4, 0));
    say_bytes("socket", bytes, recv(s[1], bytes, sizeof bytes, MSG_PEEK));
    CALL(splice(s[1], NULL, b[1], NULL, 3, 0));
    say_pipe("b", b[0]);
    CALL(splice(s[1], NULL, b[1], NULL, 100, 0));
    CALL(splice(s[1], NULL, b[1], NULL, 100, SPLICE_F_NONBLOCK));
    off_t pos = 0;
    CALL(splice(a[0], NULL, s[0], &pos, 1, 0));
    close(s[0]);
    CALL(splice(s[1], NULL, b[1], NULL, 100, 0));
    signal(SIGPIPE, SIG_IGN);
    CALL(splice(a[0], NULL, s[1], NULL, 100, 0));
}

CASE(memory)
{
    int a[2], fd = open("file", O_RDWR | O_CREAT, 0644);
    char x[4] = "", y[4] = "";
    struct iovec two[2] = {{"abc", 3}, {"def", 3}}, into[2] = {{x, 2}, {y, 3}};
    pipe(a);
    CALL(vmsplice(a[1], two, 2, 0));
    CALL(vmsplice(a[0], into, 2, 0));
    say("%s %s\n", x, y);
    say_pipe("a", a[0]);
    CALL(vmsplice(a[0], into, 2, SPLICE_F_NONBLOCK));
    CALL(vmsplice(a[1], two, 0, 0));
    CALL(vmsplice(a[1], two, 2000, 0));
    CALL(vmsplice(a[1], (struct iovec *)8, 1, 0));
    CALL(vmsplice(a[1], two, 1, 0x100));
    CALL(vmsplice(fd, two, 1, 0));
    CALL(vmsplice(99, two, 1, 0));
    struct iovec whole = {big, sizeof big};
    CALL(vmsplice(a[1], &whole, 1, 0));
    CALL(vmsplice(a[1], &whole, 1, SPLICE_F_NONBLOCK));
}

/* A child fills while the parent moves: every byte comes once, in order. */
CASE(a_stream)
{
    int a[2], b[2], fd = open("file", O_RDWR | O_CREAT, 0644);
    size_t sum = 0;
    pid_t pid;
    pipe(a);
    pipe(b);
    CHILD(pid)
    {
        for (size_t i = 0; i < sizeof big; i++) {
            big[i] = (char)(i * 7 ^ i >> 8);
        }
        for (size_t at = 0, part; at < sizeof big; at += part) {
            part = sizeof big - at < 777 ? sizeof big - at : 777;
            write(a[1], big + at, part);
        }
    }
    close(a[1]);
    for (ssize_t n; (n = splice(a[0], NULL, b[1], NULL, 5000, 0)) > 0;) {
        while (n > 0) {
            ssize_t done = splice(b[0], NULL, fd, NULL, (size_t)n, SPLICE_F_MOVE);
            if (done <= 0) {
                break;
            }
            n -= done;
            sum += (size_t)done;
        }
    }
    say_end("child", pid);
    SHOW(sum);
    CALL(pread(fd, big, sizeof big, 0));
    bool right = true;
    for (size_t i = 0; i < sizeof big; i++) {
        right = right && big[i] == (char)(i * 7 ^ i >> 8);
    }
    TRUTH(right);
}

static void on_alarm(int sig)
{
    (void)sig;
}

CASE(interrupted)
{
    int a[2], b[2];
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGUSR1, &action, NULL);
    pipe(a);
    pipe(b);
    pid_t pid = pester(getpid(), SIGUSR1);
    CALL(splice(a[0], NULL, b[1], NULL, 5, 0));
    CALL(tee(a[0], b[1], 5, 0));
    CALL(splice(a[0], NULL, open("file", O_RDWR | O_CREAT, 0644), NULL, 5, 0));
    end_child(pid);
}

int main(void)
{
    return RUN(ENTRY(pipe_to_pipe), ENTRY(tees), ENTRY(arguments), ENTRY(pipe_to_file),
               ENTRY(file_to_pipe), ENTRY(a_full_pipe), ENTRY(nobody_reads), ENTRY(sockets),
               ENTRY(memory), ENTRY(a_stream), ENTRY(interrupted));
}
