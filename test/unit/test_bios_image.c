/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot manager makes of a kernel's setup header, and where in memory it puts things: maps
 * in any order, with holes, that contradict themselves.
 */
// sources: boot/door/bios/image.c boot/door/bios/place.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/door/bios/image.h"
#include "boot/door/bios/place.h"

static uint8_t head[IMAGE_HEAD];
static struct image image;

static void put(size_t at, uint64_t value, size_t size)
{
    memcpy(head + at, &value, size);
}

static int start(void **state)
{
    (void)state;
    memset(head, 0, sizeof(head));
    put(0x1f1, 19, 1); /* setup_sects */
    put(0x1fe, 0xaa55, 2);
    put(0x202, 0x53726448, 4);
    put(0x206, 0x20f, 2);
    put(0x211, 1, 1);          /* loadflags */
    put(0x22c, 0x7fffffff, 4); /* initrd_addr_max */
    put(0x238, 2047, 4);       /* cmdline_size */
    put(0x258, 0x1000000, 8);  /* pref_address */
    put(0x260, 0x300000, 4);   /* init_size */
    return 0;
}

static void good_headers(void **state)
{
    (void)state;
    assert_null(image_check(&image, head, 1000000));
    assert_int_equal(image.setup_size, 10240);
    assert_int_equal(image.system_size, 1000000 - 10240);
    assert_int_equal(image.memory_end, 0x400000);
    assert_int_equal(image.initrd_low, 0x1300000);
    assert_int_equal(image.initrd_end, 0x80000000);
    assert_int_equal(image.cmdline_max, 2047);
    assert_true(image.has_setup_data);

    /* It is larger than it says; no number of sectors stands for four. */
    put(0x260, 1, 4);
    put(0x258, 0, 8);
    put(0x1f1, 0, 1);
    assert_null(image_check(&image, head, 1000000));
    assert_int_equal(image.setup_size, 2560);
    assert_int_equal(image.memory_end, 0x100000 + 1000000 - 2560);
    assert_int_equal(image.initrd_low, image.memory_end);

    /* The oldest there may be: fields that it does not have do not count. */
    put(0x206, 0x202, 2);
    put(0x258, 0x1000000, 8);
    assert_null(image_check(&image, head, 1000000));
    assert_int_equal(image.initrd_low, image.memory_end);
    assert_int_equal(image.initrd_end, 0x38000000);
    assert_int_equal(image.cmdline_max, 255);
    assert_false(image.has_setup_data);
}

static void bad_headers(void **state)
{
    (void)state;
    static const struct {
        uint16_t at;
        uint8_t size;
        uint64_t value;
        const char *error;
    } bad[] = {
        {0x1fe, 2, 0, "no setup header"},
        {0x202, 4, 0, "no setup header"},
        {0x206, 2, 0x201, "of an old kind"},
        {0x206, 2, 0, "of an old kind"},
        {0x211, 1, 0, "of an old kind"},
        {0x1f1, 1, 255, "cut off"},
        {0x258, 8, UINT64_MAX, "beyond all memory"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        start(NULL);
        put(bad[i].at, bad[i].value, bad[i].size);
        const char *error = image_check(&image, head, 100000);
        assert_non_null(error);
        assert_non_null(strstr(error, bad[i].error));
    }
    start(NULL);
    assert_non_null(image_check(&image, head, 1023));
    assert_non_null(image_check(&image, head, 10240));
    assert_null(image_check(&image, head, 10241));
}

enum { MEMORY = 1, RESERVED = 2 };
#define MIB 0x100000ull

static void places(void **state)
{
    (void)state;
    static const struct linux_range map[] = {
        {0xfffc0000, 0x40000, RESERVED},
        {4096 * MIB, 1024 * MIB, MEMORY},
        {0, 0x9fc00, MEMORY},
        {0x9fc00, 0x400, RESERVED},
        {1 * MIB, 14 * MIB, MEMORY},
        {16 * MIB, 48 * MIB, MEMORY},
        {63 * MIB, 4 * MIB, RESERVED},
        {40 * MIB, MIB, 3},
    };
    unsigned n = sizeof(map) / sizeof(map[0]);
    assert_true(place_is_free(map, n, MIB, 15 * MIB));
    assert_false(place_is_free(map, n, MIB, 15 * MIB + 1));
    assert_false(place_is_free(map, n, 14 * MIB, 17 * MIB));
    assert_true(place_is_free(map, n, 16 * MIB, 40 * MIB));
    assert_false(place_is_free(map, n, 39 * MIB, 42 * MIB));
    assert_false(place_is_free(map, n, 62 * MIB, 64 * MIB));
    assert_true(place_is_free(map, n, 5000 * MIB, 5001 * MIB));

    assert_int_equal(place_highest(map, n, MIB, MIB, 0xfffff000), 62 * MIB);
    assert_int_equal(place_highest(map, n, 5000, MIB, 0xfffff000), 63 * MIB - 8192);
    assert_int_equal(place_highest(map, n, 23 * MIB, MIB, 0xfffff000), 17 * MIB);
    assert_int_equal(place_highest(map, n, 22 * MIB, MIB, 60 * MIB), 18 * MIB);
    assert_int_equal(place_highest(map, n, 14 * MIB, MIB, 15 * MIB), MIB);
    assert_int_equal(place_highest(map, n, 14 * MIB, MIB + 1, 15 * MIB), 0);
    assert_int_equal(place_highest(map, n, 25 * MIB, MIB, 0xfffff000), 0);
    assert_int_equal(place_highest(map, n, MIB, 62 * MIB + 1, 0xfffff000), 0);
    assert_int_equal(place_highest(map, n, MIB, 62 * MIB, 0xfffff000), 62 * MIB);
    assert_int_equal(place_highest(map, n, UINT64_MAX, MIB, UINT64_MAX), 0);
}

/* One piece that the map has in three, in no order, and ranges that go round the address space. */
static void wild_maps(void **state)
{
    (void)state;
    static const struct linux_range pieces[] = {
        {3 * MIB, MIB, MEMORY}, {1 * MIB, MIB + 4096, MEMORY}, {2 * MIB, MIB, MEMORY}};
    assert_true(place_is_free(pieces, 3, MIB, 4 * MIB));
    assert_int_equal(place_highest(pieces, 3, 3 * MIB, MIB, 0xfffff000), MIB);
    assert_false(place_is_free(pieces, 2, MIB, 4 * MIB));
    static const struct linux_range wild[] = {
        {0, UINT64_MAX, MEMORY}, {UINT64_MAX - 5, UINT64_MAX, RESERVED}, {8 * MIB, 0, RESERVED}};
    assert_true(place_is_free(wild, 3, MIB, 4096 * MIB));
    assert_int_equal(place_highest(wild, 3, MIB, MIB, 64 * MIB), 63 * MIB);
    static const struct linux_range reserved[] = {{0, UINT64_MAX, MEMORY},
                                                  {MIB, UINT64_MAX, RESERVED}};
    assert_int_equal(place_highest(reserved, 2, 1, MIB, 0xfffff000), 0);
    assert_int_equal(place_highest(NULL, 0, 1, MIB, 0xfffff000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(good_headers, start),
                                       cmocka_unit_test_setup(bad_headers, start),
                                       cmocka_unit_test(places), cmocka_unit_test(wild_maps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
