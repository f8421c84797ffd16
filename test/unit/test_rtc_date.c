/* SPDX-License-Identifier: BSD-2-Clause */
/* The RTC's registers as a date: against the host's C library, in every notation, and bad ones. */
// sources: kernel/dev/rtc_date.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "kernel/dev/rtc_date.h"

static uint8_t bcd(int value)
{
    return (uint8_t)(value / 10 << 4 | value % 10);
}

/* What an RTC in this notation holds at a time. */
static struct rtc_registers registers_at(int64_t when, uint8_t status_b)
{
    time_t t = when;
    struct tm tm;
    gmtime_r(&t, &tm);
    uint8_t (*encode)(int) = bcd;
    struct rtc_registers regs = {.status_b = status_b};
    int year = tm.tm_year + 1900;
    int fields[7] = {tm.tm_sec,     tm.tm_min,  tm.tm_hour, tm.tm_mday,
                     tm.tm_mon + 1, year % 100, year / 100};
    bool pm = false;
    if (!(status_b & RTC_B_24_HOURS)) {
        pm = fields[2] >= 12;
        fields[2] = fields[2] % 12 == 0 ? 12 : fields[2] % 12;
    }
    uint8_t *out[7] = {&regs.seconds, &regs.minutes, &regs.hours,  &regs.day,
                       &regs.month,   &regs.year,    &regs.century};
    for (int i = 0; i < 7; i++) {
        *out[i] = (status_b & RTC_B_BINARY) ? (uint8_t)fields[i] : encode(fields[i]);
    }
    regs.hours |= pm ? RTC_PM : 0;
    return regs;
}

static void check(int64_t when)
{
    for (unsigned notation = 0; notation < 4; notation++) {
        uint8_t status_b = (uint8_t)((notation & 1 ? RTC_B_24_HOURS : 0) |
                                     (notation & 2 ? RTC_B_BINARY : 0));
        struct rtc_registers regs = registers_at(when, status_b);
        int64_t got = -1;
        assert_int_equal(rtc_to_unix(&regs, &got), 0);
        assert_int_equal(got, when);
    }
}

static void test_dates(void **state)
{
    (void)state;
    check(0);
    check(951782400);  /* 2000-02-29 */
    check(4107542399); /* 2100-02-28 23:59:59; 2100 is no leap year */
    check(4107542400);
    /* Every 40 hours and a bit from 1970 to 2199. */
    for (int64_t when = 0; when < 7258118400; when += 40 * 3600 + 61) {
        check(when);
    }
}

static void test_century_missing(void **state)
{
    (void)state;
    struct rtc_registers regs = registers_at(1700000000, RTC_B_24_HOURS);
    int64_t got = 0;
    regs.century = 0;
    assert_int_equal(rtc_to_unix(&regs, &got), 0);
    assert_int_equal(got, 1700000000);
    regs.century = 0xff;
    regs.year = 0x85;
    assert_int_equal(rtc_to_unix(&regs, &got), 0);
    assert_true(got < 946684800);
}

static void test_bad_registers(void **state)
{
    (void)state;
    struct rtc_registers good = registers_at(1700000000, RTC_B_24_HOURS);
    for (unsigned field = 0; field < 6; field++) {
        static const uint8_t bad[6] = {0x61, 0x60, 0x24, 0x32, 0x13, 0x0a};
        struct rtc_registers regs = good;
        int64_t got;
        ((uint8_t *)&regs)[field] = bad[field];
        assert_int_equal(rtc_to_unix(&regs, &got), -EINVAL);
        ((uint8_t *)&regs)[field] = 0xff;
        assert_int_equal(rtc_to_unix(&regs, &got), -EINVAL);
    }
    struct rtc_registers regs = registers_at(1677585600, RTC_B_24_HOURS); /* 2023-02-28 */
    int64_t got;
    regs.day = 0x29;
    assert_int_equal(rtc_to_unix(&regs, &got), -EINVAL);
    regs = (struct rtc_registers){0};
    assert_int_equal(rtc_to_unix(&regs, &got), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_century_missing),
        cmocka_unit_test(test_bad_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
