/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /init of test_devices.py: who waits for the kernel's next message, by poll(2) and by read(2), is
 * woken by it, and who waits behind another reader can be killed. Says what went wrong, or "good".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("line %d: not %s (errno %d)\n", __LINE__, #condition, errno);                   \
        }                                                                                          \
    } while (0)

static char text[8192];

/* Until the child sleeps, or has ended. */
static void wait_for_sleep(pid_t pid)
{
    char name[64], state = 0;
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    while (state != 'S' && state != 'Z') {
        FILE *stat = fopen(name, "r");
        if (stat == NULL || fscanf(stat, "%*d %*s %c", &state) != 1) {
            return;
        }
        fclose(stat);
        sched_yield();
    }
}

static void say_to_kernel(const char *what)
{
    int fd = open("/dev/kmsg", O_WRONLY);
    CHECK(write(fd, what, strlen(what)) == (ssize_t)strlen(what));
    close(fd);
}

static void poll_for(const char *what)
{
    int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
    struct pollfd wait = {fd, POLLIN, 0};
    lseek(fd, 0, SEEK_END);
    ssize_t size = -1;
    while (size < 0 || strstr(text, what) == NULL) {
        CHECK(poll(&wait, 1, -1) == 1);
        size = read(fd, text, sizeof text - 1);
        text[size > 0 ? size : 0] = 0;
    }
    exit(0);
}

static void read_for(const char *what)
{
    int fd = open("/proc/kmsg", O_RDONLY);
    do {
        ssize_t size = read(fd, text, sizeof text - 1);
        text[size > 0 ? size : 0] = 0;
    } while (strstr(text, what) == NULL);
    exit(0);
}

static pid_t start(void (*fn)(const char *what), const char *what)
{
    pid_t pid = fork();
    if (pid == 0) {
        fn(what);
    }
    wait_for_sleep(pid);
    return pid;
}

int main(void)
{
    int status = -1;
    mkdir("/proc", 0755);
    mkdir("/dev", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    for (int i = 0; i < 20; i++) {
        char message[32];
        snprintf(message, sizeof message, "<6>message %d.", i);
        pid_t pid = start(i % 2 ? poll_for : read_for, message + 3);
        say_to_kernel(message);
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    }
    pid_t readers[2] = {start(read_for, "never said"), start(read_for, "never said")};
    for (int i = 1; i >= 0; i--) {
        kill(readers[i], SIGKILL);
        CHECK(waitpid(readers[i], &status, 0) == readers[i] && WIFSIGNALED(status));
    }
    printf("good\n");
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 0;
}
