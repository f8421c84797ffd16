/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Unpacking of LZ4 blocks ("LZ4 Block Format Description", doc/lz4_Block_format.md of lz4) and of
 * frames of the older format, which is the one that Linux takes (lz4_Frame_format.md, "Legacy
 * frame"; `lz4 -l`): a magic number, then blocks behind their sizes, to the end. Packing is left to
 * liblz4, on the host; its archive would weigh 57 kB in a loader for this one function.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Unpacks `packed` bytes at from to at most `room` bytes at to; reads and writes no others,
 * whatever they are. Returns the number of bytes written, or -EINVAL for a damaged block or too
 * little room.
 */
long lz4_unpack(const uint8_t *from, size_t packed, uint8_t *to, size_t room);

#define LZ4_LEGACY_MAGIC 0x184c2102u
#define LZ4_LEGACY_BLOCK (8u << 20) /* bytes that each block but the last one stands for */

bool lz4_is_legacy(const uint8_t *from, size_t packed);

/* How many bytes such frames stand for, at most; zeros may follow them. -EINVAL: damaged. */
long lz4_legacy_bound(const uint8_t *from, size_t packed);

/* As lz4_unpack(), for such frames one after another. */
long lz4_legacy_unpack(const uint8_t *from, size_t packed, uint8_t *to, size_t room);
