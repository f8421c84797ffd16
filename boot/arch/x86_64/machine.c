/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine as the loader sees it (boot/arch/machine.h): CPU, serial port, firmware's areas, and
 * the page tables that the loader itself runs on.
 */
#include "boot/arch/machine.h"
#include "abi/bootinfo.h"
#include "boot/arch/x86_64/cpu.h"
#include "boot/arch/x86_64/identity.h"

uint64_t machine_cycles(void)
{
    return read_tsc();
}

const char *machine_lacks(void)
{
    return (cpuid(0x80000001, 0).edx & CPUID_X_SYSCALL) != 0 ? NULL : "SYSCALL";
}

static void serial_setup(void)
{
    /* 115200 baud, 8 bits, no parity; FIFOs on; DTR and RTS (16550 data sheet, table 4). */
    static const uint8_t setup[][2] = {{1, 0}, {3, 0x80}, {0, 1}, {1, 0}, {3, 3}, {2, 7}, {4, 3}};
    for (size_t i = 0; i < ARRAY_SIZE(setup); i++) {
        port_write8((uint16_t)(SERIAL_PORT + setup[i][0]), setup[i][1]);
    }
}

void machine_text_screen(struct boot_text *text)
{
    /* The BIOS data area: the mode at 0x449, columns at 0x44a, rows less one at 0x484. */
    enum { COLOUR_TEXT = 3, ROWS = 25 };
    const uint8_t *data = machine_window(0x400, 0x100);
    if (data[0x49] <= COLOUR_TEXT && (data[0x4a] == 40 || data[0x4a] == 80)) {
        unsigned rows = data[0x84] + 1u;
        text->address = 0xb8000;
        text->columns = data[0x4a];
        text->rows = rows >= ROWS && rows <= 2 * ROWS ? (uint16_t)rows : ROWS;
    }
}

static void serial_put(char c)
{
    static bool ready;
    if (!ready) {
        serial_setup();
        ready = true;
    }
    /* A port that is not there reads 0xff, which also says "empty". */
    for (unsigned tries = 0; tries < 0x10000; tries++) {
        if (port_read8(SERIAL_PORT + 5) & 0x20) {
            break;
        }
    }
    port_write8(SERIAL_PORT, (uint8_t)c);
}

void machine_put(char c)
{
    if (c == '\n') {
        serial_put('\r');
    }
    serial_put(c);
}

_Noreturn void machine_stop(void)
{
    uint8_t events = port_read8(PVPANIC_PORT);
    if (events != 0xff && (events & PVPANIC_PANICKED)) {
        port_write8(PVPANIC_PORT, PVPANIC_PANICKED);
    }
    for (;;) {
        __asm__ volatile("cli\n\thlt");
    }
}

bool machine_random(uint64_t *value)
{
    unsigned char ok = 0;
    bool seed = cpuid(0, 0).eax >= 7 && (cpuid(7, 0).ebx & CPUID_7_RDSEED);
    if (!seed && !(cpuid(1, 0).ecx & CPUID_1_RDRAND)) {
        return false;
    }
    /* It may be exhausted for a moment: ten tries, as the SDM advises (vol. 1, 7.3.17). */
    for (int i = 0; i < 10 && !ok; i++) {
        if (seed) {
            __asm__ volatile("rdseed %0\n\tsetc %1" : "=r"(*value), "=qm"(ok) : : "cc");
        } else {
            __asm__ volatile("rdrand %0\n\tsetc %1" : "=r"(*value), "=qm"(ok) : : "cc");
        }
    }
    return ok;
}

unsigned machine_address_bits(void)
{
    if (cpuid(0x80000000, 0).eax < 0x80000008) {
        return 36; /* SDM vol. 1, 3.3.1: of a CPU with PAE that does not say */
    }
    unsigned bits = cpuid(0x80000008, 0).eax & 0xff;
    return bits >= 32 && bits <= 52 ? bits : 36;
}

uint32_t machine_cpu_id(void)
{
    /* Leaf 0x0b has all 32 bits of an x2APIC id; it is there when it counts any logical CPU. */
    if (cpuid(0, 0).eax >= 0xb) {
        struct cpuid topology = cpuid(0xb, 0);
        if ((topology.ebx & 0xffff) != 0) {
            return topology.edx;
        }
    }
    return cpuid(1, 0).ebx >> 24;
}

void *machine_window(uint64_t paddr, size_t size)
{
    if (paddr == 0 || !identity_reach(paddr, size)) {
        return NULL;
    }
    /* The compiler takes small constant addresses for mistakes; this one it does not know. */
    void *bytes;
    __asm__("" : "=r"(bytes) : "0"(paddr));
    return bytes;
}

void machine_firmware_areas(bool (*look)(uint64_t start, size_t size, void *context), void *context)
{
    /*
     * ACPI 5.2.5.1: the first KiB of the EBDA, then 0xe0000 to 0xfffff. MP specification, 4: EBDA,
     * the last KiB of base memory, 0xf0000 to 0xfffff. The BIOS data area has the segment of the
     * EBDA at 0x40e and the KiB of base memory at 0x413.
     */
    const uint8_t *data = machine_window(0x400, 0x100);
    uint64_t ebda = (uint64_t)(data[0x0e] | data[0x0f] << 8) << 4;
    uint64_t base = (uint64_t)(data[0x13] | data[0x14] << 8) << 10;
    if (ebda < 0x80000 || ebda > 0x9fc00) {
        ebda = 0x9fc00;
    }
    if (look(ebda, 1024, context) || look(0xf0000, 0x10000, context)) {
        return;
    }
    if (base > 0x80000 && base <= 0xa0000 && base - 1024 != ebda &&
        look(base - 1024, 1024, context)) {
        return;
    }
    look(0xe0000, 0x10000, context);
}
