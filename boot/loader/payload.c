/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks the payload, and unpacks it if it is packed (payload.h). */
#include "boot/loader/payload.h"
#include "boot/loader/loader.h"
#include "lib/lz4.h"
#include "lib/string.h"

void payload_check(void)
{
    const struct payload_header *header = &payload_header;
    uint64_t room = (uint64_t)(payload_end - payload_data);
    if (header->magic != PAYLOAD_MAGIC || payload_header_sum(header) != 0) {
        fail("kernel image is damaged (header); write the image anew");
    }
    if (header->version != PAYLOAD_VERSION || header->format > PAYLOAD_LZ4 ||
        header->packed_size > room || header->packed_size < PAYLOAD_LZ4_HEAD + PAYLOAD_LZ4_TAIL ||
        room % BLOCK_SIZE != 0 || header->size > 1u << 30) {
        fail("kernel image is damaged (sizes); write the image anew");
    }
    struct block_sum sum = block_checksum(payload_data, room);
    if (memcmp(&sum, &header->sum, sizeof(sum)) != 0) {
        fail("kernel image is damaged (checksum); write the image anew");
    }
}

uint8_t *payload_open(struct loader *loader, uint32_t *type)
{
    const struct payload_header *header = &payload_header;
    if (header->format == PAYLOAD_STORED) {
        *type = BOOT_MEM_LOADER;
        return payload_data;
    }
    *type = BOOT_MEM_KERNEL;
    uint64_t to = loader_take(loader, header->size, BOOT_MEM_KERNEL);
    long got = lz4_unpack(payload_data + PAYLOAD_LZ4_HEAD,
                          header->packed_size - PAYLOAD_LZ4_HEAD - PAYLOAD_LZ4_TAIL, (uint8_t *)to,
                          header->size);
    if (got != (long)header->size) {
        fail("kernel image is damaged (it does not unpack); write the image anew");
    }
    return (uint8_t *)to;
}
