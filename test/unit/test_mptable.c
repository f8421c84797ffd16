/* SPDX-License-Identifier: BSD-2-Clause */
/* The MultiProcessor tables: good ones are read, damaged ones refused, none is read beyond its end.
 */
// sources: lib/mptable.c
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mptable.h"

static void fix_sum(uint8_t *bytes, size_t size, size_t field)
{
    uint8_t sum = 0;
    bytes[field] = 0;
    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    bytes[field] = (uint8_t)-sum;
}

static void pointer(void **state)
{
    (void)state;
    uint8_t p[MP_POINTER_SIZE] = {'_', 'M', 'P', '_', 0x10, 0xd4, 0x09, 0, 1, 4, 0, 0, 0x80};
    struct mp_pointer out;
    fix_sum(p, sizeof(p), 10);
    assert_int_equal(mp_parse_pointer(p, &out), 0);
    assert_int_equal(out.table, 0x9d410);
    assert_int_equal(out.default_config, 0);
    assert_true(out.features & MP_FEATURE_IMCR);
    for (size_t i = 0; i < sizeof(p); i++) {
        p[i] ^= 0x20;
        assert_int_equal(mp_parse_pointer(p, &out), -EINVAL);
        p[i] ^= 0x20;
    }
}

static const uint8_t entries[] = {
    0, 1, 0x14, 3,   0,   0,   0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* boot CPU, id 1 */
    0, 5, 0x14, 0,   0,   0,   0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* disabled */
    1, 0, 'I',  'S', 'A', ' ', ' ',  ' ',                                      /* bus */
    2, 8, 0x11, 1,   0,   0,   0xc0, 0xfe,                                     /* I/O APIC */
    3, 3, 5,    0,   0,   4,   8,    6,                                        /* interrupt */
    4, 1, 0,    0,   0,   0,   0xff, 1,                                        /* local interrupt */
};

static uint8_t *make(size_t *size)
{
    *size = MP_HEADER_SIZE + sizeof(entries);
    uint8_t *t = calloc(1, *size);
    memcpy(t, "PCMP", 4);
    t[4] = (uint8_t)*size;
    t[34] = 6;
    t[38] = 0xe0, t[39] = 0xfe;
    memcpy(t + MP_HEADER_SIZE, entries, sizeof(entries));
    fix_sum(t, *size, 7);
    return t;
}

static void reads(void **state)
{
    (void)state;
    size_t size, position = 0;
    uint8_t *bytes = make(&size);
    struct mp_table table;
    struct mp_entry e;
    assert_int_equal(mp_table_size(bytes), size);
    assert_int_equal(mp_open(&table, bytes, size), 0);
    assert_int_equal(table.local_apic, 0xfee00000);
    assert_int_equal(table.entries, 6);
    assert_true(mp_next(&table, &position, &e));
    assert_int_equal(e.type, MP_CPU);
    assert_int_equal(e.id, 1);
    assert_int_equal(e.flags, MP_CPU_ENABLED | MP_CPU_BSP);
    assert_true(mp_next(&table, &position, &e));
    assert_int_equal(e.flags, 0);
    assert_true(mp_next(&table, &position, &e));
    assert_string_equal(e.bus, "ISA");
    assert_true(mp_next(&table, &position, &e));
    assert_int_equal(e.type, MP_IO_APIC);
    assert_int_equal(e.address, 0xfec00000);
    assert_true(mp_next(&table, &position, &e));
    assert_int_equal(e.kind, 3);
    assert_int_equal(e.mode, 5);
    assert_int_equal(e.source_irq, 4);
    assert_int_equal(e.target, 8);
    assert_int_equal(e.target_pin, 6);
    assert_true(mp_next(&table, &position, &e));
    assert_int_equal(e.type, MP_LOCAL_INTERRUPT);
    assert_false(mp_next(&table, &position, &e));
    free(bytes);
}

static void refuses(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = make(&size);
    struct mp_table table;
    struct mp_entry e;
    assert_int_equal(mp_open(&table, bytes, size - 1), -EINVAL);
    bytes[50] ^= 1;
    assert_int_equal(mp_open(&table, bytes, size), -EINVAL);
    bytes[50] ^= 1;
    bytes[4] = 10;
    assert_int_equal(mp_table_size(bytes), -EINVAL);
    memcpy(bytes, "PCMQ", 4);
    assert_int_equal(mp_table_size(bytes), -EINVAL);
    free(bytes);
    /* Cut off anywhere, and any type of entry: it ends, within its bytes. */
    for (size_t cut = 0; cut <= sizeof(entries); cut++) {
        for (unsigned type = 0; type < 256; type += 3) {
            uint8_t *part = calloc(1, MP_HEADER_SIZE + cut);
            memcpy(part + MP_HEADER_SIZE, entries, cut);
            if (cut > 0) {
                part[MP_HEADER_SIZE] = (uint8_t)type;
            }
            table = (struct mp_table){.bytes = part, .size = MP_HEADER_SIZE + cut};
            unsigned count = 0;
            for (size_t position = 0; mp_next(&table, &position, &e);) {
                assert_true(++count < 20);
            }
            free(part);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointer),
        cmocka_unit_test(reads),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
