/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* From an RTC's registers to seconds since 1970: pure, so that the host can test it. */
#include "abi/errno.h"
#include "lib/types.h"

struct rtc_registers {
    uint8_t seconds, minutes, hours, day, month, year, century;
    uint8_t status_b; /* which notation the others are in */
};

#define RTC_B_24_HOURS 0x02
#define RTC_B_BINARY   0x04
#define RTC_PM         0x80 /* in hours, when they are counted to 12 */

/* 0, or -EINVAL when the registers hold no date. */
int rtc_to_unix(const struct rtc_registers *regs, int64_t *unix_seconds);

/* Seconds since 1970-01-01 of a valid date of the Gregorian calendar. */
int64_t date_to_unix(int64_t year, unsigned month, unsigned day, unsigned second_of_day);
