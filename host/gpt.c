/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both copies of a table differ in three fields of the header and, so, in its sum. There are 128
 * entries of 128 bytes, which is what all have.
 */
#include "host/gpt.h"
#include "host/bytes.h"
#include <stdbool.h>
#include <string.h>

enum { ENTRIES = 128, ENTRY_SIZE = 128, HEADER_SIZE = 92, TABLE_SIZE = ENTRIES * ENTRY_SIZE };

/* 21686148-6449-6E6F-744E-656564454649: for the boot manager (GRUB's manual, "BIOS installation").
 */
const uint8_t gpt_type_bios_boot[16] = {0x48, 0x61, 0x68, 0x21, 0x49, 0x64, 0x6f, 0x6e,
                                        0x74, 0x4e, 0x65, 0x65, 0x64, 0x45, 0x46, 0x49};
/* C12A7328-F81F-11D2-BA4B-00A0C93EC93B (UEFI 2.10, table 5.7). */
const uint8_t gpt_type_esp[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                  0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};

/* CRC-32 of ISO 3309, reflected, as the specification asks. */
static uint32_t crc32(const uint8_t *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
    }
    return ~crc;
}

static void make_header(uint8_t *header, uint64_t own, uint64_t other, uint64_t table,
                        const uint8_t disk_id[16])
{
    uint64_t last = own > other ? own : other;
    memcpy(header, "EFI PART", 8);
    put32(header + 8, 0x00010000); /* revision */
    put32(header + 12, HEADER_SIZE);
    put64(header + 24, own);
    put64(header + 32, other);
    put64(header + 40, GPT_SECTORS + 1);    /* first usable sector */
    put64(header + 48, last - GPT_SECTORS); /* last one */
    memcpy(header + 56, disk_id, 16);
    put64(header + 72, table);
    put32(header + 80, ENTRIES);
    put32(header + 84, ENTRY_SIZE);
}

static void make_table(uint8_t *table, const struct gpt_partition *partitions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t *entry = table + i * ENTRY_SIZE;
        memcpy(entry, partitions[i].type, 16);
        memcpy(entry + 16, partitions[i].id, 16);
        put64(entry + 32, partitions[i].first);
        put64(entry + 40, partitions[i].last);
        for (size_t j = 0; partitions[i].name[j] != '\0' && j < 36; j++) {
            put16(entry + 56 + 2 * j, (uint8_t)partitions[i].name[j]);
        }
    }
}

void gpt_make(const struct gpt_disk *disk, uint8_t front[GPT_SIZE], uint8_t back[GPT_SIZE])
{
    uint64_t last = disk->sectors - 1;
    uint8_t *front_table = front + GPT_SECTOR, *back_header = back + TABLE_SIZE;
    memset(front, 0, GPT_SIZE);
    memset(back, 0, GPT_SIZE);
    make_header(front, 1, last, 2, disk->id);
    make_header(back_header, last, 1, last - GPT_SECTORS + 1, disk->id);
    make_table(front_table, disk->partitions, disk->partition_count);
    memcpy(back, front_table, TABLE_SIZE);
    put32(front + 88, crc32(front_table, TABLE_SIZE));
    put32(back_header + 88, crc32(front_table, TABLE_SIZE));
    put32(front + 16, crc32(front, HEADER_SIZE)); /* with zero in this field */
    put32(back_header + 16, crc32(back_header, HEADER_SIZE));
}

/* Cylinder, head and sector as BIOSes with 255 heads and 63 sectors count, or the largest. */
static void put_place(uint8_t *at, uint64_t sector)
{
    uint64_t cylinder = sector / (255 * 63);
    if (cylinder > 1023) {
        memcpy(at, "\xfe\xff\xff", 3);
        return;
    }
    at[0] = (uint8_t)(sector / 63 % 255);
    at[1] = (uint8_t)((sector % 63 + 1) | (cylinder >> 8) << 6);
    at[2] = (uint8_t)cylinder;
}

static void put_partition(uint8_t *entry, bool active, uint8_t type, uint64_t first, uint64_t last)
{
    entry[0] = active ? 0x80 : 0;
    entry[4] = type;
    put_place(entry + 1, first);
    put_place(entry + 5, last);
    put32(entry + 8, (uint32_t)first);
    put32(entry + 12, (uint32_t)(last - first + 1));
}

void gpt_make_hybrid(const struct gpt_disk *disk, const struct gpt_partition *esp,
                     uint8_t sector[GPT_SECTOR])
{
    put32(sector + 440, disk->signature);
    put_partition(sector + 446, false, 0xee, 1, esp->first - 1);
    put_partition(sector + 462, true, 0xef, esp->first, esp->last);
    put16(sector + 510, 0xaa55);
}
