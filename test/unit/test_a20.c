/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The address line 20, with memory, ports and a BIOS made up: whoever can open it is found, those
 * are asked first who do no harm, and when nobody can, the search ends.
 */
// sources: boot/door/linux/setup/a20.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/door/linux/setup/io.h"
#include "boot/door/linux/setup/setup.h"

/* What the machine has, and what has become of it. */
static struct {
    bool open, bios_opens, controller, controller_opens, controller_busy, port_92, port_92_opens;
    unsigned delay_until_open; /* io_delay()s until a request takes effect */
    bool requested;
    uint8_t command, queued; /* queued: bytes in the controller that nobody has read */
    char asked[8];           /* in order: b, k, p */
    uint32_t low, high;      /* the word in the BIOS data area, and the one 1 MiB higher */
    unsigned steps;
} m;

static void request(char who, bool works)
{
    m.asked[strlen(m.asked)] = who;
    m.requested |= works;
    m.open |= works && m.delay_until_open == 0;
}

void io_delay(void)
{
    m.steps++;
    if (m.requested && m.delay_until_open > 0 && --m.delay_until_open == 0) {
        m.open = true;
    }
}

void outb(uint16_t port, uint8_t value)
{
    m.steps++;
    if (port == 0x92) {
        assert_int_equal(value & 1, 0); /* would reset the machine */
        request('p', m.port_92_opens && (value & 2));
    } else if (port == 0x64) {
        m.command = value;
    } else if (port == 0x60 && m.command == 0xd1) {
        assert_int_equal(value & 1, 1); /* would reset the machine */
        request('k', m.controller_opens && (value & 2));
    }
}

uint8_t inb(uint16_t port)
{
    m.steps++;
    if (port == 0x92) {
        return m.port_92 ? 0 : 0xff;
    }
    if (!m.controller) {
        return 0xff;
    }
    if (port == 0x60) {
        m.queued -= m.queued > 0;
        return 0x1c;
    }
    return (uint8_t)((m.controller_busy ? 2 : 0) | (m.queued > 0 ? 1 : 0));
}

void bios_call(unsigned number, struct bios_regs *regs)
{
    assert_int_equal(number, 0x15);
    assert_int_equal(regs->eax, 0x2401);
    request('b', m.bios_opens);
    regs->eflags = m.bios_opens ? 0 : BIOS_CARRY;
}

static uint32_t *word(uint16_t segment, uint16_t offset)
{
    uint32_t address = ((uint32_t)segment << 4) + offset;
    assert_int_equal(address & 0xfffff, 0x4f0);
    return address >= 0x100000 && m.open ? &m.high : &m.low;
}

uint32_t far_read32(uint16_t segment, uint16_t offset)
{
    return *word(segment, offset);
}

void far_write32(uint16_t segment, uint16_t offset, uint32_t value)
{
    *word(segment, offset) = value;
}

/* Everything as given, and nobody asked yet. */
#define MACHINE(...)                                                                               \
    memset(&m, 0, sizeof(m)), m = (__typeof__(m))                                                  \
    {                                                                                              \
        .low = 77, .high = 99, __VA_ARGS__                                                         \
    }

static void check(bool opens, const char *asked)
{
    assert_true(open_a20() == opens);
    assert_string_equal(m.asked, asked);
    assert_int_equal(m.low, 77); /* what lies there is somebody's */
    assert_int_equal(m.high, 99);
}

static void whoever_can(void **state)
{
    (void)state;
    MACHINE(.open = true);
    check(true, "");
    MACHINE(.bios_opens = true, .controller = true, .port_92 = true);
    check(true, "b");
    MACHINE(.controller = true, .controller_opens = true, .port_92 = true, .queued = 5);
    check(true, "bk");
    MACHINE(.controller = true, .port_92 = true, .port_92_opens = true);
    check(true, "bkp");
    MACHINE(.port_92 = true, .port_92_opens = true); /* no keyboard controller */
    check(true, "bp");
    MACHINE(.controller = true, .controller_busy = true, .port_92 = true, .port_92_opens = true);
    check(true, "bp");
    MACHINE(.controller = true, .controller_opens = true, .delay_until_open = 1000);
    check(true, "bk");
}

static void nobody_can(void **state)
{
    (void)state;
    MACHINE(.controller = true, .port_92 = true);
    check(false, "bkp");
    MACHINE(.controller = true, .controller_busy = true);
    check(false, "b");
    MACHINE(.controller = false);
    check(false, "b");
    assert_in_range(m.steps, 1, 1u << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_can),
        cmocka_unit_test(nobody_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
