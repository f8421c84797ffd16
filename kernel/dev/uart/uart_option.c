/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The value of console= for a serial port, as in Linux (admin-guide/serial-console): ttySN, then
 * optionally a comma, the speed, the parity (n, o, e) and the number of bits.
 */
#include "kernel/dev/uart/uart16550.h"
#include "lib/format.h"
#include "lib/string.h"

static void parse_format(const char *text, struct line_config *config)
{
    uint64_t baud;

    if (parse_u64(text, &text, 10, &baud) != 0 || baud == 0 || baud > UART_CLOCK) {
        return;
    }
    config->baud = (unsigned)baud;
    if (*text == 'n' || *text == 'o' || *text == 'e') {
        config->parity = *text++;
    }
    if (*text >= '5' && *text <= '8') {
        config->bits = (unsigned)(*text - '0');
    }
}

bool uart_parse_console(const char *value, unsigned *number, struct line_config *config)
{
    uint64_t n;

    *config = (struct line_config){.baud = 115200, .bits = 8, .parity = 'n'};
    if (strncmp(value, "ttyS", 4) != 0 || parse_u64(value + 4, &value, 10, &n) != 0 || n > 255 ||
        (*value != '\0' && *value != ',')) {
        return false;
    }
    *number = (unsigned)n;
    if (*value == ',') {
        parse_format(value + 1, config);
    }
    return true;
}
