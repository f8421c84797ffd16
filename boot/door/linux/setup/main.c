/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real-mode story (steps A2 and A3), in the order in which it happens. Entered from header.S
 * with a good stack, one segment in all segment registers, and bss cleared.
 */
#include "boot/door/linux/setup/setup.h"
#include "lib/string.h"

/* header.S, setup.lds */
extern const struct linux_header header;
extern char setup_end[];

struct linux_params params __attribute__((aligned(16)));

/* The rest of the segment up to the stack; one CPU, no lock. */
static char *heap, *heap_end;

_Noreturn void setup_main(void);

/* The boot loader wrote into our header; what comes after us reads the zero page. */
static void copy_header(void)
{
    memcpy(&params.header, &header, sizeof(header));
    uint16_t magic = far_read16(own_segment(), 0x20);
    if (params.header.cmd_line_ptr == 0 && magic == LINUX_OLD_CMDLINE) {
        /* The old protocol: an offset into our segment (boot.rst, "The Kernel Command Line"). */
        uint16_t offset = far_read16(own_segment(), 0x22);
        params.header.cmd_line_ptr = ((uint32_t)own_segment() << 4) + offset;
    }
    params.setup_magic = LINUX_SETUP_MAGIC;
}

static void set_up_heap(void)
{
    enum { STACK_ROOM = 1024 };
    heap = setup_end;
    heap_end = setup_end;
    if (params.header.loadflags & LINUX_CAN_USE_HEAP) {
        char *here = (char *)__builtin_frame_address(0) - STACK_ROOM;
        heap_end = (char *)(uintptr_t)(params.header.heap_end_ptr + 0x200u);
        heap_end = MAX(MIN(heap_end, here), heap);
    }
}

void *heap_take(size_t size)
{
    size = ALIGN_UP(size, 16u);
    if ((size_t)(heap_end - heap) < size) {
        return NULL;
    }
    char *block = heap;
    heap += size;
    return block;
}

/* Int 15h ec00: tells the BIOS that 64-bit mode is to come ("BIOS and Kernel Developer's Guide for
 * AMD Athlon 64", 12.21). */
static void announce_mode(void)
{
    struct bios_regs regs = {.eax = 0xec00, .ebx = 2};
    bios_call(0x15, &regs);
}

/* Int 16h 02 and 03: the state of the shift keys, and the fastest repeat. */
static void set_keyboard(void)
{
    struct bios_regs regs = {.eax = 0x0200};
    bios_call(0x16, &regs);
    params.kbd_status = (uint8_t)regs.eax;
    regs = (struct bios_regs){.eax = 0x0305};
    bios_call(0x16, &regs);
}

_Noreturn void setup_main(void)
{
    check_cpu(); /* and takes the time, as early as it can */
    copy_header();
    set_up_heap();
    announce_mode();
    find_memory();
    set_keyboard();
    find_disks();
    set_video();
    if (option("quiet", NULL, 0)) {
        params.header.loadflags |= LINUX_QUIET;
    }
    enter_protected_mode();
}
