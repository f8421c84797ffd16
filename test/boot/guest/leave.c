/* SPDX-License-Identifier: BSD-2-Clause */
/* /init of boot tests: ends at once, which an init may not. With an argument it leaves children
 * behind that keep all CPUs busy. */
#include <unistd.h>

int main(int argc, char **argv)
{
    static const char text[] = "leaving\n";
    (void)argv;
    for (int i = 0; argc > 1 && i < 8; i++) {
        if (fork() == 0) {
            for (;;) {
            }
        }
    }
    write(1, text, sizeof text - 1);
    return 3;
}
