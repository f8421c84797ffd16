/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of the command line that drivers parse: virtio_mmio.device= and console=ttyS; and
 * virtio-mmio devices in a DSDT. */
// sources: kernel/dev/virtio/mmio_option.c
// sources: kernel/dev/virtio/mmio_acpi.c
// sources: kernel/dev/uart/uart_option.c
// sources: lib/format.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/dev/uart/uart16550.h"
#include "kernel/dev/virtio/mmio_option.h"

static void test_mmio(void **state)
{
    (void)state;
    struct mmio_option option;
    assert_true(mmio_parse_option("512@0xfeb00000:5", &option));
    assert_int_equal(option.address, 0xfeb00000);
    assert_int_equal(option.size, 512);
    assert_int_equal(option.irq, 5);
    assert_true(mmio_parse_option("4K@0xd0000000:40:3", &option));
    assert_int_equal(option.size, 4096);
    assert_int_equal(option.irq, 40);
    assert_true(mmio_parse_option("1k@0x100b0000:48:7", &option));
    assert_int_equal(option.size, 1024);
    assert_true(mmio_parse_option("0x1000@03200000000:010:08", &option));
    assert_int_equal(option.size, 4096);
    assert_int_equal(option.address, 0x1a000000);
    assert_int_equal(option.irq, 10); /* a decimal number, whatever it begins with */
    static const char *const bad[] = {
        "",
        "512",
        "512@0xfeb00000:0",
        "512@0xfeb00000:0x5",
        "512@0xfeb00000:-1",
        "512@",
        "512@0xfeb00000",
        "512@0xfeb00000:",
        "512@0xfeb00000:5:",
        "512@0xfeb00000:5x",
        "@0xfeb00000:5",
        "0@0xfeb00000:5",
        "512@0:5",
        "512@0xfeb00001:5",
        "512@0xffffffffffffff00:5",
        "512@0xfffffffffffffffff:5",
        "4G@0xfeb00000:5",
        "17179869184G@0xfeb00000:5",
        "512@0xfeb00000:1024",
        "-512@0xfeb00000:5",
    };
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_false(mmio_parse_option(bad[i], &option));
    }
}

static void test_console(void **state)
{
    (void)state;
    struct line_config config;
    unsigned number;
    assert_true(uart_parse_console("ttyS0", &number, &config));
    assert_int_equal(number, 0);
    assert_int_equal(config.baud, 115200);
    assert_int_equal(config.bits, 8);
    assert_true(uart_parse_console("ttyS1,9600o7", &number, &config));
    assert_int_equal(number, 1);
    assert_int_equal(config.baud, 9600);
    assert_int_equal(config.bits, 7);
    assert_int_equal(config.parity, 'o');
    assert_true(uart_parse_console("ttyS2,9600", &number, &config));
    assert_int_equal(config.parity, 'n');
    assert_true(uart_parse_console("ttyS0,0", &number, &config));
    assert_int_equal(config.baud, 115200);
    assert_false(uart_parse_console("ttyS", &number, &config));
    assert_false(uart_parse_console("ttyS1x", &number, &config));
    assert_false(uart_parse_console("hvc0", &number, &config));
    assert_false(uart_parse_console("tty0", &number, &config));
    assert_false(uart_parse_console("", &number, &config));
}

/* Two devices as QEMU 7.2's microvm describes them. */
static const uint8_t dsdt[] = {
    0x44, 0x00, 0x5b, 0x82, 0x42, 0x04, 0x56, 0x52, 0x32, 0x33, 0x08, 0x5f, 0x48, 0x49, 0x44, 0x0d,
    0x4c, 0x4e, 0x52, 0x4f, 0x30, 0x30, 0x30, 0x35, 0x00, 0x08, 0x5f, 0x55, 0x49, 0x44, 0x0a, 0x17,
    0x08, 0x5f, 0x43, 0x43, 0x41, 0x01, 0x08, 0x5f, 0x43, 0x52, 0x53, 0x11, 0x1a, 0x0a, 0x17, 0x86,
    0x09, 0x00, 0x01, 0x00, 0x2e, 0xb0, 0xfe, 0x00, 0x02, 0x00, 0x00, 0x89, 0x06, 0x00, 0x01, 0x01,
    0x2f, 0x00, 0x00, 0x00, 0x79, 0x00, 0x5b, 0x82, 0x42, 0x04, 0x56, 0x52, 0x32, 0x32, 0x08, 0x5f,
    0x48, 0x49, 0x44, 0x0d, 0x4c, 0x4e, 0x52, 0x4f, 0x30, 0x30, 0x30, 0x35, 0x00, 0x08, 0x5f, 0x55,
    0x49, 0x44, 0x0a, 0x16, 0x08, 0x5f, 0x43, 0x43, 0x41, 0x01, 0x08, 0x5f, 0x43, 0x52, 0x53, 0x11,
    0x1a, 0x0a, 0x17, 0x86, 0x09, 0x00, 0x01, 0x00, 0x2c, 0xb0, 0xfe, 0x00, 0x02, 0x00, 0x00, 0x89,
    0x06, 0x00, 0x01, 0x01, 0x2e, 0x00, 0x00, 0x00, 0x79, 0x00,
};

static void test_acpi(void **state)
{
    (void)state;
    struct mmio_option option;
    size_t position = 0;
    assert_true(mmio_next_acpi(dsdt, sizeof(dsdt), &position, &option));
    assert_int_equal(option.address, 0xfeb02e00);
    assert_int_equal(option.size, 512);
    assert_int_equal(option.irq, 47);
    assert_true(option.trigger & ARCH_IRQ_LEVEL);
    assert_false(option.trigger & ARCH_IRQ_LOW);
    assert_true(mmio_next_acpi(dsdt, sizeof(dsdt), &position, &option));
    assert_int_equal(option.address, 0xfeb02c00);
    assert_int_equal(option.irq, 46);
    assert_false(mmio_next_acpi(dsdt, sizeof(dsdt), &position, &option));
    assert_false(mmio_next_acpi(dsdt, sizeof(dsdt), &position, &option));
}

/* Cut short anywhere, and with every byte wrong in turn: never beyond the end, never for ever. */
static void test_acpi_damaged(void **state)
{
    (void)state;
    struct mmio_option option;
    for (size_t size = 0; size < sizeof(dsdt); size++) {
        uint8_t *exact = malloc(size + (size == 0));
        memcpy(exact, dsdt, size);
        size_t position = 0, count = 0;
        while (mmio_next_acpi(exact, size, &position, &option)) {
            count++;
        }
        assert_in_range(count, 0, 2);
        free(exact);
    }
    for (size_t at = 0; at < sizeof(dsdt); at++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t copy[sizeof(dsdt)];
            memcpy(copy, dsdt, sizeof(dsdt));
            copy[at] = (uint8_t)value;
            size_t position = 0, count = 0;
            while (mmio_next_acpi(copy, sizeof(copy), &position, &option)) {
                assert_true(mmio_option_valid(&option));
                count++;
            }
            assert_in_range(count, 0, 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mmio),
        cmocka_unit_test(test_acpi),
        cmocka_unit_test(test_acpi_damaged),
        cmocka_unit_test(test_console),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
