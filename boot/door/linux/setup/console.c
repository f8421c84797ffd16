/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text in real mode, for failures only: by the BIOS on the screen and by the first serial port,
 * since a machine may have either.
 */
#include "boot/arch/x86_64/cpu.h"
#include "boot/door/linux/setup/io.h"
#include "boot/door/linux/setup/setup.h"

static void put_serial(char c)
{
    static bool ready;
    /* 115200 baud, 8 bits, no parity; FIFOs on; DTR and RTS (16550 data sheet, table 4). */
    static const uint8_t setup[][2] = {{1, 0}, {3, 0x80}, {0, 1}, {1, 0}, {3, 3}, {2, 7}, {4, 3}};
    for (size_t i = 0; !ready && i < ARRAY_SIZE(setup); i++) {
        outb((uint16_t)(SERIAL_PORT + setup[i][0]), setup[i][1]);
    }
    ready = true;
    for (unsigned tries = 0; tries < 0xffff && !(inb(SERIAL_PORT + 5) & 0x20); tries++) {
        continue;
    }
    outb(SERIAL_PORT, (uint8_t)c);
}

/* Int 10h is the video ROM's. Where it is the BIOS's own, there is no screen, or the BIOS shows it
 * on the serial port. */
bool has_screen(void)
{
    enum { VECTOR_SEGMENT = 0x10 * 4 + 2, FIRST_ROM = 0xc000, BIOS = 0xf000 };
    uint16_t segment = far_read16(0, VECTOR_SEGMENT);
    return segment >= FIRST_ROM && segment < BIOS;
}

void put_text(const char *text)
{
    bool screen = has_screen();
    for (; *text != 0; text++) {
        /* Int 10h 0e: teletype output, page 0, colour 7. */
        struct bios_regs regs = {.eax = 0x0e00 | (uint8_t)*text, .ebx = 7};
        if (screen) {
            bios_call(0x10, &regs);
        }
        put_serial(*text);
    }
}

_Noreturn void stop(const char *text)
{
    put_text(text);
    uint8_t events = inb(PVPANIC_PORT);
    if (events != 0xff && (events & PVPANIC_PANICKED)) {
        outb(PVPANIC_PORT, PVPANIC_PANICKED);
    }
    for (;;) {
        __asm__ volatile("cli\n\thlt");
    }
}
