/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The kernel ELF as the loader carries it: a header, and the bytes, which are page aligned when
 * they are stored as they are. boot/tools/mkpayload.c makes both.
 */
#include "boot/loader/block.h"
#include "lib/lz4.h"
#include "lib/types.h"

#define PAYLOAD_MAGIC   0x4e52454b41424c41ull /* "ALBAKERN", little endian */
#define PAYLOAD_VERSION 2u

/*
 * Packed data is one block in a frame of LZ4's older format, as the Linux protocol's payload is
 * (boot.rst, payload_offset; lz4_Frame_format.md, "Legacy frame"): LZ4_LEGACY_MAGIC, the block's
 * size, the block; then, not part of the frame, the size of the ELF file. Others can unpack it.
 */
enum payload_format { PAYLOAD_STORED, PAYLOAD_LZ4 };
#define PAYLOAD_LZ4_HEAD 8u
#define PAYLOAD_LZ4_TAIL 4u

struct payload_header {
    uint64_t magic;
    uint32_t version;
    uint32_t format;      /* enum payload_format */
    uint64_t packed_size; /* bytes of data, without the padding to BLOCK_SIZE */
    uint64_t size;        /* bytes of the ELF file */
    struct block_sum sum; /* of the data with its padding of zeros */
    uint64_t reserved[7];
    uint64_t check; /* makes the sum of all 64-bit words zero */
};
static_assert(sizeof(struct payload_header) == 128, "the header is a format");

/* The sum of the header's words: 0 for a good one. */
static inline uint64_t payload_header_sum(const struct payload_header *header)
{
    const uint64_t *word = (const uint64_t *)header;
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof(*header) / sizeof(*word); i++) {
        sum += word[i];
    }
    return sum;
}

/* Placed by boot/loader/payload_data.S and the linker. */
extern const struct payload_header payload_header;
extern uint8_t payload_data[], payload_end[];

struct loader;

/* Checks the payload; every defect ends in a line and a halt. */
void payload_check(void);

/*
 * The kernel's ELF file in memory, page aligned, in memory of type KERNEL or LOADER; *type says
 * which. Unpacks it if need be.
 */
uint8_t *payload_open(struct loader *loader, uint32_t *type);
