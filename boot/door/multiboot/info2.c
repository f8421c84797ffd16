/* SPDX-License-Identifier: BSD-2-Clause */
/* The information of Multiboot 2 ("Multiboot2 Specification version 2.0", 3.6): tags in a row. */
#include "boot/door/multiboot/info.h"
#include "lib/bytes.h"
#include "lib/string.h"

enum tag {
    TAG_END = 0,
    TAG_CMDLINE = 1,
    TAG_MODULE = 3,
    TAG_MEMORY = 4,
    TAG_MAP = 6,
    TAG_FRAMEBUFFER = 8,
    TAG_EFI_TABLE = 12,
    TAG_SMBIOS = 13,
    TAG_RSDP_OLD = 14,
    TAG_RSDP_NEW = 15,
    TAG_EFI_MAP = 17,
    TAG_EFI_RUNS = 18,
    TAGS = 19,
};

enum {
    INFO_MAX = 1 << 20,
    HEADER = 8, /* total size; and of each tag: type, size */
    MAP_ENTRY = 24,
    EFI_ENTRY = 40,
};

/* The least size of a tag, all its fixed fields; where it is 0 we do not look into the tag. */
static const uint8_t least[TAGS] = {
    [TAG_END] = 8,       [TAG_CMDLINE] = 9,      [TAG_MODULE] = 17,  [TAG_MEMORY] = 16,
    [TAG_MAP] = 16,      [TAG_FRAMEBUFFER] = 32, [TAG_SMBIOS] = 17,  [TAG_RSDP_OLD] = 28,
    [TAG_RSDP_NEW] = 44, [TAG_EFI_MAP] = 16,     [TAG_EFI_RUNS] = 8,
};

static void read_framebuffer(const uint8_t *tag, uint32_t size, struct multiboot_info *out)
{
    const struct boot_framebuffer fb = {.address = bytes_load8(tag + 8),
                                        .stride = bytes_load4(tag + 16),
                                        .width = bytes_load4(tag + 20),
                                        .height = bytes_load4(tag + 24),
                                        .bits_per_pixel = tag[28]};
    multiboot_set_screen(out, tag[29], &fb, size >= 38 ? tag + 32 : NULL);
}

/* UEFI's own map counts where the boot loader made none of it. */
static const char *read_map(const uint8_t *tag, uint32_t size, struct multiboot_info *out)
{
    bool efi = bytes_load4(tag) == TAG_EFI_MAP;
    uint32_t step = bytes_load4(tag + 8);
    if (step < (efi ? EFI_ENTRY : MAP_ENTRY) || step > size) {
        return "the memory map has entries of an impossible size";
    }
    if (efi && out->map_form == MULTIBOOT_MAP_2) {
        return NULL;
    }
    out->map_form = efi ? MULTIBOOT_MAP_EFI : MULTIBOOT_MAP_2;
    out->map = (struct multiboot_bytes){tag + 16, size - 16};
    out->map_step = step;
    return NULL;
}

/* A tag with all of its fixed fields. */
static const char *read_tag(const uint8_t *tag, uint64_t address, struct multiboot_info *out)
{
    uint32_t size = bytes_load4(tag + 4);
    switch (bytes_load4(tag)) {
    case TAG_CMDLINE:
        out->cmdline = address + HEADER;
        return tag[size - 1] == 0 ? NULL : "the command line does not end";
    case TAG_MODULE:
        return multiboot_add_module(out, bytes_load4(tag + 8), bytes_load4(tag + 12));
    case TAG_MEMORY:
        out->lower_k = bytes_load4(tag + 8);
        out->upper_k = bytes_load4(tag + 12);
        return NULL;
    case TAG_MAP:
    case TAG_EFI_MAP:
        return read_map(tag, size, out);
    case TAG_FRAMEBUFFER:
        read_framebuffer(tag, size, out);
        return NULL;
    case TAG_EFI_TABLE:
        out->has_screen = true; /* UEFI has no text mode that is not said */
        return NULL;
    case TAG_SMBIOS:
        out->smbios = (struct multiboot_bytes){tag + 16, size - 16};
        return NULL;
    case TAG_RSDP_OLD:
    case TAG_RSDP_NEW:
        /* The newer one of the two, which is the longer. */
        if (size - HEADER > out->rsdp.size) {
            out->rsdp = (struct multiboot_bytes){tag + HEADER, size - HEADER};
        }
        return NULL;
    case TAG_EFI_RUNS:
        return "the boot services of the firmware still run";
    default:
        return NULL;
    }
}

const char *multiboot2_read(multiboot_memory *memory, uint64_t address, struct multiboot_info *out)
{
    memset(out, 0, sizeof(*out));
    const uint8_t *bytes = address % 8 == 0 ? memory(address, HEADER) : NULL;
    uint32_t total = bytes != NULL ? bytes_load4(bytes) : 0;
    if (total > INFO_MAX || bytes == NULL || memory(address, total) == NULL) {
        return "it is out of reach or too long";
    }
    for (uint32_t at = HEADER; at <= total && total - at >= HEADER;) {
        uint32_t type = bytes_load4(bytes + at);
        uint32_t size = bytes_load4(bytes + at + 4);
        if (size < HEADER || size > total - at || (type < TAGS && size < least[type])) {
            return "a tag is too short or too long";
        }
        if (type == TAG_END) {
            return NULL;
        }
        const char *wrong = read_tag(bytes + at, address + at, out);
        if (wrong != NULL) {
            return wrong;
        }
        at += ALIGN_UP(size, 8u);
    }
    return "it has no end";
}
