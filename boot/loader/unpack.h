/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Unpacks a payload. Two versions, chosen when linking: unpack_lz4.c, and unpack_none.c for an
 * image that carries the kernel as it is.
 */
#include "lib/types.h"

/* True when `packed` bytes at from gave exactly `size` bytes at to; it writes no others. */
bool unpack(const uint8_t *from, size_t packed, uint8_t *to, size_t size);
