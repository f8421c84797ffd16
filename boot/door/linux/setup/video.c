/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen (step A2): sets the mode that `vga=` asked for, then notes what there is. Modes as in
 * the Linux documentation, admin-guide/svga.rst: 0 to 0xff of the BIOS, 0x200 and up of VESA.
 * Calls: IBM VGA BIOS (int 10h), "VESA BIOS Extension core functions 3.0" (VBE).
 */
#include "boot/door/linux/setup/setup.h"

/* The parts of VBE's mode information (4.4) that are of use. */
struct vbe_mode {
    uint16_t attributes;
    uint8_t unused1[14];
    uint16_t line_length;
    uint16_t width, height;
    uint8_t unused2[3];
    uint8_t depth;
    uint8_t unused3, memory_model;
    uint8_t unused4[3];
    uint8_t red_size, red_pos, green_size, green_pos, blue_size, blue_pos, rsvd_size, rsvd_pos;
    uint8_t unused5;
    uint32_t frame_buffer;
    uint8_t unused6[212];
} __attribute__((packed));
static_assert(sizeof(struct vbe_mode) == 256, "VBE 3.0, 4.4");

enum { VBE_OK = 0x004f, VBE_GRAPHICS = 0x10, VBE_LINEAR = 0x80, VBE_USE_LINEAR = 0x4000 };

static void note_frame_buffer(const struct vbe_mode *mode)
{
    struct linux_screen *screen = &params.screen;
    screen->type = LINUX_SCREEN_LFB;
    screen->lfb_width = mode->width;
    screen->lfb_height = mode->height;
    screen->lfb_depth = mode->depth;
    screen->lfb_base = mode->frame_buffer;
    screen->lfb_line_length = mode->line_length;
    /* In blocks of 64 KiB, for VESA's modes. */
    screen->lfb_size = ((uint32_t)mode->line_length * mode->height + 0xffff) >> 16;
    screen->red_size = mode->red_size;
    screen->red_pos = mode->red_pos;
    screen->green_size = mode->green_size;
    screen->green_pos = mode->green_pos;
    screen->blue_size = mode->blue_size;
    screen->blue_pos = mode->blue_pos;
    screen->rsvd_size = mode->rsvd_size;
    screen->rsvd_pos = mode->rsvd_pos;
    screen->vesa_attributes = mode->attributes;
}

/* Sets a VESA mode. A graphics mode must have a linear frame buffer; true when it is one. */
static bool set_vesa(uint16_t number)
{
    struct vbe_mode *mode = heap_take(sizeof(*mode));
    if (mode == NULL) {
        return false;
    }
    struct bios_regs regs = {.eax = 0x4f01, .ecx = number, .edi = (uint32_t)(uintptr_t)mode};
    bios_call(0x10, &regs);
    bool graphics = (mode->attributes & VBE_GRAPHICS) != 0;
    if ((regs.eax & 0xffff) != VBE_OK || !(mode->attributes & 1) ||
        (graphics && !(mode->attributes & VBE_LINEAR))) {
        return false;
    }
    regs = (struct bios_regs){.eax = 0x4f02, .ebx = number | (graphics ? VBE_USE_LINEAR : 0u)};
    bios_call(0x10, &regs);
    if ((regs.eax & 0xffff) != VBE_OK || !graphics) {
        return false;
    }
    note_frame_buffer(mode);
    return true;
}

/* Int 10h 1a and 12h: what kind of adapter it is. */
static uint8_t adapter(uint8_t mode)
{
    struct bios_regs regs = {.eax = 0x1a00};
    bios_call(0x10, &regs);
    if ((regs.eax & 0xff) == 0x1a) {
        return LINUX_SCREEN_VGA;
    }
    regs = (struct bios_regs){.eax = 0x1200, .ebx = 0x10};
    bios_call(0x10, &regs);
    if ((regs.ebx & 0xff) != 0x10) {
        return mode == 7 ? LINUX_SCREEN_EGA_MONO : LINUX_SCREEN_EGA;
    }
    return mode == 7 ? LINUX_SCREEN_MDA : LINUX_SCREEN_CGA;
}

static void note_text_screen(void)
{
    struct linux_screen *screen = &params.screen;
    struct bios_regs regs = {.eax = 0x0f00};
    bios_call(0x10, &regs);
    screen->mode = regs.eax & 0x7f;
    screen->columns = far_read8(BDA_SEGMENT, BDA_VIDEO_COLUMN);
    if (screen->columns == 0) {
        return; /* there is no video BIOS */
    }
    screen->page = (uint16_t)(regs.ebx >> 8 & 0xff);
    regs = (struct bios_regs){.eax = 0x0300, .ebx = (uint32_t)screen->page << 8};
    bios_call(0x10, &regs);
    screen->x = (uint8_t)regs.edx;
    screen->y = (uint8_t)(regs.edx >> 8);
    screen->type = adapter(screen->mode);
    screen->lines = 25;
    if (screen->type >= LINUX_SCREEN_EGA_MONO) {
        screen->lines = (uint8_t)(far_read8(BDA_SEGMENT, BDA_VIDEO_ROWS) + 1);
        screen->points = far_read16(BDA_SEGMENT, BDA_VIDEO_POINTS);
    }
}

void set_video(void)
{
    uint16_t wanted = params.header.vid_mode;
    bool graphics = false;
    if (wanted == LINUX_VIDEO_EXTENDED) {
        /* Int 10h 1112: the 8 by 8 font, for 80 by 50 characters. */
        struct bios_regs regs = {.eax = 0x1112};
        bios_call(0x10, &regs);
    } else if (wanted < 0x100) {
        struct bios_regs regs = {.eax = wanted};
        bios_call(0x10, &regs);
    } else if (wanted >= 0x200 && wanted < 0x1000) {
        graphics = set_vesa(wanted - 0x200);
    }
    /* Anything else, also "ask": the mode stays as it is. */
    if (!graphics) {
        note_text_screen();
    }
}
