/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unpack.h by liblz4 (liblz4-dev's archive), and what that object file needs of a C library. Of
 * these only the copying is ever called: LZ4_decompress_safe neither allocates nor aborts.
 */
#include "boot/loader/loader.h"
#include "boot/loader/unpack.h"

/* As in <lz4.h>, which needs a hosted compiler's headers: bytes written, or negative. */
int LZ4_decompress_safe(const char *from, char *to, int packed, int room);

bool unpack(const uint8_t *from, size_t packed, uint8_t *to, size_t size)
{
    if (packed > INT_MAX || size > INT_MAX) {
        return false;
    }
    return LZ4_decompress_safe((const char *)from, (char *)to, (int)packed, (int)size) == (int)size;
}

void *calloc(size_t count, size_t size);
void free(void *memory);
_Noreturn void __stack_chk_fail(void);

void *calloc(size_t count, size_t size)
{
    (void)count, (void)size;
    return NULL;
}

void free(void *memory)
{
    (void)memory;
}

_Noreturn void __stack_chk_fail(void)
{
    fail("the loader's stack is damaged");
}
