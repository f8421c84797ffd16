/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs Linux ABI programs one after the other, in the same surroundings on the host and as /init on
 * Alba: `runner LIST WORKDIR`. LIST names a program on each line; each gets a directory below
 * WORKDIR and /dev/null as input. On standard output: "@@ begin NAME", what the program said,
 * "@@ end NAME STATUS", and "@@ done". As process 1 it mounts what there is to mount,
 * takes /list and /tmp, and switches the machine off at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMIT_SECONDS = 300, NAME_SIZE = 256 };

static void limit(int what, rlim_t soft, rlim_t hard)
{
    struct rlimit r = {soft, hard};
    setrlimit(what, &r);
}

/* In the child: what every program starts with. */
static void start(const char *program, const char *name, const char *workdir)
{
    char dir[512];
    snprintf(dir, sizeof dir, "%s/%s", workdir, name);
    mkdir(dir, 0777);
    if (chdir(dir)) {
        perror(dir);
        _exit(126);
    }
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(1, 2);
    for (int fd = 3; fd < 256; fd++) {
        close(fd);
    }
    umask(022);
    limit(RLIMIT_NOFILE, 1024, 4096);
    limit(RLIMIT_CORE, 0, 0);
    limit(RLIMIT_STACK, 8 << 20, 64 << 20);
    setpriority(PRIO_PROCESS, 0, 0);
    alarm(LIMIT_SECONDS);
    char *argv[] = {(char *)name, NULL};
    char *envp[] = {"PATH=/bin:/usr/bin", "HOME=/", "LANG=C", NULL};
    execve(program, argv, envp);
    perror(program);
    _exit(127);
}

/* Runs one program and returns its wait status. */
static int run(const char *program, const char *name, const char *workdir)
{
    pid_t pid = fork();
    if (pid == 0) {
        start(program, name, workdir);
    }
    if (pid < 0) {
        perror("fork");
        return -1;
    }
    int status = 0;
    for (;;) {
        pid_t got = wait(&status);
        if (got == pid || (got < 0 && errno != EINTR)) {
            return status;
        }
    }
}

static void prepare_machine(void)
{
    mkdir("/dev", 0755);
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/tmp", 01777);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    mkdir("/dev/pts", 0755);
    mount("devpts", "/dev/pts", "devpts", 0, NULL);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777");
}

int main(int argc, char **argv)
{
    int init = getpid() == 1;
    const char *list_name = "/list", *workdir = "/tmp";
    if (init) {
        prepare_machine();
    } else if (argc == 3) {
        list_name = argv[1];
        workdir = argv[2];
    } else {
        fprintf(stderr, "usage: runner LIST WORKDIR\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_DFL);
    FILE *list = fopen(list_name, "re");
    if (!list) {
        perror(list_name);
    }
    char program[NAME_SIZE];
    while (list && fgets(program, sizeof program, list)) {
        program[strcspn(program, "\n")] = 0;
        const char *slash = strrchr(program, '/');
        const char *name = slash ? slash + 1 : program;
        printf("@@ begin %s\n", name);
        fflush(stdout);
        int status = run(program, name, workdir);
        printf("@@ end %s %d\n", name, status);
        fflush(stdout);
    }
    printf("@@ done\n");
    fflush(stdout);
    if (init) {
        sync();
        reboot(RB_POWER_OFF);
    }
    return 0;
}
