/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen as the loader sees it: it checks what the door was told about it, maps it for the
 * kernel, and shows the line with which loading fails.
 */
#include "abi/layout.h"
#include "boot/loader/loader.h"
#include "lib/fb.h"
#include "lib/glyphs.h"
#include "lib/string.h"

/* boot/loader/font.S: the glyphs of ASCII from the space on. */
extern const uint8_t loader_font[95][GLYPH_HEIGHT];

/* What the door fills in; one CPU runs, so there is no lock. */
static const struct bootinfo *info;

void screen_begin(struct bootinfo *from)
{
    info = from;
    /* Firmware of the BIOS's kind tells at fixed places; UEFI's leaves something else there. */
    if (from->door != BOOT_DOOR_EFI) {
        machine_text_screen(&from->text);
    }
}

/* Nothing but what the firmware keeps for itself may lie where pixels are written. */
static bool is_apart(const struct memory_map *memory, uint64_t start, uint64_t size)
{
    for (uint32_t i = 0; i < memory->count; i++) {
        const struct boot_range *range = &memory->ranges[i];
        if (range->type != BOOT_MEM_RESERVED && start < range->start + range->size &&
            range->start < start + size) {
            return false;
        }
    }
    return true;
}

/* Maps the frame buffer; 0 when it is no good, else how many characters it has room for. */
static uint64_t map_frame_buffer(struct loader *loader, const struct boot_framebuffer *from)
{
    const uint64_t large = 2u << 20;
    struct fb fb;
    uint64_t start = ALIGN_DOWN(from->address, PAGE_SIZE);
    uint64_t offset = start & (large - 1);
    if (from->width == 0 || fb_init(&fb, from, NULL) != 0 ||
        from->address + fb_size(from) > 1ul << machine_address_bits() ||
        fb_size(from) > LAYOUT_SCREEN_MAX - 2 * large) {
        return 0;
    }
    uint64_t size = ALIGN_UP(from->address + fb_size(from), PAGE_SIZE) - start;
    if (!is_apart(&loader->memory, start, size)) {
        return 0;
    }
    loader_map(loader, LAYOUT_SCREEN + offset, start, size, PAGING_WRITE | PAGING_COMBINE);
    loader->info->framebuffer_va = LAYOUT_SCREEN + offset + (from->address - start);
    return (uint64_t)fb.rows * fb.columns;
}

void screen_map(struct loader *loader)
{
    const struct boot_text *text = &loader->info->text;
    uint64_t count = map_frame_buffer(loader, &loader->info->framebuffer);
    if (count == 0) {
        count = (uint64_t)text->rows * text->columns;
    }
    /* Whoever has no memory for it has no screen. */
    uint64_t cells;
    if (count > 0 &&
        memory_take(&loader->memory, count * BOOT_CELL_SIZE, BOOT_MEM_KERNEL, &cells) == 0) {
        loader->info->cells = cells;
    }
}

/* The last rows, white on red. */
enum { ROWS = 3, WHITE = 15, RED = 4 };

static void show_in_text_mode(const struct boot_text *text, const char *line)
{
    size_t count = (size_t)text->rows * text->columns;
    volatile uint16_t *cell = machine_window(text->address, count * sizeof(*cell));
    if (cell == NULL || text->rows < ROWS) {
        return;
    }
    for (size_t at = count - (size_t)ROWS * text->columns; at < count && *line != 0; at++) {
        cell[at] = (uint16_t)((RED << 4 | WHITE) << 8 | (uint8_t)*line++);
    }
}

static void show_in_pixels(const struct fb *fb, const char *line)
{
    struct fb_ink ink = {.fore = fb_pixel(fb, WHITE, 0xffffff),
                         .back = fb_pixel(fb, RED, 0xaa0000)};
    size_t count = (size_t)fb->rows * fb->columns;
    for (size_t at = count - (size_t)ROWS * fb->columns; at < count && *line != 0; at++, line++) {
        unsigned code = (uint8_t)*line - ' ';
        fb_glyph(fb, (unsigned)(at / fb->columns), (unsigned)(at % fb->columns),
                 loader_font[code < ARRAY_SIZE(loader_font) ? code : 0], &ink);
    }
}

void screen_show(const char *line)
{
    struct fb fb;
    if (info == NULL) {
        return;
    }
    const struct boot_framebuffer *from = &info->framebuffer;
    if (from->width == 0) {
        show_in_text_mode(&info->text, line);
    } else if (fb_init(&fb, from, NULL) == 0) {
        fb.pixels = machine_window(from->address, fb_size(from));
        if (fb.pixels != NULL) {
            show_in_pixels(&fb, line);
        }
    }
}
