/* SPDX-License-Identifier: BSD-2-Clause */
/* The one way in which loading fails: a line on the serial port and the screen, and the end. */
#include "boot/loader/loader.h"
#include "lib/format.h"
#include "lib/string.h"

_Noreturn void fail(const char *format, ...)
{
    static const char name[] = "Alba: ";
    char line[256];
    va_list args;
    memcpy(line, name, sizeof(name));
    va_start(args, format);
    vsnprintf(line + sizeof(name) - 1, sizeof(line) - sizeof(name), format, args);
    va_end(args);
    screen_show(line);
    for (const char *c = line; *c != 0; c++) {
        machine_put(*c);
    }
    machine_put('\n');
    machine_stop();
}
