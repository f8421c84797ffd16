/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the boot manager looks for a system partition: GPT and its copy, boot records, CDs; sectors
 * of 512, 2048 and 4096 bytes; tables that are damaged, contradict themselves or cannot be read.
 */
// sources: boot/door/bios/volume.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "boot/door/bios/volume.h"

enum { UNITS = 800 };
static uint8_t disk_bytes[UNITS * FAT_UNIT];
static uint64_t fail_unit; /* cannot be read; UNITS: all can */
static struct volume volumes[VOLUME_MAX];

static int read_units(void *context, uint64_t first, uint32_t count, void *buffer)
{
    (void)context;
    if (first >= UNITS || count > UNITS - first ||
        (fail_unit >= first && fail_unit < first + count)) {
        return -EIO;
    }
    memcpy(buffer, disk_bytes + first * FAT_UNIT, (size_t)count * FAT_UNIT);
    return 0;
}

static int find(uint32_t sector_units)
{
    struct volume_disk disk = {.read = read_units, .sector_units = sector_units, .units = UNITS};
    return volume_find(&disk, volumes);
}

static int start(void **state)
{
    (void)state;
    memset(disk_bytes, 0, sizeof(disk_bytes));
    fail_unit = UNITS;
    return 0;
}

static void put(size_t at, uint64_t value, size_t size)
{
    memcpy(disk_bytes + at, &value, size);
}

static uint32_t crc32(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

static const uint8_t esp_type[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                     0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};

static void sign_gpt(size_t header, size_t entries, uint32_t count)
{
    put(header + 88, crc32(disk_bytes + entries, (size_t)count * 128), 4);
    put(header + 16, 0, 4);
    put(header + 16, crc32(disk_bytes + header, 92), 4);
}

/* A GPT with a system partition as its third entry: sectors first to last. */
static void make_gpt(uint32_t sector, uint64_t lba, uint64_t entries_lba, uint64_t first,
                     uint64_t last)
{
    size_t header = lba * sector, entries = entries_lba * sector;
    memcpy(disk_bytes + header, "EFI PART", 8);
    put(header + 8, 0x10000, 4);
    put(header + 12, 92, 4);
    put(header + 24, lba, 8);
    put(header + 72, entries_lba, 8);
    put(header + 80, 128, 4);
    put(header + 84, 128, 4);
    memset(disk_bytes + entries, 7, 16);
    memcpy(disk_bytes + entries + 2 * 128, esp_type, 16);
    put(entries + 2 * 128 + 32, first, 8);
    put(entries + 2 * 128 + 40, last, 8);
    sign_gpt(header, entries, 128);
}

static void is(unsigned index, uint64_t first, uint64_t size, const char *kind)
{
    assert_int_equal(volumes[index].start, first);
    assert_int_equal(volumes[index].size, size);
    assert_string_equal(volumes[index].kind, kind);
}

static void is_whole(unsigned index)
{
    is(index, 0, UNITS, "whole disk");
}

static void gpt(void **state)
{
    (void)state;
    assert_int_equal(find(1), 1);
    is_whole(0);
    make_gpt(512, 1, 2, 100, 199);
    assert_int_equal(find(1), 2);
    is(0, 100, 100, "EFI system partition");
    is_whole(1);
    start(NULL);
    make_gpt(4096, 1, 2, 50, 59);
    assert_int_equal(find(8), 2);
    is(0, 400, 80, "EFI system partition");
}

static void gpt_copy(void **state)
{
    (void)state;
    make_gpt(512, 1, 2, 100, 199);
    make_gpt(512, UNITS - 1, UNITS - 33, 100, 150);
    /* Each byte of the header or of the table that is wrong makes the copy count. */
    static const size_t bytes[] = {512,      512 + 12, 512 + 16, 512 + 24,
                                   512 + 72, 512 + 91, 1024,     1024 + 128 * 128 - 1};
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        disk_bytes[bytes[i]] ^= 0x40;
        assert_int_equal(find(1), 2);
        is(0, 100, 51, "EFI system partition");
        disk_bytes[bytes[i]] ^= 0x40;
    }
    for (uint64_t unit = 1; unit < 5; unit++) {
        fail_unit = unit;
        assert_int_equal(find(1), 2);
        is(0, 100, 51, "EFI system partition");
    }
    fail_unit = UNITS;
    assert_int_equal(find(1), 2);
    is(0, 100, 100, "EFI system partition");
}

static void gpt_that_lies(void **state)
{
    (void)state;
    static const struct {
        uint8_t at, size;
        uint64_t value;
    } lies[] = {
        {12, 4, 91},         {12, 4, 513},  {12, 4, 0xffffffff}, {24, 8, 2},  {72, 8, UNITS},
        {72, 8, UINT64_MAX}, {80, 4, 1025}, {80, 4, 0xffffffff}, {84, 4, 64}, {84, 4, 0},
    };
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        start(NULL);
        make_gpt(512, 1, 2, 100, 199);
        put(512 + lies[i].at, lies[i].value, lies[i].size);
        put(512 + 16, 0, 4);
        put(512 + 16, crc32(disk_bytes + 512, 92), 4); /* signed all the same */
        assert_int_equal(find(1), 1);
        is_whole(0);
    }
    static const uint64_t places[][2] = {{200, 199}, {100, UINT64_MAX}, {UINT64_MAX, UINT64_MAX}};
    for (size_t i = 0; i < 3; i++) {
        start(NULL);
        make_gpt(512, 1, 2, places[i][0], places[i][1]);
        assert_int_equal(find(1), 1);
    }
    /* Full of system partitions: no more than there is room for, and the whole disk last. */
    make_gpt(512, 1, 2, 100, 199);
    for (size_t i = 0; i < 128; i++) {
        memcpy(disk_bytes + 1024 + i * 128, disk_bytes + 1024 + 2 * 128, 128);
    }
    sign_gpt(512, 1024, 128);
    assert_int_equal(find(1), VOLUME_MAX);
    is(VOLUME_MAX - 2, 100, 100, "EFI system partition");
    is_whole(VOLUME_MAX - 1);
}

static void partition(unsigned index, uint8_t type, uint32_t first, uint32_t size)
{
    size_t at = 446 + index * 16;
    put(at + 4, type, 1);
    put(at + 8, first, 4);
    put(at + 12, size, 4);
    put(510, 0xaa55, 2);
}

static void boot_record(void **state)
{
    (void)state;
    static const uint8_t types[] = {0x01, 0x04, 0x06, 0x0b, 0x0c, 0x0e};
    for (size_t i = 0; i < sizeof(types); i++) {
        partition(1, types[i], 63, 100);
        partition(2, 0xef, 200, 50);
        partition(3, 0x83, 300, 10);
        assert_int_equal(find(1), 3);
        is(0, 200, 50, "partition");
        is(1, 63, 100, "partition");
        is_whole(2);
    }
    partition(0, 0x0c, 0, 100);
    partition(1, 0x0c, 100, 0);
    partition(2, 0x0c, 0xffffffff, 0xffffffff);
    assert_int_equal(find(8), 2);
    is(0, 0xffffffffull * 8, 0xffffffffull * 8, "partition");
    put(510, 0, 2);
    assert_int_equal(find(1), 1);
    fail_unit = 0;
    assert_int_equal(find(1), -EIO);
}

static void make_cd(void)
{
    memcpy(disk_bytes + 17 * 2048, "\0CD001\1EL TORITO SPECIFICATION", 30);
    put(17 * 2048 + 0x47, 30, 4);
    size_t at = 30 * 2048;
    put(at, 1, 1);
    put(at + 32, 0x88, 1); /* the initial entry: for the BIOS */
    put(at + 32 + 8, 40, 4);
    put(at + 64, 0x01ef91, 4); /* a section with one entry for EFI */
    put(at + 96, 0x88, 1);
    put(at + 96 + 8, 70, 4);
}

static void cd(void **state)
{
    (void)state;
    make_cd();
    size_t at = 30 * 2048;
    assert_int_equal(find(4), 2);
    is(0, 280, 0, "EFI image of the CD");
    assert_int_equal(find(1), 1); /* a disk is none, whatever is on it */
    put(at + 96, 0, 1);           /* not bootable */
    assert_int_equal(find(4), 1);
    put(at + 96, 0x0288, 2); /* a floppy */
    assert_int_equal(find(4), 1);
    put(at + 1, 0xef, 1); /* all of it is for EFI */
    assert_int_equal(find(4), 2);
    is(0, 160, 0, "EFI image of the CD");
    put(at + 64, 0xffffef91, 4); /* more entries than there can be */
    for (size_t i = 96; i < 2048; i += 32) {
        put(at + i, 0x88, 2);
        put(at + i + 8, i, 4);
    }
    assert_int_equal(find(4), VOLUME_MAX);
    is_whole(VOLUME_MAX - 1);
    put(17 * 2048 + 0x47, 0xffffffff, 4);
    assert_int_equal(find(4), -EIO);
    put(17 * 2048 + 8, 0, 1);
    assert_int_equal(find(4), 1);
    fail_unit = 17 * 4;
    assert_int_equal(find(4), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(gpt, start),
        cmocka_unit_test_setup(gpt_copy, start),
        cmocka_unit_test_setup(gpt_that_lies, start),
        cmocka_unit_test_setup(boot_record, start),
        cmocka_unit_test_setup(cd, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
