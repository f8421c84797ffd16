/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/* Registers of the 16550A (PC16550D data sheet, table II), and the console option's parser. */
#include "kernel/dev/api/line.h"

#define UART_CLOCK     115200u /* the fastest rate: 1.8432 MHz / 16 */
#define UART_FIFO_SIZE 16u
#define UART_BURST     64u /* bytes taken from the receiver at once */

/* Offsets from the base port. With LCR's divisor bit set, 0 and 1 are the divisor. */
#define UART_RBR           0
#define UART_THR           0
#define UART_DLL           0
#define UART_DLM           1
#define UART_IER           1
#define UART_IIR           2
#define UART_FCR           2
#define UART_LCR           3
#define UART_MCR           4
#define UART_LSR           5
#define UART_MSR           6

#define UART_IER_RECEIVE   0x01
#define UART_IER_THRE      0x02

#define UART_IIR_CAUSE     0x0f
#define UART_IIR_FIFO      0xc0
#define UART_CAUSE_NONE    0x01
#define UART_CAUSE_THRE    0x02
#define UART_CAUSE_DATA    0x04
#define UART_CAUSE_LINE    0x06
#define UART_CAUSE_TIMEOUT 0x0c

#define UART_FCR_ENABLE    0x01
#define UART_FCR_CLEAR     0x06
#define UART_FCR_TRIGGER_8 0x80

#define UART_LCR_STOP2     0x04
#define UART_LCR_PARITY    0x08
#define UART_LCR_EVEN      0x10
#define UART_LCR_DIVISOR   0x80

#define UART_MCR_DTR       0x01
#define UART_MCR_RTS       0x02
#define UART_MCR_OUT2      0x08 /* on a PC: lets the interrupt through */

#define UART_LSR_DATA      0x01
#define UART_LSR_THRE      0x20 /* the transmitter takes a FIFO full */
#define UART_LSR_TEMT      0x40 /* the last bit is out */

/* Parses "ttyS1,9600n8": false when it is not a serial console. The format defaults to 115200n8. */
bool uart_parse_console(const char *value, unsigned *number, struct line_config *config);
