/* SPDX-License-Identifier: BSD-2-Clause */
/* The information of Multiboot 1 ("Multiboot Specification version 0.6.96", 3.3). */
#include "boot/door/multiboot/info.h"
#include "lib/bytes.h"
#include "lib/string.h"

enum {
    HAS_MEMORY = 1 << 0,
    HAS_CMDLINE = 1 << 2,
    HAS_MODULES = 1 << 3,
    HAS_MAP = 1 << 6,
    HAS_FRAMEBUFFER = 1 << 12,
};

enum { MAP_MAX = 64 << 10, MAP_ENTRY = 20 };

struct information {
    uint32_t flags; /* HAS_*: which of the fields mean something */
    uint32_t lower_k, upper_k;
    uint32_t boot_device;
    uint32_t cmdline;
    uint32_t module_count, modules; /* struct module[] */
    uint32_t symbols[4];
    uint32_t map_size, map;
    uint32_t drives_size, drives;
    uint32_t config_table, loader_name, apm_table;
    uint32_t vbe[4];
    uint64_t framebuffer;
    uint32_t stride, width, height;
    uint8_t bits_per_pixel, framebuffer_type;
    uint8_t colours[6];
} __attribute__((packed));
static_assert(offsetof(struct information, framebuffer) == 88, "3.3");
static_assert(sizeof(struct information) == 116, "3.3");

struct module {
    uint32_t start, end;
    uint32_t cmdline, reserved;
};

static const char *read_map(multiboot_memory *memory, const struct information *said,
                            struct multiboot_info *out)
{
    const uint8_t *map = said->map_size <= MAP_MAX ? memory(said->map, said->map_size) : NULL;
    if (map == NULL) {
        return "the memory map is out of reach or too long";
    }
    for (uint32_t at = 0; at < said->map_size;) {
        uint32_t left = said->map_size - at;
        uint32_t size = left >= 4 ? bytes_load4(map + at) : 0;
        if (size < MAP_ENTRY || size > left - 4) {
            return "an entry of the memory map does not fit it";
        }
        at += 4 + size;
    }
    out->map_form = MULTIBOOT_MAP_1;
    out->map = (struct multiboot_bytes){map, said->map_size};
    return NULL;
}

static const char *read_modules(multiboot_memory *memory, const struct information *said,
                                struct multiboot_info *out)
{
    const uint8_t *list = NULL;
    if (said->module_count <= MAP_MAX) {
        list = memory(said->modules, said->module_count * sizeof(struct module));
    }
    if (list == NULL) {
        return "the list of modules is out of reach or too long";
    }
    const char *wrong = NULL;
    for (uint32_t i = 0; i < said->module_count && wrong == NULL; i++) {
        struct module module;
        memcpy(&module, list + i * sizeof(module), sizeof(module));
        wrong = multiboot_add_module(out, module.start, module.end);
    }
    return wrong;
}

const char *multiboot1_read(multiboot_memory *memory, uint64_t address, struct multiboot_info *out)
{
    struct information said;
    const char *wrong = NULL;
    memset(out, 0, sizeof(*out));
    const void *bytes = memory(address, sizeof(said));
    if (bytes == NULL) {
        return "it is out of reach";
    }
    memcpy(&said, bytes, sizeof(said));
    if (said.flags & HAS_MEMORY) {
        out->lower_k = said.lower_k;
        out->upper_k = said.upper_k;
    }
    if (said.flags & HAS_CMDLINE) {
        out->cmdline = said.cmdline;
    }
    if ((said.flags & HAS_MAP) && said.map_size > 0) {
        wrong = read_map(memory, &said, out);
    }
    if (wrong == NULL && (said.flags & HAS_MODULES) && said.module_count > 0) {
        wrong = read_modules(memory, &said, out);
    }
    if (said.flags & HAS_FRAMEBUFFER) {
        const struct boot_framebuffer fb = {.address = said.framebuffer,
                                            .width = said.width,
                                            .height = said.height,
                                            .stride = said.stride,
                                            .bits_per_pixel = said.bits_per_pixel};
        multiboot_set_screen(out, said.framebuffer_type, &fb, said.colours);
    }
    return wrong;
}
