/* SPDX-License-Identifier: BSD-2-Clause */
/* /init of boot tests: ends at once, which an init may not. */
#include <unistd.h>

int main(void)
{
    static const char text[] = "leaving\n";
    write(1, text, sizeof text - 1);
    return 3;
}
