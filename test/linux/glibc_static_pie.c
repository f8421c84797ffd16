/* SPDX-License-Identifier: BSD-2-Clause */
/* Debian's C library, static and position independent. */
// build: static
#include "test/linux/libc.h"

int main(void)
{
    return RUN(LIBC_CASES);
}
