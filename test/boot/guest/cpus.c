/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /init of test_smp.py: waits until the CPUs that its first argument names ("0-3") are online, says
 * so, prints the files that the other arguments name, and switches the machine off. For an argument
 * "wait=N" it waits until the kernel has said of N CPUs that they did not come up.
 */
#include "test/boot/guest/file.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_online(const char *cpus)
{
    const char *now = file("/sys/devices/system/cpu/online");
    return strncmp(now, cpus, strlen(cpus)) == 0 && now[strlen(cpus)] == '\n';
}

/* Runs on every CPU in turn, as far as the process may; says on how many. */
static void run_on_each(void)
{
    int count = 0;
    for (int cpu = 0; cpu < 256; cpu++) {
        unsigned long set[4] = {0};
        set[cpu / 64] = 1ul << cpu % 64;
        if (sched_setaffinity(0, sizeof set, (cpu_set_t *)set) == 0) {
            count += sched_getcpu() == cpu;
        }
    }
    printf("ran on %d\n", count);
}

static void wait_for_complaints(int count)
{
    int fd = open("/dev/kmsg", O_RDONLY);
    for (ssize_t n; count > 0 && (n = read(fd, text, sizeof text - 1)) > 0;) {
        text[n] = 0;
        count -= strstr(text, "did not come up") != NULL;
    }
    close(fd);
}

int main(int argc, char **argv)
{
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    if (argc < 2 || mount("proc", "/proc", "proc", 0, 0) || mount("sys", "/sys", "sysfs", 0, 0) ||
        mount("dev", "/dev", "devtmpfs", 0, 0)) {
        puts("cpus: cannot start");
        return 1;
    }
    while (!is_online(argv[1])) {
        sched_yield();
    }
    printf("online %s\n", argv[1]);
    run_on_each();
    for (int i = 2; i < argc; i++) {
        if (strncmp(argv[i], "wait=", 5) == 0) {
            wait_for_complaints(atoi(argv[i] + 5));
            continue;
        }
        printf("file %s\n%s", argv[i], file(argv[i]));
    }
    puts("bye");
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 1;
}
