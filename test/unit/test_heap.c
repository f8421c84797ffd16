/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heap: objects do not overlap, are aligned, keep their bytes; sizes at all borders; failing
 * memory; what is freed goes back to the frames when memory is short. Kernel stacks likewise.
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
#include "kernel/mm/heap.h"
#include "kernel/mm/kmap.h"

static int start(void **state)
{
    (void)state;
    fake_start_small();
    return 0;
}

static uint64_t free_pages(void)
{
    struct frame_stats stats;
    frame_get_stats(&stats);
    return stats.free_pages;
}

static void sizes(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 9000; size++) {
        char *a = kmalloc(size), *b = kmalloc(size);
        assert_non_null(a);
        assert_non_null(b);
        assert_true(IS_ALIGNED((vaddr_t)a, 16) && IS_ALIGNED((vaddr_t)b, 16));
        assert_true(kmalloc_size(a) >= size);
        assert_true(size > 2048 || kmalloc_size(a) <= MAX(16u, size * 2));
        assert_true(a + kmalloc_size(a) <= b || b + kmalloc_size(b) <= a);
        memset(a, 1, kmalloc_size(a));
        memset(b, 2, kmalloc_size(b));
        kfree(a);
        kfree(b);
    }
    void *large = kmalloc(2u << 20);
    assert_non_null(large);
    kfree(large);
    assert_null(kmalloc((2u << 20) + 1));
    assert_null(kmalloc(SIZE_MAX));
    kfree(NULL);
}

static void clearing(void **state)
{
    (void)state;
    static const char zeroes[5000];
    char *dirty = kmalloc(5000);
    memset(dirty, 0xff, 5000);
    kfree(dirty);
    char *clean = kzalloc(5000);
    assert_memory_equal(clean, zeroes, 5000);
    kfree(clean);
    assert_null(kcalloc(SIZE_MAX / 2, 3));
    clean = kcalloc(10, 30);
    assert_memory_equal(clean, zeroes, 300);
    clean = krealloc(clean, 100000);
    assert_memory_equal(clean, zeroes, 300);
    assert_ptr_equal(krealloc(clean, 10), clean);
    kfree(clean);
    char *text = kstrdup("alba");
    assert_string_equal(text, "alba");
    kfree(text);
}

static void caches_align(void **state)
{
    (void)state;
    for (size_t size = 64; size <= 8192; size += 64) {
        static struct cache *cache;
        if (size == 64 || size == 640 || size == 2624 || size == 8192) {
            cache = cache_create("test", size);
            void *objects[100];
            for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
                objects[i] = cache_alloc(cache);
                assert_non_null(objects[i]);
                assert_true(IS_ALIGNED((vaddr_t)objects[i], 64));
                memset(objects[i], (int)i, size);
            }
            for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
                const unsigned char *bytes = objects[i];
                assert_true(bytes[0] == i && bytes[size - 1] == i);
                cache_free(cache, objects[i]);
            }
        }
    }
}

/* Random objects; each is filled with its own byte, which is still there when it is freed. */
static void random_objects(void **state)
{
    (void)state;
    static struct {
        unsigned char *bytes;
        size_t size;
    } objects[3000];
    for (unsigned round = 0; round < 200000; round++) {
        size_t i = fake_random() % ARRAY_SIZE(objects);
        if (objects[i].bytes != NULL) {
            for (size_t k = 0; k < objects[i].size; k++) {
                assert_int_equal(objects[i].bytes[k], i & 0xff);
            }
            kfree(objects[i].bytes);
            objects[i].bytes = NULL;
            continue;
        }
        size_t size = fake_random() % (fake_random() % 50 == 0 ? 20000 : 600);
        objects[i].bytes = kmalloc(size);
        assert_non_null(objects[i].bytes);
        objects[i].size = size;
        memset(objects[i].bytes, (int)i & 0xff, size);
    }
    struct heap_stats stats;
    heap_get_stats(&stats);
    assert_true(stats.bytes_used > 0 && stats.bytes_used <= stats.bytes_frames);
    for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
        kfree(objects[i].bytes);
    }
    heap_get_stats(&stats);
    assert_true(stats.bytes_used < 4096); /* headers of slabs that are kept empty */
    assert_true(fake_is_calm());
}

static void everything_comes_back(void **state)
{
    (void)state;
    fake_hoard(0); /* runs the hooks */
    fake_release();
    struct heap_stats stats;
    heap_get_stats(&stats);
    assert_int_equal(stats.bytes_frames, 0);
}

static void out_of_memory(void **state)
{
    (void)state;
    for (size_t leave = 0; leave < 30; leave++) {
        uint64_t before = free_pages();
        fake_hoard(leave);
        void *objects[2000];
        size_t count = 0, size = 0;
        while (count < ARRAY_SIZE(objects)) {
            size = 16 + fake_random() % 3000;
            objects[count] = kmalloc(size);
            if (objects[count] == NULL) {
                break;
            }
            memset(objects[count++], 0xee, size);
        }
        assert_true(count < ARRAY_SIZE(objects));
        for (size_t i = 0; i < count; i++) {
            kfree(objects[i]);
        }
        fake_release();
        fake_hoard(0);
        fake_release();
        assert_int_equal(free_pages(), before);
    }
}

static void stacks(void **state)
{
    (void)state;
    enum { COUNT = 600 };
    fake_hoard(0); /* what the heap has cached is not to be counted below */
    fake_release();
    static char *stack[COUNT];
    uint64_t at_start = free_pages();
    for (size_t i = 0; i < COUNT; i++) {
        stack[i] = kstack_alloc();
        assert_non_null(stack[i]);
        memset(stack[i], (int)i, KSTACK_SIZE);
        assert_true(kstack_is_guard((vaddr_t)stack[i] - 1));
        assert_true(kstack_is_guard((vaddr_t)stack[i] - PAGE_SIZE));
        assert_false(kstack_is_guard((vaddr_t)stack[i]));
        assert_false(kstack_is_guard((vaddr_t)stack[i] + KSTACK_SIZE - 1));
    }
    unsigned maps = fake_kernel_maps;
    kstack_free(stack[7]);
    assert_ptr_equal(kstack_alloc(), stack[7]);
    assert_int_equal(fake_kernel_maps, maps);
    for (size_t i = 0; i < COUNT; i++) {
        kstack_free(stack[i]);
    }
    assert_true(free_pages() <= at_start - COUNT * KSTACK_SIZE / PAGE_SIZE);
    fake_hoard(0);
    fake_release();
    /* Page tables and the bit map of slots stay. */
    assert_true(free_pages() >= at_start - fake_kernel_tables - 2);
    fake_hoard(2);
    assert_null(kstack_alloc());
    fake_release();
    stack[0] = kstack_alloc();
    assert_non_null(stack[0]);
    kstack_free(stack[0]);
    assert_true(fake_is_calm());
}

static void devices(void **state)
{
    (void)state;
    vaddr_t a = (vaddr_t)kmap_device(0xfee00123, 0x10), b = (vaddr_t)kmap_device(0xfec00ff0, 0x20);
    assert_true(a != 0 && b != 0);
    assert_int_equal(a & PAGE_MASK, 0x123);
    paddr_t paddr;
    unsigned flags;
    assert_true(arch_kernel_query(b, &paddr, &flags) && paddr == 0xfec00000);
    assert_true(arch_kernel_query(b + 0x20, &paddr, &flags) && paddr == 0xfec01000);
    assert_true(kmap_device(1, 0) == NULL);
    assert_true(kmap_device(1, SIZE_MAX - 10) == NULL);
}

/* What one CPU gives back that another has taken is counted once, and comes back when each gives up
 * what it keeps. */
static void several_cpus(void **state)
{
    (void)state;
    enum { OBJECTS = 500 };
    void *objects[OBJECTS];
    struct heap_stats before, stats;
    struct frame_stats frames, frames_after;
    for (unsigned cpu = 0; cpu < FAKE_CPUS_MAX; cpu++) {
        fake_on_cpu(cpu);
        frame_reclaim();
    }
    fake_on_cpu(0);
    heap_get_stats(&before);
    frame_get_stats(&frames);
    for (unsigned i = 0; i < OBJECTS; i++) {
        fake_on_cpu(i % FAKE_CPUS_MAX);
        objects[i] = kmalloc(i % 5 == 0 ? 5000 : 100 + i);
        assert_non_null(objects[i]);
    }
    for (unsigned i = 0; i < OBJECTS; i++) {
        fake_on_cpu((i + 1) % FAKE_CPUS_MAX);
        kfree(objects[i]);
    }
    for (unsigned cpu = 0; cpu < FAKE_CPUS_MAX; cpu++) {
        fake_on_cpu(cpu);
        frame_reclaim();
    }
    fake_on_cpu(0);
    frame_reclaim();
    heap_get_stats(&stats);
    frame_get_stats(&frames_after);
    assert_int_equal(stats.bytes_used, before.bytes_used);
    assert_int_equal(stats.bytes_frames, before.bytes_frames);
    assert_int_equal(frames_after.free_pages, frames.free_pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),          cmocka_unit_test(clearing),
        cmocka_unit_test(random_objects), cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(out_of_memory),  cmocka_unit_test(caches_align),
        cmocka_unit_test(stacks),         cmocka_unit_test(devices),
        cmocka_unit_test(several_cpus),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
