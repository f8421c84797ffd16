/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What a boot loader says by the "Multiboot Specification version 0.6.96" (3.3) or the "Multiboot2
 * Specification version 2.0" (3.6), read into one form. Pure: memory is reached by the function
 * that the caller gives, and everything that the loader relies on is checked here.
 */
#include "abi/bootinfo.h"
#include "lib/types.h"

#define MULTIBOOT1_MAGIC 0x2badb002u /* in EAX: which of the two it is */
#define MULTIBOOT2_MAGIC 0x36d76289u

enum { MULTIBOOT_MODULES = 32 };

/* `size` bytes of physical memory, or NULL: out of reach. */
typedef void *multiboot_memory(uint64_t paddr, size_t size);

enum multiboot_map_form {
    MULTIBOOT_MAP_NONE,
    MULTIBOOT_MAP_1,   /* entries that say their own size */
    MULTIBOOT_MAP_2,   /* entries of one size */
    MULTIBOOT_MAP_EFI, /* UEFI's descriptors, of one size */
};

/* Bytes inside the information; NULL: there are none. */
struct multiboot_bytes {
    const uint8_t *bytes;
    size_t size;
};

struct multiboot_module {
    uint64_t start, size;
};

/* In the numbers of ACPI's address ranges. */
struct multiboot_range {
    uint64_t start, size;
    uint32_t type;
};

struct multiboot_info {
    uint64_t cmdline; /* zero-terminated, or 0 */
    enum multiboot_map_form map_form;
    struct multiboot_bytes map;
    uint32_t map_step;         /* bytes of an entry, where all have the same size */
    uint32_t lower_k, upper_k; /* KiB from 0 and from 1 MiB on; 0: not said */
    uint32_t module_count;
    struct multiboot_module modules[MULTIBOOT_MODULES];
    struct multiboot_bytes rsdp;   /* a copy of it */
    struct multiboot_bytes smbios; /* a copy of its entry point */
    bool has_screen;               /* what there is of these is all; else nothing was said */
    struct boot_framebuffer framebuffer;
    struct boot_text text;
};

/* Reads the information at an address. Returns NULL, or what is wrong with it. */
const char *multiboot1_read(multiboot_memory *memory, uint64_t address, struct multiboot_info *out);
const char *multiboot2_read(multiboot_memory *memory, uint64_t address, struct multiboot_info *out);

/* The next range of the memory map, from *position on, which is 0 at first: false: no more. */
bool multiboot_next_range(const struct multiboot_info *info, size_t *position,
                          struct multiboot_range *range);

/* Below: between the two readers. */

/* Notes a module, empty ones apart. Returns NULL or what is wrong. */
const char *multiboot_add_module(struct multiboot_info *info, uint32_t start, uint32_t end);

/* Notes the screen, if what is said of it makes sense: pixels of red, green and blue (`colours`:
 * three times position and width, NULL: not said), or the VGA in text mode, measured in cells. */
enum { MULTIBOOT_SCREEN_RGB = 1, MULTIBOOT_SCREEN_TEXT = 2 };
void multiboot_set_screen(struct multiboot_info *info, unsigned type,
                          const struct boot_framebuffer *fb, const uint8_t colours[6]);
