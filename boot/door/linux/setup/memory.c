/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BIOS's memory map: int 15h e820, with e801 and 88 for old machines (ACPI 6.4, 15.1; Ralf
 * Brown's list, int 15h). All three are asked, as the protocol's fields want them all.
 */
#include "boot/arch/x86_64/messages.h"
#include "boot/door/linux/setup/setup.h"

#define SMAP 0x534d4150u

static void ask_e820(void)
{
    struct linux_range range;
    uint32_t next = 0;
    do {
        struct bios_regs regs = {
            .eax = 0xe820, .ebx = next, .ecx = sizeof(range), .edx = SMAP, .edi = (uint32_t)&range};
        bios_call(0x15, &regs);
        if (regs.eflags & BIOS_CARRY) {
            break; /* some end their list this way */
        }
        if (regs.eax != SMAP) {
            params.range_count = 0; /* not e820 at all, or it lost its way */
            break;
        }
        params.ranges[params.range_count++] = range;
        next = regs.ebx;
    } while (next != 0 && params.range_count < LINUX_RANGES);
}

static void ask_e801(void)
{
    struct bios_regs regs = {.eax = 0xe801};
    bios_call(0x15, &regs);
    if (regs.eflags & BIOS_CARRY) {
        return;
    }
    /* KiB from 1 to 16 MiB, then blocks of 64 KiB; some answer in CX and DX only. */
    uint32_t low = regs.ecx & 0xffff, high = regs.edx & 0xffff;
    if (low == 0 && high == 0) {
        low = regs.eax & 0xffff;
        high = regs.ebx & 0xffff;
    }
    if (low > 15 * 1024) {
        return; /* nonsense */
    }
    /* Memory behind a hole does not count. */
    params.alt_mem_k = low == 15 * 1024 ? low + high * 64 : low;
}

static void ask_88(void)
{
    struct bios_regs regs = {.eax = 0x8800};
    bios_call(0x15, &regs);
    if (!(regs.eflags & BIOS_CARRY)) {
        params.screen.ext_mem_k = (uint16_t)regs.eax;
    }
}

/* Whether the image with its working space is in memory, if the boot loader put it there. */
static bool image_fits(uint64_t start)
{
    uint64_t end = start + params.header.init_size;
    for (unsigned i = 0; i < params.range_count; i++) {
        const struct linux_range *range = &params.ranges[i];
        if (range->type == 1 && range->start <= start && end <= range->start + range->size) {
            return true;
        }
    }
    return params.range_count == 0;
}

void ask_memory(void)
{
    ask_e820();
    ask_e801();
    ask_88();
}

void find_memory(void)
{
    ask_memory();
    /* code32_start is where the image lies, or a hook of the boot loader's (boot.rst). */
    if (!image_fits(params.header.code32_start) && !image_fits(params.header.pref_address)) {
        stop(MESSAGE_NO_MEMORY);
    }
}
