/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CMOS real-time clock (Motorola MC146818A data sheet; the century's place is PC custom). Read
 * once, when somebody first asks for the wall clock. rtc_date.c turns its registers into seconds.
 */
#include "kernel/arch/port_io.h"
#include "kernel/base/spinlock.h"
#include "kernel/dev/drivers.h"
#include "kernel/dev/rtc_date.h"

#define CMOS_INDEX   0x70
#define CMOS_DATA    0x71

#define RTC_SECONDS  0x00
#define RTC_MINUTES  0x02
#define RTC_HOURS    0x04
#define RTC_DAY      0x07
#define RTC_MONTH    0x08
#define RTC_YEAR     0x09
#define RTC_STATUS_A 0x0a
#define RTC_STATUS_B 0x0b
#define RTC_CENTURY  0x32

#define RTC_UPDATING 0x80 /* status A: an update starts within 244 us or runs, at most 2.2 ms */

/* Index and data port are one transaction. */
static struct spinlock rtc_lock = SPINLOCK_INIT(LOCK_RTC);

static uint8_t cmos_read(uint8_t index)
{
    out8(CMOS_INDEX, index);
    return in8(CMOS_DATA);
}

/* The registers, when no update came between; false: try again. REQUIRES rtc_lock. */
static bool read_registers_locked(struct rtc_registers *regs)
{
    /* A port access takes about a microsecond on real hardware, so this outlasts an update. */
    for (int i = 0; i < 4000 && (cmos_read(RTC_STATUS_A) & RTC_UPDATING) != 0; i++) {
        arch_cpu_relax();
    }
    regs->seconds = cmos_read(RTC_SECONDS);
    regs->minutes = cmos_read(RTC_MINUTES);
    regs->hours = cmos_read(RTC_HOURS);
    regs->day = cmos_read(RTC_DAY);
    regs->month = cmos_read(RTC_MONTH);
    regs->year = cmos_read(RTC_YEAR);
    regs->century = cmos_read(RTC_CENTURY);
    return cmos_read(RTC_SECONDS) == regs->seconds;
}

int rtc_read(int64_t *unix_seconds)
{
    struct rtc_registers regs = {0};
    int error = -ENODEV;

    unsigned long flags = spin_lock_irqsave(&rtc_lock);
    /* All ones in status B would hold the clock and let it interrupt all the time: nothing there.
     */
    regs.status_b = cmos_read(RTC_STATUS_B);
    if (regs.status_b != 0xff) {
        error = 0;
        for (int i = 0; i < 3 && !read_registers_locked(&regs); i++) {
        }
    }
    spin_unlock_irqrestore(&rtc_lock, flags);
    return error != 0 ? error : rtc_to_unix(&regs, unix_seconds);
}
