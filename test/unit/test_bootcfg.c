/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot disk's configuration: what it may say, and each mistake with its line and reason. */
// sources: lib/bootcfg.c lib/sha256.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "lib/bootcfg.h"

#define ENTRY "title=x\nkernel=/k\n"
#define HEX   "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static struct bootcfg config;
static uint32_t line;
static const char *why;

/* The text in memory of exactly its size; it stays, as the configuration points into it. */
static char *copy;

static int parse_bytes(const char *text, size_t size)
{
    free(copy);
    copy = malloc(size > 0 ? size : 1);
    memcpy(copy, text, size);
    return bootcfg_parse(&config, copy, size, &line, &why);
}

static int parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static int end(void **state)
{
    (void)state;
    free(copy);
    return 0;
}

static void is(struct bootcfg_text text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.at, expected, text.size);
}

static void whole(void **state)
{
    (void)state;
    assert_int_equal(parse("# a comment\r\n"
                           "timeout=3\r\n"
                           "  default = 2 \n"
                           "\n"
                           "title=first one\n"
                           "kernel=/a/b.img \t\n"
                           "title=second\n"
                           "initrd = /c d\n"
                           "cmdline= quiet  a=\"b c\" \r\n"
                           "kernel=/e\n"
                           "kernel_sha256=" HEX "\n"
                           "initrd_sha256=" HEX),
                     0);
    assert_int_equal(config.timeout, 3);
    assert_int_equal(config.default_entry, 1);
    assert_int_equal(config.count, 2);
    is(config.entries[0].title, "first one");
    is(config.entries[0].kernel, "/a/b.img");
    is(config.entries[0].initrd, "");
    is(config.entries[0].cmdline, "");
    assert_false(config.entries[0].has_kernel_sha256);
    is(config.entries[1].title, "second");
    is(config.entries[1].kernel, "/e");
    is(config.entries[1].initrd, "/c d");
    is(config.entries[1].cmdline, " quiet  a=\"b c\" ");
    assert_true(config.entries[1].has_kernel_sha256 && config.entries[1].has_initrd_sha256);
    assert_int_equal(config.entries[1].initrd_sha256[31], 0xff);
}

static void timeouts(void **state)
{
    (void)state;
    assert_int_equal(parse(ENTRY), 0);
    assert_int_equal(config.timeout, 0);
    assert_int_equal(config.default_entry, 0);
    assert_int_equal(parse(ENTRY ENTRY), 0);
    assert_int_equal(config.timeout, 5);
    assert_int_equal(parse("timeout=0\n" ENTRY ENTRY), 0);
    assert_int_equal(config.timeout, 0);
    assert_int_equal(parse(ENTRY "timeout=-1"), 0);
    assert_int_equal(config.timeout, -1);
}

static void wrong(const char *text, uint32_t number, const char *reason)
{
    assert_int_equal(parse(text), -EINVAL);
    assert_int_equal(line, number);
    if (strstr(why, reason) == NULL) {
        fail_msg("\"%s\" in place of \"%s\"", why, reason);
    }
}

static void mistakes(void **state)
{
    (void)state;
    wrong("", 0, "no entry");
    wrong("\n\n# x\n", 3, "no entry");
    wrong("hello\n", 1, "key=value");
    wrong("colour=red\n", 1, "unknown key");
    wrong(ENTRY "colour=red\n", 3, "unknown key");
    wrong("kernel=/k\n", 1, "title=");
    wrong("title=\n", 1, "title is missing");
    wrong("title=x\n", 1, "no kernel");
    wrong("title=x\ntitle=y\n", 2, "no kernel");
    wrong("title=x\nkernel=k\n", 2, "'/'");
    wrong("title=x\nkernel=/\n", 2, "'/'");
    wrong("title=x\nkernel=\n", 2, "'/'");
    wrong(ENTRY "kernel=/k\n", 3, "twice");
    wrong(ENTRY "cmdline=\ncmdline=\n", 4, "twice");
    wrong(ENTRY "initrd=/a\ninitrd=/a\n", 4, "twice");
    wrong(ENTRY "initrd_sha256=" HEX "\ninitrd_sha256=" HEX, 4, "twice");
    wrong(ENTRY "kernel_sha256=00\n", 3, "64");
    wrong(ENTRY "kernel_sha256=" HEX "0\n", 3, "64");
    wrong("timeout=\n", 1, "seconds");
    wrong("timeout=x\n", 1, "seconds");
    wrong("timeout=-2\n", 1, "seconds");
    wrong("timeout=99999999999999999999\n", 1, "seconds");
    wrong("timeout=1\ntimeout=1\n", 2, "twice");
    wrong("default=0\n", 1, "number of an entry");
    wrong("default=-1\n", 1, "number of an entry");
    wrong("default=1\ndefault=1\n", 2, "twice");
    wrong("default=2\n" ENTRY, 3, "there is not");
    wrong(ENTRY ENTRY ENTRY ENTRY ENTRY ENTRY ENTRY ENTRY ENTRY ENTRY ENTRY ENTRY ENTRY ENTRY ENTRY
              ENTRY "title=x\n",
          33, "too many");
    assert_int_equal(parse_bytes("title=\0\n", 8), -EINVAL);
    assert_string_equal(why, "the line has a byte that is 0");
    static char large[BOOTCFG_MAX_SIZE + 1];
    memset(large, '\n', sizeof(large));
    assert_int_equal(parse_bytes(large, sizeof(large)), -EINVAL);
    assert_string_equal(why, "the file is too large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(timeouts),
        cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
