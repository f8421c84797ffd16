/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the real-mode code of the Linux door (boot/door/linux/setup) stands on, as it is here, where
 * all memory can be reached; so that A20, the memory map, the screen and the command line's
 * options are asked for in one place. And what the compiler calls by itself.
 */
#include "boot/door/bios/manager.h"
#include "lib/string.h"

/* The BIOS's memory map is left here (setup.h). */
struct linux_params params;

uint64_t __udivmoddi4(uint64_t n, uint64_t divisor, uint64_t *rest);
uint64_t __udivdi3(uint64_t n, uint64_t divisor);
uint64_t __umoddi3(uint64_t n, uint64_t divisor);

/* An address that the compiler knows nothing about. */
static volatile void *at(uint16_t segment, uint16_t offset)
{
    void *address;
    __asm__("" : "=r"(address) : "0"(((uint32_t)segment << 4) + offset));
    return address;
}

uint8_t far_read8(uint16_t segment, uint16_t offset)
{
    return *(volatile uint8_t *)at(segment, offset);
}

uint16_t far_read16(uint16_t segment, uint16_t offset)
{
    return *(volatile uint16_t *)at(segment, offset);
}

uint32_t far_read32(uint16_t segment, uint16_t offset)
{
    return *(volatile uint32_t *)at(segment, offset);
}

void far_write32(uint16_t segment, uint16_t offset, uint32_t value)
{
    *(volatile uint32_t *)at(segment, offset) = value;
}

/* The block functions: the CPU's string instructions, words first. */
void *memcpy(void *restrict dst, const void *restrict src, size_t size)
{
    void *to = dst;
    size_t words = size / 4;
    __asm__ volatile("rep movsl\n\tmovl %3, %2\n\trep movsb"
                     : "+D"(to), "+S"(src), "+c"(words)
                     : "r"(size % 4)
                     : "memory");
    return dst;
}

void *memmove(void *dst, const void *src, size_t size)
{
    uint8_t *to = dst;
    const uint8_t *from = src;
    if ((uintptr_t)dst - (uintptr_t)src >= size) {
        return memcpy(dst, src, size);
    }
    while (size-- > 0) {
        to[size] = from[size];
    }
    return dst;
}

void *memset(void *dst, int byte, size_t size)
{
    void *to = dst;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
    return dst;
}

/* Division of 64 by 64 bits, bit by bit: numbers in messages are all that needs it. */
uint64_t __udivmoddi4(uint64_t n, uint64_t divisor, uint64_t *rest)
{
    uint64_t quotient = 0, left = 0;
    for (int bit = 63; bit >= 0; bit--) {
        left = left << 1 | (n >> bit & 1);
        quotient <<= 1;
        if (left >= divisor) {
            left -= divisor;
            quotient |= 1;
        }
    }
    if (rest != NULL) {
        *rest = left;
    }
    return quotient;
}

uint64_t __udivdi3(uint64_t n, uint64_t divisor)
{
    return __udivmoddi4(n, divisor, NULL);
}

uint64_t __umoddi3(uint64_t n, uint64_t divisor)
{
    uint64_t rest;
    __udivmoddi4(n, divisor, &rest);
    return rest;
}
