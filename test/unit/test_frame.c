/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame allocator: every page of the ranges is handed out exactly once; blocks are aligned and
 * join again; nothing proportional to memory is done at start; partial chunks; the reserve;
 * reclaim.
 */
// sources: kernel/mm/frame.c kernel/mm/heap.c kernel/mm/kmap.c test/unit/fake/port.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake/port.h"
#include "kernel/base/panic.h"
#include "kernel/mm/heap.h"

#define MANY 300000

static const struct fake_range ranges[] = {
    {0x0, 0x9f800},          /* page 0 and a half page at the end are left out */
    {0x100000, 0x123000},    /* a chunk and a bit */
    {0x245000, 0x3000},      /* in a chunk that has descriptors by then */
    {0x400000, 0x2000},      /* too small for descriptors of its own: dropped */
    {0x800000, 0x800000},    /* whole chunks */
    {0x40000000, 0x8000000}, /* 128 MiB far away */
    {0, 0}};
/* In whole pages. */
static const uint64_t all_pages = 0x9e + 0x123 + 0x3 + 0x2 + 0x800 + 0x8000;

static struct frame **held;
static size_t held_count;

static bool in_ranges(paddr_t paddr, size_t size)
{
    for (size_t i = 0; ranges[i].size != 0; i++) {
        if (paddr >= ranges[i].start && paddr + size <= ranges[i].start + ranges[i].size) {
            return paddr != 0;
        }
    }
    return false;
}

static uint64_t free_pages(void)
{
    struct frame_stats stats;
    frame_get_stats(&stats);
    return stats.free_pages;
}

static void start_touches_nothing(void **state)
{
    (void)state;
    fake_start(ranges);
    struct frame_stats stats;
    frame_get_stats(&stats);
    assert_int_equal(stats.total_pages, all_pages);
    assert_int_equal(stats.free_pages, all_pages);
    assert_int_equal(fake_kernel_maps, 0);
    struct frame *frame = frame_alloc(0);
    assert_non_null(frame);
    assert_true(frame_to_paddr(frame) >= 0x100000);
    assert_int_equal(fake_kernel_maps, 2);
    frame_put(frame);
}

static void every_page_once(void **state)
{
    (void)state;
    unsigned char *seen = calloc(0x48000000 >> 12, 1);
    held = malloc(sizeof(*held) * MANY);
    for (struct frame *frame; (frame = frame_alloc(FRAME_KERNEL)) != NULL;) {
        paddr_t paddr = frame_to_paddr(frame);
        assert_true(in_ranges(paddr, PAGE_SIZE));
        assert_int_equal(seen[paddr >> 12]++, 0);
        assert_ptr_equal(paddr_to_frame(paddr), frame);
        assert_int_equal(frame_refs(frame), 1);
        held[held_count++] = frame;
    }
    /* Not handed out: descriptors (two pages for each chunk), tables, the tiny range, and what is
     * set aside for the next descriptors. */
    size_t overhead = all_pages - held_count;
    assert_in_range(overhead, 2, 2 * (1 + 2 + 4 + 64) + fake_kernel_tables + 2 + 32);
    assert_int_equal(free_pages(), 0);
    frame_put_many(held, held_count);
    assert_int_equal(free_pages(), held_count);
    free(seen);
}

static void blocks_join_again(void **state)
{
    (void)state;
    size_t blocks = 0;
    for (struct frame *frame; (frame = frame_alloc_order(FRAME_MAX_ORDER, FRAME_KERNEL)) != NULL;) {
        assert_true(IS_ALIGNED(frame_to_paddr(frame), PAGE_SIZE << FRAME_MAX_ORDER));
        held[blocks++] = frame;
    }
    /* Chunks stay whole, but for the few that lend their pages for descriptors. */
    assert_in_range(blocks, 60, 68);
    frame_put_many(held, blocks);
    blocks = 0;
    size_t before = free_pages();
    for (struct frame *frame; (frame = frame_alloc_order(8, FRAME_KERNEL)) != NULL;) {
        held[blocks++] = frame;
    }
    assert_in_range(blocks, 2 * 60, 2 * 68 + 2);
    frame_put_many(held, blocks);
    assert_int_equal(free_pages(), before);
}

static void zeroed_when_asked(void **state)
{
    (void)state;
    for (unsigned order = 0; order <= 8; order++) {
        struct frame *frame = frame_alloc_order(order, 0);
        memset(frame_to_virt(frame), 0x5a, PAGE_SIZE << order);
        frame_put(frame);
        frame = frame_alloc_order(order, FRAME_ZERO);
        const unsigned char *bytes = frame_to_virt(frame);
        for (size_t i = 0; i < PAGE_SIZE << order; i++) {
            assert_int_equal(bytes[i], 0);
        }
        frame_put(frame);
    }
}

static void references_are_counted(void **state)
{
    (void)state;
    uint64_t before = free_pages();
    struct frame *frame = frame_alloc_order(3, 0);
    frame_get(frame);
    frame_put(frame);
    assert_int_equal(frame_refs(frame), 1);
    assert_int_equal(free_pages(), before - 8);
    frame_put(frame);
    assert_int_equal(free_pages(), before);
}

static void reserve_is_the_kernels(void **state)
{
    (void)state;
    size_t count = 0;
    for (struct frame *frame; (frame = frame_alloc(0)) != NULL;) {
        held[count++] = frame;
    }
    assert_null(frame_alloc(FRAME_ZERO));
    struct frame *last = frame_alloc(FRAME_KERNEL);
    assert_non_null(last);
    frame_put(last);
    frame_put_many(held, count);
}

static struct frame *spare_frame;
static bool give_spare(void)
{
    if (spare_frame == NULL) {
        return false;
    }
    frame_put(spare_frame);
    spare_frame = NULL;
    return true;
}

static void reclaim_helps(void **state)
{
    (void)state;
    frame_add_reclaim(give_spare);
    spare_frame = frame_alloc(0);
    struct frame *spare = spare_frame;
    fake_hoard(0);
    assert_null(spare_frame);
    assert_null(frame_alloc(FRAME_KERNEL));
    fake_release();
    (void)spare;
}

/* Random blocks held and given back against a map of who has which page. */
static void random_blocks(void **state)
{
    (void)state;
    uint64_t before = free_pages();
    unsigned char *owner = calloc(0x48000000 >> 12, 1);
    struct frame *blocks[200] = {0};
    for (unsigned round = 0; round < 100000; round++) {
        struct frame **slot = &blocks[fake_random() % ARRAY_SIZE(blocks)];
        unsigned order = fake_random() % 10;
        order = order > 7 ? 0 : order;
        if (*slot != NULL) {
            paddr_t number = frame_to_paddr(*slot) >> 12;
            for (size_t i = 0; i < 1ul << (*slot)->order; i++) {
                assert_int_equal(owner[number + i]--, 1);
            }
            frame_put(*slot);
            *slot = NULL;
            continue;
        }
        *slot = frame_alloc_order(order, 0);
        assert_non_null(*slot);
        paddr_t paddr = frame_to_paddr(*slot);
        assert_true(IS_ALIGNED(paddr, PAGE_SIZE << order) && in_ranges(paddr, PAGE_SIZE << order));
        for (size_t i = 0; i < 1ul << order; i++) {
            assert_int_equal(owner[(paddr >> 12) + i]++, 0);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
        if (blocks[i] != NULL) {
            frame_put(blocks[i]);
        }
    }
    assert_int_equal(free_pages(), before);
    free(owner);
}

/* Memory that comes later: beside memory in use, page by page, and in a chunk of its own. */
static void later_memory(void **state)
{
    (void)state;
    struct frame_stats stats;
    frame_get_stats(&stats);
    uint64_t free_before = stats.free_pages, total = stats.total_pages;
    frame_add(0x223000, 0x22000);
    frame_get_stats(&stats);
    assert_int_equal(stats.free_pages, free_before + 0x22);
    assert_int_equal(stats.reclaimed_pages, 0x22);
    assert_int_equal(stats.total_pages, total + 0x22);
    for (paddr_t page = 0x600000; page < 0x620000; page += PAGE_SIZE) {
        frame_add(page, PAGE_SIZE);
    }
    frame_add(0x700800, 0x1000); /* holds no whole page */
    frame_get_stats(&stats);
    assert_int_equal(stats.free_pages, free_before + 0x22 + 0x20);
    fake_hoard(0);
    bool found = false;
    fake_release();
    frame_get_stats(&stats);
    assert_in_range(stats.free_pages, free_before + 0x22 + 0x20 - 3, free_before + 0x22 + 0x20);
    struct frame *frames[40];
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        frames[i] = frame_alloc(0);
        found |= in_ranges(frame_to_paddr(frames[i]), PAGE_SIZE);
    }
    assert_true(found);
    frame_put_many(frames, ARRAY_SIZE(frames));
    free(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_touches_nothing),  cmocka_unit_test(every_page_once),
        cmocka_unit_test(blocks_join_again),      cmocka_unit_test(zeroed_when_asked),
        cmocka_unit_test(references_are_counted), cmocka_unit_test(random_blocks),
        cmocka_unit_test(reserve_is_the_kernels), cmocka_unit_test(reclaim_helps),
        cmocka_unit_test(later_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
