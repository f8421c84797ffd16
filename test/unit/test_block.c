/* SPDX-License-Identifier: BSD-2-Clause */
/* The payload's checksum: every flipped bit, and what moves to another block, change it. */
// sources: boot/loader/block.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/loader/block.h"

enum { SIZE = 4 * BLOCK_SIZE };
static _Alignas(16) uint8_t bytes[SIZE];

static int setup(void **state)
{
    (void)state;
    srand(1);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)rand();
    }
    return 0;
}

static bool differs(struct block_sum from)
{
    struct block_sum now = block_checksum(bytes, SIZE);
    return memcmp(&now, &from, sizeof(now)) != 0;
}

static void every_bit(void **state)
{
    (void)state;
    struct block_sum good = block_checksum(bytes, SIZE);
    assert_false(differs(good));
    for (unsigned bit = 0; bit < SIZE * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(differs(good));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_false(differs(good));
}

static void order(void **state)
{
    (void)state;
    struct block_sum good = block_checksum(bytes, SIZE);
    uint64_t *words = (uint64_t *)bytes;
    for (size_t i = 0; i < SIZE / 8; i++) {
        /* Each word with those of other blocks, and whatever is in the other lane. */
        for (size_t j = 0; j < i; j++) {
            if (i / (BLOCK_SIZE / 8) == j / (BLOCK_SIZE / 8) && i % 2 == j % 2) {
                continue;
            }
            uint64_t a = words[i], b = words[j];
            words[i] = b, words[j] = a;
            assert_true(differs(good));
            words[i] = a, words[j] = b;
        }
    }
}

static void zeros_and_length(void **state)
{
    (void)state;
    memset(bytes, 0, SIZE);
    struct block_sum shorter = block_checksum(bytes, SIZE - BLOCK_SIZE);
    assert_true(differs(shorter));
}

static void clears(void **state)
{
    (void)state;
    for (size_t size = 0; size <= SIZE - 32; size += 16) {
        memset(bytes, 0xaa, SIZE);
        block_clear(bytes + 16, size);
        for (size_t i = 0; i < SIZE; i++) {
            assert_int_equal(bytes[i], i >= 16 && i < 16 + size ? 0 : 0xaa);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_bit, setup),
        cmocka_unit_test_setup(order, setup),
        cmocka_unit_test_setup(zeros_and_length, setup),
        cmocka_unit_test(clears),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
