/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Joins the real-mode and the protected-mode part to a bzImage: mkbzimage SETUP IMAGE BZIMAGE.
 * Fills in the sizes of the setup header and appends the checksum (Linux documentation,
 * arch/x86/boot.rst, "The Real-Mode Kernel Header", "The Image Checksum"). Runs on the host when
 * building.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/linux_params.h"

enum {
    SECTOR = 512,
    HEADER_AT = 0x1f1,
    IMAGE_KERNEL_INFO = 0x1e0, /* boot/door/linux/entry.S */
    IMAGE_INIT_SIZE = 0x1f0,
};

static _Noreturn void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("mkbzimage: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

/* Reads a whole file to `at` and returns its size. */
static size_t read_file(const char *path, uint8_t *at, size_t room)
{
    FILE *file = fopen(path, "rb");
    size_t size = file != NULL ? fread(at, 1, room, file) : 0;
    if (size == 0 || size == room) {
        die("%s: cannot be read, or is too large", path);
    }
    fclose(file);
    return size;
}

/* CRC-32 of IEEE 802.3, bits reflected, without the final inversion: over itself it gives 0. */
static uint32_t crc32(const uint8_t *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return crc;
}

int main(int argc, char **argv)
{
    static uint8_t file[16 << 20];
    if (argc != 4) {
        die("usage: mkbzimage SETUP IMAGE BZIMAGE");
    }
    /* The boot sector and at least four more, the number that a value of 0 stands for. */
    size_t setup = read_file(argv[1], file, 64 * SECTOR);
    setup = MAX(ALIGN_UP(setup, (size_t)SECTOR), 5u * SECTOR);
    uint8_t *image = file + setup;
    size_t size = read_file(argv[2], image, sizeof(file) - setup - SECTOR);
    if (size <= SECTOR || memcmp(image + IMAGE_KERNEL_INFO, "LToP", 4) != 0) {
        die("%s: is not the protected-mode part", argv[2]);
    }
    size = ALIGN_UP(size + sizeof(uint32_t), (size_t)16);

    struct linux_header header;
    memcpy(&header, file + HEADER_AT, sizeof(header));
    if (header.header != LINUX_HEADER_MAGIC) {
        die("%s: has no setup header", argv[1]);
    }
    header.setup_sects = (uint8_t)(setup / SECTOR - 1);
    header.syssize = (uint32_t)(size / 16);
    header.kernel_info_offset = IMAGE_KERNEL_INFO;
    memcpy(&header.init_size, image + IMAGE_INIT_SIZE, sizeof(header.init_size));
    memcpy(file + HEADER_AT, &header, sizeof(header));

    size_t total = setup + size;
    uint32_t crc = crc32(file, total - sizeof(crc));
    memcpy(file + total - sizeof(crc), &crc, sizeof(crc));
    FILE *out = fopen(argv[3], "wb");
    if (out == NULL || fwrite(file, 1, total, out) != total || fclose(out) != 0) {
        die("%s: cannot be written", argv[3]);
    }
    return 0;
}
