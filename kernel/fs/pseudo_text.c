/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that grows: the buffer that generated files are written to. Errors stick, so that writers
 * need not look after each line. */
#include "abi/errno.h"
#include "kernel/fs/pseudo.h"
#include "kernel/mm/heap.h"
#include "lib/format.h"
#include "lib/string.h"

#define TEXT_FIRST 512u

char *text_reserve(struct text *text, size_t size)
{
    if (text->error != 0) {
        return NULL;
    }
    if (size > text->capacity - text->size) {
        size_t capacity = MAX(text->capacity * 2, (size_t)TEXT_FIRST);
        while (capacity - text->size < size) {
            capacity *= 2;
        }
        char *bytes = krealloc(text->bytes, capacity);
        if (bytes == NULL) {
            text->error = -ENOMEM;
            return NULL;
        }
        text->bytes = bytes;
        text->capacity = capacity;
    }
    return text->bytes + text->size;
}

void text_put(struct text *text, const char *bytes, size_t size)
{
    char *to = text_reserve(text, size);

    if (to != NULL && size > 0) {
        memcpy(to, bytes, size);
        text->size += size;
    }
}

void text_printf(struct text *text, const char *fmt, ...)
{
    va_list args;
    size_t room = text->capacity - text->size;

    if (text->error != 0) {
        return;
    }
    va_start(args, fmt);
    size_t need = (size_t)vsnprintf(room > 0 ? text->bytes + text->size : NULL, room, fmt, args);
    va_end(args);
    if (need >= room) {
        /* Once more, with room for all of it and the zero. */
        char *to = text_reserve(text, need + 1);
        if (to == NULL) {
            return;
        }
        va_start(args, fmt);
        vsnprintf(to, need + 1, fmt, args);
        va_end(args);
    }
    text->size += need;
}

void text_put_escaped(struct text *text, const char *string, const char *escaped)
{
    for (; *string != '\0'; string++) {
        if (*string == '\\' || strchr(escaped, *string) != NULL) {
            text_printf(text, "\\%03o", (unsigned char)*string);
        } else {
            text_put(text, string, 1);
        }
    }
}

void text_free(struct text *text)
{
    kfree(text->bytes);
    *text = (struct text){0};
}
