/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes what a boot loader says of the frame buffer: what is taken must bear being drawn on. */
// sources: lib/fb.c lib/glyphs.c
#include <stdlib.h>
#include <string.h>

#include "lib/fb.h"
#include "lib/glyphs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t glyph[GLYPH_HEIGHT] = {0xff, 0x81};
    enum { MEMORY_MAX = 1 << 22 };
    struct boot_framebuffer from = {0};
    struct fb fb;
    memcpy(&from, data, MIN(size, sizeof(from)));
    /* Without this hardly any is as small as memory. */
    from.width &= 0x7fff;
    from.height &= 0x7fff;
    from.stride &= 0xfffff;
    if (fb_init(&fb, &from, NULL) != 0 || fb_size(&from) > MEMORY_MAX) {
        return 0;
    }
    fb.pixels = malloc(fb_size(&from));
    if (fb.pixels == NULL) {
        return 0;
    }
    struct fb_ink ink = {.fore = fb_pixel(&fb, 15, 0xffffff), .back = fb_pixel(&fb, 4, 0xaa0000)};
    fb_clear(&fb, ink.back);
    fb_glyph(&fb, 0, 0, glyph, &ink);
    fb_glyph(&fb, fb.rows - 1, fb.columns - 1, glyph, &ink);
    free(fb.pixels);
    return 0;
}
