/* SPDX-License-Identifier: BSD-2-Clause */
/* /init of boot tests: says who it is, with what it was started, and switches the machine off. */
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/sysinfo.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    printf("hello from pid %d\n", getpid());
    for (int i = 0; i < argc; i++) {
        printf("argument <%.200s>\n", argv[i]);
    }
    for (char **e = environ; *e; e++) {
        printf("environment <%.200s>\n", *e);
    }
    struct sysinfo info;
    if (sysinfo(&info) == 0) {
        printf("memory %lu MiB\n", (unsigned long)(info.totalram * info.mem_unit >> 20));
    }
    printf("bye\n");
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 9;
}
