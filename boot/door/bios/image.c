/* SPDX-License-Identifier: BSD-2-Clause */
/* The setup header of a kernel image (image.h); field names and versions as in boot.rst. */
#include "boot/door/bios/image.h"
#include "lib/string.h"

enum {
    SECTOR = 512,
    BOOT_FLAG = 0xaa55,
    LOADED_HIGH = 1,
    OLD_INITRD_END = 0x38000000, /* before 2.03 */
    OLD_CMDLINE_MAX = 255,       /* before 2.06 */
};

const char *image_check(struct image *image, const uint8_t head[IMAGE_HEAD], uint32_t file_size)
{
    struct linux_header header;
    memcpy(&header, head + IMAGE_HEADER_AT, sizeof(header));
    if (file_size < IMAGE_HEAD || header.boot_flag != BOOT_FLAG ||
        header.header != LINUX_HEADER_MAGIC) {
        return "this is not a kernel image (bzImage): it has no setup header";
    }
    if (header.version < 0x0202 || !(header.loadflags & LOADED_HIGH)) {
        return "the kernel image is of an old kind: a bzImage of protocol 2.02 or later is needed";
    }
    /* 0 stands for 4, as it was before the field. */
    image->setup_size = ((header.setup_sects ? header.setup_sects : 4u) + 1) * SECTOR;
    if (image->setup_size >= file_size) {
        return "the kernel image is cut off";
    }
    image->system_size = file_size - image->setup_size;
    uint64_t memory = image->system_size;
    image->initrd_low = IMAGE_LOAD_AT + memory;
    if (header.version >= 0x020a) {
        memory = MAX(memory, (uint64_t)header.init_size);
        /* One that can be moved may move itself to where it likes to be. */
        image->initrd_low = MAX(header.pref_address, (uint64_t)IMAGE_LOAD_AT) + memory;
    }
    image->memory_end = IMAGE_LOAD_AT + memory;
    image->initrd_end = header.version >= 0x0203 ? header.initrd_addr_max + 1ull : OLD_INITRD_END;
    image->cmdline_max = header.version >= 0x0206 ? header.cmdline_size : OLD_CMDLINE_MAX;
    image->has_setup_data = header.version >= 0x0209;
    if (image->initrd_low < memory) {
        return "the kernel image contradicts itself: it wants to be beyond all memory";
    }
    return NULL;
}
