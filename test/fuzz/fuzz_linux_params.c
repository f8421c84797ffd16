/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the Linux door: the input is physical memory from 4 KiB on, which begins with a zero page
 * whose magic is mended. The door may read what it asked for and no more, must come to an end, and
 * hands on a seed and a number of ranges that are bounded, and a frame buffer that is one or none.
 */
// sources: boot/door/linux/door.c boot/door/linux/efi.c boot/door/linux/setup_data.c
// sources: boot/door/efi/tables.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/door/linux/door.h"

enum { BASE = 4096, HANDED_MAX = 512 };
static uint8_t *memory_bytes;
static size_t memory_size;
static void *handed[HANDED_MAX];
static unsigned handed_count, ranges_added;
static jmp_buf end;
static struct bootinfo info;
static struct loader the_loader;

static void require(bool good)
{
    if (!good) {
        abort();
    }
}

void *machine_window(uint64_t paddr, size_t size)
{
    if (paddr < BASE || paddr - BASE > memory_size || size > memory_size - (paddr - BASE)) {
        return NULL;
    }
    require(handed_count < HANDED_MAX);
    uint8_t *copy = malloc(size);
    memcpy(copy, memory_bytes + (paddr - BASE), size);
    handed[handed_count++] = copy;
    return copy;
}

void fail(const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    require(vsnprintf(line, sizeof(line), format, args) < (int)sizeof(line));
    va_end(args);
    longjmp(end, 1);
}

struct loader *loader_begin(enum boot_door door, uint64_t cycles)
{
    (void)cycles;
    info = (struct bootinfo){.door = door};
    the_loader = (struct loader){.info = &info};
    return &the_loader;
}

void loader_stamp(struct loader *loader, enum boot_stage stage, uint64_t cycles)
{
    (void)stage, (void)cycles;
    require(loader->info->stamp_count++ < 7);
}

void loader_add_range(struct loader *loader, uint64_t start, uint64_t size, uint32_t type)
{
    (void)loader, (void)start, (void)size, (void)type;
    ranges_added++;
}

void loader_set_cmdline(struct loader *loader, uint64_t paddr)
{
    loader->info->cmdline = paddr;
}

void loader_add_initrd(struct loader *loader, uint64_t start, uint64_t size)
{
    loader->info->initrd = start;
    loader->info->initrd_size = size;
}

void loader_add_entropy(struct loader *loader, const void *bytes, size_t size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum ^= ((const uint8_t *)bytes)[i];
    }
    loader->info->entropy[0] ^= sum;
    require(size <= 4096);
}

void loader_run(struct loader *loader)
{
    const struct boot_framebuffer *fb = &loader->info->framebuffer;
    require(fb->width == 0 || (fb->height > 0 && fb->address != 0 &&
                               fb->stride >= (uint64_t)fb->width * ((fb->bits_per_pixel + 7) / 8)));
    longjmp(end, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memory_size = MAX(size, sizeof(struct linux_params));
    memory_bytes = calloc(1, memory_size);
    memcpy(memory_bytes, data, size);
    struct linux_params *params = (struct linux_params *)memory_bytes;
    if (params->header.header != 0) {
        params->header.header = LINUX_HEADER_MAGIC;
    }
    ranges_added = 0;
    if (setjmp(end) == 0) {
        linux_main(BASE, 0, BOOT_DOOR_LINUX32);
    }
    require(ranges_added <= LINUX_RANGES + 64 * 4096);
    while (handed_count > 0) {
        free(handed[--handed_count]);
    }
    free(memory_bytes);
    return 0;
}
