/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the command line: any bytes. What the two parsers (in place and cut into words) find must
 * agree, and everything stays within storage of exactly the promised size.
 */
// sources: kernel/base/cmdline.c lib/format.c
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/base/cmdline.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"

void log_printf(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
}

_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, expr);
    abort();
}

static void visit_word(void *arg, const char *word, bool is_env)
{
    *(size_t *)arg += strlen(word) + is_env;
}

static void visit_value(void *arg, const char *value)
{
    *(size_t *)arg += strlen(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"a", "init", "", "x_y", "\"", "=", "--"};
    char *text = malloc(size + 1);
    void *storage = malloc(CMDLINE_STORAGE(size));
    char buf[16];
    size_t total = 0;

    memcpy(text, data, size);
    text[size] = '\0';
    cmdline_init(text, size, storage);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *value = cmdline_get(names[i]);
        long early = cmdline_early(text, names[i], buf, sizeof(buf));
        if (value == NULL ? early != -1 : early != (long)strlen(value)) {
            abort();
        }
        if (value != NULL && strncmp(value, buf, sizeof(buf) - 1) != 0) {
            abort();
        }
        (void)cmdline_number(names[i], 1);
        (void)cmdline_flag(names[i]);
        cmdline_for_each(names[i], visit_value, &total);
    }
    cmdline_unknown(visit_word, &total);
    if (strcmp(cmdline_text(), text) != 0) {
        abort();
    }
    free(text);
    free(storage);
    return 0;
}
