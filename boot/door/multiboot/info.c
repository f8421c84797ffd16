/* SPDX-License-Identifier: BSD-2-Clause */
/* What both versions of the information have in common, and the memory maps (info.h). */
#include "boot/door/multiboot/info.h"
#include "lib/bytes.h"

const char *multiboot_add_module(struct multiboot_info *info, uint32_t start, uint32_t end)
{
    if (end < start) {
        return "a module ends before it starts";
    }
    if (end == start) {
        return NULL;
    }
    if (info->module_count == MULTIBOOT_MODULES) {
        return "there are too many modules";
    }
    info->modules[info->module_count++] = (struct multiboot_module){start, end - start};
    return NULL;
}

/* Whether the numbers of a frame buffer can be. */
static bool is_framebuffer(const struct boot_framebuffer *fb, const uint8_t colours[6])
{
    uint64_t line = (uint64_t)fb->width * ((fb->bits_per_pixel + 7u) / 8);
    bool good = fb->bits_per_pixel >= 15 && fb->bits_per_pixel <= 32 && fb->height > 0 &&
                line > 0 && line <= fb->stride && fb->address != 0 &&
                fb->address <= UINT64_MAX - (uint64_t)fb->stride * fb->height;
    for (unsigned i = 0; i < 6; i += 2) {
        good &= colours[i] + colours[i + 1] <= fb->bits_per_pixel;
    }
    return good;
}

void multiboot_set_screen(struct multiboot_info *info, unsigned type,
                          const struct boot_framebuffer *fb, const uint8_t colours[6])
{
    enum { CELLS = 0xb8000, COLUMNS_MAX = 132, ROWS_MAX = 60 };
    info->has_screen = true;
    if (type == MULTIBOOT_SCREEN_RGB && colours != NULL && is_framebuffer(fb, colours)) {
        info->framebuffer = *fb;
        info->framebuffer.red_shift = colours[0];
        info->framebuffer.green_shift = colours[2];
        info->framebuffer.blue_shift = colours[4];
    } else if (type == MULTIBOOT_SCREEN_TEXT && fb->address == CELLS && fb->width > 0 &&
               fb->width <= COLUMNS_MAX && fb->height <= ROWS_MAX) {
        info->text = (struct boot_text){
            .address = CELLS, .columns = (uint16_t)fb->width, .rows = (uint16_t)fb->height};
    }
}

/* UEFI 2.10, table 7.10: what is memory once its boot services have ended. */
static uint32_t type_of_efi(uint32_t type)
{
    static const uint8_t types[] = {2, 1, 1, 1, 1, 2, 2, 1, 5, 3, 4};
    return type < ARRAY_SIZE(types) ? types[type] : 2;
}

bool multiboot_next_range(const struct multiboot_info *info, size_t *position,
                          struct multiboot_range *range)
{
    if (info->map_form == MULTIBOOT_MAP_NONE) {
        return false;
    }
    size_t left = info->map.size - *position;
    const uint8_t *at = info->map.bytes + *position;
    if (info->map_form == MULTIBOOT_MAP_1) {
        /* The size does not count itself; multiboot1_read() has checked all of them. */
        if (left == 0) {
            return false;
        }
        *range = (struct multiboot_range){bytes_load8(at + 4), bytes_load8(at + 12),
                                          bytes_load4(at + 20)};
        *position += 4 + (size_t)bytes_load4(at);
        return true;
    }
    if (left < info->map_step) {
        return false;
    }
    *position += info->map_step;
    if (info->map_form == MULTIBOOT_MAP_2) {
        *range = (struct multiboot_range){bytes_load8(at), bytes_load8(at + 8),
                                          bytes_load4(at + 16)};
        return true;
    }
    uint64_t pages = bytes_load8(at + 24);
    *range = (struct multiboot_range){bytes_load8(at + 8),
                                      MIN(pages, UINT64_MAX / PAGE_SIZE) * PAGE_SIZE,
                                      type_of_efi(bytes_load4(at))};
    return true;
}
