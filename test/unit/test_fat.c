/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FAT reader on volumes made here: each kind, long and short names, files that lie together and
 * files that do not; and every kind of lie that it must see through.
 */
// sources: lib/fat.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "lib/fat.h"

/*
 * A volume: 1 sector, 1 table, a root directory of 16 entries (FAT12, FAT16) or the cluster 2
 * (FAT32), clusters of two units. Each unit's content is its number until something is written.
 */
enum { UNITS = 140000, CLUSTER_UNITS = 2, CLUSTER = CLUSTER_UNITS * FAT_UNIT };
static uint8_t *volume;
static uint32_t bits, table_units, data_unit;
static unsigned reads, fail_at, read_count;
static struct fat fat;

static int read_volume(void *context, uint64_t first, uint32_t count, void *buffer)
{
    assert_ptr_equal(context, &volume);
    assert_true(count > 0 && first < UNITS && count <= UNITS - first);
    reads++;
    read_count = count;
    if (reads == fail_at) {
        return -EIO;
    }
    memcpy(buffer, volume + first * FAT_UNIT, (size_t)count * FAT_UNIT);
    return 0;
}

static void put(uint32_t at, uint32_t value, unsigned size)
{
    memcpy(volume + at, &value, size);
}

static void set_next(uint32_t cluster, uint32_t value)
{
    uint32_t at = FAT_UNIT + cluster * bits / 8, old;
    if (bits != 12) {
        put(at, value, bits / 8);
        return;
    }
    memcpy(&old, volume + at, 2);
    old &= 0xffff;
    put(at, cluster & 1 ? (old & 0x000f) | value << 4 : (old & 0xf000) | (value & 0xfff), 2);
}

static uint8_t *cluster(uint32_t number)
{
    return volume + (data_unit + (number - 2) * CLUSTER_UNITS) * FAT_UNIT;
}

static void format(uint32_t kind)
{
    static const uint8_t jump[3] = {0xeb, 0x3c, 0x90};
    bits = kind;
    reads = fail_at = 0;
    uint32_t clusters = kind == 12 ? 100 : kind == 16 ? 5000 : 66000;
    table_units = ((clusters + 2) * kind / 8 + FAT_UNIT) / FAT_UNIT;
    data_unit = 1 + table_units + (kind != 32);
    memset(volume, 0, (size_t)UNITS * FAT_UNIT);
    for (uint32_t unit = data_unit; unit < UNITS; unit++) {
        put(unit * FAT_UNIT + 8, unit, 4);
    }
    memcpy(volume, jump, 3);
    put(11, FAT_UNIT, 2);
    put(13, CLUSTER_UNITS, 1);
    put(14, 1, 2);
    put(16, 1, 1);
    put(17, kind == 32 ? 0 : 16, 2);
    put(kind == 32 ? 36 : 22, table_units, kind == 32 ? 4 : 2);
    put(32, data_unit + clusters * CLUSTER_UNITS + 1, 4);
    put(44, 2, kind == 32 ? 4 : 0);
    put(510, 0xaa55, 2);
    memset(volume + data_unit * FAT_UNIT, 0, CLUSTER);
    set_next(2, 0x0fffffff);
}

static uint8_t *root(void)
{
    return bits == 32 ? cluster(2) : volume + (1 + table_units) * FAT_UNIT;
}

/* An entry of 32 bytes; returns where the next one goes. */
static uint8_t *entry(uint8_t *at, const char *name, uint8_t attributes, uint32_t first,
                      uint32_t size)
{
    memset(at, 0, 32);
    memcpy(at, name, 11);
    at[11] = attributes;
    memcpy(at + 26, &first, 2);
    at[20] = (uint8_t)(first >> 16);
    at[21] = (uint8_t)(first >> 24);
    memcpy(at + 28, &size, 4);
    return at + 32;
}

/* The parts of a long name in front of the entry `name`. */
static uint8_t *long_name(uint8_t *at, const char *name, const uint16_t *text, unsigned length)
{
    uint8_t sum = 0;
    for (int i = 0; i < 11; i++) {
        sum = (uint8_t)(((sum & 1) << 7) + (sum >> 1) + (uint8_t)name[i]);
    }
    for (unsigned order = (length + 12) / 13; order > 0; order--, at += 32) {
        uint16_t part[13];
        for (unsigned i = 0; i < 13; i++) {
            unsigned c = (order - 1) * 13 + i;
            part[i] = c < length ? text[c] : c == length ? 0 : 0xffff;
        }
        memset(at, 0, 32);
        at[0] = (uint8_t)(order | (order == (length + 12) / 13 ? 0x40 : 0));
        at[11] = 0x0f;
        at[13] = sum;
        memcpy(at + 1, part, 10);
        memcpy(at + 14, part + 5, 12);
        memcpy(at + 28, part + 11, 4);
    }
    return at;
}

static int mount(void)
{
    return fat_mount(&fat, read_volume, &volume, 0);
}

static int open_path(const char *path, struct fat_file *file)
{
    return fat_open(&fat, path, strlen(path), file);
}

static void chain(uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        set_next(first + i, i + 1 == count ? 0x0fffffff : first + i + 1);
    }
}

static int start(void **state)
{
    (void)state;
    volume = malloc((size_t)UNITS * FAT_UNIT);
    return volume == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    free(volume);
    return 0;
}

static const uint32_t kinds[] = {12, 16, 32};

/* A file in a folder, that lies together: its data comes in one read for all of it. */
static void good_files(void **state)
{
    (void)state;
    static uint8_t buffer[21 * CLUSTER];
    for (unsigned k = 0; k < 3; k++) {
        format(kinds[k]);
        entry(root(), "ALBA       ", 0x10, 3, 0);
        set_next(3, 0x0fffffff);
        memset(cluster(3), 0, CLUSTER);
        uint8_t *next = entry(cluster(3), ".          ", 0x10, 3, 0);
        next = entry(next, "..         ", 0x10, 0, 0);
        next = entry(next, "KERNEL  IMG", 0x20, 10, 20 * CLUSTER - 700);
        chain(10, 20);
        entry(next, "EMPTY      ", 0x20, 0, 0);
        assert_int_equal(mount(), 0);
        assert_int_equal(fat.bits, kinds[k]);
        struct fat_file file;
        assert_int_equal(open_path("/alba/Kernel.img", &file), 0);
        assert_int_equal(file.size, 20 * CLUSTER - 700);
        reads = 0;
        assert_int_equal(fat_read(&fat, &file, buffer, file.size), 0);
        assert_int_equal(read_count, 40 - 1);
        assert_true(reads <= 2);
        assert_memory_equal(buffer, cluster(10), 20 * CLUSTER - 700);

        /* The same in pieces. */
        assert_int_equal(open_path("alba//KERNEL.IMG/", &file), 0);
        memset(buffer, 0, sizeof(buffer));
        assert_int_equal(fat_read(&fat, &file, buffer, 512), 0);
        assert_int_equal(fat_read(&fat, &file, buffer + 512, 5 * 512), 0);
        assert_int_equal(fat_read(&fat, &file, buffer + 6 * 512, 2 * CLUSTER), 0);
        uint32_t rest = file.size - file.position;
        assert_int_equal(fat_read(&fat, &file, buffer + file.position, rest), 0);
        assert_memory_equal(buffer, cluster(10), 20 * CLUSTER - 700);
        assert_int_equal(fat_read(&fat, &file, buffer, 1), -EINVAL);

        assert_int_equal(open_path("/alba/empty", &file), 0);
        assert_int_equal(file.size, 0);
        assert_int_equal(fat_read(&fat, &file, buffer, 0), 0);
    }
}

/* Clusters in any order, and a table whose entries lie across its units. */
static void scattered(void **state)
{
    (void)state;
    static uint8_t buffer[30 * CLUSTER];
    for (unsigned k = 0; k < 3; k++) {
        format(kinds[k]);
        entry(root(), "FILE       ", 0x20, 99, 30 * CLUSTER);
        for (uint32_t i = 0; i < 30; i++) {
            set_next(99 - 3 * i, i == 29 ? 0x0ffffff8 : 99 - 3 * (i + 1));
        }
        struct fat_file file;
        assert_int_equal(mount(), 0);
        assert_int_equal(open_path("file", &file), 0);
        assert_int_equal(fat_read(&fat, &file, buffer, file.size), 0);
        for (uint32_t i = 0; i < 30; i++) {
            assert_memory_equal(buffer + i * CLUSTER, cluster(99 - 3 * i), CLUSTER);
        }
    }
}

static void names(void **state)
{
    (void)state;
    /* "Größe 𝄞.initramfs" has a character of two units of UTF-16. */
    static const uint16_t text[] = {'G', 'r', 0xf6, 0xdf, 'e', ' ', 0xd834, 0xdd1e, '.',
                                    'i', 'n', 'i',  't',  'r', 'a', 'm',    'f',    's'};
    static const uint16_t exact[] = {'t', 'h', 'i', 'r', 't', 'e', 'e',
                                     'n', '.', 't', 'x', 't', '!'};
    format(16);
    uint8_t *at = entry(root(), "LABEL      ", 0x08, 0, 0);
    at = entry(at,
               "\xe5"
               "ONE       ",
               0x20, 5, 1);
    at = long_name(at, "GRE~1   INI", text, 18);
    at = entry(at, "GRE~1   INI", 0x20, 6, 6);
    at = long_name(at, "THIRT~1 TXT", exact, 13);
    at = entry(at, "THIRT~1 TXT", 0x20, 7, 7);
    at = entry(at,
               "\x05"
               "ANJI      ",
               0x20, 8, 8);
    at = entry(at, "A B     C  ", 0x20, 9, 9);
    /* A long name whose sum is not that of the entry behind it is nobody's. */
    at = long_name(at, "OTHER   TXT", exact, 13);
    at = entry(at, "OWN     TXT", 0x20, 10, 10);
    struct fat_file file;
    assert_int_equal(mount(), 0);
    assert_int_equal(open_path("/gR\xc3\xb6\xc3\x9f"
                               "E \xf0\x9d\x84\x9e.INITRAMFS",
                               &file),
                     0);
    assert_int_equal(file.size, 6);
    assert_int_equal(open_path("gre~1.ini", &file), 0);
    assert_int_equal(file.size, 6);
    assert_int_equal(open_path("/Thirteen.txt!", &file), 0);
    assert_int_equal(file.size, 7);
    assert_int_equal(open_path("/\xe5"
                               "ANJI",
                               &file),
                     0);
    assert_int_equal(file.size, 8);
    assert_int_equal(open_path("/a b.c", &file), 0);
    assert_int_equal(file.size, 9);
    assert_int_equal(open_path("own.txt", &file), 0);
    assert_int_equal(file.size, 10);
    static const char *const absent[] = {"label",
                                         "one",
                                         "gr",
                                         "thirteen.txt",
                                         "thirteen.txt!!",
                                         "gre~1",
                                         "gre~1.in",
                                         "own",
                                         "a b.",
                                         "\xff",
                                         "\xc3",
                                         "OTHER.TXT",
                                         "a b.c.",
                                         "\xe5"
                                         "ONE"};
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        assert_int_equal(open_path(absent[i], &file), -ENOENT);
        assert_string_equal(fat.error, "there is no such file");
    }
}

static void paths(void **state)
{
    (void)state;
    format(16);
    uint8_t *at = entry(root(), "FILE       ", 0x20, 5, 5);
    entry(at, "FOLDER     ", 0x10, 6, 0);
    memset(cluster(6), 0, CLUSTER);
    set_next(6, 0xffff);
    struct fat_file file;
    assert_int_equal(mount(), 0);
    assert_int_equal(open_path("/file/below", &file), -ENOTDIR);
    assert_int_equal(open_path("/folder", &file), -EISDIR);
    assert_int_equal(open_path("/", &file), -EISDIR);
    assert_int_equal(open_path("", &file), -EISDIR);
    assert_int_equal(open_path("/folder/none", &file), -ENOENT);
    assert_int_equal(open_path("/none/none", &file), -ENOENT);
}

/* A field of the boot sector with a value that it cannot have. */
static void bad_boot_sectors(void **state)
{
    (void)state;
    static const struct {
        uint16_t at;
        uint8_t size;
        uint32_t value;
        const char *error;
    } bad[] = {
        {510, 2, 0, "signature"},   {11, 2, 0, "sectors"},      {11, 2, 513, "sectors"},
        {11, 2, 8192, "sectors"},   {13, 1, 0, "clusters"},     {13, 1, 3, "clusters"},
        {14, 2, 0, "tables"},       {16, 1, 0, "tables"},       {16, 1, 200, "tables"},
        {22, 2, 0, "no room"},      {22, 2, 0xffff, "no room"}, {22, 2, 1, "too short"},
        {32, 4, 0, "no room"},      {32, 4, 5, "no room"},      {32, 4, 0xffffffff, "number of"},
        {14, 2, 0xffff, "no room"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        format(16);
        put(bad[i].at, bad[i].value, bad[i].size);
        assert_int_equal(mount(), -EINVAL);
        assert_non_null(strstr(fat.error, bad[i].error));
    }
    format(32);
    put(40, 0x81, 2); /* the second table of one */
    assert_int_equal(mount(), -EINVAL);
    put(40, 0x80, 2);
    assert_int_equal(mount(), 0);
    assert_int_equal(fat_mount(&fat, read_volume, &volume, 1000), -EINVAL);
    assert_non_null(strstr(fat.error, "larger than its partition"));
    fail_at = 1;
    reads = 0;
    assert_int_equal(mount(), -EIO);
}

static void expect_damage(const char *path, const char *error)
{
    static uint8_t buffer[70000 * 2 * CLUSTER / 64];
    struct fat_file file;
    assert_int_equal(mount(), 0);
    int result = open_path(path, &file);
    if (result == 0) {
        assert_true(file.size <= sizeof(buffer));
        result = fat_read(&fat, &file, buffer, file.size);
    }
    assert_int_equal(result, -EIO);
    assert_non_null(strstr(fat.error, error));
}

static void lies(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        /* A circle of two clusters. */
        format(kinds[k]);
        entry(root(), "FILE       ", 0x20, 10, 50 * CLUSTER);
        set_next(10, 11);
        set_next(11, 10);
        expect_damage("file", "go on after its end");
        /* One that ends in the middle of its last cluster, and one that ends too early. */
        set_next(11, 12);
        set_next(12, 13);
        chain(13, 1);
        entry(root(), "FILE       ", 0x20, 10, 2 * CLUSTER - 1);
        expect_damage("file", "go on after its end");
        entry(root(), "FILE       ", 0x20, 10, 2 * CLUSTER);
        expect_damage("file", "go on after its end");
        entry(root(), "FILE       ", 0x20, 10, 4 * CLUSTER + 1);
        expect_damage("file", "end too early");
        /* Numbers that are no cluster: free, reserved, beyond the end, defective. */
        static const uint32_t wrong[] = {0, 1, 0xff0, 0xff7, 0x0ffffff7};
        for (size_t i = 0; i < 5; i++) {
            uint32_t value = kinds[k] == 12                       ? wrong[i] & 0xfff
                             : kinds[k] == 16 && wrong[i] > 0xfff ? 0xfff7
                                                                  : wrong[i];
            if (kinds[k] != 12 && (value == 0xff0 || value == 0xff7)) {
                value = kinds[k] == 16 ? 0xf000 : 0x00ffffff;
            }
            set_next(11, value);
            expect_damage("file", "leads nowhere");
        }
        entry(root(), "FILE       ", 0x20, 1, 1);
        expect_damage("file", "no clusters");
        entry(root(), "FILE       ", 0x20, kinds[k] == 32 ? 0x0fffffff : 0xffff, 1);
        expect_damage("file", "no clusters");
        entry(root(), "FILE       ", 0x20, 10, 0xffffffff);
        expect_damage("file", "larger than the volume");
        entry(root(), "FILE       ", 0x10, 0, 0);
        expect_damage("file/below", "a folder has no clusters");
    }
}

/* A folder whose clusters go round, full of entries. */
static void folder_in_a_circle(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        format(kinds[k]);
        entry(root(), "FOLDER     ", 0x10, 20, 0);
        set_next(20, 21);
        set_next(21, 20);
        for (uint8_t *at = cluster(20); at < cluster(22); at += 32) {
            entry(at, "OTHER      ", 0x20, 0, 0);
        }
        reads = 0;
        expect_damage("folder/file", "goes round");
        assert_true(reads < 20);
    }
}

/* Circles of any size behind a way in, and a folder that is longer than any may be. */
static void long_folders(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{1, 0}, {7, 3}, {100, 99}, {333, 100}};
    format(16);
    entry(root(), "FOLDER     ", 0x10, 20, 0);
    for (uint8_t *at = cluster(20); at < cluster(4900); at += 32) {
        entry(at, "OTHER      ", 0x20, 0, 0);
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        chain(20, sizes[i][0]);
        set_next(20 + sizes[i][0] - 1, 20 + sizes[i][1]);
        reads = 0;
        expect_damage("folder/file", "goes round");
        assert_true(reads < CLUSTER_UNITS * 4 * sizes[i][0] + 20);
    }
    chain(20, 4880);
    expect_damage("folder/file", "does not end");
}

/* Each read fails in turn: always an error, never a wrong file. */
static void disk_errors(void **state)
{
    (void)state;
    static uint8_t buffer[4 * CLUSTER];
    format(16);
    entry(root(), "FILE       ", 0x20, 10, 4 * CLUSTER);
    set_next(10, 11);
    set_next(11, 30);
    chain(30, 2);
    for (unsigned n = 1;; n++) {
        struct fat_file file;
        reads = 0;
        fail_at = n;
        int result = mount();
        result = result != 0 ? result : open_path("file", &file);
        result = result != 0 ? result : fat_read(&fat, &file, buffer, file.size);
        if (reads < n) {
            assert_int_equal(result, 0);
            break;
        }
        assert_int_equal(result, -EIO);
        assert_string_equal(fat.error, "the disk cannot be read");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_files),
        cmocka_unit_test(scattered),
        cmocka_unit_test(names),
        cmocka_unit_test(paths),
        cmocka_unit_test(bad_boot_sectors),
        cmocka_unit_test(lies),
        cmocka_unit_test(folder_in_a_circle),
        cmocka_unit_test(long_folders),
        cmocka_unit_test(disk_errors),
    };
    return cmocka_run_group_tests(tests, start, end);
}
