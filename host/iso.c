/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sectors of 2048 bytes: 16 to 18 volume descriptors, 19 and 20 path tables, 21 the root
 * directory, 22 the boot catalogue, then what the BIOS loads and the system partition. Numbers are
 * recorded in both byte orders.
 */
#include "host/iso.h"
#include "host/bytes.h"
#include "host/say.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    VOLUME = 16,
    BOOT_RECORD,
    TERMINATOR,
    PATHS_LITTLE,
    PATHS_BIG,
    ROOT,
    CATALOG,
    BOOT,
    PATHS_SIZE = 10,     /* bytes: one record, of the root */
    VIRTUAL_SECTOR = 512 /* what the BIOS counts in */
};

static void put_both16(uint8_t *at, uint32_t number)
{
    put16(at, number);
    put16be(at + 2, number);
}

static void put_both32(uint8_t *at, uint32_t number)
{
    put32(at, number);
    put32be(at + 4, number);
}

static uint32_t sectors_of(uint64_t size)
{
    return (uint32_t)((size + ISO_SECTOR - 1) / ISO_SECTOR);
}

static void put_text(uint8_t *at, size_t size, const char *text)
{
    size_t length = strlen(text);
    memset(at, ' ', size);
    memcpy(at, text, length < size ? length : size);
}

static void calendar(int64_t seconds, struct tm *tm)
{
    time_t time = seconds;
    if (gmtime_r(&time, tm) == NULL || tm->tm_year > 255) {
        time = 0;
        gmtime_r(&time, tm);
    }
}

/* Sixteen digits and the zone, UTC (8.4.26.1). */
static void put_long_time(uint8_t *at, const struct iso *iso)
{
    struct tm tm;
    char text[64];
    calendar(iso->time, &tm);
    snprintf(text, sizeof(text), "%04d%02d%02d%02d%02d%02d00", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    memcpy(at, text, 16);
}

/* What a directory says of a file. A name of one byte, 0 or 1, is "." or "..". */
struct record {
    const char *name;
    size_t name_size;
    uint32_t sector;
    uint64_t size;
};

/* A directory record (9.1); returns its size. */
static size_t put_record(uint8_t *at, const struct iso *iso, struct record record)
{
    struct tm tm;
    calendar(iso->time, &tm);
    size_t record_size = (33 + record.name_size + 1) & ~1ul;
    at[0] = (uint8_t)record_size;
    put_both32(at + 2, record.sector);
    put_both32(at + 10, (uint32_t)record.size);
    at[18] = (uint8_t)tm.tm_year;
    at[19] = (uint8_t)(tm.tm_mon + 1);
    at[20] = (uint8_t)tm.tm_mday;
    at[21] = (uint8_t)tm.tm_hour;
    at[22] = (uint8_t)tm.tm_min;
    at[23] = (uint8_t)tm.tm_sec;
    at[25] = record.sector == ROOT ? 2 : 0; /* a directory */
    put_both16(at + 28, 1);                 /* volume of a set */
    at[32] = (uint8_t)record.name_size;
    memcpy(at + 33, record.name, record.name_size);
    return record_size;
}

/* The primary volume descriptor (8.4). */
static void make_volume(const struct iso *iso, uint8_t *at)
{
    static const char none[17] = "0000000000000000";
    at[0] = 1;
    memcpy(at + 1, "CD001\1", 6);
    put_text(at + 8, 32, "");
    put_text(at + 40, 32, "ALBA");
    put_both32(at + 80, (uint32_t)(iso->size / ISO_SECTOR));
    put_both16(at + 120, 1); /* volumes of the set, */
    put_both16(at + 124, 1); /* number in it */
    put_both16(at + 128, ISO_SECTOR);
    put_both32(at + 132, PATHS_SIZE);
    put32(at + 140, PATHS_LITTLE);
    put32be(at + 148, PATHS_BIG);
    put_record(at + 156, iso, (struct record){"", 1, ROOT, ISO_SECTOR});
    put_text(at + 190, 4 * 128 + 3 * 37, ""); /* names of a set, people and files */
    put_text(at + 574, 128, "ALBA");          /* the application's */
    put_long_time(at + 813, iso);             /* made */
    put_long_time(at + 830, iso);             /* changed */
    memcpy(at + 847, none, 16);               /* does not expire, */
    memcpy(at + 864, none, 16);               /* and holds from any time on */
    at[881] = 1;
}

/* The boot record (El Torito, figure 7), and the descriptor that ends them (ECMA-119, 8.3). */
static void make_descriptors(uint8_t *record, uint8_t *terminator)
{
    memcpy(record, "\0CD001\1EL TORITO SPECIFICATION", 30);
    put32(record + 71, CATALOG);
    memcpy(terminator,
           "\xff"
           "CD001\1",
           7);
}

static void make_paths(uint8_t *little, uint8_t *big)
{
    little[0] = big[0] = 1; /* length of the root's name, which is a zero byte */
    put32(little + 2, ROOT);
    put32be(big + 2, ROOT);
    put16(little + 6, 1); /* its own parent */
    put16be(big + 6, 1);
}

static void make_root(const struct iso *iso, uint8_t *at)
{
    uint32_t esp = (uint32_t)(iso->esp_offset / ISO_SECTOR);
    const struct record records[] = {
        {"\0", 1, ROOT, ISO_SECTOR},
        {"\1", 1, ROOT, ISO_SECTOR},
        {"BIOS.BIN;1", 10, BOOT, iso->boot_size},
        {"BOOT.CAT;1", 10, CATALOG, ISO_SECTOR},
        {"ESP.IMG;1", 9, esp, iso->esp_size},
    };
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        at += put_record(at, iso, records[i]);
    }
}

static void put_entry(uint8_t *at, uint64_t size, uint64_t offset)
{
    uint64_t sectors = (size + VIRTUAL_SECTOR - 1) / VIRTUAL_SECTOR;
    at[0] = 0x88; /* bootable; the next byte: no emulation */
    put16(at + 6, sectors > 65535 ? 0 : (uint32_t)sectors); /* 0: up to the end of the disk */
    put32(at + 8, (uint32_t)(offset / ISO_SECTOR));
}

/* Validation entry, default entry (for the BIOS), a section with one entry (El Torito, 2.0;
 * platform 0xEF: UEFI 2.10, 13.3.2.1). */
static void make_catalog(const struct iso *iso, uint8_t *at)
{
    uint32_t sum = 0;
    at[0] = 1;
    memcpy(at + 4, "Alba", 4);
    put16(at + 30, 0xaa55);
    for (int i = 0; i < 32; i += 2) {
        sum += (uint32_t)(at[i] | at[i + 1] << 8);
    }
    put16(at + 28, 0 - sum); /* all 16-bit words add up to 0 */
    put_entry(at + 32, iso->boot_size, (uint64_t)BOOT * ISO_SECTOR);
    at[64] = 0x91; /* the last section */
    at[65] = 0xef;
    put16(at + 66, 1); /* entries */
    put_entry(at + 96, iso->esp_size, iso->esp_offset);
}

void iso_plan(struct iso *iso)
{
    uint32_t boot_sectors = sectors_of(iso->boot_size);
    iso->esp_offset = (uint64_t)(BOOT + boot_sectors) * ISO_SECTOR;
    iso->size = iso->esp_offset + (uint64_t)sectors_of(iso->esp_size) * ISO_SECTOR;
    if (iso->esp_size > UINT32_MAX) {
        fail(STATUS_ALBA,
             "the image is too large for a CD: its system partition would have %llu "
             "MiB, and a file of ISO 9660 has less than 4096",
             (unsigned long long)(iso->esp_size >> 20));
    }
}

void iso_write(const struct iso *iso, struct output *output)
{
    static uint8_t sectors[BOOT - VOLUME][ISO_SECTOR];
    memset(sectors, 0, sizeof(sectors));
    make_volume(iso, sectors[0]);
    make_descriptors(sectors[BOOT_RECORD - VOLUME], sectors[TERMINATOR - VOLUME]);
    make_paths(sectors[PATHS_LITTLE - VOLUME], sectors[PATHS_BIG - VOLUME]);
    make_root(iso, sectors[ROOT - VOLUME]);
    make_catalog(iso, sectors[CATALOG - VOLUME]);
    output_write(output, sectors, sizeof(sectors), (uint64_t)VOLUME * ISO_SECTOR);
    output_write(output, iso->boot, iso->boot_size, (uint64_t)BOOT * ISO_SECTOR);
    output_set_size(output, iso->size);
}
