/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* The real-mode code's ports, which a test makes up. */
#include <stdint.h>

void outb(uint16_t port, uint8_t value);
uint8_t inb(uint16_t port);
void io_delay(void);
