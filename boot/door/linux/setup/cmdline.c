/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options that matter before protected mode. The command line may lie anywhere in the first MiB; it
 * is read where it is.
 */
#include "boot/door/linux/setup/setup.h"

/* Character i of the command line, 0 at its end and beyond what one segment reaches. */
static char character(uint32_t i)
{
    uint32_t start = params.header.cmd_line_ptr;
    if (start == 0 || start >= 0x100000 || i >= MIN(0xfff0u, 0x100000 - start)) {
        return 0;
    }
    return (char)far_read8((uint16_t)(start >> 4), (uint16_t)((start & 15) + i));
}

static bool is_end(char c)
{
    return c == 0 || c == ' ' || c == '\t' || c == '\n';
}

bool option(const char *name, char *value, size_t size)
{
    for (uint32_t at = 0; character(at) != 0; at++) {
        if (at > 0 && !is_end(character(at - 1))) {
            continue;
        }
        uint32_t n = 0;
        while (name[n] != 0 && character(at + n) == name[n]) {
            n++;
        }
        bool takes_value = n > 0 && name[n - 1] == '=';
        if (name[n] != 0 || (!takes_value && !is_end(character(at + n)))) {
            continue;
        }
        size_t length = 0;
        while (takes_value && length + 1 < size && !is_end(character(at + n))) {
            value[length++] = character(at + n++);
        }
        if (size > 0) {
            value[length] = 0;
        }
        return true;
    }
    return false;
}
