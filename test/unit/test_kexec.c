/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images of other kernels: whatever frames the allocator gives, whether or not parts of the image
 * go there, what the last copies make of the memory is the image, in any order of the copies; a
 * load that fails, for want of memory or by its caller, gives everything back; what is refused, and
 * why. And the memory map that they are checked against.
 */
// sources: kernel/core/kexec.c kernel/mm/ram.c kernel/mm/frame.c kernel/mm/heap.c
// sources: kernel/mm/kmap.c test/unit/fake/port.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "fake/port.h"
#include "kernel/core/kexec.h"
#include "kernel/core/thread.h"
#include "kernel/mm/heap.h"
#include "kernel/mm/ram.h"

#define MEMORY (64u << 20)

static struct thread self;
void sched_point(void);
void sched_point(void)
{
}

/* The port's part: a few pages that nothing may go to. */
#define PORT_PAGES 3u
static paddr_t port_pages[PORT_PAGES];
int arch_kexec_prepare(struct arch_kexec *kexec, paddr_t (*take)(void *arg), void *arg)
{
    for (unsigned i = 0; i < PORT_PAGES; i++) {
        port_pages[i] = take(arg);
        if (port_pages[i] == 0) {
            return -ENOMEM;
        }
    }
    kexec->root = port_pages[0];
    return 0;
}

/* What the loader says of the memory of fake_start_small. */
static const struct boot_range map[] = {
    {0x0, 0x10000, BOOT_MEM_RESERVED, 0},        {0x10000, 0x8f000, BOOT_MEM_FREE, 0},
    {0xf0000, 0x10000, BOOT_MEM_RESERVED, 0},    {0x100000, 0x100000, BOOT_MEM_FREE, 0},
    {0x200000, 0x50000, BOOT_MEM_KERNEL, 0},     {0x250000, 0x53000, BOOT_MEM_INITRD, 0},
    {0x2a3000, 0x3d5d000, BOOT_MEM_FREE, 0},     {0x4000000, 0x1000, BOOT_MEM_ACPI, 0},
    {0xfffc0000, 0x40000, BOOT_MEM_RESERVED, 0},
};

static uint64_t free_pages(void)
{
    struct frame_stats stats;
    frame_get_stats(&stats);
    return stats.free_pages;
}

static void map_is_kept(void **state)
{
    (void)state;
    unsigned count;
    const struct boot_range *ranges = ram_ranges(&count);
    assert_int_equal(count, 6);
    assert_int_equal(ranges[3].start, 0x100000);
    assert_int_equal(ranges[3].size, 0x3f00000);
    assert_int_equal(ranges[3].type, BOOT_MEM_FREE);
    assert_int_equal(ranges[4].type, BOOT_MEM_ACPI);
    assert_true(ram_covers(0x100000, 0x4000000));
    assert_true(ram_covers(0x24f000, 0x251000)); /* the kernel, the initramfs */
    assert_false(ram_covers(0x100000, 0x4001000));
    assert_false(ram_covers(0, 0x11000));
    assert_false(ram_covers(0xff000, 0x101000));
}

static struct kexec_segment segments[KEXEC_SEGMENTS_MAX];
static unsigned segment_count;

static uint8_t content(unsigned segment, uint64_t offset)
{
    return (uint8_t)(offset * 7 + (offset >> 12) * 31 + segment * 97 + 1);
}

struct reader {
    unsigned segment;
    int error;
    unsigned fail_after; /* pages */
};

static int read_content(void *arg, void *buf, size_t size, uint64_t offset)
{
    struct reader *reader = arg;
    if (reader->error != 0 && reader->fail_after-- == 0) {
        return reader->error;
    }
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)buf)[i] = content(reader->segment, offset + i);
    }
    return 0;
}

static int load(struct kexec_image **image, int error, unsigned fail_after)
{
    struct reader reader = {.error = error, .fail_after = fail_after};
    int result = kexec_image_create(segments, segment_count, image);
    for (unsigned i = 0; result == 0 && i < segment_count; i++) {
        reader.segment = i;
        result = kexec_image_fill(*image, i, read_content, &reader);
        if (result != 0) {
            kexec_image_destroy(*image);
        }
    }
    if (result == 0) {
        kexec_image_finish(*image, 0x1000, 0);
    }
    return result;
}

static bool is_target(paddr_t paddr)
{
    for (unsigned i = 0; i < segment_count; i++) {
        if (paddr >= segments[i].start && paddr < segments[i].start + segments[i].size) {
            return true;
        }
    }
    return false;
}

/* Makes the copies, the last ones first, in a copy of the memory. */
static void move(const struct kexec_image *image, uint8_t *memory)
{
    static struct arch_kexec_copy all[MEMORY / PAGE_SIZE];
    size_t count = 0;
    memcpy(memory, phys_to_virt(0), MEMORY);
    for (paddr_t page = kexec_image_arch(image)->copies; page != 0;) {
        const struct arch_kexec_list *list = (const void *)(memory + page);
        assert_false(is_target(page));
        for (size_t i = 0; i < list->count; i++) {
            all[count++] = list->copies[i];
        }
        page = list->next;
    }
    while (count-- > 0) {
        if (all[count].source == 0) {
            memset(memory + all[count].target, 0, PAGE_SIZE);
        } else {
            memmove(memory + all[count].target, memory + all[count].source, PAGE_SIZE);
        }
    }
}

static void assert_in_place(const uint8_t *memory)
{
    for (unsigned i = 0; i < segment_count; i++) {
        for (uint64_t at = 0; at < segments[i].size; at++) {
            uint8_t wanted = at < segments[i].filled ? content(i, at) : 0;
            assert_int_equal(memory[segments[i].start + at], wanted);
        }
    }
}

/* Segments that do not overlap, anywhere in memory, in any order. */
static void draw_segments(unsigned pages_max)
{
    segment_count = 1 + fake_random() % 6;
    for (unsigned i = 0; i < segment_count;) {
        uint64_t pages = 1 + fake_random() % (pages_max / segment_count);
        uint64_t start = 0x100000 + (fake_random() % (0x3f00000 / PAGE_SIZE - pages)) * PAGE_SIZE;
        unsigned j = 0;
        while (j < i && (start >= segments[j].start + segments[j].size ||
                         segments[j].start >= start + pages * PAGE_SIZE)) {
            j++;
        }
        if (j == i) {
            uint64_t filled = fake_random() % 3 == 0 ? 0 : fake_random() % (pages * PAGE_SIZE + 1);
            segments[i++] = (struct kexec_segment){start, pages * PAGE_SIZE, filled};
        }
    }
}

static void image_arrives(void **state)
{
    (void)state;
    uint8_t *memory = malloc(MEMORY);
    struct kexec_image *image;
    for (unsigned round = 0; round < 30; round++) {
        uint64_t before = free_pages();
        fake_seed(round);
        draw_segments(7000);
        /* Half of the rounds have little more memory than they need: frames in the way are used. */
        if (round % 2 == 0) {
            uint64_t wanted = 80;
            for (unsigned i = 0; i < segment_count; i++) {
                wanted += segments[i].size / PAGE_SIZE;
            }
            fake_hoard(wanted);
        }
        assert_int_equal(load(&image, 0, 0), 0);
        for (unsigned i = 0; i < PORT_PAGES; i++) {
            assert_false(is_target(port_pages[i]));
        }
        move(image, memory);
        assert_in_place(memory);
        kexec_image_destroy(image);
        if (round % 2 == 0) {
            fake_release();
        }
        assert_in_range(free_pages(), before - 64, before + 64); /* what the heap keeps */
    }
    free(memory);
}

/* Memory ends anywhere on the way: nothing is lost, and with a little more it works. */
static void memory_ends(void **state)
{
    (void)state;
    struct kexec_image *image;
    segment_count = 2;
    segments[0] = (struct kexec_segment){0x100000, 0x100000, 0x80000};
    segments[1] = (struct kexec_segment){0x1000000, 0x200000, 0x1ff001};
    uint64_t before = free_pages();
    bool worked = false;
    for (unsigned leave = 0; leave < 1600 && !worked; leave += 9) {
        fake_hoard(leave);
        uint64_t left = free_pages();
        int result = load(&image, 0, 0);
        if (result == 0) {
            kexec_image_destroy(image);
            worked = true;
        } else {
            assert_int_equal(result, -ENOMEM);
        }
        assert_in_range(free_pages(), left - MIN(left, 16ul), left);
        fake_release();
    }
    assert_true(worked);
    assert_in_range(free_pages(), before - 64, before + 64);
}

static void reading_fails(void **state)
{
    (void)state;
    struct kexec_image *image;
    segment_count = 2;
    segments[0] = (struct kexec_segment){0x100000, 0x100000, 0x80000};
    segments[1] = (struct kexec_segment){0x1000000, 0x200000, 0x1ff001};
    assert_int_equal(load(&image, -EFAULT, 3), -EFAULT);
    uint64_t before = free_pages();
    for (unsigned i = 0; i < 600; i += 50) {
        assert_int_equal(load(&image, -EFAULT, i), -EFAULT);
    }
    self.killed = true;
    assert_int_equal(load(&image, 0, 0), -EINTR);
    self.killed = false;
    assert_int_equal(free_pages(), before);
}

static int create_one(uint64_t start, uint64_t size, uint64_t filled)
{
    struct kexec_image *image;
    const struct kexec_segment segment = {start, size, filled};
    int result = kexec_image_create(&segment, 1, &image);
    if (result == 0) {
        kexec_image_destroy(image);
    }
    return result;
}

static void what_is_refused(void **state)
{
    (void)state;
    struct kexec_image *image;
    assert_int_equal(create_one(0x100000, 0x1000, 0x1000), 0);
    assert_int_equal(create_one(0x100000, 0, 0), 0);
    assert_int_equal(create_one(0x100800, 0x1000, 0), -EADDRNOTAVAIL);
    assert_int_equal(create_one(0x100000, 0x1800, 0), -EADDRNOTAVAIL);
    assert_int_equal(create_one(~0xffful, 0x2000, 0), -EADDRNOTAVAIL);
    assert_int_equal(create_one(0x1000, ~0xffful, 0), -EADDRNOTAVAIL);
    assert_int_equal(create_one(0xf0000, 0x1000, 0), -EADDRNOTAVAIL);
    assert_int_equal(create_one(0xa0000, 0x1000, 0), -EADDRNOTAVAIL);
    assert_int_equal(create_one(0x3fff000, 0x2000, 0), -EADDRNOTAVAIL);
    assert_int_equal(create_one(0x100000, 0x1000, 0x1001), -EINVAL);
    assert_int_equal(create_one(0x100000, 0x2800000, 0), -EINVAL);
    segments[0] = (struct kexec_segment){0x100000, 0x2000, 0};
    segments[1] = (struct kexec_segment){0x101000, 0x2000, 0};
    assert_int_equal(kexec_image_create(segments, 2, &image), -EINVAL);
    segments[0] = (struct kexec_segment){0x100000, 0x1800000, 0};
    segments[1] = (struct kexec_segment){0x1900000, 0x1800000, 0};
    assert_int_equal(kexec_image_create(segments, 2, &image), -EINVAL); /* together too large */
    kexec_image_destroy(NULL);
}

int main(void)
{
    fake_current = &self;
    fake_start_small();
    struct bootinfo info = {.ranges = (uint64_t)map - LAYOUT_DIRECT_MAP,
                            .range_count = sizeof(map) / sizeof(map[0])};
    ram_init(&info);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_is_kept),     cmocka_unit_test(image_arrives),
        cmocka_unit_test(memory_ends),     cmocka_unit_test(reading_fails),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
