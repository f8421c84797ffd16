/* SPDX-License-Identifier: BSD-2-Clause */
/* Headers of bzImages: a good one, and each field that makes one bad. */
// sources: lib/bzimage.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "lib/bzimage.h"

#define FILE_SIZE 100000u

static uint8_t *head; /* of exactly its size, so that the sanitizer sees a look beyond */
static struct linux_header header;
static struct bzimage image;
static const char *reason;

/* As Linux 6.1 has them. */
static int start(void **state)
{
    (void)state;
    head = calloc(1, BZIMAGE_HEAD);
    header = (struct linux_header){
        .setup_sects = 31,
        .boot_flag = 0xaa55,
        .jump = 0x6aeb,
        .header = LINUX_HEADER_MAGIC,
        .version = 0x20f,
        .loadflags = 1,
        .initrd_addr_max = 0x7fffffff,
        .kernel_alignment = 0x200000,
        .relocatable_kernel = 1,
        .xloadflags = 0x7f,
        .cmdline_size = 2047,
        .pref_address = 0x1000000,
        .init_size = 0x2e00000,
    };
    return 0;
}

static int stop(void **state)
{
    (void)state;
    free(head);
    return 0;
}

static int parse(uint64_t file_size)
{
    memcpy(head + 0x1f1, &header, sizeof(header));
    reason = NULL;
    return bzimage_parse(head, BZIMAGE_HEAD, file_size, &image, &reason);
}

static void good(void **state)
{
    (void)state;
    assert_int_equal(parse(FILE_SIZE), 0);
    assert_int_equal(image.offset, 32 * 512);
    assert_int_equal(image.size, FILE_SIZE - 32 * 512);
    assert_int_equal(image.memory, 0x2e00000);
    assert_int_equal(image.preferred, 0x1000000);
    assert_int_equal(image.alignment, 0x200000);
    assert_int_equal(image.initrd_end, 0x80000000);
    assert_int_equal(image.cmdline_max, 2047);
    assert_true(image.relocatable);
    assert_int_equal(image.entry_offset, 0x200);
    assert_ptr_equal(image.header, head + 0x1f1);
    assert_int_equal(image.header_size, 0x202 + 0x6a - 0x1f1);
}

static void odd_but_good(void **state)
{
    (void)state;
    header.setup_sects = 0;
    header.init_size = 5;
    header.kernel_alignment = 0;
    header.initrd_addr_max = 0xffffffff;
    header.jump = 0xffeb;
    assert_int_equal(parse(FILE_SIZE), 0);
    assert_int_equal(image.offset, 5 * 512);
    assert_int_equal(image.memory, image.size);
    assert_int_equal(image.alignment, 4096);
    assert_int_equal(image.initrd_end, 0x100000000);
    assert_int_equal(image.header_size, 0x290 - 0x1f1);
    header.jump = 0x00eb;
    assert_int_equal(parse(FILE_SIZE), 0);
    assert_int_equal(image.header_size, 0x202 - 0x1f1);
}

static void assert_refused(uint64_t file_size)
{
    assert_int_equal(parse(file_size), -ENOEXEC);
    assert_non_null(reason);
    stop(NULL);
    start(NULL);
}

static void bad(void **state)
{
    (void)state;
    header.boot_flag = 0x55aa;
    assert_refused(FILE_SIZE);
    header.header = 0x12345678;
    assert_refused(FILE_SIZE);
    header.version = 0x20b;
    assert_refused(FILE_SIZE);
    header.loadflags = 0x80;
    assert_refused(FILE_SIZE);
    header.xloadflags = 1;
    assert_refused(FILE_SIZE);
    header.xloadflags = 2;
    assert_refused(FILE_SIZE);
    header.kernel_alignment = 0x30000;
    assert_refused(FILE_SIZE);
    assert_refused(32 * 512);
    assert_refused(32 * 512 + 0x200);
    header.setup_sects = 255;
    assert_refused(FILE_SIZE);
}

/* The file ends anywhere. */
static void short_file(void **state)
{
    (void)state;
    (void)parse(FILE_SIZE);
    for (size_t size = 0; size < BZIMAGE_HEAD; size++) {
        uint8_t *bytes = malloc(size);
        memcpy(bytes, head, size);
        assert_int_equal(bzimage_parse(bytes, size, size, &image, &reason), -ENOEXEC);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good, start, stop),
        cmocka_unit_test_setup_teardown(odd_but_good, start, stop),
        cmocka_unit_test_setup_teardown(bad, start, stop),
        cmocka_unit_test_setup_teardown(short_file, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
