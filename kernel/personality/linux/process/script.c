/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first line of a script, taken apart as Linux does: blanks around the interpreter do not
 * count, what follows it is one argument with its inner blanks, and blanks at the end of the line
 * are cut.
 */
#include "kernel/personality/linux/process/script.h"
#include "abi/errno.h"
#include "lib/string.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The first byte in [p, last] that is no blank, or NULL. */
static const char *skip_blanks(const char *p, const char *last)
{
    while (p <= last && is_blank(*p)) {
        p++;
    }
    return p <= last ? p : NULL;
}

/* The first blank or zero in [p, last], or NULL. */
static const char *find_end(const char *p, const char *last)
{
    while (p <= last && !is_blank(*p) && *p != '\0') {
        p++;
    }
    return p <= last ? p : NULL;
}

int script_parse(const char line[SCRIPT_LINE], struct script_line *out)
{
    const char *start = line + 2, *last = line + SCRIPT_LINE - 1;
    const char *end = memchr(line, '\n', SCRIPT_LINE);
    if (end == NULL) {
        const char *name = skip_blanks(start, last);
        if (name == NULL || find_end(name, last) == NULL) {
            return -ENOEXEC;
        }
        end = last;
    }
    while (end > start && is_blank(end[-1])) {
        end--;
    }
    const char *name = skip_blanks(start, end);
    if (name == NULL || name >= end) {
        return -ENOEXEC;
    }
    const char *stop = find_end(name, end);
    *out = (struct script_line){.interp = name,
                                .interp_size = (size_t)((stop ? stop : end) - name)};
    if (stop != NULL && stop < end && *stop != '\0') {
        out->arg = skip_blanks(stop, end);
        out->arg_size = out->arg != NULL ? strnlen(out->arg, (size_t)(end - out->arg)) : 0;
    }
    return 0;
}
