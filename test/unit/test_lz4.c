/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LZ4 blocks: what liblz4 packs is unpacked to the same bytes; of damaged blocks no byte too many
 * is read or written (the sanitizer watches buffers of the exact size).
 */
// sources: lib/lz4.c
// flags: -Wl,--no-as-needed -llz4
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lz4hc.h>

#include "lib/lz4.h"
#include "lib/types.h"

static long unpack_exactly(const uint8_t *packed, size_t size, uint8_t *out, size_t room)
{
    uint8_t *copy = malloc(size + (size == 0));
    uint8_t *to = malloc(room + (room == 0));
    if (size > 0) {
        memcpy(copy, packed, size);
    }
    long got = lz4_unpack(copy, size, to, room);
    if (got > 0 && out != NULL) {
        memcpy(out, to, (size_t)got);
    }
    free(copy);
    free(to);
    return got;
}

/* Data with repetitions of many lengths and distances. */
static void fill(uint8_t *bytes, size_t size, unsigned kind)
{
    for (size_t i = 0; i < size; i++) {
        size_t back = (size_t)rand() % 300 + 1;
        bytes[i] = kind == 0 || i < back ? (uint8_t)rand() : (uint8_t)(kind == 1 ? 'x' : 0);
        if (kind == 2 && i >= back) {
            size_t wish = (size_t)rand() % 600, run = MIN(wish, size - i);
            for (size_t j = 0; j < run; j++) {
                bytes[i + j] = bytes[i + j - back];
            }
            i += run > 0 ? run - 1 : 0;
        }
    }
}

static void as_liblz4(void **state)
{
    (void)state;
    srand(1);
    for (unsigned round = 0; round < 600; round++) {
        size_t size = (size_t)rand() % (round % 10 == 0 ? 100000 : 900) + 1;
        uint8_t *bytes = calloc(1, size), *out = calloc(1, size);
        fill(bytes, size, round % 3);
        int room = LZ4_compressBound((int)size);
        char *packed = malloc((size_t)room);
        int got = LZ4_compress_HC((const char *)bytes, packed, (int)size, room, (int)(round % 13));
        assert_true(got > 0);
        assert_int_equal(unpack_exactly((uint8_t *)packed, (size_t)got, out, size), size);
        assert_memory_equal(bytes, out, size);
        assert_int_equal(unpack_exactly((uint8_t *)packed, (size_t)got, NULL, size - 1), -EINVAL);
        free(packed);
        free(bytes);
        free(out);
    }
}

static void damaged(void **state)
{
    (void)state;
    uint8_t bytes[2000];
    char packed[3000];
    srand(2);
    fill(bytes, sizeof(bytes), 2);
    int size = LZ4_compress_HC((const char *)bytes, packed, sizeof(bytes), sizeof(packed), 12);
    for (int cut = 0; cut < size; cut++) {
        assert_true(unpack_exactly((uint8_t *)packed, (size_t)cut, NULL, sizeof(bytes)) <
                    (long)sizeof(bytes));
    }
    for (unsigned i = 0; i < 30000; i++) {
        int at = rand() % size;
        char old = packed[at];
        packed[at] = (char)rand();
        unpack_exactly((uint8_t *)packed, (size_t)size, NULL, sizeof(bytes));
        packed[at] = old;
    }
    assert_int_equal(unpack_exactly(NULL, 0, NULL, 10), -EINVAL);
    /* A distance of nothing, and one to before the start. */
    assert_int_equal(unpack_exactly((const uint8_t *)"\x10x\0\0", 4, NULL, 100), -EINVAL);
    assert_int_equal(unpack_exactly((const uint8_t *)"\x10x\2\0", 4, NULL, 100), -EINVAL);
}

/* A frame as `lz4 -l` writes it, of blocks with these sizes. */
static size_t make_frame(uint8_t *frame, const char *bytes, const size_t *sizes, size_t count)
{
    static const uint8_t magic[] = {0x02, 0x21, 0x4c, 0x18};
    size_t at = sizeof(magic);
    memcpy(frame, magic, sizeof(magic));
    for (size_t i = 0; i < count; bytes += sizes[i++]) {
        int packed = LZ4_compress_HC(bytes, (char *)frame + at + 4, (int)sizes[i],
                                     LZ4_compressBound((int)sizes[i]), 1);
        assert_true(packed > 0);
        memcpy(frame + at, &packed, sizeof(packed));
        at += 4 + (size_t)packed;
    }
    return at;
}

static void legacy_frames(void **state)
{
    (void)state;
    static char bytes[LZ4_LEGACY_BLOCK + 70000], out[sizeof(bytes)];
    static uint8_t frame[2 * sizeof(bytes)];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i >> 9 ^ i % 7);
    }
    static const size_t two[] = {LZ4_LEGACY_BLOCK, 30000}, one[] = {40000};
    size_t size = make_frame(frame, bytes, two, 2);
    /* A second frame behind it, and zeros. */
    size += make_frame(frame + size, bytes + two[0] + two[1], one, 1);
    for (size_t zeros = 0; zeros < 9; zeros++) {
        long bound = lz4_legacy_bound(frame, size + zeros);
        assert_in_range(bound, sizeof(bytes), 3ul * LZ4_LEGACY_BLOCK);
        memset(out, 0, sizeof(out));
        assert_int_equal(lz4_legacy_unpack(frame, size + zeros, (uint8_t *)out, sizeof(out)),
                         sizeof(bytes));
        assert_memory_equal(out, bytes, sizeof(bytes));
    }
    assert_int_equal(lz4_legacy_unpack(frame, size, (uint8_t *)out, sizeof(out) - 1), -EINVAL);
    assert_int_equal(lz4_legacy_bound(frame, size - 1), -EINVAL);
    assert_int_equal(lz4_legacy_unpack(frame, size - 1, (uint8_t *)out, sizeof(out)), -EINVAL);
    frame[size + 4] = 1; /* a size of zero, and something behind it */
    assert_int_equal(lz4_legacy_bound(frame, size + 5), -EINVAL);
    assert_int_equal(lz4_legacy_bound(frame, 4), 0);
    assert_true(lz4_is_legacy(frame, 4) && !lz4_is_legacy(frame, 3) &&
                !lz4_is_legacy(frame + 1, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_liblz4), cmocka_unit_test(damaged),
                                       cmocka_unit_test(legacy_frames)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
