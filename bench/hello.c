/* SPDX-License-Identifier: BSD-2-Clause */
/* The program of the boot figures: a line of output, and the mark that ends the count. */
#include "bench/mark.h"

#include <sys/reboot.h>
#include <unistd.h>

int main(void)
{
    static const char text[] = "hello, world\n";
    write(1, text, sizeof text - 1);
    MARK(MARK_DONE);
    reboot(RB_POWER_OFF);
    return 1;
}
