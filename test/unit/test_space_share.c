/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces, case by case: copy-on-write, shared and private mappings of objects, files used
 * in place, truncation below a mapping, owners, mremap, access from outside.
 */
// sources: kernel/mm/frame.c kernel/mm/heap.c kernel/mm/kmap.c kernel/core/vmo.c
// sources: kernel/core/vmo_io.c kernel/core/vmo_shrink.c kernel/core/page_tree.c kernel/core/io.c
// sources: kernel/core/space.c kernel/core/space_pages.c kernel/core/space_map.c
// sources: kernel/core/space_fault.c kernel/core/space_fork.c kernel/core/space_remap.c
// sources: kernel/arch/x86_64/mmu.c kernel/arch/x86_64/tlb.c test/unit/fake/port.c
// sources: test/unit/fake/user.c
#include "fake/space_case.h"

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
    fake_leave();
    space_put(child);
    assert_int_equal(fake_user_byte(grandchild, a), 4);
    assert_int_equal(space_protect(grandchild, a, P(4), REGION_READ), 0);
    assert_int_equal(space_protect(grandchild, a, P(4), REGION_READ | REGION_WRITE), 0);
    poke(grandchild, a + P(2), 8);
    assert_int_equal(fake_user_byte(space, a + P(2)), 0);
    fake_leave();
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
    fake_leave();
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
    assert_false(rw_is_written(&space->lock));
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

static int remap(vaddr_t old, size_t old_size, size_t new_size, vaddr_t fixed, vaddr_t *out)
{
    const struct space_remap call = {old, old_size, new_size, true, fixed};
    return space_remap(space, &call, out);
}

/* The same, but not to be moved. */
static int stay(vaddr_t old, size_t old_size, size_t new_size, vaddr_t *out)
{
    const struct space_remap call = {old, old_size, new_size, false, 0};
    return space_remap(space, &call, out);
}

static void remapping(void **state)
{
    (void)state;
    vaddr_t a = map_at(KEEP, P(8), RW), got;
    for (unsigned i = 0; i < 8; i++) {
        poke(space, a + P(i), (char)(i + 1));
    }
    assert_int_equal(stay(a, P(8), P(4), &got), 0);
    assert_int_equal(got, a);
    assert_int_equal(try_read(a + P(4)), -EFAULT);
    assert_int_equal(stay(a, P(4), P(6), &got), 0);
    assert_int_equal(got, a);
    assert_int_equal(fake_user_byte(space, a + P(5)), 0);
    map_at(KEEP + P(6), P(1), RO);
    assert_int_equal(stay(a, P(6), P(7), &got), -ENOMEM);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(copy_on_write),      CASE(fork_flags), CASE(object_mappings),     CASE(used_in_place),
        CASE(owners_are_counted), CASE(remapping),  CASE(access_from_outside),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
