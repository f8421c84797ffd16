/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel/init/steps.def can be run from top to bottom: what a step needs, an earlier step gave, and
 * the phases follow one another. Names of what is needed and given are compared as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct step {
    const char *name, *phase, *on, *needs, *gives, *what;
};
static const struct step steps[] = {
#define STEP(name, phase, on, needs, gives, what) {#name, #phase, #on, #needs, #gives, what},
#include "kernel/init/steps.def"
#undef STEP
};
enum { COUNT = sizeof steps / sizeof steps[0] };

/* Calls visit for each word of "A | B | C"; "0" is none. True when every call was. */
static bool each_word(const char *words, bool (*visit)(const char *word, size_t upto), size_t upto)
{
    char text[256], *rest = NULL;
    assert_true(strlen(words) < sizeof text);
    strcpy(text, words);
    for (char *w = strtok_r(text, " |", &rest); w; w = strtok_r(NULL, " |", &rest)) {
        if (strcmp(w, "0") && !visit(w, upto)) {
            print_error("step %s: %s\n", steps[upto].name, w);
            return false;
        }
    }
    return true;
}

static bool has_word(const char *words, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = words; (at = strstr(at, word)); at += size) {
        bool starts = at == words || at[-1] == ' ' || at[-1] == '|';
        if (starts && strchr(" |", at[size])) { /* finds the end of the text, too */
            return true;
        }
    }
    return false;
}

static bool given_before(const char *word, size_t upto)
{
    for (size_t i = 0; i < upto; i++) {
        if (has_word(steps[i].gives, word)) {
            return true;
        }
    }
    return false;
}
static bool not_given_before(const char *word, size_t upto)
{
    return !given_before(word, upto);
}

static void test_needs_come_after_gives(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(each_word(steps[i].needs, given_before, i));
    }
}

static void test_nothing_is_given_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(each_word(steps[i].gives, not_given_before, i));
    }
}

static void test_names_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(steps[i].name, steps[k].name);
        }
        assert_true(strlen(steps[i].what) > 0);
        assert_true(!strcmp(steps[i].on, "BOOT") || !strcmp(steps[i].on, "EACH"));
    }
}

static void test_phases_follow(void **state)
{
    (void)state;
    static const char *const phases[] = {"EARLY", "MAIN", "LATE"};
    size_t phase = 0;
    for (size_t i = 0; i < COUNT; i++) {
        while (phase < 3 && strcmp(steps[i].phase, phases[phase])) {
            phase++;
        }
        assert_true(phase < 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_needs_come_after_gives),
        cmocka_unit_test(test_nothing_is_given_twice),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_phases_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
