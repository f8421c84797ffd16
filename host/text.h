/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Strings and lists of strings on the heap. Lack of memory ends alba; so no caller need look. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strings {
    char **at; /* ends in NULL, as execv wants it; NULL when empty */
    size_t count;
};

/* realloc that does not return NULL. */
void *text_resize(void *memory, size_t size);
char *text_copy(const char *text);
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Adds a string that the list then owns. */
void strings_take(struct strings *list, char *text);
void strings_add(struct strings *list, const char *text);
void strings_format(struct strings *list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool strings_have(const struct strings *list, const char *text);
void strings_free(struct strings *list);

/* The text as a shell reads it back unchanged. */
char *text_quote(const char *text);
