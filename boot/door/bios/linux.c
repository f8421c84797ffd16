/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads a kernel and its initramfs and enters it in real mode, by the Linux boot protocol. What the
 * BIOS can tell of the machine the kernel asks it itself; ours then does what boot/door/linux/setup
 * does for every boot loader.
 */
#include "abi/bootinfo.h"
#include "boot/arch/x86_64/cpu.h"
#include "boot/door/bios/image.h"
#include "boot/door/bios/manager.h"
#include "lib/format.h"
#include "lib/sha256.h"
#include "lib/string.h"

enum {
    /* In the segment of the real-mode part: 2 sectors to 32 KiB of code, then heap and stack, then
     * what is handed over in memory. */
    MAX_SETUP = 0x8000,
    STACK_TOP = 0xf000,
    SETUP_DATA_AT = 0xf000,
    HEAP_END_BIAS = 0x200, /* heap_end_ptr counts from there */
    LOADER_UNKNOWN = 0xff, /* type_of_loader: we have no number */
    MAX_SHOWN = 80,
    PIECE = 256 * 1024, /* bytes read and summed at a time */
};

/* What the kernel shall know of the time before it (LINUX_SETUP_STAMPS). */
struct stamps_node {
    struct linux_setup_data head;
    struct boot_stamp stamps[3];
};

static struct boot_stamp stamps[3] = {
    {.what = BOOT_STAGE_SECTOR}, {.what = BOOT_STAGE_MANAGER}, {.what = BOOT_STAGE_READ}};

void linux_note_time(void)
{
    stamps[0].cycles = boot_stamp;
    stamps[1].cycles = boot_stamp != 0 ? read_tsc() : 0;
}

/* What of a path is shown, so that there is room for what is wrong. */
static int path_size(const struct bootcfg_text *path)
{
    return (int)MIN(path->size, (uint32_t)MAX_SHOWN);
}

/* "/alba/kernel.img: there is no such file". */
static bool file_failed(const struct bootcfg_text *path, const char *why)
{
    const char *more = disk_error();
    complain("%.*s: %s%s%s", path_size(path), path->at, why, more[0] != 0 ? ": " : "", more);
    return false;
}

/* A file while it is read. */
struct source {
    struct fat *fat;
    const struct bootcfg_text *path;
    struct fat_file file;
    struct sha256 sha;
    bool summed;
};

static bool source_open(struct source *source, struct fat *fat, const struct bootcfg_text *path,
                        bool summed)
{
    source->fat = fat;
    source->path = path;
    source->summed = summed;
    sha256_init(&source->sha);
    if (fat_open(fat, path->at, path->size, &source->file) != 0) {
        return file_failed(path, fat->error);
    }
    return source->file.size > 0 || file_failed(path, "the file is empty");
}

static bool source_read(struct source *source, void *buffer, uint32_t size)
{
    for (uint8_t *to = buffer; size > 0;) {
        uint32_t piece = source->summed ? MIN(size, (uint32_t)PIECE) : size;
        if (fat_read(source->fat, &source->file, to, piece) != 0) {
            return file_failed(source->path, source->fat->error);
        }
        if (source->summed) {
            sha256_update(&source->sha, to, piece);
        }
        to += piece;
        size -= piece;
    }
    return true;
}

/* After the last byte: whether it is the file that the configuration means. */
static bool source_good(struct source *source, const uint8_t *wanted)
{
    uint8_t digest[SHA256_BYTES];
    if (!source->summed) {
        return true;
    }
    sha256_final(&source->sha, digest);
    return memcmp(digest, wanted, sizeof(digest)) == 0 ||
           file_failed(source->path,
                       "the SHA-256 digest is not the one that the configuration has");
}

/* boot.rst, "Special Command Line Options": what the boot loader must see to. */

/* vga=MODE: goes into the header. */
static void take_video_mode(struct linux_header *header)
{
    static const struct {
        const char *name;
        uint16_t mode;
    } names[] = {
        {"normal", LINUX_VIDEO_NORMAL}, {"ext", LINUX_VIDEO_EXTENDED}, {"ask", LINUX_VIDEO_ASK}};
    char value[16];
    const char *end;
    uint64_t mode;
    if (!option("vga=", value, sizeof(value))) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(value, names[i].name) == 0) {
            header->vid_mode = names[i].mode;
        }
    }
    if (parse_u64(value, &end, 0, &mode) == 0 && *end == 0 && mode <= UINT16_MAX) {
        header->vid_mode = (uint16_t)mode;
    }
}

/* mem=SIZE: the initramfs must lie below. */
static uint64_t memory_limit(void)
{
    enum { HIGHEST = 0xfffff000 }; /* that we reach */
    char value[24];
    const char *unit;
    uint64_t size;
    if (!option("mem=", value, sizeof(value)) || parse_u64(value, &unit, 0, &size) != 0) {
        return HIGHEST;
    }
    unsigned shift = *unit == 0 ? 0 : (*unit | 0x20) == 'k' ? 10 : (*unit | 0x20) == 'm' ? 20 : 30;
    return size < (uint64_t)HIGHEST >> shift ? size << shift : HIGHEST;
}

/* Fills params: where memory is, and where options are found. Without e820 there is one range from
 * 1 MiB on, as much as the BIOS says. */
static void fill_params(void)
{
    memset(&params, 0, sizeof(params));
    params.header.cmd_line_ptr = (uint32_t)(uintptr_t)command_line;
    ask_memory();
    uint64_t size_k = MAX(params.alt_mem_k, params.screen.ext_mem_k);
    if (params.range_count == 0) {
        params.ranges[params.range_count++] = (struct linux_range){
            .start = IMAGE_LOAD_AT, .size = size_k << 10, .type = 1};
    }
}

static void *address(uint64_t at)
{
    return (void *)(uintptr_t)at;
}

static bool load_kernel(struct fat *fat, const struct bootcfg_entry *entry, struct image *image)
{
    struct source source;
    if (!source_open(&source, fat, &entry->kernel, entry->has_kernel_sha256)) {
        return false;
    }
    memset(linux_segment, 0, LOW_BUFFER_SIZE);
    if (!source_read(&source, linux_segment, MIN(source.file.size, IMAGE_HEAD))) {
        return false;
    }
    const char *error = image_check(image, linux_segment, source.file.size);
    if (error == NULL && image->setup_size > MAX_SETUP) {
        error = "the real-mode part of the kernel image is too large";
    }
    if (error != NULL) {
        return file_failed(&entry->kernel, error);
    }
    if (!place_is_free(params.ranges, params.range_count, IMAGE_LOAD_AT, image->memory_end)) {
        complain("%.*s: not enough memory: the kernel needs %llu KiB from 1 MiB on",
                 path_size(&entry->kernel), entry->kernel.at,
                 (unsigned long long)(image->memory_end - IMAGE_LOAD_AT) / 1024);
        return false;
    }
    return source_read(&source, linux_segment + IMAGE_HEAD, image->setup_size - IMAGE_HEAD) &&
           source_read(&source, address(IMAGE_LOAD_AT), image->system_size) &&
           source_good(&source, entry->kernel_sha256);
}

static bool load_initrd(struct fat *fat, const struct bootcfg_entry *entry,
                        const struct image *image, struct linux_header *header)
{
    struct source source;
    if (entry->initrd.size == 0) {
        return true;
    }
    if (!source_open(&source, fat, &entry->initrd, entry->has_initrd_sha256)) {
        return false;
    }
    uint64_t room = ALIGN_UP((uint64_t)source.file.size, (uint64_t)FAT_UNIT);
    uint64_t limit = MIN(image->initrd_end, memory_limit());
    uint64_t at = place_highest(params.ranges, params.range_count, room, image->initrd_low, limit);
    if (at == 0) {
        complain("%.*s: not enough memory: no place for %u KiB", path_size(&entry->initrd),
                 entry->initrd.at, source.file.size / 1024 + 1);
        return false;
    }
    header->ramdisk_image = (uint32_t)at;
    header->ramdisk_size = source.file.size;
    return source_read(&source, address(at), source.file.size) &&
           source_good(&source, entry->initrd_sha256);
}

/* Chains what is known of the time into the kernel's list. */
static void hand_over_times(struct linux_header *header)
{
    struct stamps_node *node = (struct stamps_node *)(linux_segment + SETUP_DATA_AT);
    *node = (struct stamps_node){.head = {.next = header->setup_data,
                                          .type = LINUX_SETUP_STAMPS,
                                          .size = sizeof(node->stamps)}};
    memcpy(node->stamps, stamps, sizeof(stamps));
    header->setup_data = (uintptr_t)node;
}

void linux_start(struct fat *fat, const struct bootcfg_entry *entry)
{
    struct image image;
    struct linux_header *header = (struct linux_header *)(linux_segment + IMAGE_HEADER_AT);
    stamps[2].cycles = boot_stamp != 0 ? read_tsc() : 0;
    fill_params();
    if (!load_kernel(fat, entry, &image)) {
        return;
    }
    size_t length = strlen((const char *)command_line);
    if (length > image.cmdline_max) {
        complain("the command line has %zu bytes, and the kernel takes %u", length,
                 image.cmdline_max);
        return;
    }
    if (!load_initrd(fat, entry, &image, header)) {
        return;
    }
    take_video_mode(header);
    header->type_of_loader = LOADER_UNKNOWN;
    header->loadflags |= LINUX_CAN_USE_HEAP;
    header->heap_end_ptr = STACK_TOP - HEAP_END_BIAS;
    header->cmd_line_ptr = (uint32_t)(uintptr_t)command_line;
    if (image.has_setup_data && boot_stamp != 0) {
        hand_over_times(header);
    }
    enter_linux((uint32_t)(uintptr_t)linux_segment >> 4, STACK_TOP);
}
