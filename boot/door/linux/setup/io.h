/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Ports and a few instructions, for the real-mode code. */
#include <stdint.h>

static inline void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

/* A write to the port of POST codes takes about a microsecond on old buses. */
static inline void io_delay(void)
{
    outb(0x80, 0);
}
