/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The disk, by the extensions of int 13h ("BIOS Enhanced Disk Drive Services", T13 D1572). The BIOS
 * writes to low memory only, and in whole sectors: everything goes through a buffer there.
 */
#include "abi/errno.h"
#include "boot/door/bios/manager.h"
#include "lib/format.h"
#include "lib/string.h"

enum {
    TRIES = 4,
    LARGEST_SECTOR = 4096,
    MOST_SECTORS = 127 /* that all BIOSes are said to take */
};

/* Int 13h 48h, the first version of its answer. */
struct drive_parameters {
    uint16_t size, flags;
    uint32_t cylinders, heads, track_sectors;
    uint64_t sectors;
    uint16_t sector_bytes;
} __attribute__((packed));

/* Int 13h 42h. */
struct packet {
    uint8_t size, zero;
    uint16_t count, offset, segment;
    uint64_t sector;
} __attribute__((packed));
static_assert(sizeof(struct packet) == 16, "T13 D1572, 8.4");

static uint8_t drive;
static uint32_t sector_units; /* in one sector */
static uint64_t units;
static uint32_t max_sectors; /* in one call */
static char error_text[64];

uint32_t disk_sector_units(void)
{
    return sector_units;
}

uint64_t disk_units(void)
{
    return units;
}

const char *disk_error(void)
{
    return error_text;
}

/* One call for our drive; its error code, or 0. */
static uint8_t call(unsigned function, void *argument)
{
    struct bios_regs regs = {
        .eax = function << 8, .edx = drive, .esi = (uint32_t)(uintptr_t)argument};
    bios_call(0x13, &regs);
    uint8_t code = (uint8_t)(regs.eax >> 8);
    return !(regs.eflags & BIOS_CARRY) ? 0 : code != 0 ? code : 0xff;
}

int disk_open(uint8_t number)
{
    struct bios_regs regs = {.eax = 0x4100, .ebx = 0x55aa, .edx = number};
    bios_call(0x13, &regs);
    if ((regs.eflags & BIOS_CARRY) || (regs.ebx & 0xffff) != 0xaa55) {
        complain("the BIOS cannot read drive %#x by sector numbers (no int 13h extensions)",
                 number);
        return -ENOTSUP;
    }
    drive = number;
    max_sectors = MOST_SECTORS;
    struct drive_parameters parameters = {.size = sizeof(parameters)};
    if (call(0x48, &parameters) != 0) {
        parameters.sector_bytes = FAT_UNIT;
        parameters.sectors = 0;
    }
    sector_units = parameters.sector_bytes / FAT_UNIT;
    if (sector_units == 0 || (sector_units & (sector_units - 1)) != 0 ||
        parameters.sector_bytes > LARGEST_SECTOR) {
        complain("drive %#x has sectors of %u bytes, which is not possible", number,
                 parameters.sector_bytes);
        return -ENOTSUP;
    }
    /* Who does not know says all ones. */
    units = parameters.sectors < UINT64_MAX / 8 ? parameters.sectors * sector_units : 0;
    return 0;
}

/*
 * Reads whole sectors to the buffer in low memory. When many fail twice, it goes on with the first
 * of them alone, to find the bad one or because so many are too many for this BIOS, and *count says
 * so.
 */
static int read_sectors(uint64_t sector, uint32_t *count)
{
    uint8_t code = 0;
    for (unsigned tries = 0; tries < TRIES; tries++) {
        if (tries == TRIES / 2 && *count > 1) {
            max_sectors = *count / 2;
            *count = 1;
        }
        struct packet packet = {.size = sizeof(packet),
                                .count = (uint16_t)*count,
                                .segment = (uint16_t)((uint32_t)bounce >> 4),
                                .sector = sector};
        code = call(0x42, &packet);
        if (code == 0) {
            return 0;
        }
        call(0, NULL); /* reset */
    }
    snprintf(error_text, sizeof(error_text), "BIOS error %#x at sector %llu", code,
             (unsigned long long)sector);
    return -EIO;
}

int disk_read(void *context, uint64_t first, uint32_t count, void *buffer)
{
    (void)context;
    uint8_t *to = buffer;
    error_text[0] = 0;
    while (count > 0) {
        /* The sectors around the first of the units; the divisor is a power of two. */
        uint32_t skip = (uint32_t)first & (sector_units - 1);
        unsigned shift = (unsigned)__builtin_ctz(sector_units);
        uint32_t most = MIN(max_sectors, LOW_BUFFER_SIZE / FAT_UNIT >> shift);
        uint32_t sectors = MIN((skip + count + sector_units - 1) >> shift, most);
        int result = read_sectors(first >> shift, &sectors);
        if (result != 0) {
            return result;
        }
        uint32_t got = MIN((sectors << shift) - skip, count);
        memcpy(to, bounce + skip * FAT_UNIT, got * FAT_UNIT);
        first += got;
        count -= got;
        to += got * FAT_UNIT;
    }
    return 0;
}
