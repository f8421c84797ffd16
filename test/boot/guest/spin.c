/* SPDX-License-Identifier: BSD-2-Clause */
/* /init of boot tests: says "ready" and stays in user mode for ever. */
#include <stdio.h>

int main(void)
{
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        __asm__ volatile("pause");
    }
}
