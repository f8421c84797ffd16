/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The address line 20 (step A3): closed, each odd MiB shows the even one below it. Asked are, in
 * order, the BIOS, the keyboard controller and system control port A, each followed by a test;
 * where it is open already, nothing is done.
 */
#include "boot/door/linux/setup/io.h"
#include "boot/door/linux/setup/setup.h"

enum { KBD_DATA = 0x60, KBD_COMMAND = 0x64, KBD_INPUT_FULL = 2, KBD_OUTPUT_FULL = 1 };

/* Whether a word in the first MiB and the one 1 MiB higher are two. */
static bool is_open(unsigned tries)
{
    enum { WRAP_SEGMENT = 0xffff, WRAP_OFFSET = 0x400 + BDA_SHARED + 0x10 };
    uint32_t saved = far_read32(BDA_SEGMENT, BDA_SHARED);
    bool open = false;
    for (uint32_t value = saved; tries > 0 && !open; tries--) {
        far_write32(BDA_SEGMENT, BDA_SHARED, ++value);
        io_delay();
        open = far_read32(WRAP_SEGMENT, WRAP_OFFSET) != value;
    }
    far_write32(BDA_SEGMENT, BDA_SHARED, saved);
    return open;
}

/* Waits until the controller takes a command; false when there is none. */
static bool controller_ready(void)
{
    for (unsigned tries = 0; tries < 0x8000; tries++) {
        uint8_t status = inb(KBD_COMMAND);
        if (status == 0xff) {
            return false;
        }
        if (status & KBD_OUTPUT_FULL) {
            io_delay();
            inb(KBD_DATA);
        } else if (!(status & KBD_INPUT_FULL)) {
            return true;
        }
        io_delay();
    }
    return false;
}

static void open_by_controller(void)
{
    if (!controller_ready()) {
        return;
    }
    outb(KBD_COMMAND, 0xd1); /* write the output port */
    if (!controller_ready()) {
        return;
    }
    outb(KBD_DATA, 0xdf); /* A20 open, no reset */
    controller_ready();
}

static void open_by_port_92(void)
{
    uint8_t value = inb(0x92);
    if (value != 0xff) {
        outb(0x92, (uint8_t)((value | 2) & ~1)); /* bit 0 would reset the machine */
    }
}

bool open_a20(void)
{
    if (is_open(1)) {
        return true;
    }
    struct bios_regs regs = {.eax = 0x2401};
    bios_call(0x15, &regs);
    if (is_open(32)) {
        return true;
    }
    open_by_controller();
    if (is_open(0x1000)) {
        return true;
    }
    open_by_port_92();
    return is_open(0x1000);
}
