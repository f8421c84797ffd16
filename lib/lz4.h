/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Unpacking of one LZ4 block ("LZ4 Block Format Description", doc/lz4_Block_format.md of lz4).
 * Packing is left to liblz4, on the host; its archive would weigh 57 kB in a loader for this one
 * function.
 */
#include <stddef.h>
#include <stdint.h>

/*
 * Unpacks `packed` bytes at from to at most `room` bytes at to; reads and writes no others,
 * whatever they are. Returns the number of bytes written, or -EINVAL for a damaged block or too
 * little room.
 */
long lz4_unpack(const uint8_t *from, size_t packed, uint8_t *to, size_t room);
