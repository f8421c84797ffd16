/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables in a small physical memory of our own: found and read when good, refused when any
 * length, checksum or address is wrong; never read beyond their end.
 */
// sources: lib/acpi.c
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/acpi.h"

enum { BASE = 0x1000, SIZE = 0x1000, RSDP = 0x1100, RSDT = 0x1200, XSDT = 0x1300, MADT = 0x1400 };
static uint8_t physical[SIZE];
static void *handed_out[64]; /* exact copies, so that the sanitizer sees every byte too far */
static unsigned handed_count;

static const void *map(const struct acpi_memory *memory, uint64_t paddr, size_t size)
{
    (void)memory;
    if (paddr < BASE || size > SIZE || paddr - BASE > SIZE - size || handed_count == 64) {
        return NULL;
    }
    void *copy = malloc(size);
    memcpy(copy, physical + (paddr - BASE), size);
    handed_out[handed_count++] = copy;
    return copy;
}
static const struct acpi_memory memory = {.map = map};

static uint8_t *at(unsigned paddr)
{
    return physical + (paddr - BASE);
}

static void store(unsigned paddr, uint64_t value, unsigned width)
{
    memcpy(at(paddr), &value, width);
}

static void fix_sum(unsigned paddr, unsigned size, unsigned field)
{
    uint8_t sum = 0;
    *at(paddr + field) = 0;
    for (unsigned i = 0; i < size; i++) {
        sum = (uint8_t)(sum + *at(paddr + i));
    }
    *at(paddr + field) = (uint8_t)-sum;
}

static void table(unsigned paddr, const char *signature, unsigned size)
{
    memcpy(at(paddr), signature, 4);
    store(paddr + 4, size, 4);
    fix_sum(paddr, size, 9);
}

static int setup(void **state)
{
    (void)state;
    memset(physical, 0, sizeof(physical));
    memcpy(at(RSDP), "RSD PTR ", 8);
    *at(RSDP + 15) = 2;
    store(RSDP + 16, RSDT, 4);
    store(RSDP + 20, 36, 4);
    store(RSDP + 24, XSDT, 8);
    fix_sum(RSDP, 20, 8);
    fix_sum(RSDP, 36, 32);
    store(RSDT + 36, MADT, 4);
    table(RSDT, "RSDT", 40);
    store(XSDT + 36, 0xffffffffffffffff, 8); /* an entry to nowhere is passed over */
    store(XSDT + 44, MADT, 8);
    table(XSDT, "XSDT", 52);
    store(MADT + 36, 0xfee00000, 4);
    static const uint8_t entries[] = {
        0,  8,  1, 7, 1,    0,    0,    0,                              /* local APIC 7 */
        77, 3,  0,                                                      /* unknown */
        1,  12, 5, 0, 0,    0,    0xc0, 0xfe, 24,   0, 0, 0,            /* I/O APIC */
        2,  10, 0, 9, 20,   0,    0,    0,    0x0d, 0,                  /* override */
        0,  4,  1, 2,                                                   /* too short */
        9,  16, 0, 0, 0x34, 0x12, 0,    0,    1,    0, 0, 0, 3, 0, 0, 0 /* x2APIC */
    };
    memcpy(at(MADT + 44), entries, sizeof(entries));
    table(MADT, "APIC", 44 + sizeof(entries));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    while (handed_count > 0) {
        free(handed_out[--handed_count]);
    }
    return 0;
}

static void finds_by_xsdt(void **state)
{
    (void)state;
    struct acpi acpi;
    struct acpi_table madt;
    assert_int_equal(acpi_open(&acpi, &memory, RSDP), 0);
    assert_true(acpi.wide);
    assert_int_equal(acpi_find(&acpi, "APIC", &madt), 0);
    assert_int_equal(madt.paddr, MADT);
    assert_int_equal(acpi_find(&acpi, "HPET", &madt), -ENOENT);
}

static void falls_back_to_rsdt(void **state)
{
    (void)state;
    struct acpi acpi;
    struct acpi_table madt;
    *at(XSDT + 20) ^= 1; /* checksum */
    assert_int_equal(acpi_open(&acpi, &memory, RSDP), 0);
    assert_false(acpi.wide);
    assert_int_equal(acpi_find(&acpi, "APIC", &madt), 0);
    /* The extended part of the pointer is damaged: its XSDT does not count. */
    *at(XSDT + 20) ^= 1;
    *at(RSDP + 33) ^= 1;
    assert_int_equal(acpi_open(&acpi, &memory, RSDP), 0);
    assert_false(acpi.wide);
}

static void refuses(void **state)
{
    (void)state;
    struct acpi acpi;
    struct acpi_table madt;
    assert_int_equal(acpi_open(&acpi, &memory, 0), -EFAULT);
    assert_int_equal(acpi_open(&acpi, &memory, UINT64_MAX), -EFAULT);
    assert_int_equal(acpi_open(&acpi, &memory, BASE + SIZE - 4), -EFAULT);
    assert_int_equal(acpi_open(&acpi, &memory, RSDT), -EINVAL);
    static const uint32_t bad_sizes[] = {0, 35, 0x1000, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < ARRAY_SIZE(bad_sizes); i++) {
        teardown(NULL);
        setup(NULL);
        assert_int_equal(acpi_open(&acpi, &memory, RSDP), 0);
        store(MADT + 4, bad_sizes[i], 4);
        assert_int_equal(acpi_find(&acpi, "APIC", &madt), -ENOENT);
    }
}

static void reads_madt(void **state)
{
    (void)state;
    struct acpi_table madt;
    struct acpi_madt_entry e;
    size_t position = 0;
    assert_int_equal(acpi_table_at(&memory, MADT, "APIC", &madt), 0);
    assert_int_equal(acpi_madt_local_apic(&madt), 0xfee00000);
    assert_true(acpi_madt_next(&madt, &position, &e));
    assert_int_equal(e.type, ACPI_MADT_LOCAL_APIC);
    assert_int_equal(e.id, 7);
    assert_int_equal(e.flags, ACPI_CPU_ENABLED);
    assert_true(acpi_madt_next(&madt, &position, &e));
    assert_int_equal(e.type, ACPI_MADT_IO_APIC);
    assert_int_equal(e.address, 0xfec00000);
    assert_int_equal(e.gsi, 24);
    assert_true(acpi_madt_next(&madt, &position, &e));
    assert_int_equal(e.type, ACPI_MADT_OVERRIDE);
    assert_int_equal(e.id, 9);
    assert_int_equal(e.gsi, 20);
    assert_int_equal(e.flags, 0x0d);
    assert_true(acpi_madt_next(&madt, &position, &e));
    assert_int_equal(e.type, ACPI_MADT_LOCAL_X2APIC);
    assert_int_equal(e.id, 0x1234);
    assert_int_equal(e.cpu_uid, 3);
    assert_false(acpi_madt_next(&madt, &position, &e));
    assert_false(acpi_madt_next(&madt, &position, &e));
}

static void survives_any_madt(void **state)
{
    (void)state;
    /* Every length of the table, and every value of each length byte in it. */
    for (unsigned size = 0; size < 110; size++) {
        uint8_t *bytes = malloc(size + 1);
        for (unsigned value = 0; value < 256; value += 5) {
            memcpy(bytes, at(MADT), size);
            if (size > 45) {
                bytes[45] = (uint8_t)value;
            }
            struct acpi_table madt = {.bytes = bytes, .size = size};
            struct acpi_madt_entry e;
            unsigned count = 0;
            acpi_madt_local_apic(&madt);
            for (size_t position = 0; acpi_madt_next(&madt, &position, &e);) {
                assert_true(++count < 32);
            }
        }
        free(bytes);
    }
}

static void reads_fadt(void **state)
{
    (void)state;
    struct acpi_table fadt = {.bytes = at(0x1600), .size = 276};
    struct acpi_fadt f;
    store(0x1600 + 40, 0x1111, 4); /* DSDT */
    store(0x1600 + 64, 0x604, 4);  /* PM1a control */
    *at(0x1600 + 89) = 2;          /* its length */
    store(0x1600 + 112, 1 << 10, 4);
    *at(0x1600 + 116) = 1; /* reset: I/O */
    store(0x1600 + 120, 0xcf9, 8);
    *at(0x1600 + 128) = 6;
    assert_int_equal(acpi_parse_fadt(&fadt, &f), 0);
    assert_int_equal(f.dsdt, 0x1111);
    assert_int_equal(f.pm1a_control.address, 0x604);
    assert_int_equal(f.pm1a_control.space, 1);
    assert_int_equal(f.pm1a_control.bit_width, 16);
    assert_int_equal(f.pm1b_control.address, 0);
    assert_true(f.flags & ACPI_FADT_RESET_SUPPORTED);
    assert_int_equal(f.reset.address, 0xcf9);
    assert_int_equal(f.reset_value, 6);
    store(0x1600 + 140, 0x222222222, 8); /* X_DSDT wins */
    assert_int_equal(acpi_parse_fadt(&fadt, &f), 0);
    assert_true(f.dsdt == 0x222222222);
    fadt.size = 116; /* ACPI 1.0: what it lacks is 0 */
    assert_int_equal(acpi_parse_fadt(&fadt, &f), 0);
    assert_int_equal(f.dsdt, 0x1111);
    assert_int_equal(f.reset.address, 0);
    fadt.size = 115;
    assert_int_equal(acpi_parse_fadt(&fadt, &f), -EINVAL);
}

static void reads_hpet_and_mcfg(void **state)
{
    (void)state;
    struct acpi_hpet hpet;
    struct acpi_table t = {.bytes = at(0x1800), .size = 56};
    assert_int_equal(acpi_parse_hpet(&t, &hpet), -EINVAL); /* no address */
    store(0x1800 + 44, 0xfed00000, 8);
    store(0x1800 + 53, 0x80, 2);
    assert_int_equal(acpi_parse_hpet(&t, &hpet), 0);
    assert_int_equal(hpet.address.address, 0xfed00000);
    assert_int_equal(hpet.minimum_tick, 0x80);
    t.size = 55;
    assert_int_equal(acpi_parse_hpet(&t, &hpet), -EINVAL);

    struct acpi_mcfg_entry entry;
    size_t position = 0;
    store(0x1900 + 44, 0xb0000000, 8);
    *at(0x1900 + 55) = 255;
    t = (struct acpi_table){.bytes = at(0x1900), .size = 44 + 16 + 15};
    assert_true(acpi_mcfg_next(&t, &position, &entry));
    assert_int_equal(entry.address, 0xb0000000);
    assert_int_equal(entry.last_bus, 255);
    assert_false(acpi_mcfg_next(&t, &position, &entry));
    t.size = 10;
    position = 0;
    assert_false(acpi_mcfg_next(&t, &position, &entry));
}

static int s5(const char *aml, size_t size, uint8_t *a, uint8_t *b)
{
    uint8_t *bytes = calloc(1, ACPI_HEADER_SIZE + size);
    memcpy(bytes + ACPI_HEADER_SIZE, aml, size);
    struct acpi_table dsdt = {.bytes = bytes, .size = ACPI_HEADER_SIZE + size};
    int err = acpi_find_s5(&dsdt, a, b);
    free(bytes);
    return err;
}
#define S5(text) s5(text, sizeof(text) - 1, &a, &b)

static void finds_s5(void **state)
{
    (void)state;
    uint8_t a = 99, b = 99;
    assert_int_equal(S5("xx\x08_S5_\x12\x06\x04\x0a\x05\x0a\x07\x00\x00"), 0); /* bytes */
    assert_int_equal(a, 5);
    assert_int_equal(b, 7);
    assert_int_equal(S5("\x08\\_S5_\x12\x06\x02\x00\x01"), 0); /* ZeroOp, OneOp; root name */
    assert_int_equal(a, 0);
    assert_int_equal(b, 1);
    assert_int_equal(S5("\x08_S5_\x12\x46\x00\x02\x01\x01"), 0); /* two bytes of length */
    assert_int_equal(a, 1);
    assert_int_equal(S5("\x08_S5_\x12\x04\x01\x0a\x05"), 0); /* one element: b is a */
    assert_int_equal(b, 5);
    assert_int_equal(S5("_S5_\x12\x06\x04\x0a\x05\x0a\x05"), -ENOENT);     /* no NameOp */
    assert_int_equal(S5("\x08_S5_\x13\x06\x04\x0a\x05\x0a\x05"), -ENOENT); /* no package */
    assert_int_equal(S5("\x08_S5_\x12\x06\x04\x0a\x55\x0a\x05"), -ENOENT); /* no sleep type */
    assert_int_equal(S5("\x08_S5_\x12\x06\x04\x0c\x05\x00\x00"), -ENOENT); /* not a small one */
    /* Cut off anywhere. */
    static const char whole[] = "\x08_S5_\x12\x46\x00\x04\x0a\x05\x0a\x05";
    for (size_t size = 0; size < 11; size++) {
        assert_int_equal(s5(whole, size, &a, &b), -ENOENT);
    }
    assert_int_equal(s5(whole, 11, &a, &b), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_by_xsdt, setup, teardown),
        cmocka_unit_test_setup_teardown(falls_back_to_rsdt, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_madt, setup, teardown),
        cmocka_unit_test_setup_teardown(survives_any_madt, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_fadt, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_hpet_and_mcfg, setup, teardown),
        cmocka_unit_test_setup_teardown(finds_s5, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
