/* SPDX-License-Identifier: BSD-2-Clause */
/* Debian's C library, loaded by its interpreter. */
// build: glibc
#include "test/linux/libc.h"

int main(void)
{
    return RUN(LIBC_CASES);
}
