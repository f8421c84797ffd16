/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Joins the real-mode and the protected-mode part to a bzImage: mkbzimage SETUP IMAGE BZIMAGE.
 * Fills in the sizes of the setup header and appends the checksum (Linux documentation,
 * arch/x86/boot.rst, "The Real-Mode Kernel Header", "The Image Checksum"). The same file is a PE
 * file for UEFI, whose head is the real-mode part. Runs on the host when building.
 *
 *   file            as PE
 *   real-mode part  headers
 *   image           .text to the page in which constants begin; .rodata, with the payload, to the
 *                   page in which data begins; .data, which goes on as zeros behind the file's end
 *   last sector     .reloc, and the sums
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/loader/payload.h"
#include "boot/tools/pe.h"
#include "lib/linux_params.h"

enum {
    SECTOR = 512,
    HEADER_AT = 0x1f1,
    IMAGE_LAYOUT = 0x1c0, /* boot/door/linux/entry.S */
    IMAGE_KERNEL_INFO = 0x1e0,
    HANDOVER_64 = 512, /* so much behind handover_offset the 64-bit one is (boot.rst) */
};

/* Offsets in the image, by its first instructions' source. */
struct layout {
    uint32_t end; /* of its memory */
    uint32_t rodata, data;
    uint32_t efi_entry, efi_handover;
    uint32_t payload;
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
static uint32_t crc32(uint32_t crc, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return crc;
}

static struct pe_section section(const char *name, uint32_t rva, uint32_t at, uint32_t size,
                                 uint32_t flags)
{
    struct pe_section new = {.rva = rva,
                             .memory_size = size,
                             .file_at = at,
                             .file_size = size,
                             .flags = flags | PE_READ};
    memcpy(new.name, name, strlen(name));
    return new;
}

/* The head of the file for UEFI. `size` bytes of image in the file, the last sector is .reloc. */
static void make_pe(uint8_t *file, uint32_t setup, uint32_t size, const struct layout *layout)
{
    const uint32_t page = PAGE_SIZE, base = ALIGN_UP(setup, page);
    uint32_t rodata = ALIGN_UP(layout->rodata, page), data = ALIGN_DOWN(layout->data, page);
    uint32_t data_end = size - SECTOR;
    if (rodata >= data || layout->end < size || layout->end % page != 0) {
        die("the image's parts lie where they cannot be sections");
    }
    struct pe_head head = {
        .signature = PE_SIGNATURE,
        .machine = PE_MACHINE,
        .section_count = PE_SECTIONS,
        .optional_size = offsetof(struct pe_head, sections) - offsetof(struct pe_head, magic),
        .flags = PE_EXECUTABLE | PE_LARGE | PE_LOCAL_STRIP,
        .magic = PE_MAGIC_64,
        .code_size = rodata,
        .data_size = size - rodata,
        .bss_size = layout->end - data_end,
        .entry_rva = base + layout->efi_entry,
        .code_rva = base,
        .section_align = page,
        .file_align = SECTOR,
        .image_major = 1, /* to boot loaders: the initramfs may come by LoadFile2 */
        .image_size = base + layout->end + page,
        .headers_size = setup,
        .subsystem = PE_SUBSYSTEM,
        .dll_flags = PE_NX_COMPAT,
        .directory_count = PE_DIRECTORIES,
    };
    head.sections[0] = section(".text", base, setup, rodata, PE_CODE | PE_EXECUTE);
    head.sections[1] = section(".rodata", base + rodata, setup + rodata, data - rodata, PE_DATA);
    head.sections[2] = section(".data", base + data, setup + data, data_end - data,
                               PE_DATA | PE_WRITE);
    head.sections[2].memory_size = layout->end - data;
    head.sections[3] = section(".reloc", base + layout->end, setup + data_end, SECTOR,
                               PE_DATA | PE_DISCARDABLE);
    struct pe_relocations none = {.page_rva = base, .size = sizeof(none)};
    head.sections[3].memory_size = sizeof(none);
    head.directories[PE_DIRECTORY_RELOC].rva = head.sections[3].rva;
    head.directories[PE_DIRECTORY_RELOC].size = sizeof(none);
    memcpy(file + PE_AT, &head, sizeof(head));
    memcpy(file + setup + data_end, &none, sizeof(none));
}

/* The sum of 16-bit words with the carries added to it. */
static uint32_t sum16(uint32_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 2) {
        sum += bytes[i] | (uint32_t)bytes[i + 1] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/*
 * Both sums of the file: PE's, which is in its head, and the CRC, which is its last word. Either
 * one covers the other. So the last two words are chosen such that their own sum is 0 (0xffff):
 * PE's sum is then known before the CRC is.
 */
static void sum_up(uint8_t *file, size_t total)
{
    uint8_t *tail = file + total - 2 * sizeof(uint32_t);
    memset(tail, 0, 2 * sizeof(uint32_t));
    uint32_t sum = sum16(0, file, total) + (uint32_t)total;
    memcpy(file + PE_AT + offsetof(struct pe_head, checksum), &sum, sizeof(sum));
    const uint32_t before = crc32(UINT32_MAX, file, total - 2 * sizeof(uint32_t));
    for (uint32_t filler = 1; filler != 0; filler++) {
        memcpy(tail, &filler, sizeof(filler));
        uint32_t crc = crc32(before, tail, sizeof(filler));
        memcpy(tail + sizeof(filler), &crc, sizeof(crc));
        if (sum16(0, tail, 2 * sizeof(uint32_t)) == 0xffff) {
            return;
        }
    }
    die("no filler makes the sums agree");
}

/* The payload's size, from its own head (boot/loader/payload.h). */
static void set_payload(struct linux_header *header, uint32_t at, const uint8_t *image, size_t size)
{
    uint32_t head[2];
    if (at > size || size - at < sizeof(head)) {
        die("the payload is not in the image");
    }
    memcpy(head, image + at, sizeof(head));
    if (head[0] != LZ4_LEGACY_MAGIC || head[1] > size - at) {
        die("the payload is not an LZ4 frame");
    }
    header->payload_offset = at;
    header->payload_length = PAYLOAD_LZ4_HEAD + head[1] + PAYLOAD_LZ4_TAIL;
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
    size = ALIGN_UP(size, (size_t)SECTOR) + SECTOR;
    struct layout layout;
    memcpy(&layout, image + IMAGE_LAYOUT, sizeof(layout));

    struct linux_header header;
    memcpy(&header, file + HEADER_AT, sizeof(header));
    if (header.header != LINUX_HEADER_MAGIC) {
        die("%s: has no setup header", argv[1]);
    }
    header.setup_sects = (uint8_t)(setup / SECTOR - 1);
    header.syssize = (uint32_t)(size / 16);
    header.kernel_info_offset = IMAGE_KERNEL_INFO;
    header.init_size = layout.end;
    header.handover_offset = layout.efi_handover - HANDOVER_64;
    set_payload(&header, layout.payload, image, size);
    memcpy(file + HEADER_AT, &header, sizeof(header));
    make_pe(file, (uint32_t)setup, (uint32_t)size, &layout);
    sum_up(file, setup + size);

    FILE *out = fopen(argv[3], "wb");
    if (out == NULL || fwrite(file, 1, setup + size, out) != setup + size || fclose(out) != 0) {
        die("%s: cannot be written", argv[3]);
    }
    return 0;
}
