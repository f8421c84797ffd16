/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces, case by case: joining and splitting of regions, the place of unhinted mappings,
 * rights, demand-zero memory, stacks, page tables that go away again.
 */
// sources: kernel/mm/frame.c kernel/mm/heap.c kernel/mm/kmap.c kernel/core/vmo.c
// sources: kernel/core/vmo_io.c kernel/core/vmo_shrink.c kernel/core/page_tree.c kernel/core/io.c
// sources: kernel/core/space.c kernel/core/space_pages.c kernel/core/space_map.c
// sources: kernel/core/space_fault.c kernel/core/space_fork.c kernel/core/space_remap.c
// sources: kernel/arch/x86_64/mmu.c kernel/arch/x86_64/tlb.c test/unit/fake/port.c
// sources: test/unit/fake/user.c
#include "fake/space_case.h"

static void bad_arguments(void **state)
{
    (void)state;
    vaddr_t addr;
    const struct space_remap remap = {P(100), P(1), P(2), true, 0};
    struct space_map map = {.size = 0, .flags = RW};
    assert_int_equal(space_map(space, &map, &addr), -EINVAL);
    map.size = SIZE_MAX;
    assert_int_equal(space_map(space, &map, &addr), -ENOMEM);
    map.size = SIZE_MAX - PAGE_SIZE;
    assert_int_equal(space_map(space, &map, &addr), -ENOMEM);
    map = (struct space_map){.addr = 0x100001, .size = 1, .fixed = true, .flags = RW};
    assert_int_equal(space_map(space, &map, &addr), -EINVAL);
    map.addr = LAYOUT_USER_END;
    assert_int_equal(space_map(space, &map, &addr), -ENOMEM);
    map.addr = ~0xffful;
    assert_int_equal(space_map(space, &map, &addr), -ENOMEM);
    map.addr = 0x1000;
    assert_int_equal(space_map(space, &map, &addr), -EPERM);
    assert_int_equal(space_unmap(space, 1, 1), -EINVAL);
    assert_int_equal(space_unmap(space, 0, 0), -EINVAL);
    assert_int_equal(space_unmap(space, P(1), SIZE_MAX - 5), -EINVAL);
    assert_int_equal(space_unmap(space, LAYOUT_USER_END, P(1)), -EINVAL);
    assert_int_equal(space_unmap(space, 0, LAYOUT_USER_END), 0);
    assert_int_equal(space_protect(space, 5, 1, 0), -EINVAL);
    assert_int_equal(space_protect(space, P(100), P(1), 0), -ENOMEM);
    assert_int_equal(space_protect(space, P(100), 0, 0), 0);
    assert_int_equal(space_discard(space, P(100), P(1)), -ENOMEM);
    assert_int_equal(space_remap(space, &remap, &addr), -EFAULT);
    assert_int_equal(space_fault(space, LAYOUT_USER_END, SPACE_READ), -EFAULT);
    assert_int_equal(space_fault(space, UINTPTR_MAX, SPACE_READ), -EFAULT);
    assert_int_equal(space_fault(space, 0, SPACE_READ), -EFAULT);
    assert_int_equal(space->region_count, 0);
}

static void neighbours_join(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) { /* like malloc's arena */
        map_at(KEEP + P(i), P(1), RW);
        poke(space, KEEP + P(i), 1);
    }
    assert_int_equal(space->region_count, 1);
    for (unsigned i = 0; i < 50; i++) { /* downwards, like mmap */
        map_anywhere(P(3), RW);
    }
    assert_int_equal(space->region_count, 2);
    assert_int_equal(space->virtual_pages, 200);
    map_at(KEEP + P(60), P(1), RW);
    assert_int_equal(space->region_count, 3);
    map_at(KEEP + P(50), P(10), RW);
    assert_int_equal(space->region_count, 2);
    map_at(KEEP + P(20), P(5), RO);
    assert_int_equal(space->region_count, 4);
    assert_int_equal(try_write(KEEP + P(21)), -EACCES);
    assert_int_equal(fake_user_byte(space, KEEP + P(21)), 0);
    map_at(KEEP + P(20), P(5), RW);
    assert_int_equal(space->region_count, 2);
    assert_int_equal(fake_user_byte(space, KEEP + P(26)), 1);
    assert_int_equal(space_unmap(space, KEEP + P(30), P(1)), 0);
    assert_int_equal(space->region_count, 3);
    assert_int_equal(try_read(KEEP + P(30)), -EFAULT);
    assert_int_equal(fake_user_byte(space, KEEP + P(31)), 1);
}

static void moving_borders(void **state)
{
    (void)state;
    /* An arena of which a part grows: mprotect moves the border between two regions. */
    map_at(KEEP, P(64), RO & ~REGION_READ);
    for (unsigned i = 0; i < 32; i++) {
        assert_int_equal(space_protect(space, KEEP + P(i), P(1), REGION_READ | REGION_WRITE), 0);
        poke(space, KEEP + P(i), (char)i);
        assert_int_equal(space->region_count, 2);
    }
    assert_int_equal(try_read(KEEP + P(32)), -EACCES);
    for (unsigned i = 32; i-- > 1;) {
        assert_int_equal(space_protect(space, KEEP + P(i), P(1), 0), 0);
        assert_int_equal(try_read(KEEP + P(i)), -EACCES);
        assert_int_equal(space->region_count, 2);
    }
    assert_int_equal(space_protect(space, KEEP, P(64), REGION_READ), 0);
    assert_int_equal(space->region_count, 1);
    assert_int_equal(fake_user_byte(space, KEEP + P(17)), 17);
    assert_int_equal(try_write(KEEP + P(17)), -EACCES);
    /* Holes and missing rights to change anything are errors, and then nothing changes. */
    assert_int_equal(space_unmap(space, KEEP + P(10), P(1)), 0);
    assert_int_equal(space_protect(space, KEEP, P(64), RW & REGION_RIGHTS), -ENOMEM);
    assert_int_equal(try_write(KEEP), -EACCES);
    map_at(KEEP + P(10), P(1), REGION_READ | REGION_MAY_READ);
    assert_int_equal(space_protect(space, KEEP, P(64), RW & REGION_RIGHTS), -EACCES);
    assert_int_equal(try_write(KEEP), -EACCES);
    assert_int_equal(space_protect(space, KEEP + P(11), P(2), RW & REGION_RIGHTS), 0);
    assert_int_equal(try_write(KEEP + P(11)), 0);
    assert_int_equal(fake_user_exec(space, KEEP + P(11)), -EACCES);
    assert_int_equal(space_protect(space, KEEP + P(11), P(2), REGION_EXEC), 0);
    assert_int_equal(fake_user_exec(space, KEEP + P(11)), 0);
}

static void places(void **state)
{
    (void)state;
    vaddr_t a = map_anywhere(P(4), RW), b = map_anywhere(P(4), RO), c = map_anywhere(P(4), RW);
    assert_int_equal(a, TOP - P(4));
    assert_int_equal(b, TOP - P(8));
    assert_int_equal(c, TOP - P(12));
    assert_int_equal(space_unmap(space, b, P(4)), 0);
    assert_int_equal(map_anywhere(P(5), RW), TOP - P(17)); /* does not fit */
    assert_int_equal(map_anywhere(P(3), RO), TOP - P(7));  /* fits, at the upper end */
    assert_int_equal(map_anywhere(P(1), RO), TOP - P(8));
    assert_int_equal(map_anywhere(P(1), RO), TOP - P(18));
    /* Hints: taken if free, rounded up, else ignored. */
    struct space_map map = {.addr = KEEP + 5, .size = P(2), .flags = RW};
    vaddr_t addr;
    assert_int_equal(space_map(space, &map, &addr), 0);
    assert_int_equal(addr, KEEP + P(1));
    map.addr = KEEP + P(2);
    assert_int_equal(space_map(space, &map, &addr), 0);
    assert_int_equal(addr, TOP - P(20));
    map.addr = 0x2000;
    assert_int_equal(space_map(space, &map, &addr), 0);
    assert_int_equal(addr, SPACE_MIN_ADDR);
    map.addr = UINTPTR_MAX;
    assert_int_equal(space_map(space, &map, &addr), 0);
    map = (struct space_map){.addr = KEEP, .size = P(2), .fixed_noreplace = true, .flags = RW};
    assert_int_equal(space_map(space, &map, &addr), -EEXIST);
    map.size = P(1);
    assert_int_equal(space_map(space, &map, &addr), 0);
    assert_int_equal(addr, KEEP);
    /* Nothing fits any more below the top: the room above it is used. */
    map_at(SPACE_MIN_ADDR, TOP - P(30) - SPACE_MIN_ADDR, RO);
    assert_true(map_anywhere(1ul << 39, RO) >= TOP);
    map = (struct space_map){.size = 1ul << 46, .flags = RW};
    assert_int_equal(space_map(space, &map, &addr), -ENOMEM);
}

static void zero_memory(void **state)
{
    (void)state;
    vaddr_t a = map_anywhere(P(8), RW);
    assert_int_equal(fake_user_byte(space, a + P(1) + 7), 0);
    assert_int_equal(space->resident_pages, 0); /* the page of zeroes is not counted */
    poke(space, a + P(1), 9);
    assert_int_equal(space->resident_pages, 1);
    assert_int_equal(fake_user_byte(space, a + P(1)), 9);
    assert_int_equal(fake_user_byte(space, a + P(1) + 1), 0);
    assert_int_equal(fake_user_byte(space, a + P(2)), 0);
    space_populate(space, a, P(8));
    assert_int_equal(space->resident_pages, 8);
    unsigned faults = fake_faults;
    poke(space, a + P(7), 1);
    assert_int_equal(fake_faults, faults);
    assert_int_equal(space_discard(space, a + P(1), P(3)), 0);
    assert_int_equal(space->resident_pages, 5);
    assert_int_equal(fake_user_byte(space, a + P(1)), 0);
    assert_int_equal(space->peak_resident_pages, 8);
}

static void stacks_grow(void **state)
{
    (void)state;
    space->stack_limit = P(1024);
    map_at(TOP, P(4), RW | REGION_GROWS_DOWN | REGION_STACK);
    poke(space, TOP + P(2), 1);
    poke(space, TOP - P(100), 2);
    assert_int_equal(space->virtual_pages, 104);
    poke(space, TOP + P(4) - P(1024), 3);
    assert_int_equal(try_write(TOP + P(4) - P(1024) - 1), -EFAULT);
    assert_int_equal(space->region_count, 1);
    /* Other mappings keep away from it, and it from them. */
    space->stack_limit = P(100000);
    vaddr_t a = map_anywhere(P(1), RW);
    assert_int_equal(a, TOP - P(1020) - SPACE_STACK_GUARD - P(1));
    assert_int_equal(try_write(TOP - P(1030)), -EFAULT);
    assert_int_equal(space_unmap(space, a, P(1)), 0);
    map_at(TOP - P(2000), P(1), RW);
    poke(space, TOP - P(1030), 1);
    assert_int_equal(try_write(TOP - P(1999) + SPACE_STACK_GUARD - 1), -EFAULT);
    poke(space, TOP - P(1999) + SPACE_STACK_GUARD, 1);
    assert_int_equal(try_write(TOP + P(4)), -EFAULT);
}

static void tables_go_away(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 100; i++) {
            vaddr_t a = map_at(KEEP + i * 0x40000000ul, P(1), RW);
            poke(space, a, 1);
        }
        assert_in_range(space->mmu.table_pages, 200, 203);
        for (unsigned i = 0; i < 100; i++) {
            assert_int_equal(space_unmap(space, KEEP + i * 0x40000000ul, P(1)), 0);
        }
        assert_in_range(space->mmu.table_pages, 0, 10);
    }
    vaddr_t a = map_anywhere(64ul << 20, RW);
    space_populate(space, a, 40ul << 20);
    assert_int_equal(space->resident_pages, 10240);
    assert_int_equal(space_unmap(space, a, 64ul << 20), 0);
    assert_int_equal(space->resident_pages, 0);
    assert_int_equal(space->mmu.table_pages, 0);
}

static void many_regions(void **state)
{
    (void)state;
    struct space_map map = {.size = P(1), .fixed = true};
    vaddr_t addr;
    unsigned i = 0;
    for (;; i++) {
        map.addr = KEEP + P(i);
        map.flags = i & 1 ? RW : RO;
        int error = space_map(space, &map, &addr);
        if (error != 0) {
            assert_int_equal(error, -ENOMEM);
            break;
        }
    }
    assert_int_equal(i, 65530);
    assert_int_equal(space_unmap(space, KEEP + P(100), P(60000)), 0);
    assert_int_equal(space->region_count, 5530);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(bad_arguments), CASE(neighbours_join), CASE(moving_borders), CASE(places),
        CASE(zero_memory),   CASE(stacks_grow),     CASE(tables_go_away), CASE(many_regions),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
