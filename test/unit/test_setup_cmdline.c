/* SPDX-License-Identifier: BSD-2-Clause */
/* The real-mode code's look at the command line, which may lie anywhere, be missing, or not end. */
// sources: boot/door/linux/setup/cmdline.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/door/linux/setup/setup.h"

struct linux_params params;
static uint8_t memory[1 << 20];

uint8_t far_read8(uint16_t segment, uint16_t offset)
{
    uint32_t address = ((uint32_t)segment << 4) + offset;
    assert_in_range(address, 0, sizeof(memory) - 1);
    return memory[address];
}

static void place(uint32_t address, const char *text)
{
    memset(memory, 'x', sizeof(memory));
    memcpy(memory + address, text, strlen(text) + 1);
    params.header.cmd_line_ptr = address;
}

static void finds(const char *name, const char *expected)
{
    char value[8] = "none";
    assert_true(option(name, value, sizeof(value)));
    assert_string_equal(value, expected);
}

static void words(void **state)
{
    (void)state;
    for (uint32_t address = 0x90000; address < 0x90020; address += 7) {
        place(address, "quiet edd=skipmbr noquiet edd2=x\tlast");
        finds("quiet", "");
        finds("edd=", "skipmbr");
        finds("last", "");
        char small[4];
        assert_true(option("edd=", small, sizeof(small)));
        assert_string_equal(small, "ski");
        assert_true(option("edd=", NULL, 0));
        assert_false(option("edd", NULL, 0));
        assert_false(option("noq", NULL, 0));
        assert_false(option("mbr", NULL, 0));
        assert_false(option("lastly", NULL, 0));
    }
}

static void strange_places(void **state)
{
    (void)state;
    place(0x90000, "");
    assert_false(option("x", NULL, 0));
    params.header.cmd_line_ptr = 0;
    assert_false(option("x", NULL, 0));
    params.header.cmd_line_ptr = 0x100000;
    assert_false(option("x", NULL, 0));
    params.header.cmd_line_ptr = UINT32_MAX;
    assert_false(option("x", NULL, 0));
    memset(memory, 'x', sizeof(memory)); /* never ends */
    for (uint32_t address = 0x80000; address < 0x100000; address += 0xfff1) {
        params.header.cmd_line_ptr = address;
        assert_false(option("quiet", NULL, 0));
    }
    params.header.cmd_line_ptr = 0xffff8;
    assert_false(option("quiet", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(strange_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
