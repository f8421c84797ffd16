/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux door (steps A2 to A4): reads the zero page that the boot loader or our real-mode code
 * filled, and hands what it says to the loader. Fields as in arch/x86/zero-page.rst and boot.rst of
 * the Linux documentation; nothing in it is trusted.
 */
#include "boot/door/linux/door.h"

/* A field of 64 bits whose upper half lies elsewhere in the page. */
static uint64_t join(uint32_t low, uint32_t high)
{
    return low | (uint64_t)high << 32;
}

/* Where the BIOS has no e820: 640 KiB, and so many KiB from 1 MiB on. */
static void take_sizes(struct loader *loader, const struct linux_params *params)
{
    uint64_t size_k = MAX(params->alt_mem_k, params->screen.ext_mem_k);
    if (size_k > 0) {
        loader_add_range(loader, 0, 0x9f000, 1);
        loader_add_range(loader, 0x100000, size_k << 10, 1);
    }
}

/* Who loaded us, in the numbers of the protocol (boot.rst, type_of_loader). */
static void take_loader(struct bootinfo *info, const struct linux_header *header)
{
    info->loader_type = header->type_of_loader >> 4;
    if (info->loader_type == LINUX_LOADER_EXTENDED) {
        info->loader_type = header->ext_loader_type + 0x10u;
    }
    info->loader_version = (header->type_of_loader & 15u) | (uint32_t)header->ext_loader_ver << 4;
}

/* The VGA in text mode: modes 0 to 3 of the BIOS have colours. */
static void take_text_screen(struct boot_text *text, const struct linux_screen *screen)
{
    bool known = screen->type == LINUX_SCREEN_TEXT || screen->type == LINUX_SCREEN_EGA ||
                 screen->type == LINUX_SCREEN_VGA;
    *text = (struct boot_text){0};
    if (known && screen->mode <= 3 && screen->lines <= 60 && screen->columns <= 132) {
        *text = (struct boot_text){
            .address = 0xb8000, .columns = screen->columns, .rows = screen->lines};
    }
}

/* A linear frame buffer, if the screen is one and its numbers can be. */
static void take_screen(struct boot_framebuffer *fb, const struct linux_screen *screen)
{
    bool linear = screen->type == LINUX_SCREEN_LFB || screen->type == LINUX_SCREEN_EFI;
    bool wide = (screen->capabilities & LINUX_SCREEN_64BIT_BASE) != 0;
    uint64_t base = join(screen->lfb_base, wide ? screen->ext_lfb_base : 0);
    uint32_t pixel = (screen->lfb_depth + 7u) / 8;
    if (!linear || base == 0 || screen->lfb_height == 0 || screen->lfb_depth < 8 ||
        screen->lfb_depth > 32 || pixel * screen->lfb_width > screen->lfb_line_length) {
        return;
    }
    *fb = (struct boot_framebuffer){
        .address = base,
        .width = screen->lfb_width,
        .height = screen->lfb_height,
        .stride = screen->lfb_line_length,
        .bits_per_pixel = (uint8_t)screen->lfb_depth,
        .red_shift = screen->red_pos,
        .green_shift = screen->green_pos,
        .blue_shift = screen->blue_pos,
    };
}

static void take_header(struct loader *loader, const struct linux_params *params)
{
    const struct linux_header *header = &params->header;
    if (header->hardware_subarch != 0) {
        fail("hardware_subarch %u of the Linux protocol: this kernel is for PCs (0) only",
             header->hardware_subarch);
    }
    /* A page that was not cleared has garbage in all that the header does not cover. */
    bool clean = params->sentinel == 0;
    loader_set_cmdline(loader, join(header->cmd_line_ptr, clean ? params->ext_cmd_line_ptr : 0));
    uint64_t initrd = join(header->ramdisk_image, clean ? params->ext_ramdisk_image : 0);
    uint64_t size = join(header->ramdisk_size, clean ? params->ext_ramdisk_size : 0);
    if (initrd != 0) {
        loader_add_initrd(loader, initrd, size);
    }
    loader->info->acpi_rsdp = clean ? params->acpi_rsdp : 0;
    if (clean) {
        linux_take_efi(loader, params);
    }
    take_loader(loader->info, header);
}

_Noreturn void linux_main(uint64_t address, uint64_t cycles, enum boot_door door)
{
    const struct linux_params *params = machine_window(address, sizeof(*params));
    if (params != NULL && params->setup_magic == LINUX_SETUP_MAGIC) {
        door = BOOT_DOOR_LINUX16;
    }
    struct loader *loader = loader_begin(door, cycles);
    if (door == BOOT_DOOR_LINUX16) {
        loader_stamp(loader, BOOT_STAGE_SETUP, params->setup_cycles);
    }
    if (params == NULL || params->header.header != LINUX_HEADER_MAGIC) {
        fail("the boot parameters are not those of the Linux protocol (no HdrS in the zero page)");
    }
    take_text_screen(&loader->info->text, &params->screen);
    take_screen(&loader->info->framebuffer, &params->screen);
    linux_take_ranges(loader, params->ranges, MIN(params->range_count, LINUX_RANGES));
    if (params->range_count == 0) {
        take_sizes(loader, params);
    }
    take_header(loader, params);
    linux_take_setup_data(loader, params->header.setup_data);
    loader_run(loader);
}
