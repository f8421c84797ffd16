/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces, case by case: joining and splitting of regions, the place of unhinted mappings,
 * rights, stacks, copy-on-write, shared and private mappings of objects, truncation below a
 * mapping, mremap, access from outside, page tables that go away again.
 */
// sources: kernel/mm/frame.c kernel/mm/heap.c kernel/mm/kmap.c kernel/core/vmo.c
// sources: kernel/core/vmo_io.c kernel/core/vmo_shrink.c kernel/core/page_tree.c kernel/core/io.c
// sources: kernel/core/space.c kernel/core/space_pages.c kernel/core/space_map.c
// sources: kernel/core/space_fault.c kernel/core/space_fork.c kernel/core/space_remap.c
// sources: kernel/arch/x86_64/mmu.c test/unit/fake/port.c test/unit/fake/user.c
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

#define RW   (REGION_READ | REGION_WRITE | REGION_MAY_READ | REGION_MAY_WRITE | REGION_MAY_EXEC)
#define RO   (RW & ~REGION_WRITE)
#define TOP  0x7f0000000000ul
#define KEEP 0x10000000ul
#define P(n) ((n)*PAGE_SIZE)

static struct space *space;
static uint64_t pages_before;
static char *archive;

static uint64_t free_pages(void)
{
    fake_hoard(0);
    fake_release();
    struct frame_stats stats;
    frame_get_stats(&stats);
    return stats.free_pages;
}

static int start(void **state)
{
    (void)state;
    fake_start_small();
    archive = phys_to_virt(0x8000000);
    for (size_t i = 0; i < P(64); i++) {
        archive[i] = (char)(i / PAGE_SIZE + 1);
    }
    /* What stays for good: the page of zeroes, tables of the kernel half. */
    struct space *first;
    assert_int_equal(space_create(&first), 0);
    const struct space_map map = {.addr = KEEP, .size = 1, .fixed = true, .flags = RO};
    vaddr_t addr;
    assert_int_equal(space_map(first, &map, &addr), 0);
    fake_user_byte(first, addr);
    arch_mmu_switch(NULL);
    space_put(first);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    pages_before = free_pages();
    assert_int_equal(space_create(&space), 0);
    space->mmap_top = TOP;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arch_mmu_switch(NULL);
    space_put(space);
    assert_true(fake_is_calm());
    assert_int_equal(free_pages(), pages_before);
    return 0;
}

static vaddr_t map_at(vaddr_t addr, size_t size, unsigned flags)
{
    const struct space_map map = {.addr = addr, .size = size, .fixed = true, .flags = flags};
    vaddr_t got;
    assert_int_equal(space_map(space, &map, &got), 0);
    assert_int_equal(got, addr);
    return got;
}

static vaddr_t map_anywhere(size_t size, unsigned flags)
{
    const struct space_map map = {.size = size, .flags = flags};
    vaddr_t got;
    assert_int_equal(space_map(space, &map, &got), 0);
    return got;
}

static vaddr_t map_object(struct vmo *vmo, uint64_t offset, size_t size, unsigned flags)
{
    const struct space_map map = {.size = size, .flags = flags, .vmo = vmo, .offset = offset};
    vaddr_t got;
    assert_int_equal(space_map(space, &map, &got), 0);
    return got;
}

static void poke(struct space *where, vaddr_t addr, char byte)
{
    assert_int_equal(fake_user_write(where, addr, &byte, 1), 0);
}

static int remap(vaddr_t old, size_t old_size, size_t new_size, vaddr_t fixed, vaddr_t *out)
{
    const struct space_remap call = {old, old_size, new_size, true, fixed};
    return space_remap(space, &call, out);
}

static int try_write(vaddr_t addr)
{
    return fake_user_write(space, addr, "x", 1);
}

static int try_read(vaddr_t addr)
{
    char byte;
    return fake_user_read(space, addr, &byte, 1);
}

static void bad_arguments(void **state)
{
    (void)state;
    vaddr_t addr;
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
    assert_int_equal(remap(P(100), P(1), P(2), 0, &addr), -EFAULT);
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

static void copy_on_write(void **state)
{
    (void)state;
    vaddr_t a = map_anywhere(P(4), RW);
    poke(space, a, 1);
    poke(space, a + P(1), 2);
    fake_user_byte(space, a + P(2));
    struct space *child, *grandchild;
    assert_int_equal(space_fork(space, &child), 0);
    assert_int_equal(child->resident_pages, 2);
    poke(space, a, 3); /* the parent copies; the child then has the page alone */
    assert_int_equal(fake_user_byte(child, a), 1);
    uint64_t before = space->resident_pages;
    poke(child, a, 4);
    assert_int_equal(fake_user_byte(space, a), 3);
    assert_int_equal(space->resident_pages, before);
    poke(child, a + P(2), 5);
    assert_int_equal(fake_user_byte(space, a + P(2)), 0);
    assert_int_equal(space_fork(child, &grandchild), 0);
    poke(grandchild, a + P(1), 6);
    assert_int_equal(fake_user_byte(space, a + P(1)), 2);
    assert_int_equal(fake_user_byte(child, a + P(1)), 2);
    arch_mmu_switch(NULL);
    space_put(child);
    assert_int_equal(fake_user_byte(grandchild, a), 4);
    assert_int_equal(space_protect(grandchild, a, P(4), REGION_READ), 0);
    assert_int_equal(space_protect(grandchild, a, P(4), REGION_READ | REGION_WRITE), 0);
    poke(grandchild, a + P(2), 8);
    assert_int_equal(fake_user_byte(space, a + P(2)), 0);
    arch_mmu_switch(NULL);
    space_put(grandchild);
    /* Alone again: no copy is made. */
    before = free_pages();
    poke(space, a + P(1), 7);
    assert_int_equal(free_pages(), before);
}

static void fork_flags(void **state)
{
    (void)state;
    map_at(KEEP, P(1), RW | REGION_DONT_FORK);
    map_at(KEEP + P(1), P(1), RW | REGION_WIPE_ON_FORK);
    poke(space, KEEP, 1);
    poke(space, KEEP + P(1), 2);
    struct space *child;
    assert_int_equal(space_fork(space, &child), 0);
    assert_int_equal(fake_user_write(child, KEEP, "x", 1), -EFAULT);
    assert_int_equal(fake_user_byte(child, KEEP + P(1)), 0);
    arch_mmu_switch(NULL);
    space_put(child);
    assert_int_equal(fake_user_byte(space, KEEP + P(1)), 2);
}

static void file_write(struct vmo *vmo, uint64_t offset, char byte)
{
    struct io io;
    size_t done;
    io_init_kernel(&io, &byte, 1);
    assert_int_equal(vmo_write(vmo, offset, &io, 1, &done), 0);
}

static char file_byte(struct vmo *vmo, uint64_t offset)
{
    char byte;
    struct io io;
    size_t done;
    io_init_kernel(&io, &byte, 1);
    assert_int_equal(vmo_read(vmo, offset, &io, 1, &done), 0);
    return byte;
}

static void object_mappings(void **state)
{
    (void)state;
    struct vmo *vmo;
    assert_int_equal(vmo_create(&vmo), 0);
    vmo_set_size(vmo, P(3) + 1);
    file_write(vmo, P(1), 7);
    vaddr_t shared = map_object(vmo, 0, P(6), RW | REGION_SHARED);
    vaddr_t private = map_object(vmo, P(1), P(5), RW);
    assert_int_equal(fake_user_byte(space, shared + P(1)), 7);
    assert_int_equal(fake_user_byte(space, private), 7);
    poke(space, shared + P(1), 8);
    assert_int_equal(fake_user_byte(space, private), 8);
    assert_int_equal(file_byte(vmo, P(1)), 8);
    poke(space, private, 9);
    assert_int_equal(file_byte(vmo, P(1)), 8);
    poke(space, private + P(1), 5); /* never read: a hole of the object, copied at once */
    assert_int_equal(file_byte(vmo, P(2)), 0);
    poke(space, shared + P(3), 4);
    assert_int_equal(try_read(shared + P(4)), -ENXIO);
    assert_int_equal(try_write(private + P(3)), -ENXIO);
    /* Truncation takes everything away, also private copies; making it longer gives zeroes. */
    vmo_truncate(vmo, P(1) + 1);
    assert_int_equal(try_read(shared + P(2)), -ENXIO);
    assert_int_equal(try_read(private + P(1)), -ENXIO);
    assert_int_equal(fake_user_byte(space, private), 9);
    vmo_set_size(vmo, P(10));
    assert_int_equal(fake_user_byte(space, private + P(1)), 0);
    assert_int_equal(fake_user_byte(space, shared + P(3)), 0);
    /* A hole keeps private copies. */
    assert_int_equal(vmo_punch(vmo, 0, P(10)), 0);
    assert_int_equal(fake_user_byte(space, shared + P(1)), 0);
    assert_int_equal(fake_user_byte(space, private), 9);
    assert_int_equal(space_discard(space, private, P(1)), 0);
    assert_int_equal(fake_user_byte(space, private), 0);
    vmo_put(vmo); /* the mappings hold it */
    poke(space, shared + P(1), 3);
    assert_int_equal(fake_user_byte(space, private), 3);
}

static void used_in_place(void **state)
{
    (void)state;
    struct vmo *vmo;
    assert_int_equal(vmo_create_borrowed(archive, P(40) + 9, &vmo), 0);
    vaddr_t text = map_object(vmo, 0, P(41), REGION_READ | REGION_EXEC);
    vaddr_t data = map_object(vmo, P(2), P(8), RW);
    vaddr_t shared = map_object(vmo, 0, P(41), RW | REGION_SHARED);
    unsigned faults = fake_faults;
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(fake_user_byte(space, text + P(i)), i + 1);
    }
    assert_in_range(fake_faults - faults, 1, 5); /* others come along */
    assert_int_equal(space->resident_pages, 0);
    assert_int_equal(vmo_pages(vmo), 0);
    assert_int_equal(fake_user_byte(space, text + P(40) + 8), 41);
    assert_int_equal(fake_user_byte(space, text + P(40) + 9), 0); /* the rest of a page is clear */
    poke(space, data + P(1), 99);
    assert_int_equal(archive[P(3)], 4);
    assert_int_equal(fake_user_byte(space, text + P(3)), 4);
    /* Writing to the object: everybody sees it, the archive does not change. */
    assert_int_equal(fake_user_byte(space, shared + P(5)), 6);
    file_write(vmo, P(5), 55);
    assert_int_equal(fake_user_byte(space, text + P(5)), 55);
    assert_int_equal(fake_user_byte(space, shared + P(5)), 55);
    assert_int_equal(fake_user_byte(space, data + P(3)), 55);
    assert_int_equal(fake_user_byte(space, shared + P(6)), 7);
    poke(space, shared + P(6), 66);
    assert_int_equal(fake_user_byte(space, text + P(6)), 66);
    assert_int_equal(archive[P(5)], 6);
    assert_int_equal(archive[P(6)], 7);
    vmo_truncate(vmo, P(7) + 100);
    assert_int_equal(fake_user_byte(space, text + P(7) + 99), 8);
    assert_int_equal(fake_user_byte(space, text + P(7) + 100), 0);
    assert_int_equal(try_read(text + P(8)), -ENXIO);
    assert_int_equal(archive[P(7) + 100], 8);
    vmo_put(vmo);
}

/* An owner that counts. */
static int owner_count;
static void owner_get(struct region_owner *owner)
{
    (void)owner;
    owner_count++;
}
static void owner_put(struct region_owner *owner)
{
    (void)owner;
    assert_true(fake_is_calm());
    assert_null(space->lock.holder);
    owner_count--;
}

static void owners_are_counted(void **state)
{
    (void)state;
    static const struct region_owner_ops ops = {owner_get, owner_put};
    struct region_owner owner = {&ops};
    struct vmo *vmo;
    assert_int_equal(vmo_create(&vmo), 0);
    struct space_map map = {.size = P(10), .flags = RW, .vmo = vmo, .owner = &owner};
    vaddr_t addr;
    owner_count = 1;
    assert_int_equal(space_map(space, &map, &addr), 0);
    assert_int_equal(owner_count, 2);
    assert_int_equal(space_unmap(space, addr + P(4), P(2)), 0);
    assert_int_equal(owner_count, 3);
    map = (struct space_map){.addr = addr + P(4),
                             .size = P(2),
                             .flags = RW,
                             .fixed = true,
                             .vmo = vmo,
                             .offset = P(4),
                             .owner = &owner};
    assert_int_equal(space_map(space, &map, &addr), 0);
    assert_int_equal(owner_count, 2); /* joined */
    map.offset = P(5);
    assert_int_equal(space_map(space, &map, &addr), 0);
    assert_int_equal(owner_count, 4);
    struct space *child;
    assert_int_equal(space_fork(space, &child), 0);
    assert_int_equal(owner_count, 7);
    space_put(child);
    assert_int_equal(owner_count, 4);
    assert_int_equal(space_unmap(space, 0, LAYOUT_USER_END), 0);
    assert_int_equal(owner_count, 1);
    vmo_put(vmo);
}

static void remapping(void **state)
{
    (void)state;
    vaddr_t a = map_at(KEEP, P(8), RW), got;
    for (unsigned i = 0; i < 8; i++) {
        poke(space, a + P(i), (char)(i + 1));
    }
    assert_int_equal(remap(a, P(8), P(4), false, 0, &got), 0);
    assert_int_equal(got, a);
    assert_int_equal(try_read(a + P(4)), -EFAULT);
    assert_int_equal(remap(a, P(4), P(6), false, 0, &got), 0);
    assert_int_equal(got, a);
    assert_int_equal(fake_user_byte(space, a + P(5)), 0);
    map_at(KEEP + P(6), P(1), RO);
    assert_int_equal(remap(a, P(6), P(7), false, 0, &got), -ENOMEM);
    assert_int_equal(remap(a, P(6), P(7), 0, &got), 0);
    assert_int_equal(got, TOP - P(7));
    assert_int_equal(try_read(a), -EFAULT);
    assert_int_equal(fake_user_byte(space, got + P(3)), 4);
    assert_int_equal(remap(got, P(7), P(3), KEEP + P(5), &got), 0);
    assert_int_equal(got, KEEP + P(5));
    assert_int_equal(fake_user_byte(space, got + P(2)), 3);
    assert_int_equal(try_read(TOP - 1), -EFAULT);
    assert_int_equal(remap(got, P(3), P(3), got + P(1), &got), -EINVAL);
    assert_int_equal(remap(KEEP + P(5), 0, P(3), 0, &got), -EINVAL);
    /* Old size 0 of a shared mapping: a second view. */
    struct vmo *vmo;
    assert_int_equal(vmo_create(&vmo), 0);
    a = map_object(vmo, P(1), P(2), RW | REGION_SHARED);
    poke(space, a, 77);
    assert_int_equal(remap(a, 0, P(2), 0, &got), 0);
    assert_int_equal(fake_user_byte(space, got), 77);
    /* A part that moves keeps its offset. */
    poke(space, a + P(1), 78);
    assert_int_equal(remap(a + P(1), P(1), P(2), 0, &got), 0);
    assert_int_equal(fake_user_byte(space, got), 78);
    assert_int_equal(file_byte(vmo, P(2)), 78);
    vmo_put(vmo);
}

static void access_from_outside(void **state)
{
    (void)state;
    vaddr_t a = map_at(KEEP, P(2), RW);
    map_at(KEEP + P(2), P(1), RO);
    char text[] = "over the border", got[20] = "";
    assert_int_equal(space_access(space, a + P(1) - 4, text, 16, SPACE_WRITE), 16);
    assert_int_equal(space_access(space, a + P(1) - 4, got, 16, SPACE_READ), 16);
    assert_string_equal(got, text);
    assert_int_equal(space_access(space, a + P(2) - 4, text, 16, SPACE_WRITE), 4);
    assert_int_equal(space_access(space, a + P(2) - 4, text, 16, SPACE_WRITE | SPACE_FORCE), 16);
    assert_int_equal(fake_user_byte(space, a + P(2)), ' ');
    assert_int_equal(try_write(a + P(2)), -EACCES);
    assert_int_equal(space_access(space, a + P(3) - 4, got, 16, SPACE_READ), 4);
    assert_int_equal(space_access(space, 0, got, 16, SPACE_READ | SPACE_FORCE), 0);
    assert_int_equal(space_access(space, UINTPTR_MAX - 3, got, 16, SPACE_READ | SPACE_FORCE), 0);
    assert_int_equal(space_protect(space, a, P(1), 0), 0);
    assert_int_equal(space_access(space, a + P(1) - 4, got, 16, SPACE_READ), 0);
    assert_int_equal(space_access(space, a + P(1) - 4, got, 4, SPACE_READ | SPACE_FORCE), 4);
    assert_memory_equal(got, "over", 4);
    assert_int_equal(try_read(a), -EACCES);
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(bad_arguments),       CASE(neighbours_join),
        CASE(moving_borders),      CASE(places),
        CASE(zero_memory),         CASE(stacks_grow),
        CASE(copy_on_write),       CASE(fork_flags),
        CASE(object_mappings),     CASE(used_in_place),
        CASE(owners_are_counted),  CASE(remapping),
        CASE(access_from_outside), CASE(tables_go_away),
        CASE(many_regions),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
