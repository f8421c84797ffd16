/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keyboard controller (i8042.h). Ports, commands and bits: IBM PS/2 Hardware Interface
 * Technical Reference, "Keyboard and Auxiliary Device Controller". Nothing is reset: firmware has
 * used the keyboard, and what it left off is switched on. A second device (mouse) stays silent.
 */
#include "kernel/dev/input/i8042.h"
#include "kernel/arch/port_io.h"
#include "kernel/base/log.h"
#include "kernel/core/irq.h"

enum {
    PORT_DATA = 0x60,
    PORT_STATUS = 0x64,
    PORT_COMMAND = 0x64,
    STATUS_OUTPUT_FULL = 1, /* there is a byte for us */
    STATUS_INPUT_FULL = 2,  /* it has not taken the last byte yet */
    STATUS_SECOND = 0x20,   /* the byte is not the keyboard's */
    STATUS_NOTHING = 0xff,  /* no such port */
    COMMAND_WRITE_MODE = 0x60,
    /* Interrupt for the first device; system flag; second device off; codes translated to set 1. */
    MODE = 0x01 | 0x04 | 0x20 | 0x40,
    KEYBOARD_LIGHTS = 0xed,
    KEYBOARD_ENABLE = 0xf4,
    KEYBOARD_ACK = 0xfa,
    IRQ_LINE = 1,
};

static void (*take_byte)(uint8_t byte); /* constant after start */
/* Both: the interrupt handler's, which runs on one CPU at a time. */
static uint8_t lights;
static bool lights_wanted; /* the keyboard was told that they come, and will acknowledge it */

/* The controller takes a byte within microseconds; one that does not is given up. */
static bool send(uint16_t port, uint8_t byte)
{
    for (unsigned tries = 0; in8(PORT_STATUS) & STATUS_INPUT_FULL; tries++) {
        if (tries == 2000) {
            return false;
        }
    }
    out8(port, byte);
    return true;
}

void i8042_set_lights(uint8_t which)
{
    lights = which;
    lights_wanted = send(PORT_DATA, KEYBOARD_LIGHTS);
}

/* ISA interrupts are edges: all bytes must be taken before the line can rise again. */
static void on_interrupt(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 64; i++) {
        uint8_t status = in8(PORT_STATUS);
        if (!(status & STATUS_OUTPUT_FULL) || status == STATUS_NOTHING) {
            return;
        }
        uint8_t byte = in8(PORT_DATA);
        if (byte == KEYBOARD_ACK && lights_wanted) {
            lights_wanted = false;
            send(PORT_DATA, lights);
        } else if (!(status & STATUS_SECOND)) {
            take_byte(byte);
        }
    }
}

void i8042_start(void (*take)(uint8_t byte))
{
    if (take_byte != NULL || in8(PORT_STATUS) == STATUS_NOTHING) {
        return;
    }
    take_byte = take;
    int error = irq_request_isa(IRQ_LINE, on_interrupt, NULL, "i8042");
    if (error != 0) {
        log_warn("i8042: no interrupt (error %d), the keyboard will not work", error);
        return;
    }
    if (!send(PORT_COMMAND, COMMAND_WRITE_MODE) || !send(PORT_DATA, MODE) ||
        !send(PORT_DATA, KEYBOARD_ENABLE)) {
        log_warn("i8042: the controller does not answer, the keyboard may not work");
    }
    /* What was typed before anybody listened would hold the interrupt back. */
    for (unsigned i = 0; i < 32 && (in8(PORT_STATUS) & STATUS_OUTPUT_FULL); i++) {
        in8(PORT_DATA);
    }
}
