/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings and lists of strings on the heap; lack of memory ends alba. */
#include "host/text.h"
#include "host/say.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *text_resize(void *memory, size_t size)
{
    void *resized = realloc(memory, size);
    if (resized == NULL) {
        fail(STATUS_ALBA, "out of memory");
    }
    return resized;
}

char *text_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(text_resize(NULL, size), text, size);
}

static char *format_list(const char *format, va_list args)
{
    char *text;
    if (vasprintf(&text, format, args) < 0) {
        fail(STATUS_ALBA, "out of memory");
    }
    return text;
}

char *text_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = format_list(format, args);
    va_end(args);
    return text;
}

void strings_take(struct strings *list, char *text)
{
    list->at = text_resize(list->at, (list->count + 2) * sizeof(char *));
    list->at[list->count++] = text;
    list->at[list->count] = NULL;
}

void strings_add(struct strings *list, const char *text)
{
    strings_take(list, text_copy(text));
}

void strings_format(struct strings *list, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    strings_take(list, format_list(format, args));
    va_end(args);
}

bool strings_have(const struct strings *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->at[i], text) == 0) {
            return true;
        }
    }
    return false;
}

void strings_free(struct strings *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->at[i]);
    }
    free(list->at);
    *list = (struct strings){NULL, 0};
}

char *text_quote(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_=+,./:@%";
    if (text[0] != '\0' && strspn(text, plain) == strlen(text)) {
        return text_copy(text);
    }
    char *quoted = text_resize(NULL, strlen(text) * 4 + 3);
    char *to = quoted;
    *to++ = '\'';
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            to = stpcpy(to, "'\\''");
        } else {
            *to++ = *text;
        }
    }
    strcpy(to, "'");
    return quoted;
}
