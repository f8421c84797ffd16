/* SPDX-License-Identifier: BSD-2-Clause */
/* The setup header of a bzImage; see bzimage.h. */
#include "lib/bzimage.h"
#include "abi/errno.h"
#include "lib/string.h"

enum {
    HEADER_AT = 0x1f1,
    JUMP_AT = 0x202, /* the byte before says how many bytes of the header follow from here */
    HEADER_END_MAX = 0x290,
    SECTOR = 512,
    BOOT_FLAG = 0xaa55,
    VERSION_64 = 0x20c, /* xloadflags are there */
    LOADED_HIGH = 1,    /* loadflags */
    KERNEL_64 = 1,      /* xloadflags */
    ABOVE_4G = 2,
    ENTRY_64 = 0x200,
};

/* What a 64-bit entry at any address needs; the reason why there is none, or NULL. */
static const char *refuse(const struct linux_header *header, uint64_t offset, uint64_t file_size)
{
    if (header->boot_flag != BOOT_FLAG || header->header != LINUX_HEADER_MAGIC) {
        return "not a bzImage";
    }
    if (header->version < VERSION_64) {
        return "its boot protocol is older than 2.12";
    }
    if ((header->loadflags & LOADED_HIGH) == 0) {
        return "a zImage, not a bzImage";
    }
    if ((header->xloadflags & (KERNEL_64 | ABOVE_4G)) != (KERNEL_64 | ABOVE_4G)) {
        return "it has no 64-bit entry";
    }
    if (file_size <= offset + ENTRY_64) {
        return "it is cut off";
    }
    if ((header->kernel_alignment & (header->kernel_alignment - 1)) != 0) {
        return "its alignment is no power of two";
    }
    return NULL;
}

int bzimage_parse(const void *head, size_t size, uint64_t file_size, struct bzimage *out,
                  const char **reason)
{
    struct linux_header header;
    if (size < HEADER_END_MAX) {
        *reason = "too short";
        return -ENOEXEC;
    }
    out->header = (const uint8_t *)head + HEADER_AT;
    memcpy(&header, out->header, sizeof(header));
    /* Old images say 0 and mean 4 (boot.rst, "setup_sects"). */
    out->offset = ((header.setup_sects == 0 ? 4u : header.setup_sects) + 1ull) * SECTOR;
    *reason = refuse(&header, out->offset, file_size);
    if (*reason != NULL) {
        return -ENOEXEC;
    }
    uint64_t header_end = JUMP_AT + ((const uint8_t *)head)[JUMP_AT - 1];
    out->header_size = MIN(header_end, (uint64_t)HEADER_END_MAX) - HEADER_AT;
    out->size = file_size - out->offset;
    out->memory = MAX(out->size, (uint64_t)header.init_size);
    out->alignment = MAX((uint64_t)header.kernel_alignment, PAGE_SIZE);
    out->preferred = header.pref_address;
    out->relocatable = header.relocatable_kernel != 0;
    out->initrd_end = header.initrd_addr_max + 1ull;
    out->cmdline_max = header.cmdline_size;
    out->entry_offset = ENTRY_64;
    return 0;
}
