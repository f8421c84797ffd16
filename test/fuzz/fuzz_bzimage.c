/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the reader of bzImage headers: any bytes, in files of any size. What it accepts lies
 * inside the file and fits the zero page.
 */
// sources: lib/bzimage.c
#include <stdlib.h>
#include <string.h>

#include "lib/bzimage.h"

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bzimage image;
    const char *reason = NULL;
    uint64_t file_size = 0;
    if (size < 8) {
        return 0;
    }
    memcpy(&file_size, data, 5); /* up to 1 TiB */
    size_t head = size - 8 < BZIMAGE_HEAD ? size - 8 : BZIMAGE_HEAD;
    if (file_size < head) {
        file_size = head;
    }
    if (bzimage_parse(data + 8, head, file_size, &image, &reason) != 0) {
        require(reason != NULL && strlen(reason) > 0);
        return 0;
    }
    require(image.offset < file_size && image.size == file_size - image.offset);
    require(image.entry_offset < image.size && image.memory >= image.size);
    require(image.alignment >= PAGE_SIZE && (image.alignment & (image.alignment - 1)) == 0);
    require(image.header >= data + 8 && image.header + image.header_size <= data + 8 + head);
    require(offsetof(struct linux_params, header) + image.header_size <=
            offsetof(struct linux_params, edd_mbr_signature));
    return 0;
}
