/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the loader's payload of the kernel: mkpayload stored|lz4 KERNEL.ELF HEADER DATA
 * DIGEST. Leaves only what is loaded (no sections, no symbols), and writes the header (payload.h),
 * the data, padded to whole blocks, and the SHA-256 digest of what was left, as kernel_sha256=
 * wants it. Runs on the host when building.
 */
#include <errno.h>
#include <lz4.h>
#include <lz4hc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/loader/payload.h"
#include "lib/elf.h"
#include "lib/sha256.h"

static _Noreturn void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("mkpayload: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        die("%s: %s", path, strerror(errno));
    }
    long length = ftell(file);
    rewind(file);
    uint8_t *bytes = calloc(1, (size_t)length + BLOCK_SIZE);
    if (bytes == NULL || fread(bytes, 1, (size_t)length, file) != (size_t)length) {
        die("%s: cannot be read", path);
    }
    fclose(file);
    *size = (size_t)length;
    return bytes;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        die("%s: cannot be written", path);
    }
}

/* Cuts off what lies behind the last segment and takes the sections' traces out of the header. */
static size_t strip(const char *path, uint8_t *bytes, size_t size)
{
    struct elf64_ehdr *header = (struct elf64_ehdr *)bytes;
    struct elf_layout layout;
    const char *why = "too short";
    if (size < sizeof(*header) || elf_check_header(header, ELF_MACHINE_X86_64, &why) != 0 ||
        header->e_phoff + header->e_phnum * sizeof(struct elf64_phdr) > size) {
        die("%s: %s", path, why);
    }
    const struct elf64_phdr *ph = (const struct elf64_phdr *)(bytes + header->e_phoff);
    if (elf_check_segments(ph, header->e_phnum, size, &layout, &why) != 0) {
        die("%s: %s", path, why);
    }
    size_t end = header->e_phoff + header->e_phnum * sizeof(*ph);
    for (unsigned i = 0; i < header->e_phnum; i++) {
        if (ph[i].p_type == ELF_PT_LOAD) {
            end = MAX(end, ph[i].p_offset + ph[i].p_filesz);
        }
    }
    header->e_shoff = 0;
    header->e_shnum = 0;
    header->e_shstrndx = 0;
    return end;
}

static uint8_t *pack(const uint8_t *bytes, size_t size, size_t *packed)
{
    int room = LZ4_compressBound((int)size);
    char *data = calloc(1, PAYLOAD_LZ4_HEAD + (size_t)room + PAYLOAD_LZ4_TAIL + BLOCK_SIZE);
    if (data == NULL || size > LZ4_LEGACY_BLOCK) {
        die("out of memory, or the kernel is too large");
    }
    char *block = data + PAYLOAD_LZ4_HEAD;
    int got = LZ4_compress_HC((const char *)bytes, block, (int)size, room, LZ4HC_CLEVEL_MAX);
    if (got <= 0) {
        die("the kernel cannot be packed");
    }
    const uint32_t head[2] = {LZ4_LEGACY_MAGIC, (uint32_t)got}, tail = (uint32_t)size;
    memcpy(data, head, sizeof(head));
    memcpy(block + got, &tail, sizeof(tail));
    *packed = sizeof(head) + (size_t)got + sizeof(tail);
    return (uint8_t *)data;
}

static void write_digest(const char *path, const uint8_t *bytes, size_t size)
{
    uint8_t digest[SHA256_BYTES];
    char text[SHA256_HEX + 1];
    sha256(bytes, size, digest);
    sha256_format(digest, text);
    text[SHA256_HEX] = '\n';
    write_file(path, text, sizeof(text));
}

int main(int argc, char **argv)
{
    if (argc != 6 || (strcmp(argv[1], "stored") != 0 && strcmp(argv[1], "lz4") != 0)) {
        die("usage: mkpayload stored|lz4 KERNEL.ELF HEADER DATA DIGEST");
    }
    size_t size;
    uint8_t *bytes = read_file(argv[2], &size);
    size = strip(argv[2], bytes, size);
    write_digest(argv[5], bytes, size);
    struct payload_header header = {.magic = PAYLOAD_MAGIC,
                                    .version = PAYLOAD_VERSION,
                                    .format = PAYLOAD_STORED,
                                    .packed_size = size,
                                    .size = size};
    if (strcmp(argv[1], "lz4") == 0) {
        header.format = PAYLOAD_LZ4;
        bytes = pack(bytes, size, &header.packed_size);
    }
    size_t padded = ALIGN_UP(header.packed_size, BLOCK_SIZE);
    memset(bytes + header.packed_size, 0, padded - header.packed_size);
    header.sum = block_checksum(bytes, padded);
    header.check = 0 - payload_header_sum(&header);
    write_file(argv[3], &header, sizeof(header));
    write_file(argv[4], bytes, padded);
    return 0;
}
