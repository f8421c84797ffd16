/* SPDX-License-Identifier: BSD-2-Clause */
/* unpack.h for an image whose payload is stored: there is nothing to unpack. */
#include "boot/loader/unpack.h"

bool unpack(const uint8_t *from, size_t packed, uint8_t *to, size_t size)
{
    (void)from, (void)packed, (void)to, (void)size;
    return false;
}
