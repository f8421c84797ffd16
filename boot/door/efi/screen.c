/* SPDX-License-Identifier: BSD-2-Clause */
/* The screen as the firmware set it (UEFI 2.10, 12.9.2), checked: a frame buffer or none. */
#include "boot/door/efi/door.h"

struct boot_framebuffer efi_screen(const struct efi_graphics_mode *mode)
{
    const struct boot_framebuffer none = {0};
    const struct efi_graphics_info *info = mode->info;
    if (info == NULL || mode->info_size < sizeof(*info) || mode->address == 0) {
        return none;
    }
    uint32_t red = 0xff, green = 0xff00, blue = 0xff0000, all = UINT32_MAX;
    switch (info->format) {
    case EFI_PIXEL_RGBX:
        break;
    case EFI_PIXEL_BGRX:
        red = 0xff0000;
        blue = 0xff;
        break;
    case EFI_PIXEL_MASKS:
        red = info->red;
        green = info->green;
        blue = info->blue;
        all = red | green | blue | info->reserved;
        break;
    default:
        return none; /* there is nothing to draw in */
    }
    if (red == 0 || green == 0 || blue == 0 || info->width == 0 || info->height == 0 ||
        info->line_pixels < info->width) {
        return none;
    }
    /* A pixel is as many bytes as the masks' highest bit asks for. */
    uint32_t bytes = (32u - (uint32_t)__builtin_clz(all) + 7) / 8;
    uint64_t stride = (uint64_t)info->line_pixels * bytes;
    if (stride > UINT32_MAX || stride * info->height > mode->size) {
        return none;
    }
    return (struct boot_framebuffer){
        .address = mode->address,
        .width = info->width,
        .height = info->height,
        .stride = (uint32_t)stride,
        .bits_per_pixel = (uint8_t)(bytes * 8),
        .red_shift = (uint8_t)__builtin_ctz(red),
        .green_shift = (uint8_t)__builtin_ctz(green),
        .blue_shift = (uint8_t)__builtin_ctz(blue),
    };
}
