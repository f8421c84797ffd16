/* SPDX-License-Identifier: BSD-2-Clause */
/* The one way in which loading fails: a line on the early console, and the end. */
#include "boot/loader/loader.h"
#include "lib/format.h"

_Noreturn void fail(const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    for (const char *c = "Alba: "; *c != 0; c++) {
        machine_put(*c);
    }
    for (const char *c = line; *c != 0; c++) {
        machine_put(*c);
    }
    machine_put('\n');
    machine_stop();
}
