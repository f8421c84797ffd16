/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /init of test_limits.py: says what the limits are that follow from memory, changes them in
 * /proc/sys, and runs into them.
 */
#include "test/boot/guest/file.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* 0 or the error's number. */
static int set(const char *path, long value)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%ld\n", value);
    int fd = open(path, O_WRONLY);
    int error = write(fd, text, (size_t)size) == size ? 0 : errno;
    close(fd);
    return error;
}

static int start_idlers(pid_t *children, int max)
{
    int count = 0;
    while (count < max && (children[count] = fork()) > 0) {
        count++;
    }
    if (count < max && children[count] == 0) {
        pause();
        _exit(0);
    }
    return count;
}

static void threads(void)
{
    pid_t children[100];
    int threads_now = 0;
    set("/proc/sys/kernel/threads-max", 40);
    int count = start_idlers(children, 100);
    int error = errno;
    sscanf(file("/proc/loadavg"), "%*s %*s %*s %*d/%d", &threads_now);
    printf("threads %d then %s\n", threads_now, strerror(error));
    kill(children[0], SIGKILL);
    waitpid(children[0], NULL, 0);
    pid_t again = fork();
    if (again == 0) {
        _exit(0);
    }
    waitpid(again, NULL, 0);
    printf("one less: %s\n", again > 0 ? "goes" : strerror(errno));
    for (int i = 1; i < count; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    set("/proc/sys/kernel/threads-max", 400);
}

static void files(void)
{
    long now = atol(file("/proc/sys/fs/file-nr"));
    int error = 0;
    set("/proc/sys/fs/file-max", now + 50);
    if (fork() == 0) {
        setuid(65534);
        while (open("/dev/null", O_RDONLY) >= 0) {
        }
        error = errno;
        printf("files %s\n", strerror(error));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    for (int i = 0; i < 100; i++) {
        error = open("/dev/null", O_RDONLY) < 0 ? errno : error;
    }
    long more = atol(file("/proc/sys/fs/file-nr")) - now;
    printf("root's files %s, counted %s\n", error != 0 ? strerror(error) : "go on",
           more >= 100 && more < 110 ? "right" : "wrong");
    for (int i = 3; i < 200; i++) {
        close(i);
    }
    more = atol(file("/proc/sys/fs/file-nr")) - now;
    printf("closed %s\n", more <= 0 ? "all" : "too few");
}

struct clone_args { /* clone3(2) */
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size, cgroup;
};

static int clone_as(pid_t tid)
{
    struct clone_args args = {
        .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&tid, .set_tid_size = 1};
    long child = syscall(SYS_clone3, &args, sizeof args);
    if (child == 0) {
        _exit(0);
    }
    int error = child < 0 ? errno : 0;
    waitpid((pid_t)child, NULL, 0);
    return error;
}

static void pids(void)
{
    int low = 1 << 30, high = 0;
    printf("pid_max %d %d %d\n", set("/proc/sys/kernel/pid_max", 300),
           set("/proc/sys/kernel/pid_max", 4194305), set("/proc/sys/kernel/pid_max", 320));
    for (int i = 0; i < 400; i++) {
        pid_t child = fork();
        if (child == 0) {
            _exit(0);
        }
        waitpid(child, NULL, 0);
        high = child > high ? child : high;
        low = i > 350 && child < low ? child : low;
    }
    printf("pids %d to %d\n", low, high);
    printf("beyond: %s\n", strerror(clone_as(4000000)));
    set("/proc/sys/kernel/pid_max", 4194304);
    printf("within: %s\n", strerror(clone_as(4000000)));
    printf("next: %s\n", access("/proc/4000000", F_OK) != 0 ? strerror(errno) : "there");
}

int main(void)
{
    struct rlimit processes, signals;
    mkdir("/proc", 0755);
    if (mount("proc", "/proc", "proc", 0, 0) || mount("dev", "/dev", "devtmpfs", 0, 0)) {
        puts("limits: cannot start");
        return 1;
    }
    getrlimit(RLIMIT_NPROC, &processes);
    getrlimit(RLIMIT_SIGPENDING, &signals);
    printf("%s", file("/proc/meminfo"));
    printf("threads-max %s", file("/proc/sys/kernel/threads-max"));
    printf("file-max %s", file("/proc/sys/fs/file-max"));
    printf("pid_max %s", file("/proc/sys/kernel/pid_max"));
    printf("NPROC %ld SIGPENDING %ld\n", (long)processes.rlim_cur, (long)signals.rlim_cur);
    fflush(stdout);
    threads();
    files();
    pids();
    puts("bye");
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 1;
}
