/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces against a simple model: a window of pages, each with its rights and content, in
 * several spaces that map, unmap, protect, move, fork, read and write at random, over three memory
 * objects that are written, cut and punched meanwhile, with memory running out now and then. After
 * every step the regions, accounts and page tables of the space must fit together.
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
#include "kernel/core/space_impl.h"
#include <machine/paging.h>

#define WINDOW       72u /* pages; a border of 2 MiB lies inside */
#define BASE         0x1fe000000ul - 24 * PAGE_SIZE
#define OBJECTS      3u
#define OBJECT_PAGES 32u
#define SPACES       4u
#define MAY          (REGION_MAY_READ | REGION_MAY_WRITE | REGION_MAY_EXEC)

/* The model. A page's content is one number, in its first byte and its last. */
struct model_page {
    bool mapped, shared, copied; /* copied: private content of its own */
    unsigned rights;
    int object; /* -1: anonymous */
    unsigned index;
    uint8_t content;
};
struct model_space {
    struct space *space;
    struct model_page pages[WINDOW];
};
static struct model_space spaces[SPACES];
static struct {
    struct vmo *vmo;
    uint8_t content[OBJECT_PAGES];
    unsigned size; /* pages */
} objects[OBJECTS];

static vaddr_t page_address(unsigned page)
{
    return (BASE) + page * PAGE_SIZE;
}

static uint8_t model_content(const struct model_page *page)
{
    return page->object >= 0 && !page->copied ? objects[page->object].content[page->index]
                                              : page->content;
}

/* What an access must result in. */
static int model_access(const struct model_page *page, unsigned access)
{
    if (!page->mapped) {
        return -EFAULT;
    }
    unsigned need = access & SPACE_WRITE  ? REGION_WRITE
                    : access & SPACE_EXEC ? REGION_EXEC
                                          : REGION_RIGHTS;
    if (!(page->rights & need)) {
        return -EACCES;
    }
    return page->object >= 0 && page->index >= objects[page->object].size && !page->copied ? -ENXIO
                                                                                           : 0;
}

/* Checks of one space's inside. */

static unsigned check_tables(struct space *space, const struct region *region)
{
    unsigned counted = 0;
    pte_t *entry;
    for (vaddr_t va = region->start; va < region->end;) {
        size_t count = arch_mmu_leaf(&space->mmu, va, region->end, false, &entry);
        for (size_t i = 0; entry != NULL && i < count; i++) {
            if (!arch_pte_present(entry[i])) {
                continue;
            }
            unsigned flags = arch_pte_flags(entry[i]);
            counted += !(flags & ARCH_PTE_BORROWED);
            if (!(region->flags & REGION_RIGHTS)) {
                assert_int_equal(flags & ARCH_PTE_READ, 0);
            }
            assert_true(!(flags & ARCH_PTE_WRITE) || (region->flags & REGION_WRITE));
            assert_true(!(flags & ARCH_PTE_EXEC) || (region->flags & REGION_EXEC));
            assert_true(!(flags & ARCH_PTE_WRITE) || !(flags & ARCH_PTE_BORROWED));
            assert_int_equal((flags & ARCH_PTE_SHARED) != 0, (region->flags & REGION_SHARED) != 0);
            if (!(flags & ARCH_PTE_BORROWED)) {
                struct frame *frame = paddr_to_frame(arch_pte_paddr(entry[i]));
                assert_true(frame_refs(frame) >= 1);
                bool private = !(flags & ARCH_PTE_SHARED);
                assert_true(!private || !(flags & ARCH_PTE_WRITE) || frame_refs(frame) == 1);
            }
        }
        va += count * PAGE_SIZE;
    }
    return counted;
}

static void check_space(struct space *space)
{
    const struct region *last = NULL;
    unsigned regions = 0;
    uint64_t pages = 0, counted = 0;
    struct region *region = space_first_locked(space);
    for (; region != NULL; last = region, region = space_next_locked(region)) {
        assert_true(region->start < region->end &&
                    IS_ALIGNED(region->start | region->end, PAGE_SIZE));
        assert_true(last == NULL || last->end <= region->start);
        assert_false(last != NULL && region_joins(last, region));
        regions++;
        pages += (region->end - region->start) / PAGE_SIZE;
        counted += check_tables(space, region);
    }
    assert_int_equal(regions, space->region_count);
    assert_int_equal(pages, space->virtual_pages);
    assert_int_equal(counted, space->resident_pages);
    assert_true(fake_is_calm());
}

/* Steps. Each works on the space s; `end` pages are exclusive. */

static void model_clear(struct model_space *s, unsigned first, unsigned end)
{
    memset(&s->pages[first], 0, (end - first) * sizeof(s->pages[0]));
}

static void step_map(struct model_space *s, unsigned first, unsigned end)
{
    struct model_page page = {.mapped = true, .object = -1};
    page.rights = fake_random() % 8;
    page.shared = fake_random() % 2;
    unsigned index = fake_random() % OBJECT_PAGES;
    if (fake_random() % 2) {
        page.object = (int)(fake_random() % OBJECTS);
    } else {
        page.shared = false;
    }
    struct space_map map = {.addr = page_address(first),
                            .size = (end - first) * PAGE_SIZE,
                            .flags = page.rights | MAY | (page.shared ? REGION_SHARED : 0),
                            .fixed = true,
                            .vmo = page.object >= 0 ? objects[page.object].vmo : NULL,
                            .offset = index * PAGE_SIZE};
    end = MIN(end, first + OBJECT_PAGES - index);
    map.size = (end - first) * PAGE_SIZE;
    vaddr_t addr;
    int error = space_map(s->space, &map, &addr);
    if (error != 0) {
        assert_int_equal(error, -ENOMEM);
        return;
    }
    for (unsigned i = first; i < end; i++) {
        page.index = index + i - first;
        s->pages[i] = page;
    }
}

static void step_unmap(struct model_space *s, unsigned first, unsigned end)
{
    int error = space_unmap(s->space, page_address(first), (end - first) * PAGE_SIZE);
    if (error == 0) {
        model_clear(s, first, end);
    } else {
        assert_int_equal(error, -ENOMEM);
    }
}

static bool is_covered(const struct model_space *s, unsigned first, unsigned end)
{
    while (first < end && s->pages[first].mapped) {
        first++;
    }
    return first == end;
}

static void step_protect(struct model_space *s, unsigned first, unsigned end)
{
    unsigned rights = fake_random() % 8;
    int error = space_protect(s->space, page_address(first), (end - first) * PAGE_SIZE, rights);
    if (!is_covered(s, first, end)) {
        assert_int_equal(error, -ENOMEM);
        return;
    }
    if (error == -ENOMEM) { /* part of it may be done: again, with memory */
        fake_release();
        error = space_protect(s->space, page_address(first), (end - first) * PAGE_SIZE, rights);
        fake_hoard(0);
    }
    assert_int_equal(error, 0);
    for (unsigned i = first; i < end; i++) {
        s->pages[i].rights = rights;
    }
}

static void step_discard(struct model_space *s, unsigned first, unsigned end)
{
    int error = space_discard(s->space, page_address(first), (end - first) * PAGE_SIZE);
    assert_int_equal(error, is_covered(s, first, end) ? 0 : -ENOMEM);
    for (unsigned i = first; i < end; i++) {
        struct model_page *page = &s->pages[i];
        page->copied = false;
        page->content = 0;
    }
}

/* The old range must lie in one region: here, in pages that the model says are alike. */
static bool is_one_region(const struct model_space *s, unsigned first, unsigned end)
{
    const struct model_page *a = &s->pages[first];
    for (unsigned i = first; i < end; i++) {
        const struct model_page *b = &s->pages[i];
        if (!b->mapped || b->rights != a->rights || b->object != a->object ||
            b->shared != a->shared || (a->object >= 0 && b->index != a->index + i - first)) {
            return false;
        }
    }
    return true;
}

static void step_move(struct model_space *s, unsigned first, unsigned end)
{
    unsigned size = end - first, to = fake_random() % WINDOW;
    if (to + size > WINDOW || (to < end && first < to + size)) {
        return;
    }
    vaddr_t got;
    const struct space_remap remap = {.old = page_address(first),
                                      .old_size = size * PAGE_SIZE,
                                      .new_size = size * PAGE_SIZE,
                                      .may_move = true,
                                      .fixed = page_address(to)};
    int error = space_remap(s->space, &remap, &got);
    if (error == -ENOMEM) { /* what was at the new place may be gone */
        fake_release();
        error = space_remap(s->space, &remap, &got);
        fake_hoard(0);
    }
    if (!is_one_region(s, first, end)) {
        assert_int_equal(error, -EFAULT);
        return;
    }
    assert_int_equal(error, 0);
    memcpy(&s->pages[to], &s->pages[first], size * sizeof(s->pages[0]));
    model_clear(s, first, end);
}

static void step_unhinted(struct model_space *s, unsigned size)
{
    unsigned top = WINDOW; /* the highest gap that is large enough */
    unsigned run = 0;
    while (top > 0 && run < size) {
        top--;
        run = s->pages[top].mapped ? 0 : run + 1;
    }
    struct space_map map = {.size = size * PAGE_SIZE, .flags = REGION_READ | REGION_WRITE | MAY};
    vaddr_t addr;
    int error = space_map(s->space, &map, &addr);
    if (error != 0) {
        assert_int_equal(error, -ENOMEM);
        return;
    }
    if (run == size) {
        assert_int_equal(addr, page_address(top));
        for (unsigned i = top; i < top + size; i++) {
            s->pages[i] = (struct model_page){.mapped = true, .object = -1, .rights = 3};
        }
        return;
    }
    assert_true(addr < page_address(WINDOW) - size * PAGE_SIZE);
    while (space_unmap(s->space, addr, size * PAGE_SIZE) != 0) {
        fake_release();
        assert_int_equal(space_unmap(s->space, addr, size * PAGE_SIZE), 0);
        fake_hoard(0);
        break;
    }
    for (unsigned i = 0; i < WINDOW; i++) {
        vaddr_t va = page_address(i);
        if (va >= addr && va < addr + size * PAGE_SIZE) {
            assert_false(s->pages[i].mapped);
        }
    }
}

static void step_fork(struct model_space *s)
{
    struct model_space *t = &spaces[fake_random() % SPACES];
    struct space *child;
    if (t == s) {
        return;
    }
    int error = space_fork(s->space, &child);
    if (error != 0) {
        assert_int_equal(error, -ENOMEM);
        return;
    }
    space_put(t->space);
    *t = *s;
    t->space = child;
    check_space(s->space);
}

/* With little memory the page table may be missing before anything else is found out. */
static bool may_lack_memory(int expected)
{
    return expected == 0 || expected == -ENXIO;
}

static void step_read(struct model_space *s, unsigned page, unsigned access)
{
    uint8_t bytes[2] = {0, 0};
    vaddr_t va = page_address(page);
    int error = access == SPACE_EXEC ? fake_user_exec(s->space, va)
                                     : fake_user_read(s->space, va, bytes, 1);
    int expected = model_access(&s->pages[page], access);
    if (error == -ENOMEM && may_lack_memory(expected)) {
        return;
    }
    assert_int_equal(error, expected);
    if (error == 0 && access == SPACE_READ) {
        assert_int_equal(fake_user_read(s->space, va + PAGE_SIZE - 1, bytes + 1, 1), 0);
        assert_int_equal(bytes[0], model_content(&s->pages[page]));
        assert_int_equal(bytes[1], model_content(&s->pages[page]));
    }
}

static void step_write(struct model_space *s, unsigned number)
{
    struct model_page *page = &s->pages[number];
    uint8_t byte = (uint8_t)fake_random();
    vaddr_t va = page_address(number);
    int error = fake_user_write(s->space, va, &byte, 1), expected = model_access(page, SPACE_WRITE);
    if (error == -ENOMEM && may_lack_memory(expected)) {
        return;
    }
    assert_int_equal(error, expected);
    if (error != 0) {
        return;
    }
    assert_int_equal(fake_user_write(s->space, va + PAGE_SIZE - 1, &byte, 1), 0);
    if (page->shared) {
        objects[page->object].content[page->index] = byte;
    } else {
        page->copied = true;
        page->content = byte;
    }
}

static void step_object_write(unsigned object, unsigned index)
{
    static char bytes[PAGE_SIZE];
    memset(bytes, (int)fake_random(), PAGE_SIZE);
    struct io io;
    size_t done;
    io_init_kernel(&io, bytes, PAGE_SIZE);
    int error = vmo_write(objects[object].vmo, index * PAGE_SIZE, &io, PAGE_SIZE, &done);
    if (error == 0 && index < objects[object].size) {
        objects[object].content[index] = (uint8_t)bytes[0];
    } else if (error == 0) { /* files write only up to their size: take it back */
        vmo_truncate(objects[object].vmo, objects[object].size * PAGE_SIZE);
    }
}

static void step_truncate(unsigned object, unsigned size)
{
    vmo_truncate(objects[object].vmo, size * PAGE_SIZE);
    for (unsigned i = 0; i < SPACES; i++) {
        for (unsigned k = 0; k < WINDOW; k++) {
            struct model_page *page = &spaces[i].pages[k];
            if (page->mapped && page->object == (int)object && page->index >= size) {
                page->copied = false;
            }
        }
    }
    if (size < OBJECT_PAGES) {
        memset(objects[object].content + size, 0, OBJECT_PAGES - size);
    }
    objects[object].size = MIN(size, objects[object].size);
    if (fake_random() % 2) {
        objects[object].size = OBJECT_PAGES;
        vmo_set_size(objects[object].vmo, OBJECT_PAGES * PAGE_SIZE);
    }
}

static void step_punch(unsigned object, unsigned first, unsigned end)
{
    int error = vmo_punch(objects[object].vmo, first * PAGE_SIZE, end * PAGE_SIZE);
    if (error == -ENOMEM) {
        fake_release();
        error = vmo_punch(objects[object].vmo, first * PAGE_SIZE, end * PAGE_SIZE);
        fake_hoard(0);
    }
    assert_int_equal(error, 0);
    memset(objects[object].content + first, 0, end - first);
}

static void step_outside(struct model_space *s, unsigned number)
{
    struct model_page *page = &s->pages[number];
    bool write = fake_random() % 2;
    uint8_t byte = (uint8_t)fake_random(), was = byte;
    vaddr_t va = page_address(number);
    int expected = model_access(page, write ? SPACE_WRITE : SPACE_READ);
    if (expected == 0 && write) {
        /* Both ends of the page, so that the model's rule holds. */
        if (space_access(s->space, va, &byte, 1, SPACE_WRITE) == 1) {
            assert_int_equal(space_access(s->space, va + PAGE_SIZE - 1, &byte, 1, SPACE_WRITE), 1);
            if (page->shared) {
                objects[page->object].content[page->index] = byte;
            } else {
                page->copied = true;
                page->content = byte;
            }
        }
        return;
    }
    size_t done = space_access(s->space, va, &byte, 1, write ? SPACE_WRITE : SPACE_READ);
    assert_true(done == 0 || expected == 0);
    if (done == 1) {
        assert_int_equal(byte, model_content(page));
    } else {
        assert_int_equal(byte, was);
    }
}

/* Private pages of objects that may be written are copied ahead, which the model does not know. */
static void step_populate(struct model_space *s, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        const struct model_page *page = &s->pages[i];
        if (page->object >= 0 && !page->shared && (page->rights & REGION_WRITE)) {
            end = i;
        }
    }
    if (first < end) {
        space_populate(s->space, page_address(first), (end - first) * PAGE_SIZE);
    }
}

static void random_step(struct model_space *s)
{
    unsigned first = fake_random() % WINDOW,
             size = 1 + fake_random() % (fake_random() % 3 ? 6 : 30);
    unsigned end = MIN(first + size, WINDOW);
    unsigned object = fake_random() % OBJECTS, index = fake_random() % OBJECT_PAGES;
    switch (fake_random() % 40) {
    case 0 ... 4:
        step_map(s, first, end);
        break;
    case 5 ... 6:
        step_unmap(s, first, end);
        break;
    case 7 ... 9:
        step_protect(s, first, end);
        break;
    case 10:
        step_discard(s, first, end);
        break;
    case 11 ... 12:
        step_move(s, first, end);
        break;
    case 13:
        step_unhinted(s, 1 + size % 5);
        break;
    case 14:
        step_fork(s);
        break;
    case 15 ... 16:
        step_object_write(object, index);
        break;
    case 17:
        step_truncate(object, fake_random() % 4 ? OBJECT_PAGES : index);
        break;
    case 18:
        step_punch(object, index, MIN(index + 1 + size % 4, OBJECT_PAGES));
        break;
    case 19:
        step_read(s, first, SPACE_EXEC);
        break;
    case 20 ... 21:
        step_outside(s, first);
        break;
    case 22:
        step_populate(s, first, end);
        break;
    case 23 ... 31:
        step_read(s, first, SPACE_READ);
        break;
    default:
        step_write(s, first);
    }
}

static uint64_t free_pages(void)
{
    fake_hoard(0);
    fake_release();
    struct frame_stats stats;
    frame_get_stats(&stats);
    return stats.free_pages;
}

static void make_objects(void)
{
    char *archive = phys_to_virt(0x8000000);
    for (unsigned i = 0; i < OBJECT_PAGES; i++) {
        memset(archive + i * PAGE_SIZE, (int)i + 1, PAGE_SIZE);
        objects[0].content[i] = (uint8_t)(i + 1);
        objects[1].content[i] = i < 20 ? (uint8_t)(i + 1) : 0;
        objects[2].content[i] = 0;
    }
    assert_int_equal(vmo_create_borrowed(archive, OBJECT_PAGES * PAGE_SIZE, &objects[0].vmo), 0);
    assert_int_equal(vmo_create_borrowed(archive, 20 * PAGE_SIZE, &objects[1].vmo), 0);
    assert_int_equal(vmo_create(&objects[2].vmo), 0);
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i].size = OBJECT_PAGES;
        vmo_set_size(objects[i].vmo, OBJECT_PAGES * PAGE_SIZE);
    }
}

static void run(uint32_t seed, unsigned rounds)
{
    fake_seed(seed);
    make_objects();
    for (unsigned i = 0; i < SPACES; i++) {
        memset(&spaces[i], 0, sizeof(spaces[i]));
        assert_int_equal(space_create(&spaces[i].space), 0);
        spaces[i].space->mmap_top = page_address(WINDOW);
    }
    struct model_space *s = &spaces[0];
    for (unsigned round = 0; round < rounds; round++) {
        if (fake_random() % 8 == 0) {
            s = &spaces[fake_random() % SPACES];
        }
        bool poor = fake_random() % 40 == 0;
        if (poor) {
            fake_hoard(fake_random() % 4);
        }
        random_step(s);
        if (poor) {
            fake_release();
        }
        check_space(s->space);
    }
    fake_leave();
    for (unsigned i = 0; i < SPACES; i++) {
        for (unsigned k = 0; k < WINDOW; k++) {
            step_read(&spaces[i], k, SPACE_READ);
        }
    }
    fake_leave();
    for (unsigned i = 0; i < SPACES; i++) {
        space_put(spaces[i].space);
    }
    for (unsigned i = 0; i < OBJECTS; i++) {
        vmo_put(objects[i].vmo);
    }
}

static void against_the_model(void **state)
{
    (void)state;
    fake_start_small();
    run(1, 2000); /* makes what stays: the page of zeroes, tables of the kernel half */
    uint64_t before = free_pages();
    unsigned seeds = getenv("ALBA_SEEDS") != NULL ? (unsigned)atoi(getenv("ALBA_SEEDS")) : 12;
    for (unsigned seed = 2; seed < 2 + seeds; seed++) {
        /* Every other time TLBs keep what other tables have left in them. */
        fake_pcid = seed % 2 != 0;
        arch_mmu_init();
        run(seed, 4000);
        assert_int_equal(free_pages(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
