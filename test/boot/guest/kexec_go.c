/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts /kernel with /initrd and the command line that this kernel was started with. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file.h"

int main(void)
{
    int kernel = open("/kernel", O_RDONLY), initrd = open("/initrd", O_RDONLY);
    char cmdline[4096];
    snprintf(cmdline, sizeof cmdline, "%s", file("/proc/cmdline"));
    cmdline[strcspn(cmdline, "\n")] = 0;
    if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(cmdline) + 1, cmdline, 0ul) != 0) {
        perror("kexec_file_load");
        return 1;
    }
    printf("going\n");
    fflush(stdout);
    syscall(SYS_reboot, 0xfee1dead, 672274793, 0x45584543, NULL);
    perror("reboot");
    return 1;
}
