/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Linux system calls without a C library: each returns a value, or a negative errno. Numbers are
 * those of the kernel's own header; registers as in syscall(2), x86-64.
 */
#include <asm/unistd.h>

static inline long sys6(long number, const long a[6])
{
    register long r10 __asm__("r10") = a[3];
    register long r8 __asm__("r8") = a[4];
    register long r9 __asm__("r9") = a[5];
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* A call by its name, arguments that are not given are 0: SYS(close, fd). Integers only; pointers
 * go through ADDR. */
#define SYS(name, ...) sys6(__NR_##name, (const long[6]){__VA_ARGS__})
#define ADDR(pointer)  ((long)(pointer))
