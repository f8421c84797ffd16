/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port of a virtio serial device from a program's side: /dev/virtio-ports/echo has one user only,
 * carries a megabyte to the host and back, tells of the host's end, and fails like a closed pipe
 * afterwards. Says what went wrong, or "good" at last.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE (1 << 20)

static unsigned char out[SIZE], in[SIZE];

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("line %d: not %s (errno %d)\n", __LINE__, #condition, errno);                   \
        }                                                                                          \
    } while (0)

/* Both directions at once, as much as each takes. */
static void there_and_back(int fd)
{
    size_t sent = 0, got = 0;
    for (size_t i = 0; i < SIZE; i++) {
        out[i] = (unsigned char)(i * 7 + i / 4096);
    }
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    while (got < SIZE) {
        struct pollfd wait = {fd, (short)(POLLIN | (sent < SIZE ? POLLOUT : 0)), 0};
        if (poll(&wait, 1, 20000) != 1) {
            printf("stuck: %zu sent, %zu received\n", sent, got);
            return;
        }
        if (wait.revents & POLLOUT) {
            ssize_t n = write(fd, out + sent, SIZE - sent);
            CHECK(n > 0 || (n < 0 && errno == EAGAIN));
            sent += n > 0 ? (size_t)n : 0;
        }
        if (wait.revents & POLLIN) {
            ssize_t n = read(fd, in + got, SIZE - got);
            CHECK(n > 0);
            if (n <= 0) {
                return;
            }
            got += (size_t)n;
        }
    }
    CHECK(memcmp(in, out, SIZE) == 0);
    CHECK(read(fd, in, 1) == -1 && errno == EAGAIN);
    CHECK(fcntl(fd, F_SETFL, 0) == 0);
}

/* Who has it open may open it again, by any name; others may not. */
static void one_user_only(int fd)
{
    static const char name[] = "/dev/vport0p1";
    int again = open(name, O_WRONLY);
    CHECK(again >= 0);
    CHECK(close(again) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(fd);
        _exit(open(name, O_WRONLY) == -1 && errno == EBUSY ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void after_the_end(int fd)
{
    struct pollfd wait = {fd, POLLIN, 0};
    char buf[10];
    CHECK(write(fd, "bye", 3) == 3);
    CHECK(fsync(fd) == 0);
    CHECK(poll(&wait, 1, 20000) == 1);
    CHECK(read(fd, buf, sizeof(buf)) == 4 && memcmp(buf, "last", 4) == 0);
    CHECK(read(fd, buf, sizeof(buf)) == 0);
    CHECK(read(fd, buf, sizeof(buf)) == 0);
    CHECK(poll(&wait, 1, 0) == 1 && (wait.revents & POLLHUP));
    CHECK(write(fd, "x", 1) == -1 && errno == EPIPE);
}

int main(void)
{
    char link[64] = {0};
    signal(SIGPIPE, SIG_IGN);
    mkdir("/dev", 0755);
    CHECK(mount("dev", "/dev", "devtmpfs", 0, NULL) == 0 || errno == EBUSY);
    int fd = -1;
    for (int i = 0; fd < 0 && i < 200; i++) {
        fd = open("/dev/virtio-ports/echo", O_RDWR);
        if (fd < 0) {
            usleep(10000);
        }
    }
    CHECK(fd >= 0);
    CHECK(readlink("/dev/virtio-ports/echo", link, sizeof(link) - 1) > 0);
    CHECK(strcmp(link, "../vport0p1") == 0);
    one_user_only(fd);
    CHECK(lseek(fd, 0, SEEK_SET) == -1 && errno == ESPIPE);
    there_and_back(fd);
    after_the_end(fd);
    CHECK(close(fd) == 0);
    fd = open("/dev/vport0p1", O_RDONLY);
    CHECK(fd >= 0);
    printf("good\n");
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 0;
}
