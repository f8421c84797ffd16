/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader's memory map: whatever the firmware says, the result is sorted, has no overlaps, and
 * says of each page what the heaviest claim to it said. Checked against a page-by-page model.
 */
// sources: boot/loader/memory.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/loader/memory.h"

static struct boot_range ranges[64];
static struct memory_map map;

static int setup(void **state)
{
    (void)state;
    memset(ranges, 0, sizeof(ranges));
    map = (struct memory_map){.ranges = ranges, .max = 64};
    return 0;
}

static void check_form(void)
{
    for (uint32_t i = 0; i < map.count; i++) {
        assert_true(ranges[i].size > 0);
        assert_true(IS_ALIGNED(ranges[i].start | ranges[i].size, PAGE_SIZE));
        if (i > 0) {
            uint64_t end = ranges[i - 1].start + ranges[i - 1].size;
            assert_true(end <= ranges[i].start);
            assert_false(end == ranges[i].start && ranges[i - 1].type == ranges[i].type);
        }
    }
}

static uint32_t type_at(uint64_t paddr)
{
    for (uint32_t i = 0; i < map.count; i++) {
        if (paddr >= ranges[i].start && paddr - ranges[i].start < ranges[i].size) {
            return ranges[i].type;
        }
    }
    return 99;
}

static void plain(void **state)
{
    (void)state;
    memory_add(&map, 0, 0x9fc00, BOOT_MEM_FREE);
    memory_add(&map, 0x9fc00, 0x400, BOOT_MEM_RESERVED);
    memory_add(&map, 0xf0000, 0x10000, BOOT_MEM_RESERVED);
    memory_add(&map, 0x100000, 0x3f00000, BOOT_MEM_FREE);
    assert_int_equal(memory_sanitise(&map, 40), 0);
    check_form();
    assert_int_equal(type_at(0), BOOT_MEM_RESERVED);
    assert_int_equal(type_at(0x1000), BOOT_MEM_FREE);
    assert_int_equal(type_at(0x9e000), BOOT_MEM_FREE);
    assert_int_equal(type_at(0x9f000), BOOT_MEM_RESERVED); /* only a part of it is free */
    assert_int_equal(type_at(0xa0000), 99);
    assert_int_equal(memory_total(&map, BOOT_MEM_FREE), 0x3f00000 + 0x9e000);
}

static void nothing(void **state)
{
    (void)state;
    assert_int_equal(memory_sanitise(&map, 40), -ENOENT);
    setup(NULL);
    memory_add(&map, 0x1000, 0, BOOT_MEM_FREE);
    memory_add(&map, 0x1001, 0x1ffe, BOOT_MEM_FREE); /* no whole page */
    memory_add(&map, 0x5000, 0x1000, BOOT_MEM_RESERVED);
    assert_int_equal(memory_sanitise(&map, 40), -ENOENT);
    setup(NULL);
    memory_add(&map, 1ul << 40, 1ul << 30, BOOT_MEM_FREE); /* beyond the width */
    assert_int_equal(memory_sanitise(&map, 40), -ENOENT);
    setup(NULL);
    memory_add(&map, 0, 0x1000, BOOT_MEM_FREE); /* page 0 is never free */
    assert_int_equal(memory_sanitise(&map, 40), -ENOENT);
}

static void wild_numbers(void **state)
{
    (void)state;
    memory_add(&map, 0x100000, UINT64_MAX, BOOT_MEM_FREE);
    memory_add(&map, UINT64_MAX, UINT64_MAX, BOOT_MEM_FREE);
    memory_add(&map, UINT64_MAX - 5, 5, BOOT_MEM_RESERVED);
    memory_add(&map, (1ul << 36) - 0x1000, 0x5000, BOOT_MEM_NVS);
    assert_int_equal(memory_sanitise(&map, 36), 0);
    check_form();
    assert_int_equal(type_at((1ul << 36) - 1), BOOT_MEM_NVS);
    assert_int_equal(type_at(1ul << 36), 99);
    assert_int_equal(memory_total(&map, BOOT_MEM_FREE), (1ul << 36) - 0x101000);
}

static unsigned weight(uint32_t type)
{
    static const unsigned weights[] = {1, 4, 2, 3, 5};
    return weights[type];
}

static void random_maps(void **state)
{
    (void)state;
    enum { PAGES_MAX = 64 };
    srand(1);
    for (unsigned round = 0; round < 3000; round++) {
        uint32_t model[PAGES_MAX];
        setup(NULL);
        memset(model, 0xff, sizeof(model));
        for (unsigned i = 0, n = (unsigned)rand() % 14 + 1; i < n; i++) {
            unsigned first = (unsigned)rand() % PAGES_MAX, count = (unsigned)rand() % 20;
            uint32_t type = (uint32_t)rand() % 5;
            memory_add(&map, first * PAGE_SIZE, count * PAGE_SIZE, type);
            for (unsigned p = first; p < first + count && p < PAGES_MAX; p++) {
                if (model[p] == UINT32_MAX || weight(type) > weight(model[p])) {
                    model[p] = type;
                }
            }
        }
        if (model[0] == UINT32_MAX || weight(model[0]) < weight(BOOT_MEM_RESERVED)) {
            model[0] = BOOT_MEM_RESERVED;
        }
        int err = memory_sanitise(&map, 18); /* 64 pages */
        check_form();
        uint64_t free_pages = 0;
        for (unsigned p = 0; p < PAGES_MAX; p++) {
            assert_int_equal(type_at(p * PAGE_SIZE), model[p] == UINT32_MAX ? 99 : model[p]);
            free_pages += model[p] == BOOT_MEM_FREE;
        }
        assert_int_equal(memory_total(&map, BOOT_MEM_FREE), free_pages * PAGE_SIZE);
        assert_int_equal(err, free_pages > 0 ? 0 : -ENOENT);
    }
}

static void too_many(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 200; i++) {
        assert_int_equal(memory_add(&map, i << 13, PAGE_SIZE, BOOT_MEM_FREE), 0);
    }
    assert_int_equal(map.count, 64); /* free memory may be left out */
    assert_int_equal(memory_add(&map, 0, PAGE_SIZE, BOOT_MEM_RESERVED), -E2BIG);
    assert_int_equal(memory_sanitise(&map, 40), -E2BIG);
    uint64_t start;
    setup(NULL);
    for (uint64_t i = 0; i < 63; i++) {
        memory_add(&map, 0x100000 + (i << 14), 3 * PAGE_SIZE, BOOT_MEM_FREE);
    }
    assert_int_equal(memory_sanitise(&map, 40), 0);
    assert_int_equal(memory_reserve(&map, 0x101000, PAGE_SIZE, BOOT_MEM_LOADER), -E2BIG);
    assert_int_equal(memory_take(&map, PAGE_SIZE, BOOT_MEM_LOADER, &start), -ENOMEM);
    assert_int_equal(memory_take(&map, 3 * PAGE_SIZE, BOOT_MEM_LOADER, &start), 0);
    check_form();
}

static void takes_and_reserves(void **state)
{
    (void)state;
    uint64_t start;
    memory_add(&map, 0, 0xa0000, BOOT_MEM_FREE);
    memory_add(&map, 0x100000, 0x100000, BOOT_MEM_FREE);
    memory_add(&map, 0x100000000, 0x40000000, BOOT_MEM_FREE);
    assert_int_equal(memory_sanitise(&map, 40), 0);
    assert_int_equal(memory_reserve(&map, 0x110010, 0x20, BOOT_MEM_INITRD), 0);
    assert_int_equal(type_at(0x110000), BOOT_MEM_INITRD);
    assert_int_equal(memory_reserve(&map, 0x10f000, 0x1001, BOOT_MEM_INITRD), -EINVAL);
    assert_int_equal(memory_reserve(&map, 0x9f000, 0x1001, BOOT_MEM_INITRD), -EINVAL);
    assert_int_equal(memory_reserve(&map, UINT64_MAX - 5, 10, BOOT_MEM_INITRD), -EINVAL);
    assert_int_equal(memory_reserve(&map, 0x1000, UINT64_MAX, BOOT_MEM_INITRD), -EINVAL);
    assert_int_equal(memory_reserve(&map, 0x1000, 0, BOOT_MEM_INITRD), -EINVAL);
    check_form();
    /* Never below 1 MiB, never above 4 GiB, lowest first. */
    assert_int_equal(memory_take(&map, 0x8001, BOOT_MEM_KERNEL, &start), 0);
    assert_int_equal(start, 0x100000);
    assert_int_equal(memory_take(&map, 0x1000, BOOT_MEM_KERNEL, &start), 0);
    assert_int_equal(start, 0x109000);
    assert_int_equal(memory_take(&map, 0x10000, BOOT_MEM_KERNEL, &start), 0);
    assert_int_equal(start, 0x111000);
    assert_int_equal(memory_take(&map, 0x6000, BOOT_MEM_LOADER, &start), 0);
    assert_int_equal(start, 0x10a000); /* exactly what is left there */
    check_form();
    assert_int_equal(memory_take(&map, 0x100000, BOOT_MEM_LOADER, &start), -ENOMEM);
    assert_int_equal(memory_retype(&map, 0x100000, 0x2000, BOOT_MEM_KERNEL, BOOT_MEM_LOADER), 0);
    assert_int_equal(memory_retype(&map, 0x100000, 0x3000, BOOT_MEM_KERNEL, BOOT_MEM_LOADER),
                     -EINVAL);
    check_form();
    uint64_t sum = 0;
    for (uint32_t type = 0; type <= BOOT_MEM_INITRD; type++) {
        sum += memory_total(&map, type);
    }
    assert_int_equal(sum, 0xa0000 + 0x100000 + 0x40000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(plain, setup),
        cmocka_unit_test_setup(nothing, setup),
        cmocka_unit_test_setup(wild_numbers, setup),
        cmocka_unit_test_setup(random_maps, setup),
        cmocka_unit_test_setup(too_many, setup),
        cmocka_unit_test_setup(takes_and_reserves, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
