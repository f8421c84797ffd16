/* SPDX-License-Identifier: BSD-2-Clause */
/* /init that keeps its CPU busy until the kernel's log tells that test_lockup is done. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    static char record[8192];
    int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
    if (log < 0) {
        mknod("/dev/kmsg", 0020600, 1 << 8 | 11);
        log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
    }
    for (;;) {
        ssize_t size = read(log, record, sizeof(record) - 1);
        if (size > 0) {
            record[size] = 0;
            if (strstr(record, "test_lockup: done") != NULL) {
                break;
            }
        }
    }
    puts("the log says so");
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 1;
}
