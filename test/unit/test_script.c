/* SPDX-License-Identifier: BSD-2-Clause */
/* First lines of scripts; what Linux makes of each was looked up by executing it. */
// sources: kernel/personality/linux/process/script.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/personality/linux/process/script.h"

/* "interpreter|argument", or the errno. */
static const char *parse(const char *bytes, size_t size)
{
    static char text[2 * SCRIPT_LINE + 16];
    char line[SCRIPT_LINE] = {0};
    struct script_line found;
    memcpy(line, bytes, size < sizeof(line) ? size : sizeof(line));
    int result = script_parse(line, &found);
    if (result != 0) {
        return result == -ENOEXEC ? "ENOEXEC" : "another error";
    }
    snprintf(text, sizeof(text), "%.*s|%.*s", (int)found.interp_size, found.interp,
             (int)found.arg_size, found.arg_size != 0 ? found.arg : "");
    return text;
}

static void expect(const char *line, const char *what)
{
    assert_string_equal(parse(line, strlen(line)), what);
}

static void test_usual_lines(void **state)
{
    (void)state;
    expect("#!/bin/sh\n", "/bin/sh|");
    expect("#! /bin/sh\n", "/bin/sh|");
    expect("#!\t /bin/sh -e\nmore\n", "/bin/sh|-e");
    expect("#!/bin/sh -e -x  \t\n", "/bin/sh|-e -x");
    expect("#!/usr/bin/env python3\r\n", "/usr/bin/env|python3\r");
}

static void test_end_of_file_ends_the_line(void **state)
{
    (void)state;
    expect("#!/bin/sh", "/bin/sh|");
    expect("#!/bin/sh -e", "/bin/sh|-e");
    expect("#!/bin/sh -e ", "/bin/sh|-e "); /* blanks are cut at a line's end only */
    assert_string_equal(parse("#!/bin/sh\0-e\n", 13), "/bin/sh|");
}

static void test_no_interpreter(void **state)
{
    char blanks[SCRIPT_LINE];
    (void)state;
    expect("#!\n", "ENOEXEC");
    expect("#!  \t\n", "ENOEXEC");
    memset(blanks, ' ', sizeof(blanks));
    memcpy(blanks, "#!", 2);
    assert_string_equal(parse(blanks, sizeof(blanks)), "ENOEXEC");
    expect("#!", "|"); /* a name of no bytes: EACCES later */
}

static void test_long_lines(void **state)
{
    char line[SCRIPT_LINE + 8];
    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line, "#!/", 3);
    assert_string_equal(parse(line, sizeof(line)), "ENOEXEC"); /* the name may be cut off */
    line[20] = ' ';
    const char *text = parse(line, sizeof(line));
    assert_int_equal(strlen(text), 18 + 1 + SCRIPT_LINE - 1 - 21); /* the argument is cut */
    line[20] = 'x';
    line[SCRIPT_LINE - 1] = '\n';
    text = parse(line, sizeof(line));
    assert_int_equal(strlen(text), SCRIPT_LINE - 3 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usual_lines),
        cmocka_unit_test(test_end_of_file_ends_the_line),
        cmocka_unit_test(test_no_interpreter),
        cmocka_unit_test(test_long_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
