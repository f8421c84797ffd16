/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ChaCha20 against the vectors of RFC 8439, and what callers may rely on of the generator built on
 * it: no repetition, every size filled exactly, entropy takes effect, readiness is counted.
 */
// sources: lib/chacha20.c kernel/base/random.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/arch/cpu.h"
#include "kernel/base/panic.h"
#include "kernel/base/random.h"
#include "kernel/base/spinlock.h"
#include "lib/chacha20.h"

/* The port's part: one CPU, and a source that gives what the test wants. */
bool fake_irqs_off;
int fake_preempt_count;
/* One CPU: a spinlock that is waited for is never released. */
void spin_wait(struct spinlock *lock)
{
    spin_wait_irq(lock, 0);
}
void spin_wait_irq(struct spinlock *lock, unsigned long flags)
{
    (void)lock, (void)flags;
    fail_msg("a spinlock was taken twice");
}

static size_t source_size;
static uint8_t source_byte;

size_t arch_cpu_random(void *buf, size_t size)
{
    size_t got = size < source_size ? size : source_size;
    memset(buf, source_byte, got);
    return got;
}

_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    print_error("%s:%d: %s\n", file, line, expr);
    abort();
}

static void key_from_bytes(uint32_t key[8], const uint8_t bytes[32])
{
    memcpy(key, bytes, 32);
}

/* RFC 8439, section 2.3.2. */
static void test_block_vector(void **state)
{
    static const uint8_t expected[64] = {
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
        0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
        0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
        0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
        0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
    };
    const uint32_t nonce[3] = {0x09000000, 0x4a000000, 0};
    uint8_t bytes[32], out[64];
    uint32_t key[8];
    (void)state;
    for (unsigned i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)i;
    }
    key_from_bytes(key, bytes);
    chacha20_block(key, 1, nonce, out);
    assert_memory_equal(out, expected, sizeof(out));
}

/* RFC 8439, appendix A.1, test vectors 1 and 2: zero key, blocks 0 and 1 (first 32 bytes). */
static void test_block_zero_key(void **state)
{
    static const uint8_t block0[32] = {
        0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a,
        0xe5, 0x53, 0x86, 0xbd, 0x28, 0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d,
        0xed, 0x1a, 0xa8, 0x36, 0xef, 0xcc, 0x8b, 0x77, 0x0d, 0xc7,
    };
    static const uint8_t block1[32] = {
        0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97,
        0x7c, 0x73, 0x2d, 0x08, 0x0d, 0xcb, 0x0f, 0x29, 0xa0, 0x48, 0xe3,
        0x65, 0x69, 0x12, 0xc6, 0x53, 0x3e, 0x32, 0xee, 0x7a, 0xed,
    };
    const uint32_t key[8] = {0}, nonce[3] = {0};
    uint8_t out[64];
    (void)state;
    chacha20_block(key, 0, nonce, out);
    assert_memory_equal(out, block0, sizeof(block0));
    chacha20_block(key, 1, nonce, out);
    assert_memory_equal(out, block1, sizeof(block1));
}

/* A stream of any length is a prefix of the blocks in order, and nothing is written behind it. */
static void test_stream_is_blocks(void **state)
{
    const uint32_t key[8] = {1, 2, 3, 4, 5, 6, 7, 8}, nonce[3] = {9, 10, 11};
    uint8_t blocks[256], out[256];
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        chacha20_block(key, 7 + i, nonce, blocks + 64 * i);
    }
    for (size_t size = 0; size < sizeof(out); size++) {
        memset(out, 0xaa, sizeof(out));
        chacha20_stream(key, 7, nonce, out, size);
        assert_memory_equal(out, blocks, size);
        assert_int_equal(out[size], 0xaa);
    }
}

/* Every size around the buffer's edges is filled, not overrun, and does not repeat. */
static void test_bytes_sizes(void **state)
{
    uint8_t a[700], b[700];
    (void)state;
    for (size_t size = 16; size < 600; size += 7) {
        memset(a, 0, sizeof(a));
        memset(b, 0, sizeof(b));
        random_bytes(a, size);
        random_bytes(b, size);
        assert_memory_not_equal(a, b, size);
        for (size_t i = size; i < sizeof(a); i++) {
            assert_int_equal(a[i], 0);
        }
        /* Sixteen zeroes in a row at the end: once in 2^128. */
        static const uint8_t zeroes[16];
        assert_memory_not_equal(a + size - 16, zeroes, 16);
    }
}

/* A crude look at the bits: a stuck byte or a repeated buffer would be far outside. */
static void test_bytes_balanced(void **state)
{
    unsigned ones = 0, counts[256] = {0};
    (void)state;
    for (unsigned i = 0; i < 8192; i++) {
        uint64_t value = random_u64();
        ones += (unsigned)__builtin_popcountll(value);
        counts[value & 0xff]++;
    }
    /* 524288 bits: the standard deviation is 362; byte values: 32 on average. */
    assert_in_range(ones, 262144 - 2500, 262144 + 2500);
    for (unsigned i = 0; i < 256; i++) {
        assert_in_range(counts[i], 4, 90);
    }
}

/* Output handed out by small requests is never the same 8 bytes twice. */
static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void test_no_repetition(void **state)
{
    static uint64_t values[4096];
    (void)state;
    for (unsigned i = 0; i < 4096; i++) {
        if (i % 100 == 50) {
            random_add("", 0);
        }
        values[i] = random_u64();
    }
    qsort(values, 4096, sizeof(values[0]), compare_u64);
    for (unsigned i = 1; i < 4096; i++) {
        assert_true(values[i - 1] != values[i]);
    }
}

static void test_init_any_source(void **state)
{
    uint8_t seed[100];
    (void)state;
    memset(seed, 7, sizeof(seed));
    for (source_size = 0; source_size <= 40; source_size += 8) {
        random_init(seed, source_size * 2);
        assert_true(random_ready());
        (void)random_u64();
        assert_false(fake_irqs_off);
        assert_int_equal(fake_preempt_count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block_vector),     cmocka_unit_test(test_block_zero_key),
        cmocka_unit_test(test_stream_is_blocks), cmocka_unit_test(test_bytes_sizes),
        cmocka_unit_test(test_bytes_balanced),   cmocka_unit_test(test_no_repetition),
        cmocka_unit_test(test_init_any_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
