/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory objects against an array of bytes: random writes, reads, truncations and holes, with and
 * without borrowed bytes; the radix tree at its limits; pages by index; failing memory. And struct
 * io, through which the bytes come.
 */
// sources: kernel/mm/frame.c kernel/mm/heap.c kernel/mm/kmap.c kernel/core/vmo.c
// sources: kernel/core/vmo_io.c kernel/core/vmo_shrink.c kernel/core/page_tree.c kernel/core/io.c
// sources: kernel/core/space.c kernel/core/space_pages.c kernel/core/space_map.c
// sources: kernel/core/space_fault.c kernel/core/space_fork.c kernel/core/space_remap.c
// sources: kernel/arch/x86_64/mmu.c kernel/arch/x86_64/tlb.c test/unit/fake/port.c
// sources: test/unit/fake/user.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "fake/port.h"
#include "kernel/core/io.h"
#include "kernel/core/page_tree.h"
#include "kernel/mm/heap.h"

#define PAGES_MODEL 40u
#define SIZE        (PAGES_MODEL * PAGE_SIZE)

static char *archive; /* in the direct map, not the allocator's: a file used in place */

static int start(void **state)
{
    (void)state;
    fake_start_small();
    archive = phys_to_virt(0x8000000);
    for (size_t i = 0; i < SIZE; i++) {
        archive[i] = (char)(i * 7 + i / 4096 + 1);
    }
    return 0;
}

static uint64_t free_pages(void)
{
    fake_hoard(0); /* empties all caches */
    fake_release();
    struct frame_stats stats;
    frame_get_stats(&stats);
    return stats.free_pages;
}

static void count_drop(void *arg, struct frame *value)
{
    *(uint64_t *)arg += (uint64_t)value;
}

static void tree_limits(void **state)
{
    (void)state;
    static const uint64_t indexes[] = {0, 3, 4, 63, 64, 4095, 4096, 1ul << 40, UINT64_MAX};
    struct page_tree tree = {0};
    uint64_t before = free_pages();
    for (size_t i = 0; i < ARRAY_SIZE(indexes); i++) {
        assert_null(page_tree_find(&tree, indexes[i]));
        *page_tree_slot(&tree, indexes[i]) = (struct frame *)(i + 1);
    }
    for (size_t i = 0; i < ARRAY_SIZE(indexes); i++) {
        assert_ptr_equal(page_tree_find(&tree, indexes[i]), (void *)(i + 1));
    }
    uint64_t sum = 0;
    page_tree_drop(&tree, 4, 64, count_drop, &sum);
    assert_int_equal(sum, 3 + 4 + 5);
    assert_null(page_tree_find(&tree, 63));
    assert_non_null(page_tree_find(&tree, 4095));
    page_tree_drop(&tree, 5, 4, count_drop, &sum);
    sum = 0;
    page_tree_drop(&tree, 0, UINT64_MAX, count_drop, &sum);
    assert_int_equal(sum, 1 + 2 + 6 + 7 + 8 + 9);
    assert_null(tree.root);
    assert_int_equal(free_pages(), before);
}

static void io_pieces(void **state)
{
    (void)state;
    char a[5], b[1], c[10];
    const struct io_vec vec[] = {{(vaddr_t)a, 5}, {0, 0}, {(vaddr_t)b, 1}, {(vaddr_t)c, 10}};
    struct io io;
    io_init_vec(&io, vec, ARRAY_SIZE(vec), false);
    assert_int_equal(io.left, 16);
    assert_int_equal(io_put(&io, "abcdefgh", 8), 8);
    assert_int_equal(io_put_zero(&io, 2), 2);
    io_skip(&io, 3);
    assert_int_equal(io.left, 9);
    assert_int_equal(io_put(&io, "XYZ0123456789", 13), 9);
    assert_int_equal(io.left, 0);
    assert_memory_equal(a, "abcde", 5);
    assert_memory_equal(b, "f", 1);
    assert_memory_equal(c, "gXYZ012345", 10);
    io_init_vec(&io, vec, ARRAY_SIZE(vec), false);
    char all[20];
    assert_int_equal(io_take(&io, all, 20), 16);
    assert_memory_equal(all, "abcdefgXYZ012345", 16);
    io_skip(&io, 16);
    assert_int_equal(io_take(&io, all, 6), 6);
    assert_memory_equal(all, "abcdef", 6);
}

static void write_bytes(struct vmo *vmo, uint64_t offset, const char *bytes, size_t size)
{
    struct io io;
    size_t done;
    io_init_kernel(&io, (void *)bytes, size);
    assert_int_equal(vmo_write(vmo, offset, &io, size, &done), 0);
    assert_int_equal(done, size);
}

static void check_bytes(struct vmo *vmo, uint64_t offset, const char *expected, size_t size)
{
    static char got[SIZE];
    struct io io;
    size_t done;
    memset(got, 0x77, size);
    io_init_kernel(&io, got, size);
    assert_int_equal(vmo_read(vmo, offset, &io, size, &done), 0);
    assert_int_equal(done, size);
    assert_memory_equal(got, expected, size);
}

/* One random change of the object and of the model. */
static void random_change(struct vmo *vmo, char *model)
{
    static char bytes[SIZE];
    uint64_t offset = fake_random() % SIZE;
    size_t size = fake_random() % (fake_random() % 4 == 0 ? SIZE : 300);
    size = MIN(size, SIZE - offset);
    struct vmo_page page;
    switch (fake_random() % 12) {
    case 0:
        vmo_truncate(vmo, offset);
        vmo_set_size(vmo, UINT64_MAX);
        memset(model + offset, 0, SIZE - offset);
        break;
    case 1:
    case 2:
        assert_int_equal(vmo_punch(vmo, offset, offset + size), 0);
        memset(model + offset, 0, size);
        break;
    case 3:
        offset = ALIGN_DOWN(offset, PAGE_SIZE);
        assert_int_equal(vmo_get_page(vmo, offset / PAGE_SIZE, true, &page), 0);
        assert_false(page.borrowed);
        assert_memory_equal(phys_to_virt(page.paddr), model + offset, PAGE_SIZE);
        model[offset + 9]++;
        ((char *)phys_to_virt(page.paddr))[9]++;
        frame_put(paddr_to_frame(page.paddr));
        break;
    case 4:
        offset = ALIGN_DOWN(offset, PAGE_SIZE);
        assert_int_equal(vmo_get_page(vmo, offset / PAGE_SIZE, false, &page), 0);
        assert_memory_equal(phys_to_virt(page.paddr), model + offset, PAGE_SIZE);
        if (!page.borrowed) {
            frame_put(paddr_to_frame(page.paddr));
        }
        break;
    case 5:
        offset = ALIGN_DOWN(offset, PAGE_SIZE);
        vmo_copy_page(vmo, offset / PAGE_SIZE, bytes);
        assert_memory_equal(bytes, model + offset, PAGE_SIZE);
        break;
    case 6:
    case 7:
        check_bytes(vmo, offset, model + offset, size);
        break;
    default:
        memset(bytes, (int)fake_random(), size);
        write_bytes(vmo, offset, bytes, size);
        memcpy(model + offset, bytes, size);
    }
}

static void random_changes(struct vmo *vmo, char *model)
{
    for (unsigned round = 0; round < 3000; round++) {
        random_change(vmo, model);
        if (round % 50 == 0) {
            check_bytes(vmo, 0, model, SIZE);
        }
    }
    check_bytes(vmo, 0, model, SIZE);
    assert_true(vmo_pages(vmo) <= PAGES_MODEL);
    assert_true(fake_is_calm());
}

static void random_contents(void **state)
{
    (void)state;
    static char model[SIZE];
    uint64_t before = free_pages();
    static const size_t sizes[] = {0, SIZE, SIZE - 1, 5000, 3};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        for (unsigned shift = 0; shift < 2; shift++) {
            struct vmo *vmo;
            size_t size = sizes[i] - MIN(shift * 100, sizes[i]);
            memset(model, 0, SIZE);
            memcpy(model, archive + shift * 100, size);
            assert_int_equal(vmo_create_borrowed(archive + shift * 100, size, &vmo), 0);
            assert_int_equal(vmo_size(vmo), size);
            vmo_set_size(vmo, UINT64_MAX);
            random_changes(vmo, model);
            vmo_put(vmo);
        }
    }
    assert_int_equal(free_pages(), before);
}

static void borrowed_pages_lie_where_they_are(void **state)
{
    (void)state;
    struct vmo *vmo;
    struct vmo_page page;
    assert_int_equal(vmo_create_borrowed(archive, 3 * PAGE_SIZE + 5, &vmo), 0);
    assert_true(vmo_find_page(vmo, 2, &page));
    assert_true(page.borrowed && page.paddr == virt_to_phys(archive) + 2 * PAGE_SIZE);
    assert_false(vmo_find_page(vmo, 3, &page)); /* not a whole page */
    assert_false(vmo_find_page(vmo, 4, &page));
    assert_int_equal(vmo_get_page(vmo, 3, false, &page), 0);
    assert_false(page.borrowed);
    frame_put(paddr_to_frame(page.paddr));
    assert_int_equal(vmo_pages(vmo), 1);
    vmo_put(vmo);
    assert_int_equal(vmo_create_borrowed(archive + 1, 3 * PAGE_SIZE, &vmo), 0);
    assert_false(vmo_find_page(vmo, 0, &page));
    vmo_put(vmo);
}

static void far_offsets(void **state)
{
    (void)state;
    struct vmo *vmo;
    assert_int_equal(vmo_create(&vmo), 0);
    uint64_t offset = (1ul << 62) - 3;
    write_bytes(vmo, offset, "hello", 5);
    check_bytes(vmo, offset, "hello", 5);
    assert_int_equal(vmo_pages(vmo), 2);
    vmo_truncate(vmo, offset + 1);
    check_bytes(vmo, offset, "h\0\0\0\0", 5);
    assert_int_equal(vmo_pages(vmo), 1);
    vmo_put(vmo);
}

static void user_faults_end_a_transfer(void **state)
{
    (void)state;
    struct vmo *vmo;
    assert_int_equal(space_create(&fake_user_space), 0);
    assert_int_equal(vmo_create(&vmo), 0);
    struct space_map map = {.addr = 0x100000,
                            .size = 2 * PAGE_SIZE,
                            .fixed = true,
                            .flags = REGION_READ | REGION_WRITE};
    vaddr_t addr;
    assert_int_equal(space_map(fake_user_space, &map, &addr), 0);
    fake_user_write(fake_user_space, addr + 2 * PAGE_SIZE - 4, "abcd", 4);
    struct io io;
    size_t done;
    io_init_user(&io, addr + 2 * PAGE_SIZE - 4, 100);
    assert_int_equal(vmo_write(vmo, 10, &io, 100, &done), -EFAULT);
    assert_int_equal(done, 4);
    check_bytes(vmo, 10, "abcd\0\0", 6);
    io_init_user(&io, addr + 2 * PAGE_SIZE, 100);
    assert_int_equal(vmo_write(vmo, 5 * PAGE_SIZE, &io, 100, &done), -EFAULT);
    assert_int_equal(done, 0);
    assert_int_equal(vmo_pages(vmo), 1);
    io_init_user(&io, addr + 2 * PAGE_SIZE - 2, 100);
    assert_int_equal(vmo_read(vmo, 10, &io, 100, &done), -EFAULT);
    assert_int_equal(done, 2);
    /* To and from a mapping of the same page: no lock may be held. */
    map = (struct space_map){
        .size = PAGE_SIZE, .vmo = vmo, .flags = REGION_READ | REGION_WRITE | REGION_SHARED};
    assert_int_equal(space_map(fake_user_space, &map, &addr), 0);
    io_init_user(&io, addr + 10, 4);
    assert_int_equal(vmo_write(vmo, 0, &io, 4, &done), 0);
    io_init_user(&io, addr + 20, 4);
    assert_int_equal(vmo_read(vmo, 0, &io, 4, &done), 0);
    check_bytes(vmo, 20, "abcd", 4);
    fake_leave();
    space_put(fake_user_space);
    vmo_put(vmo);
}

static void memory_ends(void **state)
{
    (void)state;
    static char bytes[64 * PAGE_SIZE];
    uint64_t before = free_pages();
    for (size_t leave = 0; leave < 80; leave += 3) {
        struct vmo *vmo = NULL;
        fake_hoard(leave);
        struct io io;
        size_t done = 0;
        io_init_kernel(&io, bytes, sizeof(bytes));
        int error = vmo_create(&vmo);
        if (error == 0) {
            error = vmo_write(vmo, 100, &io, sizeof(bytes), &done);
            assert_int_equal(io.left, sizeof(bytes) - done);
        }
        assert_true(error == (done == sizeof(bytes) ? 0 : -ENOMEM));
        if (vmo != NULL) {
            check_bytes(vmo, 0, bytes, MIN(done, SIZE));
            vmo_put(vmo);
        }
        fake_release();
        assert_true(fake_is_calm());
    }
    assert_int_equal(free_pages(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_limits),     cmocka_unit_test(io_pieces),
        cmocka_unit_test(random_contents), cmocka_unit_test(borrowed_pages_lie_where_they_are),
        cmocka_unit_test(far_offsets),     cmocka_unit_test(user_faults_end_a_transfer),
        cmocka_unit_test(memory_ends),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
