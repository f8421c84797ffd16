/* SPDX-License-Identifier: BSD-2-Clause */
/* The last of real mode (step A3): all that could interrupt is silenced, then the jump. */
#include "boot/door/linux/setup/io.h"
#include "boot/door/linux/setup/setup.h"

/* The boot loader's hook if it has one, else interrupts and NMI off (boot.rst, realmode_swtch). */
static void leave_real_mode(void)
{
    if (params.header.realmode_swtch != 0) {
        __asm__ volatile("lcallw *%0"
                         :
                         : "m"(params.header.realmode_swtch)
                         : "eax", "ebx", "ecx", "edx", "memory", "cc");
        return;
    }
    __asm__ volatile("cli" : : : "memory");
    outb(0x70, 0x80); /* the top bit of the CMOS index holds NMI back */
    io_delay();
}

static void reset_coprocessor(void)
{
    outb(0xf0, 0);
    io_delay();
    outb(0xf1, 0);
    io_delay();
}

/* Both PICs: everything but the cascade. */
static void mask_interrupts(void)
{
    outb(0xa1, 0xff);
    io_delay();
    outb(0x21, 0xfb);
    io_delay();
}

_Noreturn void enter_protected_mode(void)
{
    if (!open_a20()) {
        stop("Alba: the address line A20 does not open; the machine cannot be used\r\n");
    }
    leave_real_mode();
    reset_coprocessor();
    mask_interrupts();
    uint32_t base = (uint32_t)own_segment() << 4;
    protected_jump(params.header.code32_start, base + (uint32_t)(uintptr_t)&params);
}
