/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * What the tests of address spaces share: each case gets an empty space, and after it all memory
 * must have come back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "kernel/core/io.h"
#include "port.h"

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define RW         (REGION_READ | REGION_WRITE | REGION_MAY_READ | REGION_MAY_WRITE | REGION_MAY_EXEC)
#define RO         (RW & ~REGION_WRITE)
#define TOP        0x7f0000000000ul
#define KEEP       0x10000000ul
#define P(n)       ((n)*PAGE_SIZE)

static struct space *space;
static uint64_t pages_before;
static char *archive;

static inline uint64_t free_pages(void)
{
    fake_hoard(0);
    fake_release();
    struct frame_stats stats;
    frame_get_stats(&stats);
    return stats.free_pages;
}

static inline int start(void **state)
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
    fake_leave();
    space_put(first);
    return 0;
}

static inline int setup(void **state)
{
    (void)state;
    pages_before = free_pages();
    assert_int_equal(space_create(&space), 0);
    space->mmap_top = TOP;
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    fake_leave();
    space_put(space);
    assert_true(fake_is_calm());
    assert_int_equal(free_pages(), pages_before);
    return 0;
}

static inline vaddr_t map_at(vaddr_t addr, size_t size, unsigned flags)
{
    const struct space_map map = {.addr = addr, .size = size, .fixed = true, .flags = flags};
    vaddr_t got;
    assert_int_equal(space_map(space, &map, &got), 0);
    assert_int_equal(got, addr);
    return got;
}

static inline vaddr_t map_anywhere(size_t size, unsigned flags)
{
    const struct space_map map = {.size = size, .flags = flags};
    vaddr_t got;
    assert_int_equal(space_map(space, &map, &got), 0);
    return got;
}

static inline vaddr_t map_object(struct vmo *vmo, uint64_t offset, size_t size, unsigned flags)
{
    const struct space_map map = {.size = size, .flags = flags, .vmo = vmo, .offset = offset};
    vaddr_t got;
    assert_int_equal(space_map(space, &map, &got), 0);
    return got;
}

static inline void poke(struct space *where, vaddr_t addr, char byte)
{
    assert_int_equal(fake_user_write(where, addr, &byte, 1), 0);
}

static inline int try_write(vaddr_t addr)
{
    return fake_user_write(space, addr, "x", 1);
}

static inline int try_read(vaddr_t addr)
{
    char byte;
    return fake_user_read(space, addr, &byte, 1);
}
