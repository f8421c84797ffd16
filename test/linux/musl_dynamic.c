/* SPDX-License-Identifier: BSD-2-Clause */
/* musl, loaded by its interpreter. */
// build: musl-dynamic
#include "test/linux/libc.h"

int main(void)
{
    return RUN(LIBC_CASES);
}
