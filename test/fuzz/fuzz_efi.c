/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes what the EFI door makes of the firmware's bytes: the memory map (whatever it says, ranges
 * come out sorted and none ends beyond 2^64), texts to UTF-8 and back to paths, initrd= options.
 * The first byte is the size of a descriptor.
 */
// sources: boot/door/efi/memory.c boot/door/efi/text.c boot/door/efi/screen.c
#include <stdlib.h>
#include <string.h>

#include "boot/door/efi/door.h"

static void note(void *context, uint64_t start, uint64_t size, uint32_t type)
{
    uint64_t *last = context;
    if (start < *last || size > UINT64_MAX - start || size % PAGE_SIZE != 0 || type < 1 ||
        type > 5) {
        abort();
    }
    *last = start;
}

static void fuzz_map(const uint8_t *data, size_t size, size_t descriptor_size)
{
    uint8_t *bytes = malloc(size);
    uint64_t last = 0;
    memcpy(bytes, data, size);
    struct efi_map map = {.bytes = bytes, .size = size, .descriptor_size = descriptor_size};
    efi_map_convert(&map, note, &last);
    free(bytes);
}

static void fuzz_text(const uint8_t *data, size_t size)
{
    size_t room = size * 3 / 2 + 2; /* three bytes a unit at most */
    char *text = malloc(room);
    efi_char *path = malloc((size + 3) * sizeof(*path));
    size_t length = efi_to_utf8(text, room, data, size);
    if (length >= room || strlen(text) != length || length != strnlen(text, room)) {
        abort();
    }
    /* What we made is UTF-8. */
    if (efi_to_path(path, size + 3, text, length) != (length > 0)) {
        abort();
    }
    const char *at = text, *name;
    size_t count;
    while (efi_next_initrd(&at, &name, &count)) {
        if (count == 0 || name < text || name + count > text + length) {
            abort();
        }
    }
    (void)efi_to_path(path, size + 3, (const char *)data, size);
    if (efi_skip_word(text) > text + length) {
        abort();
    }
    free(path);
    free(text);
}

static void fuzz_screen(const uint8_t *data, size_t size)
{
    struct efi_graphics_info info;
    struct efi_graphics_mode mode;
    if (size < sizeof(info) + sizeof(mode)) {
        return;
    }
    memcpy(&info, data, sizeof(info));
    memcpy(&mode, data + sizeof(info), sizeof(mode));
    info.format %= 5;
    mode.info = &info;
    struct boot_framebuffer fb = efi_screen(&mode);
    if ((uint64_t)fb.stride * fb.height > mode.size ||
        (uint64_t)fb.width * fb.bits_per_pixel / 8 > fb.stride) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    size_t descriptor_size = 40 + data[0] % 217;
    if (size - 1 >= descriptor_size) {
        fuzz_map(data + 1, size - 1, descriptor_size);
    }
    fuzz_text(data + 1, size - 1);
    fuzz_screen(data + 1, size - 1);
    return 0;
}
