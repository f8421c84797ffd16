/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cpio reader: good archives, alone and in a row; every kind of damage; formats it does not
 * read; names that must not be unpacked.
 */
// sources: lib/cpio.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "lib/cpio.h"

static char bytes[65536];
static size_t used;

static void add(const char *name, uint32_t mode, const char *data, size_t size)
{
    size_t name_size = strlen(name) + 1;
    used += (size_t)sprintf(
        bytes + used, "070701%08x%08x%08x%08X%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 0xabcdefu,
        mode, 1000u, 0xdeadbeefu, 1u, 1234567u, size, 8u, 1u, 4u, 64u, name_size, 0u);
    memcpy(bytes + used, name, name_size);
    used += name_size;
    while (used % 4 != 0) {
        bytes[used++] = 0;
    }
    memcpy(bytes + used, data, size);
    used += size;
    while (used % 4 != 0) {
        bytes[used++] = 0;
    }
}

static int start(void **state)
{
    (void)state;
    memset(bytes, 0, sizeof(bytes));
    used = 0;
    return 0;
}

/* The archive in memory of exactly its size, so that the sanitizer sees a look beyond. */
static int read_all(size_t size, unsigned *count, const char **error, char *last)
{
    char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, bytes, size);
    struct cpio cpio;
    cpio_begin(&cpio, copy, size);
    int result;
    *count = 0;
    while ((result = cpio_next(&cpio, error)) > 0) {
        ++*count;
        if (last != NULL) {
            snprintf(last, 64, "%s", cpio.entry.name);
        }
        volatile uint8_t sum = 0;
        for (uint32_t i = 0; i < cpio.entry.n.data_size; i++) {
            sum = (uint8_t)(sum + cpio.entry.data[i]);
        }
    }
    if (result < 0 && last != NULL) {
        snprintf(last, 64, "%s", cpio.entry.name != NULL ? cpio.entry.name : "(none)");
    }
    free(copy);
    return result;
}

static void fields(void **state)
{
    (void)state;
    add("dir/file", 0100644, "hello", 5);
    struct cpio cpio;
    const struct cpio_entry *e = &cpio.entry;
    const char *error;
    cpio_begin(&cpio, bytes, used);
    assert_int_equal(cpio_next(&cpio, &error), 1);
    assert_string_equal(e->name, "dir/file");
    assert_int_equal(e->n.ino, 0xabcdef);
    assert_int_equal(e->n.mode, 0100644);
    assert_int_equal(e->n.uid, 1000);
    assert_int_equal(e->n.gid, 0xdeadbeef);
    assert_int_equal(e->n.nlink, 1);
    assert_int_equal(e->n.mtime, 1234567);
    assert_int_equal(e->n.dev_major, 8);
    assert_int_equal(e->n.dev_minor, 1);
    assert_int_equal(e->n.rdev_major, 4);
    assert_int_equal(e->n.rdev_minor, 64);
    assert_int_equal(e->n.data_size, 5);
    assert_memory_equal(e->data, "hello", 5);
    assert_int_equal(cpio_next(&cpio, &error), 0);
}

static void several(void **state)
{
    (void)state;
    unsigned count;
    const char *error;
    char last[64];
    add("a", 0100644, "x", 1);
    add("TRAILER!!!", 0, "", 0);
    used += 512 - used % 512;
    add("b", 0100644, "yy", 2);
    add("TRAILER!!!", 0, "", 0);
    used += 1024;
    add("c", 040755, "", 0);
    assert_int_equal(read_all(used, &count, &error, last), 0);
    assert_int_equal(count, 3);
    assert_string_equal(last, "c");
    assert_int_equal(read_all(0, &count, &error, NULL), 0);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(read_all(1001, &count, &error, NULL), 0);
    assert_int_equal(count, 0);
}

/* Cut anywhere, it either ends between entries or is an error; never a look beyond the end. */
static void truncated(void **state)
{
    (void)state;
    unsigned count;
    const char *error;
    char last[64];
    add("first", 0100644, "0123456789", 10);
    size_t boundary = used;
    add("second", 0100644, "0123456789abcdef", 16);
    size_t whole = used;
    for (size_t size = 0; size <= whole; size++) {
        error = NULL;
        int result = read_all(size, &count, &error, last);
        bool fine = size == 0 || (size >= boundary - 2 && size <= boundary) || size == whole;
        assert_int_equal(result, fine ? 0 : -EINVAL);
        assert_true(fine || error != NULL);
    }
    assert_int_equal(read_all(whole - 1, &count, &error, last), -EINVAL);
    assert_string_equal(last, "second");
    assert_non_null(strstr(error, "ends before the data does"));
}

static void damaged(void **state)
{
    (void)state;
    unsigned count;
    const char *error;
    add("file", 0100644, "data", 4);
    for (size_t at = 0; at < 110; at++) {
        char old = bytes[at];
        bytes[at] = 'g';
        assert_int_equal(read_all(used, &count, &error, NULL), -EINVAL);
        bytes[at] = old;
    }
    memcpy(bytes + 6 + 8 * 11, "00000000", 8);
    assert_int_equal(read_all(used, &count, &error, NULL), -EINVAL);
    memcpy(bytes + 6 + 8 * 11, "ffffffff", 8);
    assert_int_equal(read_all(used, &count, &error, NULL), -EINVAL);
    memcpy(bytes + 6 + 8 * 11, "00000005", 8);
    memcpy(bytes + 6 + 8 * 6, "ffffffff", 8);
    assert_int_equal(read_all(used, &count, &error, NULL), -EINVAL);
    memcpy(bytes + 6 + 8 * 6, "00000004", 8);
    assert_int_equal(read_all(used, &count, &error, NULL), 0);
    bytes[110 + 4] = 'x';
    assert_int_equal(read_all(used, &count, &error, NULL), -EINVAL);
}

static void other_formats(void **state)
{
    (void)state;
    static const struct {
        const char *start;
        size_t size;
        const char *says;
    } cases[] = {
        {"\x1f\x8b\x08", 3, "gzip"},
        {"\x28\xb5\x2f\xfd", 4, "zstd"},
        {"\xfd"
         "7zXZ\0",
         6, "xz"},
        {"\x02\x21\x4c\x18", 4, "lz4"},
        {"\x04\x22\x4d\x18", 4, "lz4"},
        {"BZh9", 4, "bzip2"},
        {"070707000", 9, "old format"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned count;
        const char *error;
        memset(bytes, 'x', 512);
        memcpy(bytes, cases[i].start, cases[i].size);
        assert_int_equal(read_all(512, &count, &error, NULL), -ENOTSUP);
        assert_non_null(strstr(error, cases[i].says));
    }
}

static void padded_name(void **state)
{
    (void)state;
    unsigned count;
    const char *error;
    char last[64];
    sprintf(bytes, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, 0100644, 0, 0,
            1, 0, 5, 0, 0, 0, 0, 4096 - 110, 0);
    strcpy(bytes + 110, "aligned");
    memset(bytes + 110 + 8, 0, 4096 - 118);
    memcpy(bytes + 4096, "hello\0\0\0", 8);
    assert_int_equal(read_all(4096 + 8, &count, &error, last), 0);
    assert_int_equal(count, 1);
    assert_string_equal(last, "aligned");
}

static void names(void **state)
{
    (void)state;
    char longest[300];
    static const char *const good[] = {".",   "a",   "./a", "a/b", "a//b/", "..a",
                                       "a..", "...", "./",  "/",   "/a",    "//a/b"};
    static const char *const bad[] = {"", "..", "/..", "../a", "a/..", "a/../b", "a//.."};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_null(cpio_name_error(good[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_non_null(cpio_name_error(bad[i]));
    }
    memset(longest, 'n', sizeof(longest));
    longest[256] = '\0';
    assert_non_null(cpio_name_error(longest));
    longest[255] = '\0';
    assert_null(cpio_name_error(longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fields, start),        cmocka_unit_test_setup(several, start),
        cmocka_unit_test_setup(truncated, start),     cmocka_unit_test_setup(damaged, start),
        cmocka_unit_test_setup(other_formats, start), cmocka_unit_test_setup(padded_name, start),
        cmocka_unit_test_setup(names, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
