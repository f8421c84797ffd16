/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From an RTC's registers to seconds since 1970. The registers are foreign bytes: BCD digits above
 * nine and dates that do not exist are refused.
 */
#include "kernel/dev/rtc_date.h"

/* Days before each month of a year that is not a leap year. */
static const uint16_t days_before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in_month(int64_t year, unsigned month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

/* The value of a register, -1 for a wrong BCD digit. */
static int decode(uint8_t value, bool binary)
{
    if (binary) {
        return value;
    }
    if ((value & 0x0f) > 9 || value >> 4 > 9) {
        return -1;
    }
    return (value >> 4) * 10 + (value & 0x0f);
}

static int decode_hours(const struct rtc_registers *regs, bool binary)
{
    if ((regs->status_b & RTC_B_24_HOURS) != 0) {
        int hours = decode(regs->hours, binary);
        return hours <= 23 ? hours : -1;
    }
    int hours = decode(regs->hours & (uint8_t)~RTC_PM, binary);
    if (hours < 1 || hours > 12) {
        return -1;
    }
    return hours % 12 + ((regs->hours & RTC_PM) != 0 ? 12 : 0);
}

static int decode_year(const struct rtc_registers *regs, bool binary)
{
    int year = decode(regs->year, binary);
    if (year < 0 || year > 99) {
        return -1;
    }
    /* The century's register is only a custom: anything implausible there means 1970 to 2069. */
    int century = decode(regs->century, binary);
    if (century < 19 || century > 21) {
        century = year < 70 ? 20 : 19;
    }
    return century * 100 + year;
}

int64_t date_to_unix(int64_t year, unsigned month, unsigned day, unsigned second_of_day)
{
    int64_t before = year - 1;
    int64_t days = before * 365 + before / 4 - before / 100 + before / 400;
    days += days_before[month - 1] + (month > 2 && is_leap(year) ? 1 : 0) + (int64_t)day - 1;
    /* 719162 days lie between 0001-01-01 and 1970-01-01. */
    return (days - 719162) * 86400 + second_of_day;
}

int rtc_to_unix(const struct rtc_registers *regs, int64_t *unix_seconds)
{
    bool binary = (regs->status_b & RTC_B_BINARY) != 0;
    int seconds = decode(regs->seconds, binary);
    int minutes = decode(regs->minutes, binary);
    int hours = decode_hours(regs, binary);
    int day = decode(regs->day, binary);
    int month = decode(regs->month, binary);
    int year = decode_year(regs, binary);

    if (seconds < 0 || seconds > 60 || minutes < 0 || minutes > 59 || hours < 0 || year < 1970 ||
        month < 1 || month > 12 || day < 1 ||
        (unsigned)day > days_in_month(year, (unsigned)month)) {
        return -EINVAL;
    }
    *unix_seconds = date_to_unix(year, (unsigned)month, (unsigned)day,
                                 (unsigned)(hours * 3600 + minutes * 60 + seconds));
    return 0;
}
