/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the information of Multiboot 1 and 2 (by the first bit of the size). Memory is the input,
 * at an address, and nothing else; whatever is read without an error can be walked.
 */
// sources: boot/door/multiboot/info.c
// sources: boot/door/multiboot/info1.c
// sources: boot/door/multiboot/info2.c
#include <stdlib.h>
#include <string.h>

#include "boot/door/multiboot/info.h"

enum { BASE = 0x1000 };
static uint8_t *bytes;
static size_t bytes_size;

static void *memory(uint64_t paddr, size_t size)
{
    bool inside = paddr >= BASE && paddr - BASE <= bytes_size &&
                  size <= bytes_size - (paddr - BASE);
    return inside ? bytes + (paddr - BASE) : NULL;
}

static void check(const struct multiboot_info *info)
{
    struct multiboot_range range;
    size_t count = 0, position = 0;
    while (multiboot_next_range(info, &position, &range)) {
        if (position > info->map.size || ++count > bytes_size) {
            abort();
        }
    }
    const struct boot_framebuffer *fb = &info->framebuffer;
    if (info->module_count > MULTIBOOT_MODULES || info->rsdp.size > bytes_size ||
        info->smbios.size > bytes_size || (uint64_t)fb->width * 2 > fb->stride ||
        info->text.columns > 132 || info->text.rows > 60 ||
        (info->text.columns != 0 && fb->width != 0)) {
        abort();
    }
    for (uint32_t i = 0; i < info->module_count; i++) {
        if (info->modules[i].size == 0 || info->modules[i].size > UINT32_MAX) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct multiboot_info info;
    bytes = malloc(size + 1);
    bytes_size = size;
    memcpy(bytes, data, size);
    const char *wrong = size % 2 == 0 ? multiboot1_read(memory, BASE, &info)
                                      : multiboot2_read(memory, BASE, &info);
    if (wrong == NULL) {
        check(&info);
    }
    free(bytes);
    return 0;
}
