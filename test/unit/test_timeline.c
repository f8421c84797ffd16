/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot timeline: records, both texts letter by letter, a full table, and small buffers. */
// sources: kernel/base/timeline.c kernel/base/timeline_text.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/bootinfo.h"
#include "kernel/base/timeline.h"

static const struct bootinfo info = {
    .door = BOOT_DOOR_PVH,
    .stamp_count = 4,
    .stamps =
        {
            {.cycles = 1000, .what = BOOT_STAGE_DOOR},
            {.cycles = 1500, .what = BOOT_STAGE_LOADER},
            {.cycles = 4000, .what = BOOT_STAGE_JUMP},
            {.cycles = 3000, .what = 77}, /* a clock that went back, and a stage nobody knows */
        },
};

static const struct timeline_unit unknown = {0}, slow = {.per_second = 5},
                                  gigahertz = {.per_second = 1000000000},
                                  instructions = {.per_second = 1000000000, .instructions = true};

/* Runs first: the table is a global that only grows. */
static void test_text(void **state)
{
    static const char cycles_only[] =
        "# door pvh; times from the first instruction of ours on; the time stamp counter counts "
        "cycles\n"
        "  start_cycles       cycles cpu kind  name\n"
        "             0          500   0 stage door\n"
        "           500         2500   0 stage loader\n"
        "          3000            0   0 stage jump\n"
        "          2000         2000   0 stage stage\n"
        "          5000      3000000   0 early heap\n"
        "       3005000            0   0 user  init\n";
    static const char with_time[] =
        "# door pvh; times from the first instruction of ours on; the time stamp counter counts "
        "cycles, 1000000000 a second\n"
        "  start_cycles       cycles   start_us         us cpu kind  name\n"
        "             0          500          0          0   0 stage door\n"
        "           500         2500          0          2   0 stage loader\n"
        "          3000            0          3          0   0 stage jump\n"
        "          2000         2000          2          2   0 stage stage\n"
        "          5000      3000000          5       3000   0 early heap\n"
        "       3005000            0       3005          0   0 user  init\n";
    static const char counted[] =
        "# door pvh; times from the first instruction of ours on; the time stamp counter counts "
        "instructions\n"
        "   start_instr        instr   start_us         us cpu kind  name\n";
    char buf[1024];
    (void)state;
    timeline_add_stamps(&info, 5000);
    timeline_add(TIMELINE_EARLY, "heap", 6000, 3006000);
    timeline_add(TIMELINE_USER, "init", 3006000, 3006000);
    assert_int_equal(timeline_format_text(buf, sizeof(buf), &unknown), strlen(cycles_only));
    assert_string_equal(buf, cycles_only);
    assert_int_equal(timeline_format_text(buf, sizeof(buf), &gigahertz), strlen(with_time));
    assert_string_equal(buf, with_time);
    timeline_format_text(buf, sizeof(buf), &instructions);
    assert_memory_equal(buf, counted, strlen(counted));
}

static const char *what(const char *step)
{
    return strcmp(step, "heap") == 0 ? "memory in pieces" : NULL;
}

static void test_json(void **state)
{
    static const char expected[] =
        "{\"unit\":\"cycles\",\"cycles_per_second\":5,\"door\":\"pvh\",\"lost\":0,\"records\":[\n"
        "{\"kind\":\"stage\",\"name\":\"door\",\"cpu\":0,\"start\":0,\"cycles\":500,"
        "\"what\":\"the machine's way in, to 64-bit mode\"},\n"
        "{\"kind\":\"stage\",\"name\":\"loader\",\"cpu\":0,\"start\":500,\"cycles\":2500,"
        "\"what\":\"memory map, checks, seed\"},\n"
        "{\"kind\":\"stage\",\"name\":\"jump\",\"cpu\":0,\"start\":3000,\"cycles\":0,"
        "\"what\":\"page tables are loaded, the kernel is entered\"},\n"
        "{\"kind\":\"stage\",\"name\":\"stage\",\"cpu\":0,\"start\":2000,\"cycles\":2000,"
        "\"what\":\"\"},\n"
        "{\"kind\":\"early\",\"name\":\"heap\",\"cpu\":0,\"start\":5000,\"cycles\":3000000,"
        "\"what\":\"memory in pieces\"},\n"
        "{\"kind\":\"user\",\"name\":\"init\",\"cpu\":0,\"start\":3005000,\"cycles\":0,"
        "\"what\":\"the first program (PID 1) begins\"}]}\n";
    char buf[2048];
    (void)state;
    timeline_step_what = what;
    assert_int_equal(timeline_format_json(buf, sizeof(buf), &slow), strlen(expected));
    assert_string_equal(buf, expected);
    timeline_format_json(buf, sizeof(buf), &instructions);
    assert_non_null(strstr(buf, "{\"unit\":\"instructions\",\"cycles_per_second\":1000000000,"));
}

/* A buffer of every size gets a terminated prefix, and the length is always the full one. */
static void test_small_buffers(void **state)
{
    char full[1024], part[1024];
    (void)state;
    size_t length = timeline_format_text(full, sizeof(full), &gigahertz);
    for (size_t size = 0; size <= length; size++) {
        memset(part, 'x', sizeof(part));
        assert_int_equal(timeline_format_text(part, size, &gigahertz), length);
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
    unsigned outer = timeline_begin(TIMELINE_LATE, "outer");
    assert_int_equal(timeline_count(), before + 1);
    assert_false(timeline_get(outer, &record)); /* not yet */
    timeline_event(TIMELINE_EVENT, "moment");
    timeline_end(outer);
    assert_true(timeline_get(outer, &record));
    assert_string_equal(record.name, "outer");
    assert_true(record.end >= record.start);
    assert_true(timeline_get(outer + 1, &record));
    assert_string_equal(record.name, "moment");
    assert_true(record.end == record.start);

    for (unsigned i = 0; i < 1000; i++) {
        timeline_end(timeline_begin(TIMELINE_LATE, "many"));
    }
    unsigned count = timeline_count();
    assert_in_range(count, before + 2, 999);
    assert_false(timeline_get(count, &record));
    assert_true(timeline_format_text(buf, sizeof(buf), &unknown) < sizeof(buf));
    assert_non_null(strstr(buf, " more did not fit\n"));
    assert_true(timeline_format_json(buf, sizeof(buf), &unknown) < sizeof(buf));
}

/* Further CPUs bring their own room; what was lost before stays lost. */
static void test_more_room(void **state)
{
    static struct timeline_record room[3];
    struct timeline_record record;
    (void)state;
    unsigned before = timeline_count(), lost = timeline_lost();
    timeline_extend(room, ARRAY_SIZE(room));
    assert_true(timeline_count() + timeline_lost() == before + lost);
    assert_false(timeline_get(before, &record)); /* claimed while there was none */
}

/* A CPU that comes before the one that woke it has gone on. */
static void test_woken(void **state)
{
    struct timeline_record record;
    (void)state;
    timeline_wake();
    unsigned index = timeline_count();
    timeline_woken();
    assert_true(timeline_get(index, &record));
    assert_string_equal(record.name, "start-up");
    assert_int_equal(record.kind, TIMELINE_CPU);
    assert_true(record.end >= record.start && record.start > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_small_buffers),
        cmocka_unit_test(test_woken),
        cmocka_unit_test(test_steps_and_overflow),
        cmocka_unit_test(test_more_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
