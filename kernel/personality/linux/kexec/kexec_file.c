/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image of kexec_file_load(2): a bzImage where it wants to be, or where there is room, its
 * initramfs and a zero page high up in the low 4 GiB, as boot loaders do it. The zero page says
 * what the firmware said to us. Source: Linux documentation, arch/x86/boot.rst, "64-bit Boot
 * Protocol", arch/x86/zero-page.rst.
 */
#include "abi/errno.h"
#include "kernel/arch/user.h"
#include "kernel/base/init.h"
#include "kernel/base/log.h"
#include "kernel/base/random.h"
#include "kernel/fs/inode.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/ram.h"
#include "kernel/personality/linux/kexec/kexec.h"
#include "kernel/personality/linux/linux.h"
#include "lib/bzimage.h"
#include "lib/string.h"

#define FILE_MAX     INT32_MAX
#define CMDLINE_MAX  65536u /* with the zero: our own limit, and more than most have */
#define LOW_MEMORY   0x100000ull
#define FOUR_GIB     0x100000000ull
#define LOADER_KEXEC 0xd0 /* boot.rst, "type_of_loader" */
#define SEED_SIZE    32u

enum { SEGMENT_KERNEL, SEGMENT_PARAMS, SEGMENT_INITRD, SEGMENTS };

struct load {
    uint8_t head[BZIMAGE_HEAD];
    struct bzimage image;
    struct kexec_segment segments[SEGMENTS];
    unsigned count; /* segments that have a place */
    uint64_t initrd_size;
    size_t cmdline_size;
    struct file *held[2]; /* nobody may write to them meanwhile */
    unsigned held_count;
    struct linux_params *params; /* and what follows it */
    size_t params_size;
};

static uint64_t acpi_rsdp RO_AFTER_INIT;
static struct boot_framebuffer framebuffer RO_AFTER_INIT;
static struct boot_text text_screen RO_AFTER_INIT;

INIT_TEXT void linux_set_firmware(const struct bootinfo *info)
{
    acpi_rsdp = info->acpi_rsdp;
    framebuffer = info->framebuffer;
    text_screen = info->text;
}

/* Keeps writers from a file that can be read as a whole: its size, or an error, as Linux has them
 * in this order. */
static int64_t hold(struct load *load, struct file *file)
{
    if (file == NULL || !file_readable(file)) {
        return -EBADF;
    }
    if ((file->inode->mode & S_IFMT) != S_IFREG) {
        return -EINVAL;
    }
    int error = file_deny_write(file);
    if (error != 0) {
        return error;
    }
    load->held[load->held_count++] = file;
    uint64_t size = __atomic_load_n(&file->inode->size, __ATOMIC_RELAXED);
    return size == 0 ? -EINVAL : size > FILE_MAX ? -EFBIG : (int64_t)size;
}

/*
 * The highest place for a segment in [low, high), in memory that can be used and that no other
 * segment has. Ranges are sorted, and so what is found in the last one that has room is highest.
 */
static bool find_place(const struct load *load, uint64_t low, uint64_t high, uint64_t alignment,
                       struct kexec_segment *segment)
{
    unsigned count;
    const struct boot_range *ranges = ram_ranges(&count);
    while (count-- > 0) {
        uint64_t start = MAX(ranges[count].start, low);
        uint64_t end = MIN(ranges[count].start + ranges[count].size, high);
        while (ranges[count].type == BOOT_MEM_FREE && end >= start &&
               end - start >= segment->size) {
            uint64_t at = ALIGN_DOWN(end - segment->size, alignment);
            uint64_t blocked = 0;
            for (unsigned i = 0; i < load->count; i++) {
                const struct kexec_segment *other = &load->segments[i];
                if (at < other->start + other->size && other->start < at + segment->size) {
                    blocked = other->start;
                }
            }
            if (at < start) {
                break;
            }
            if (blocked == 0) {
                segment->start = at;
                return true;
            }
            end = blocked;
        }
    }
    return false;
}

/* Gives the next segment its size and its place, below `high` if there is room. */
static int place(struct load *load, uint64_t filled, uint64_t size, uint64_t high,
                 uint64_t alignment)
{
    struct kexec_segment segment = {.size = ALIGN_UP(size, PAGE_SIZE), .filled = filled};
    if (!find_place(load, LOW_MEMORY, high, alignment, &segment) &&
        !find_place(load, LOW_MEMORY, ~0ull, alignment, &segment)) {
        return -EADDRNOTAVAIL;
    }
    load->segments[load->count++] = segment;
    return 0;
}

static int place_kernel(struct load *load)
{
    const struct bzimage *image = &load->image;
    uint64_t at = image->preferred, size = ALIGN_UP(image->memory, PAGE_SIZE);
    if (IS_ALIGNED(at, PAGE_SIZE) && at >= LOW_MEMORY && at + size > at &&
        ram_covers(at, at + size)) {
        load->segments[load->count++] = (struct kexec_segment){at, size, image->size};
        return 0;
    }
    return image->relocatable ? place(load, image->size, size, FOUR_GIB, image->alignment)
                              : -EADDRNOTAVAIL;
}

/* The screen that we were given is still there, in its mode. */
static void tell_screen(struct linux_screen *screen)
{
    const struct boot_framebuffer *fb = &framebuffer;
    bool high = fb->bits_per_pixel == 15 || fb->bits_per_pixel == 16; /* "high colour" */
    if (fb->width == 0) {
        if (text_screen.columns != 0) {
            screen->type = LINUX_SCREEN_VGA;
            screen->mode = 3; /* the BIOS's number for it */
            screen->columns = (uint8_t)text_screen.columns;
            screen->lines = (uint8_t)text_screen.rows;
            screen->points = 16;
        }
        return;
    }
    *screen = (struct linux_screen){
        .type = LINUX_SCREEN_LFB,
        .lfb_width = (uint16_t)fb->width,
        .lfb_height = (uint16_t)fb->height,
        .lfb_depth = fb->bits_per_pixel,
        .lfb_base = (uint32_t)fb->address,
        .ext_lfb_base = (uint32_t)(fb->address >> 32),
        .capabilities = LINUX_SCREEN_64BIT_BASE,
        .lfb_size = (uint32_t)(((uint64_t)fb->stride * fb->height + 0xffff) >> 16),
        .lfb_line_length = (uint16_t)fb->stride,
        .red_size = high ? 5 : 8,
        .red_pos = fb->red_shift,
        .green_size = fb->bits_per_pixel == 16 ? 6
                      : high                   ? 5
                                               : 8,
        .green_pos = fb->green_shift,
        .blue_size = high ? 5 : 8,
        .blue_pos = fb->blue_shift,
    };
}

/* Ranges that do not fit the page go to setup_data, at `more` if it is there; returns how many. */
static unsigned tell_memory(struct linux_params *params, struct linux_range *more)
{
    /* ACPI 6.4, table 15.374 */
    static const uint8_t types[] = {[BOOT_MEM_FREE] = 1,
                                    [BOOT_MEM_RESERVED] = 2,
                                    [BOOT_MEM_ACPI] = 3,
                                    [BOOT_MEM_NVS] = 4,
                                    [BOOT_MEM_BAD] = 5};
    unsigned count;
    const struct boot_range *ranges = ram_ranges(&count);
    for (unsigned i = 0; i < (more != NULL ? count : MIN(count, LINUX_RANGES)); i++) {
        struct linux_range *to = i < LINUX_RANGES ? &params->ranges[i] : &more[i - LINUX_RANGES];
        *to = (struct linux_range){ranges[i].start, ranges[i].size, types[ranges[i].type]};
    }
    params->range_count = (uint8_t)MIN(count, LINUX_RANGES);
    return count - params->range_count;
}

void kexec_describe_machine(struct linux_params *params)
{
    params->acpi_rsdp = acpi_rsdp;
    tell_screen(&params->screen);
    (void)tell_memory(params, NULL);
}

/* Where the parts of the parameters lie behind the zero page. */
static size_t cmdline_at(void)
{
    return sizeof(struct linux_params);
}
static size_t seed_at(const struct load *load)
{
    return ALIGN_UP(cmdline_at() + load->cmdline_size, 8ul);
}
static size_t ranges_at(const struct load *load)
{
    return seed_at(load) + sizeof(struct linux_setup_data) + SEED_SIZE;
}

/* Everything has a place: writes the zero page and what hangs on it. */
static void write_params(struct load *load)
{
    struct linux_params *params = load->params;
    struct linux_header *header = &params->header;
    uint64_t at = load->segments[SEGMENT_PARAMS].start;
    struct linux_setup_data *seed = (void *)((char *)params + seed_at(load));
    struct linux_setup_data *more = (void *)((char *)params + ranges_at(load));

    memcpy(header, load->image.header, load->image.header_size);
    header->type_of_loader = LOADER_KEXEC;
    header->code32_start = (uint32_t)load->segments[SEGMENT_KERNEL].start;
    header->cmd_line_ptr = (uint32_t)(at + cmdline_at());
    params->ext_cmd_line_ptr = (uint32_t)((at + cmdline_at()) >> 32);
    if (load->initrd_size > 0) {
        uint64_t initrd = load->segments[SEGMENT_INITRD].start;
        header->ramdisk_image = (uint32_t)initrd;
        header->ramdisk_size = (uint32_t)load->initrd_size;
        params->ext_ramdisk_image = (uint32_t)(initrd >> 32);
    }
    kexec_describe_machine(params);
    unsigned left = tell_memory(params, (struct linux_range *)(more + 1));
    header->setup_data = at + seed_at(load);
    *seed = (struct linux_setup_data){left > 0 ? at + ranges_at(load) : 0, LINUX_SETUP_RNG_SEED,
                                      SEED_SIZE};
    random_bytes(seed + 1, SEED_SIZE);
    if (left > 0) {
        *more = (struct linux_setup_data){0, LINUX_SETUP_E820_EXT,
                                          left * (uint32_t)sizeof(struct linux_range)};
    }
}

/* Memory for the parameters, with the command line in it. */
static int take_cmdline(struct load *load, const struct kexec_files *files)
{
    unsigned count;
    (void)ram_ranges(&count);
    if (files->cmdline_size > MIN(load->image.cmdline_max, (uint64_t)CMDLINE_MAX)) {
        return -EINVAL;
    }
    load->cmdline_size = MAX(files->cmdline_size, (size_t)1);
    load->params_size = ranges_at(load) + sizeof(struct linux_setup_data) +
                        count * sizeof(struct linux_range);
    load->params = kzalloc(load->params_size);
    if (load->params == NULL) {
        return -ENOMEM;
    }
    char *cmdline = (char *)load->params + cmdline_at();
    if (files->cmdline_size > 0 &&
        copy_from_user(cmdline, files->cmdline, files->cmdline_size) != 0) {
        return -EFAULT;
    }
    return cmdline[load->cmdline_size - 1] == 0 ? 0 : -EINVAL;
}

/* What a segment's bytes come from. */
struct source {
    struct file *file;
    uint64_t offset;
};

static int read_source(void *arg, void *buf, size_t size, uint64_t offset)
{
    const struct source *source = arg;
    return file_read_exact(source->file, buf, size, source->offset + offset);
}

static int read_params(void *arg, void *buf, size_t size, uint64_t offset)
{
    memcpy(buf, (const char *)arg + offset, size);
    return 0;
}

static int make_image(struct load *load, const struct kexec_files *files, struct kexec_image **out)
{
    struct source kernel = {files->kernel, load->image.offset}, initrd = {files->initrd, 0};
    int error = kexec_image_create(load->segments, load->count, out);
    if (error != 0) {
        return error;
    }
    write_params(load);
    error = kexec_image_fill(*out, SEGMENT_KERNEL, read_source, &kernel);
    if (error == 0) {
        error = kexec_image_fill(*out, SEGMENT_PARAMS, read_params, load->params);
    }
    if (error == 0 && load->initrd_size > 0) {
        error = kexec_image_fill(*out, SEGMENT_INITRD, read_source, &initrd);
    }
    if (error != 0) {
        kexec_image_destroy(*out);
        return error;
    }
    kexec_image_finish(*out, load->segments[SEGMENT_KERNEL].start + load->image.entry_offset,
                       load->segments[SEGMENT_PARAMS].start);
    return 0;
}

/* Looks at the files, and finds places. */
static int prepare(struct load *load, const struct kexec_files *files)
{
    const char *reason;
    int64_t size = hold(load, files->kernel);
    if (size < 0) {
        return (int)size;
    }
    size_t head = MIN((size_t)size, sizeof(load->head));
    int error = file_read_exact(files->kernel, load->head, head, 0);
    if (error != 0) {
        return error;
    }
    error = bzimage_parse(load->head, head, (uint64_t)size, &load->image, &reason);
    if (error != 0) {
        log_info("kexec_file_load: the kernel cannot be entered: %s", reason);
        return error;
    }
    if (files->with_initrd) {
        size = hold(load, files->initrd);
        if (size < 0) {
            return (int)size;
        }
        load->initrd_size = (uint64_t)size;
    }
    error = take_cmdline(load, files);
    if (error == 0) {
        error = place_kernel(load);
    }
    if (error == 0) {
        error = place(load, load->params_size, load->params_size, FOUR_GIB, PAGE_SIZE);
    }
    if (error == 0 && load->initrd_size > 0) {
        uint64_t high = MIN(load->image.initrd_end, FOUR_GIB);
        error = place(load, load->initrd_size, load->initrd_size, high, PAGE_SIZE);
    }
    return error;
}

int kexec_load_files(const struct kexec_files *files, struct kexec_image **out)
{
    struct load *load = kzalloc(sizeof(*load));
    if (load == NULL) {
        return -ENOMEM;
    }
    int error = prepare(load, files);
    if (error == 0) {
        error = make_image(load, files, out);
    }
    while (load->held_count > 0) {
        file_allow_write(load->held[--load->held_count]);
    }
    kfree(load->params);
    kfree(load);
    return error;
}
