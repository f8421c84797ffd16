/* SPDX-License-Identifier: BSD-2-Clause */
/* musl, static at a fixed address. */
// build: musl
#include "test/linux/libc.h"

int main(void)
{
    return RUN(LIBC_CASES);
}
