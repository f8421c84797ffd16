/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Marks for bench/count.c: an instruction without effect that the plugin notices. */
#define MARK(number)                                                                               \
    __asm__ volatile(".byte 0x0f, 0x1f, 0x80; .long 0x1cc00000 + %c0" ::"i"(number) : "memory")

enum { MARK_BEGIN = 1, MARK_END = 2, MARK_DONE = 3 };
