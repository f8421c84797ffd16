/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot timeline: records, both texts letter by letter, a full table, and small buffers. */
// sources: kernel/base/timeline.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/bootinfo.h"
#include "kernel/base/timeline.h"

static const struct boot_stamp stamps[] = {
    {.cycles = 1000, .what = BOOT_STAGE_DOOR},
    {.cycles = 1500, .what = BOOT_STAGE_LOADER},
    {.cycles = 4000, .what = BOOT_STAGE_JUMP},
    {.cycles = 3000, .what = 77}, /* a clock that went back, and a stage nobody knows */
};

/* Runs first: the table is a global that only grows. */
static void test_text(void **state)
{
    static const char cycles_only[] = "  start_cycles       cycles kind  name\n"
                                      "             0          500 stage door\n"
                                      "           500         2500 stage loader\n"
                                      "          3000            0 stage jump\n"
                                      "          2000         2000 stage stage\n"
                                      "          5000      3000000 step  heap\n";
    static const char with_time[] =
        "  start_cycles       cycles   start_us         us kind  name\n"
        "             0          500          0          0 stage door\n"
        "           500         2500          0          2 stage loader\n"
        "          3000            0          3          0 stage jump\n"
        "          2000         2000          2          2 stage stage\n"
        "          5000      3000000          5       3000 step  heap\n";
    char buf[1024];
    (void)state;
    timeline_add_stamps(stamps, 4, 5000);
    timeline_add(TIMELINE_STEP, "heap", 6000, 3006000);
    assert_int_equal(timeline_format_text(buf, sizeof(buf), 0), strlen(cycles_only));
    assert_string_equal(buf, cycles_only);
    assert_int_equal(timeline_format_text(buf, sizeof(buf), 1000000000), strlen(with_time));
    assert_string_equal(buf, with_time);
}

static void test_json(void **state)
{
    static const char expected[] =
        "{\"cycles_per_second\":5,\"records\":[\n"
        "{\"kind\":\"stage\",\"name\":\"door\",\"cpu\":0,\"start\":0,\"cycles\":500},\n"
        "{\"kind\":\"stage\",\"name\":\"loader\",\"cpu\":0,\"start\":500,\"cycles\":2500},\n"
        "{\"kind\":\"stage\",\"name\":\"jump\",\"cpu\":0,\"start\":3000,\"cycles\":0},\n"
        "{\"kind\":\"stage\",\"name\":\"stage\",\"cpu\":0,\"start\":2000,\"cycles\":2000},\n"
        "{\"kind\":\"step\",\"name\":\"heap\",\"cpu\":0,\"start\":5000,\"cycles\":3000000}]}\n";
    char buf[1024];
    (void)state;
    assert_int_equal(timeline_format_json(buf, sizeof(buf), 5), strlen(expected));
    assert_string_equal(buf, expected);
}

/* A buffer of every size gets a terminated prefix, and the length is always the full one. */
static void test_small_buffers(void **state)
{
    char full[1024], part[1024];
    (void)state;
    size_t length = timeline_format_text(full, sizeof(full), 123456789);
    for (size_t size = 0; size <= length; size++) {
        memset(part, 'x', sizeof(part));
        assert_int_equal(timeline_format_text(part, size, 123456789), length);
        if (size > 0) {
            assert_memory_equal(part, full, size - 1);
            assert_int_equal(part[size - 1], '\0');
        }
        assert_int_equal(part[size], 'x');
    }
}

static void test_steps_and_overflow(void **state)
{
    struct timeline_record record;
    static char buf[65536];
    (void)state;
    unsigned before = timeline_count();
    unsigned outer = timeline_begin(TIMELINE_STEP, "outer");
    assert_int_equal(timeline_count(), before + 1);
    assert_false(timeline_get(outer, &record)); /* not yet */
    timeline_event("moment");
    timeline_end(outer);
    assert_true(timeline_get(outer, &record));
    assert_string_equal(record.name, "outer");
    assert_true(record.end >= record.start);
    assert_true(timeline_get(outer + 1, &record));
    assert_string_equal(record.name, "moment");
    assert_true(record.end == record.start);

    for (unsigned i = 0; i < 1000; i++) {
        timeline_end(timeline_begin(TIMELINE_STEP, "many"));
    }
    unsigned count = timeline_count();
    assert_in_range(count, before + 2, 999);
    assert_false(timeline_get(count, &record));
    assert_true(timeline_format_text(buf, sizeof(buf), 0) < sizeof(buf));
    assert_non_null(strstr(buf, " more did not fit\n"));
    assert_true(timeline_format_json(buf, sizeof(buf), 0) < sizeof(buf));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_small_buffers),
        cmocka_unit_test(test_steps_and_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
