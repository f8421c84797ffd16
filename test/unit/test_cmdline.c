/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel command line: words, quotes, names, numbers, and what goes to init, by the rules of
 * Linux's admin-guide/kernel-parameters.
 */
// sources: kernel/base/cmdline.c lib/format.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/bootinfo.h"
#include "kernel/base/cmdline.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"

static unsigned warnings;
void log_printf(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
    warnings++;
}

_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    print_error("%s:%d: %s\n", file, line, expr);
    abort();
}

static void *storage;

static void line_size(const char *text, size_t size)
{
    free(storage);
    storage = malloc(CMDLINE_STORAGE(size)); /* exactly, for the address sanitizer */
    cmdline_init(text, size, storage);
}

static void line(const char *text)
{
    line_size(text, strlen(text));
}

static char visited[4096];

static void visit_unknown(void *arg, const char *word, bool is_env)
{
    (void)arg;
    size_t used = strlen(visited);
    snprintf(visited + used, sizeof(visited) - used, "%s[%s]", is_env ? "e" : "a", word);
}

static const char *unknown(void)
{
    visited[0] = '\0';
    cmdline_unknown(visit_unknown, NULL);
    return visited;
}

static void visit_value(void *arg, const char *value)
{
    (void)arg;
    size_t used = strlen(visited);
    snprintf(visited + used, sizeof(visited) - used, "[%s]", value);
}

/* A line, a name, and the value that must come out (NULL: absent). */
static const struct {
    const char *line, *name, *value;
} gets[] = {
    {"", "a", NULL},
    {"   \t\n ", "a", NULL},
    {"a", "a", ""},
    {"a=", "a", ""},
    {"a=1", "a", "1"},
    {"a=1 a=2", "a", "2"},
    {"a=1 a", "a", ""},
    {"ab=1", "a", NULL},
    {"a=1", "ab", NULL},
    {"a=b=c", "a", "b=c"},
    {"a==", "a", "="},
    {"=a=b", "=a", "b"},
    {"=a", "=a", ""},
    {"a-b=1", "a_b", "1"},
    {"a_b=1", "a-b", "1"},
    {"a-b_c=x-y", "a_b-c", "x-y"},
    {"a=\"b c\"", "a", "b c"},
    {"\"a=b c\"", "a", "b c"},
    {"\"a b\"", "a b", ""},
    {"a=\"b c", "a", "b c"},
    {"a=\"\"", "a", ""},
    {"a=\"", "a", ""},
    {"a=b\"c d\"e f=1", "a", "b\"c d\"e"},
    {"a=b\"c d\"e f=1", "f", "1"},
    {"a=\"b\" c=\"d\"", "c", "d"},
    {"x a=1\ty", "a", "1"},
    {"x\va=1\ry", "a", "1"},
    {"a=\xc3\xa0 b=2", "a", "\xc3\xa0"},
    {"-- a=1", "a", NULL},
    {"a=1 -- a=2", "a", "1"},
    {"\"--\" a=1", "a", NULL},
    {"--a=1", "--a", "1"},
    {"A=1", "a", NULL},
};

static void test_get(void **state)
{
    char buf[64];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(gets); i++) {
        line(gets[i].line);
        assert_string_equal(cmdline_text(), gets[i].line);
        const char *value = cmdline_get(gets[i].name);
        long early = cmdline_early(gets[i].line, gets[i].name, buf, sizeof(buf));
        if (gets[i].value == NULL) {
            assert_null(value);
            assert_int_equal(early, -1);
        } else {
            assert_non_null(value);
            assert_string_equal(value, gets[i].value);
            assert_int_equal(early, (long)strlen(gets[i].value));
            assert_string_equal(buf, gets[i].value);
        }
    }
}

static void test_early_cut(void **state)
{
    char buf[4] = "xxx";
    (void)state;
    assert_int_equal(cmdline_early("a=12345", "a", buf, sizeof(buf)), 5);
    assert_string_equal(buf, "123");
    assert_int_equal(cmdline_early("a=12345", "a", NULL, 0), 5);
}

static const struct {
    const char *text;
    uint64_t value;
    bool bad;
} numbers[] = {
    {"0", 0, false},
    {"42", 42, false},
    {"0x10", 16, false},
    {"010", 8, false},
    {"4K", 4096, false},
    {"4k", 4096, false},
    {"3M", 3 << 20, false},
    {"2g", 2ull << 30, false},
    {"1T", 1ull << 40, false},
    {"15E", 15ull << 60, false},
    {"16E", 99, true},
    {"18446744073709551615", UINT64_MAX, false},
    {"18446744073709551616", 99, true},
    {"", 99, true},
    {"K", 99, true},
    {"4KB", 99, true},
    {"-1", 99, true},
    {"4 K", 4, false},
};

static void test_number(void **state)
{
    char text[64];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        snprintf(text, sizeof(text), "n=%s", numbers[i].text);
        line(text);
        warnings = 0;
        assert_true(cmdline_number("n", 99) == numbers[i].value);
        assert_int_equal(warnings, numbers[i].bad);
        assert_true(cmdline_number("absent", 98) == 98);
    }
}

static void test_flag(void **state)
{
    (void)state;
    line("a b=1 c=0 d=n e=off f=on g=y h=N");
    assert_true(cmdline_flag("a"));
    assert_true(cmdline_flag("b"));
    assert_false(cmdline_flag("c"));
    assert_false(cmdline_flag("d"));
    assert_false(cmdline_flag("e"));
    assert_true(cmdline_flag("f"));
    assert_true(cmdline_flag("g"));
    assert_false(cmdline_flag("h"));
    assert_false(cmdline_flag("i"));
}

static void test_for_each(void **state)
{
    (void)state;
    line("console=ttyS0,115200 x console=hvc0 console -- console=no");
    visited[0] = '\0';
    cmdline_for_each("console", visit_value, NULL);
    assert_string_equal(visited, "[ttyS0,115200][hvc0][]");
    assert_string_equal(unknown(), "a[x]a[console=no]");
}

static void test_unknown(void **state)
{
    (void)state;
    line("quiet TERM=vt100 single \"A=b c\" mod.param=1 foo.bar x=y.z -- one two=2 \"three 3\" --");
    (void)cmdline_get("quiet");
    assert_string_equal(unknown(), "e[TERM=vt100]a[single]e[A=b c]e[x=y.z]"
                                   "a[one]a[two=2]a[three 3]a[--]");
    line("");
    assert_string_equal(unknown(), "");
    line("--");
    assert_string_equal(unknown(), "");
    line("a=\"b");
    assert_string_equal(unknown(), "e[a=b]");
}

/* The longest line there may be, of the shortest and the longest words. */
static void test_long(void **state)
{
    static char text[BOOT_MAX_CMDLINE];
    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[1] = '=';
    line(text);
    assert_int_equal(strlen(cmdline_get("x")), sizeof(text) - 3);
    for (size_t i = 1; i < sizeof(text) - 1; i += 2) {
        text[i] = ' ';
    }
    line(text);
    assert_string_equal(cmdline_get("x"), "");
    memset(text, '"', sizeof(text) - 1);
    line(text);
    assert_null(cmdline_get("x"));
}

/* Names around the size that a record's header can hold. */
static void test_long_names(void **state)
{
    (void)state;
    for (size_t size = 1000; size < 1050; size++) {
        char name[1100], text[1200];
        memset(name, 'n', size);
        name[size] = '\0';
        snprintf(text, sizeof(text), "%s=a=b", name);
        line(text);
        assert_string_equal(cmdline_get(name), "a=b");
        line(name);
        assert_int_equal(strlen(unknown()), size + strlen("a[]"));
        assert_string_equal(cmdline_get(name), "");
    }
}

/* The size bounds the text, and so does a zero before it. */
static void test_size(void **state)
{
    (void)state;
    line_size("a=12345", 4);
    assert_string_equal(cmdline_get("a"), "12");
    line_size("a=1\0b=2", 7);
    assert_string_equal(cmdline_get("a"), "1");
    assert_null(cmdline_get("b"));
    free(storage);
    storage = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),        cmocka_unit_test(test_early_cut),
        cmocka_unit_test(test_number),     cmocka_unit_test(test_flag),
        cmocka_unit_test(test_for_each),   cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_long),       cmocka_unit_test(test_size),
        cmocka_unit_test(test_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
