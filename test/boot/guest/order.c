/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /init of boot tests: says "ready" and does what the lines on its standard input say:
 * "call" makes a system call that nothing has made before, "off" switches the machine off.
 */
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/times.h>
#include <unistd.h>

int main(void)
{
    char line[64];
    struct tms t;
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (!strncmp(line, "call", 4)) {
            times(&t);
            printf("called\n");
        } else if (!strncmp(line, "off", 3)) {
            reboot(RB_POWER_OFF);
        }
        fflush(stdout);
    }
    return 1;
}
