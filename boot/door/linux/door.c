/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux door (steps A2 to A4): reads the zero page that the boot loader or our real-mode code
 * filled, and hands what it says to the loader. Fields as in arch/x86/zero-page.rst and boot.rst of
 * the Linux documentation; nothing in it is trusted.
 */
#include "boot/loader/loader.h"
#include "lib/linux_params.h"
#include "lib/string.h"

enum { MAX_SETUP_DATA = 64, MAX_SEED = 4096, MAX_FOREIGN_STAMPS = 6 };

_Noreturn void linux_main(uint64_t address, uint64_t cycles, enum boot_door door);

/* A field of 64 bits whose upper half lies elsewhere in the page. */
static uint64_t join(uint32_t low, uint32_t high)
{
    return low | (uint64_t)high << 32;
}

static void take_ranges(struct loader *loader, const struct linux_range *range, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        loader_add_range(loader, range[i].start, range[i].size, range[i].type);
    }
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

/* What our boot manager did before. Stamps of one that is not ours are only odd rows. */
static void take_stamps(struct loader *loader, const struct boot_stamp *stamps, uint64_t count)
{
    for (uint64_t i = 0; i < MIN(count, (uint64_t)MAX_FOREIGN_STAMPS); i++) {
        loader_stamp(loader, stamps[i].what, stamps[i].cycles);
    }
}

static void take_setup_data(struct loader *loader, const struct linux_setup_data *node,
                            uint64_t address)
{
    uint8_t *data = machine_window(address + sizeof(*node), node->size);
    if (data == NULL) {
        fail("setup_data at %#llx: %u bytes are out of reach", (unsigned long long)address,
             node->size);
    }
    switch (node->type) {
    case LINUX_SETUP_E820_EXT:
        take_ranges(loader, (const struct linux_range *)data,
                    node->size / sizeof(struct linux_range));
        break;
    case LINUX_SETUP_RNG_SEED:
        if (node->size > MAX_SEED) {
            fail("setup_data at %#llx: a seed of %u bytes", (unsigned long long)address,
                 node->size);
        }
        /* A secret: nobody else shall find it there. */
        loader_add_entropy(loader, data, node->size);
        memset(data, 0, node->size);
        break;
    case LINUX_SETUP_STAMPS:
        take_stamps(loader, (const struct boot_stamp *)data,
                    node->size / sizeof(struct boot_stamp));
        break;
    default:
        break; /* of no use to us */
    }
}

static void walk_setup_data(struct loader *loader, uint64_t address)
{
    for (unsigned i = 0; address != 0; i++) {
        const struct linux_setup_data *node = machine_window(address, sizeof(*node));
        if (node == NULL || i == MAX_SETUP_DATA) {
            fail("setup_data at %#llx: %s", (unsigned long long)address,
                 node == NULL ? "out of reach" : "the list does not end");
        }
        take_setup_data(loader, node, address);
        address = node->next;
    }
}

/* A linear frame buffer, if the screen is one. */
static void take_screen(struct boot_framebuffer *fb, const struct linux_screen *screen)
{
    if (screen->type != LINUX_SCREEN_LFB && screen->type != LINUX_SCREEN_EFI) {
        return;
    }
    bool wide = (screen->capabilities & LINUX_SCREEN_64BIT_BASE) != 0;
    *fb = (struct boot_framebuffer){
        .address = join(screen->lfb_base, wide ? screen->ext_lfb_base : 0),
        .width = screen->lfb_width,
        .height = screen->lfb_height,
        .stride = screen->lfb_line_length,
        .bits_per_pixel = (uint8_t)screen->lfb_depth,
        .red_shift = screen->red_pos,
        .green_shift = screen->green_pos,
        .blue_shift = screen->blue_pos,
    };
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
    /* A page that was not cleared has garbage in all that the header does not cover. */
    bool clean = params->sentinel == 0;
    const struct linux_header *header = &params->header;
    take_ranges(loader, params->ranges, MIN(params->range_count, LINUX_RANGES));
    if (params->range_count == 0) {
        take_sizes(loader, params);
    }
    loader_set_cmdline(loader, join(header->cmd_line_ptr, clean ? params->ext_cmd_line_ptr : 0));
    uint64_t initrd = join(header->ramdisk_image, clean ? params->ext_ramdisk_image : 0);
    uint64_t size = join(header->ramdisk_size, clean ? params->ext_ramdisk_size : 0);
    if (initrd != 0) {
        loader_add_initrd(loader, initrd, size);
    }
    loader->info->acpi_rsdp = clean ? params->acpi_rsdp : 0;
    take_screen(&loader->info->framebuffer, &params->screen);
    walk_setup_data(loader, header->setup_data);
    loader_run(loader);
}
