/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /init of boot tests: children use up all memory in different ways (pages, files, processes,
 * descriptors); the machine must stand it. Says how each ended, then switches off.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

static char block[65536];

static int eat_pages(void)
{
    for (;;) {
        char *p = mmap(NULL, sizeof block, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                       0);
        if (p == MAP_FAILED) {
            return 10;
        }
        memset(p, 1, sizeof block);
    }
}

static int eat_files(void)
{
    int fd = open("/big", O_CREAT | O_WRONLY, 0600);
    while (write(fd, block, sizeof block) > 0) {
    }
    int code = errno == ENOSPC || errno == ENOMEM ? 20 : 21;
    unlink("/big");
    return code;
}

static int eat_processes(void)
{
    int children = 0, stop[2];
    pipe(stop);
    while (children < 100000) {
        pid_t pid = fork();
        if (pid < 0) {
            break;
        }
        if (pid == 0) {
            char c;
            close(stop[1]);
            read(stop[0], &c, 1);
            _exit(0);
        }
        children++;
    }
    int code = errno == EAGAIN || errno == ENOMEM ? 30 : 31;
    close(stop[1]);
    while (wait(NULL) > 0) {
    }
    return code;
}

static int eat_names(void)
{
    char name[64];
    for (int i = 0;; i++) {
        snprintf(name, sizeof name, "/tmp/a-rather-long-name-for-an-empty-file-%d", i);
        int fd = open(name, O_CREAT | O_WRONLY, 0600);
        if (fd < 0) {
            return errno == ENOSPC || errno == ENOMEM ? 40 : 41;
        }
        close(fd);
    }
}

static void try(const char *what, int (*eat)(void))
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(eat());
    }
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) {
        printf("%s: killed by signal %d\n", what, WTERMSIG(status));
    } else {
        printf("%s: exit %d\n", what, WEXITSTATUS(status));
    }
    fflush(stdout);
}

int main(void)
{
    try("pages", eat_pages);
    try("files", eat_files);
    try("processes", eat_processes);
    try("pages again", eat_pages);
    try("names", eat_names);
    printf("still here\n");
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 9;
}
