/* SPDX-License-Identifier: BSD-2-Clause */
/* The PVH start info: good ones are read, what contradicts itself is refused. */
// sources: boot/door/pvh/start_info.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/door/pvh/start_info.h"

/* The machine's memory. */
enum { BASE = 0x10000, SIZE = 0x1000, MAP = BASE + 0x100, MODULES = BASE + 0x200 };
static uint8_t *bytes;
static struct pvh_start_info *start;
static struct pvh_info info;

static void *memory(uint64_t paddr, size_t size)
{
    bool inside = paddr >= BASE && paddr - BASE <= SIZE && size <= SIZE - (paddr - BASE);
    return inside ? bytes + (paddr - BASE) : NULL;
}

static int setup(void **state)
{
    (void)state;
    bytes = calloc(1, SIZE);
    start = (struct pvh_start_info *)bytes;
    *start = (struct pvh_start_info){.magic = PVH_MAGIC,
                                     .version = 1,
                                     .cmdline = 0x123456789,
                                     .rsdp = 0xf0000,
                                     .module_count = 2,
                                     .modules = MODULES,
                                     .memory_map = MAP,
                                     .memory_map_entries = 3};
    struct pvh_range *ranges = memory(MAP, 72);
    ranges[2] = (struct pvh_range){.start = 1, .size = 2, .type = 3};
    struct pvh_module *modules = memory(MODULES, 64);
    modules[0] = (struct pvh_module){.start = 5, .size = 6, .cmdline = 1ul << 63};
    modules[1] = (struct pvh_module){.start = UINT64_MAX, .size = UINT64_MAX};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(bytes);
    return 0;
}

static void good(void **state)
{
    (void)state;
    assert_null(pvh_read(memory, BASE, &info));
    assert_int_equal(info.range_count, 3);
    assert_int_equal(info.ranges[2].type, 3);
    assert_int_equal(info.initrd, 5);
    assert_int_equal(info.initrd_size, 6);
    assert_int_equal(info.cmdline, 0x123456789);
    assert_int_equal(info.rsdp, 0xf0000);
    start->version = 7; /* later ones only add */
    start->module_count = 0;
    start->modules = 0;
    assert_null(pvh_read(memory, BASE, &info));
    assert_int_equal(info.initrd_size, 0);
}

static void is_wrong(const char *part)
{
    const char *wrong = pvh_read(memory, BASE, &info);
    assert_non_null(wrong);
    assert_non_null(strstr(wrong, part));
    teardown(NULL);
    setup(NULL);
}

static void bad(void **state)
{
    (void)state;
    assert_non_null(pvh_read(memory, 0, &info));
    assert_non_null(pvh_read(memory, BASE + SIZE - 55, &info));
    start->magic++;
    is_wrong("no PVH start info");
    start->version = 0;
    is_wrong("no memory map");
    start->memory_map_entries = 0;
    is_wrong("no memory map");
    start->memory_map_entries = 1025;
    is_wrong("too many entries");
    start->memory_map = BASE + SIZE - 71;
    is_wrong("map is out of reach");
    start->memory_map = MAP + 2;
    is_wrong("map is out of reach");
    start->memory_map = UINT64_MAX - 3;
    is_wrong("map is out of reach");
    start->module_count = 65;
    is_wrong("too many modules");
    start->modules = BASE + SIZE - 60;
    is_wrong("modules is out of reach");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good, setup, teardown),
        cmocka_unit_test_setup_teardown(bad, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
