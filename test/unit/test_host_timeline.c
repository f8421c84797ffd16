/* SPDX-License-Identifier: BSD-2-Clause */
/* The timeline that the machine sends: what is read and refused, and where it lies in the picture.
 * (That texts do not overlap is tested in test/boot/test_timeline.py.) */
// sources: host/timeline.c host/timeline_axis.c host/text.c host/say.c
// flags: -lm
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/timeline.h"
#include "host/timeline_axis.h"

#define HEAD(unit)                                                                                 \
    "{\"unit\":\"" unit "\",\"cycles_per_second\":1000000000,\"door\":\"pvh\",\"lost\":3,"         \
    "\"records\":["
#define RECORD(kind, name, cpu, start, length)                                                     \
    "\n{\"kind\":\"" kind "\",\"name\":\"" name "\",\"cpu\":" cpu ",\"start\":" start              \
    ",\"cycles\":" length ",\"what\":\"\"}"

static const char whole[] = HEAD("instructions")
    RECORD("stage", "loader", "0", "0", "100") "," RECORD("late", "smp", "0", "100", "5000") "," RECORD(
        "cpu", "wake", "0", "200",
        "4000") "," RECORD("cpu", "start-up", "1", "300",
                           "4000") "," RECORD("user", "init", "0", "6000",
                                              "0") "," RECORD("event", "idle", "1", "4400",
                                                              "0") "," RECORD("user", "program",
                                                                              "1", "8000",
                                                                              "0") "]}\n";

static const struct timeline_record *record(const struct timeline *timeline, const char *name)
{
    for (size_t i = 0; i < timeline->count; i++) {
        if (strcmp(timeline->records[i].name, name) == 0) {
            return &timeline->records[i];
        }
    }
    fail_msg("no record %s", name);
    return NULL;
}

static void check(const struct timeline *timeline, const char *name, uint64_t start,
                  uint64_t length)
{
    assert_int_equal(record(timeline, name)->start, start);
    assert_int_equal(record(timeline, name)->length, length);
}

/* What QEMU counts in a reset goes; what PID 1 did until the program began comes. */
static void test_read(void **state)
{
    struct timeline timeline;
    (void)state;
    assert_true(timeline_read(&timeline, whole));
    assert_true(timeline.instructions);
    assert_string_equal(timeline.door, "pvh");
    assert_int_equal(timeline.lost, 3);
    assert_int_equal(timeline.cpus, 2);
    assert_int_equal(timeline.removed, 4000);
    assert_int_equal(timeline.end, 4000);
    check(&timeline, "smp", 100, 1000);
    check(&timeline, "wake", 200, 0);
    check(&timeline, "start-up", 200, 100);
    check(&timeline, "idle", 400, 0);
    check(&timeline, "exec", 1100, 900);
    check(&timeline, "init", 2000, 2000);
    check(&timeline, "program", 4000, 0);
    for (size_t i = 1; i < timeline.count; i++) {
        assert_true(timeline.records[i - 1].start <= timeline.records[i].start);
    }
    timeline_free(&timeline);
}

/* Where time was measured everything stays. */
static void test_read_time(void **state)
{
    struct timeline timeline;
    (void)state;
    assert_true(
        timeline_read(&timeline, HEAD("cycles") RECORD("cpu", "wake", "0", "200", "4000") "]}\n"));
    assert_false(timeline.instructions);
    assert_int_equal(timeline.removed, 0);
    check(&timeline, "wake", 200, 4000);
    timeline_free(&timeline);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "the timeline",
        HEAD("cycles") "]}\n",
        HEAD("cycles") RECORD("stage", "a", "0", "0", "1"),
        HEAD("cycles") RECORD("stage", "a", "0", "0", "1") "]}\nmore",
        HEAD("cycles") RECORD("stage", "a", "0", "0", "1") ",]}\n",
        HEAD("cycles") RECORD("riddle", "a", "0", "0", "1") "]}\n",
        HEAD("cycles") RECORD("stage", "a\\n", "0", "0", "1") "]}\n",
        HEAD("cycles") RECORD("stage", "a name that is far too long", "0", "0", "1") "]}\n",
        HEAD("cycles") RECORD("stage", "a", "256", "0", "1") "]}\n",
        HEAD("cycles") RECORD("stage", "a", "-1", "0", "1") "]}\n",
        HEAD("cycles") RECORD("stage", "a", "0", "1125899906842625", "1") "]}\n",
        HEAD("cycles") RECORD("stage", "a", "0", "0", "99999999999999999999999") "]}\n",
    };
    struct timeline timeline;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(timeline_read(&timeline, bad[i]));
    }
    char *part = strdup(whole);
    for (size_t length = strlen(whole) - 1; length > 0; length--) {
        part[length] = '\0';
        assert_false(timeline_read(&timeline, part));
    }
    free(part);
}

static void check_text(char *text, const char *expected)
{
    assert_string_equal(text, expected);
    free(text);
}

static void test_amounts(void **state)
{
    struct timeline timeline = {.instructions = true, .per_second = 1000000000};
    (void)state;
    check_text(axis_amount(&timeline, 0), "0");
    check_text(axis_amount(&timeline, 999), "999");
    check_text(axis_amount(&timeline, 1000), "1,000");
    check_text(axis_amount(&timeline, 1234567890), "1,234,567,890");
    timeline.instructions = false;
    check_text(axis_amount(&timeline, 0), "0 ns");
    check_text(axis_amount(&timeline, 999), "999 ns");
    check_text(axis_amount(&timeline, 1500), "1.50 µs");
    check_text(axis_amount(&timeline, 45678), "45.7 µs");
    check_text(axis_amount(&timeline, 999700), "1.00 ms");
    check_text(axis_amount(&timeline, 9870000000), "9.87 s");
    check_text(axis_amount(&timeline, 9870000000000), "9,870 s");
    timeline.per_second = 2000000000;
    check_text(axis_amount(&timeline, 3000), "1.50 µs");
}

/* Time goes to the right, begins and ends at the edges, and marks are in order. */
static void check_axis(const struct timeline *timeline, unsigned cuts)
{
    struct axis axis;
    uint64_t moment = 0, before;
    axis_init(&axis, timeline, 100, 1100);
    assert_int_equal(axis.cuts, cuts);
    double x = axis_x(&axis, 0);
    assert_true(x > 99.9 && x < 100.1);
    for (unsigned i = 1; i <= 1000; i++) {
        double next = axis_x(&axis, (uint64_t)((double)timeline->end / 1000 * i));
        assert_true(next >= x);
        x = next;
    }
    assert_true(x > 1095 && x <= 1100);
    unsigned marks = 0;
    for (bool more = axis_next(&axis, &moment, true); more;
         more = axis_next(&axis, &moment, false)) {
        before = moment;
        free(axis_label(&axis, moment));
        assert_true(++marks < 100);
        assert_true(axis_x(&axis, moment) <= 1100);
    }
    assert_true(moment > before);
}

static void test_axis(void **state)
{
    struct timeline_record records[4] = {
        {.length = 300}, {.start = 300, .length = 300}, {.start = 600, .length = 400}};
    struct timeline timeline = {
        .per_second = 1000000000, .records = records, .count = 3, .end = 1000};
    (void)state;
    check_axis(&timeline, 0);
    timeline.instructions = true;
    check_axis(&timeline, 0);
    records[1].length = timeline.end = 10000000000; /* 99 % of it */
    records[2].length = 0;
    records[2].start = 9999999000;
    records[3] = (struct timeline_record){.start = 10000000000};
    timeline.count = 4;
    records[1].length -= 300;
    timeline.instructions = false;
    check_axis(&timeline, 1);
    records[3].start = 5000000000; /* two halves */
    check_axis(&timeline, 2);
    timeline.count = 1; /* nothing but one stretch is not cut */
    records[0].length = timeline.end;
    check_axis(&timeline, 0);
}

/* Whatever a tick is, and however few or many there are. */
static void test_marks(void **state)
{
    static const uint64_t rates[] = {0,         1,          3,          1000,         999983,
                                     649756536, 1000000000, 2593215000, 5000000000ull};
    struct timeline_record record = {.length = 1};
    struct timeline timeline = {.records = &record, .count = 1};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof(rates) / sizeof(rates[0]); i++) {
        timeline.instructions = i % 2;
        timeline.per_second = rates[i / 2];
        for (uint64_t end = 0; end < 1ull << 50; end += end / 3 + 1) {
            timeline.end = record.length = end;
            if (end == 0) {
                continue;
            }
            check_axis(&timeline, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),    cmocka_unit_test(test_read_time),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_axis),    cmocka_unit_test(test_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
