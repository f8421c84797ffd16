/* SPDX-License-Identifier: BSD-2-Clause */
/* The information of Multiboot 1 and 2: good ones are read, what contradicts itself is refused. */
// sources: boot/door/multiboot/info.c
// sources: boot/door/multiboot/info1.c
// sources: boot/door/multiboot/info2.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/door/multiboot/info.h"

/* The machine's memory: a block of the heap, so that nothing beside it is read. */
enum { BASE = 0x10000 };
static uint8_t *bytes;
static size_t bytes_size;
static struct multiboot_info info;

static void *memory(uint64_t paddr, size_t size)
{
    bool inside = paddr >= BASE && paddr - BASE <= bytes_size &&
                  size <= bytes_size - (paddr - BASE);
    return inside ? bytes + (paddr - BASE) : NULL;
}

static int setup(void **state)
{
    (void)state;
    bytes_size = 0x400;
    bytes = calloc(1, bytes_size);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(bytes);
    return 0;
}

static void put32(size_t at, uint32_t value)
{
    memcpy(bytes + at, &value, sizeof(value));
}

static void put64(size_t at, uint64_t value)
{
    memcpy(bytes + at, &value, sizeof(value));
}

static void is_wrong(const char *wrong, const char *part)
{
    assert_non_null(wrong);
    if (strstr(wrong, part) == NULL) {
        fail_msg("\"%s\" in place of \"%s\"", wrong, part);
    }
}

static void first_version(void **state)
{
    (void)state;
    put32(0, 0x4d);
    put32(4, 639);
    put32(8, 0xfc00);
    put32(16, 0x1234);
    put32(20, 2);
    put32(24, BASE + 0x100);
    put32(44, 24 + 30);
    put32(48, BASE + 0x200);
    put32(0x100, 0x5000), put32(0x104, 0x5007);
    put32(0x110, 0x6000), put32(0x114, 0x6000);
    put32(0x200, 20), put64(0x204, 0), put64(0x20c, 0x9fc00), put32(0x214, 1);
    put32(0x218, 26), put64(0x21c, 1ul << 32), put64(0x224, 1ul << 30), put32(0x22c, 3);
    assert_null(multiboot1_read(memory, BASE, &info));
    assert_int_equal(info.cmdline, 0x1234);
    assert_int_equal(info.lower_k, 639);
    assert_int_equal(info.upper_k, 0xfc00);
    assert_int_equal(info.module_count, 1); /* the second is empty */
    assert_int_equal(info.modules[0].start, 0x5000);
    assert_int_equal(info.modules[0].size, 7);
    struct multiboot_range range;
    size_t position = 0;
    assert_true(multiboot_next_range(&info, &position, &range));
    assert_int_equal(range.size, 0x9fc00);
    assert_true(multiboot_next_range(&info, &position, &range));
    assert_int_equal(range.start, 1ul << 32);
    assert_int_equal(range.type, 3);
    assert_false(multiboot_next_range(&info, &position, &range));
}

static void first_version_wrong(void **state)
{
    (void)state;
    is_wrong(multiboot1_read(memory, BASE + 0x400 - 115, &info), "it is out of reach");
    put32(0, 0x40);
    put32(44, 25);
    put32(48, BASE + 0x200);
    put32(0x200, 20);
    is_wrong(multiboot1_read(memory, BASE, &info), "does not fit");
    put32(44, 24);
    assert_null(multiboot1_read(memory, BASE, &info));
    put32(48, BASE + 0x400 - 23);
    is_wrong(multiboot1_read(memory, BASE, &info), "the memory map is out of reach");
    put32(0, 8);
    put32(20, 0x20000000); /* times 16: nothing in 32 bits */
    put32(24, BASE + 0x100);
    is_wrong(multiboot1_read(memory, BASE, &info), "list of modules");
    put32(20, 1);
    put32(24, BASE + 0x400 - 15);
    is_wrong(multiboot1_read(memory, BASE, &info), "list of modules");
    put32(24, BASE + 0x100);
    put32(0x100, 2), put32(0x104, 1);
    is_wrong(multiboot1_read(memory, BASE, &info), "before it starts");
}

/* Puts a tag's type and size, and returns where the next one goes. */
static size_t put_tag(size_t at, uint32_t type, uint32_t size)
{
    put32(at, type);
    put32(at + 4, size);
    return at + ALIGN_UP(size, 8u);
}

static void second_version(void **state)
{
    (void)state;
    size_t module = put_tag(8, 1, 9), map = put_tag(module, 3, 17), rsdp = put_tag(map, 6, 40);
    size_t old = put_tag(rsdp, 15, 44), odd = put_tag(old, 14, 28), end = put_tag(odd, 1000, 8);
    put_tag(end, 0, 8);
    put32(0, (uint32_t)end + 8);
    put32(module + 8, 0x5000), put32(module + 12, 0x5007);
    put32(map + 8, 24), put64(map + 16, 0x100000), put64(map + 24, 0x200000), put32(map + 32, 1);
    assert_null(multiboot2_read(memory, BASE, &info));
    assert_int_equal(info.cmdline, BASE + 16);
    assert_int_equal(info.modules[0].size, 7);
    assert_ptr_equal(info.rsdp.bytes, bytes + rsdp + 8);
    assert_int_equal(info.rsdp.size, 36);
    assert_null(info.smbios.bytes);
    struct multiboot_range range;
    size_t position = 0;
    assert_true(multiboot_next_range(&info, &position, &range));
    assert_int_equal(range.start, 0x100000);
    assert_false(multiboot_next_range(&info, &position, &range));

    bytes[16] = 'x';
    is_wrong(multiboot2_read(memory, BASE, &info), "the command line does not end");
    bytes[16] = 0;
    put32(0, (uint32_t)end);
    is_wrong(multiboot2_read(memory, BASE, &info), "it has no end");
    put32(0, (uint32_t)end + 7);
    is_wrong(multiboot2_read(memory, BASE, &info), "it has no end");
    is_wrong(multiboot2_read(memory, BASE + 4, &info), "out of reach");
    put32(0, 0x401);
    is_wrong(multiboot2_read(memory, BASE, &info), "out of reach");
    put32(0, (uint32_t)end + 8);
    for (size_t at = 8; at <= end; at = at + ALIGN_UP(*(uint32_t *)(bytes + at + 4), 8u)) {
        uint32_t size = *(uint32_t *)(bytes + at + 4);
        put32(at + 4, at == map ? 15 : size - 1);
        is_wrong(multiboot2_read(memory, BASE, &info), "a tag is too short");
        put32(at + 4, size);
    }
}

/* Every cut of the information is refused; nothing beyond it is read. */
static void second_version_cut(void **state)
{
    second_version(state);
    uint32_t size = *(uint32_t *)bytes;
    for (uint32_t cut = 0; cut < size; cut++) {
        bytes = realloc(bytes, cut);
        bytes_size = cut;
        if (cut >= 4) {
            put32(0, cut);
        }
        assert_non_null(multiboot2_read(memory, BASE, &info));
        teardown(NULL);
        setup(NULL);
        second_version(state);
    }
}

static void efi_map(void **state)
{
    (void)state;
    size_t end = put_tag(8, 17, 16 + 2 * 48 + 5);
    put_tag(end, 0, 8);
    put32(0, (uint32_t)end + 8);
    put32(16, 48);
    put32(24, 4), put64(32, 0x1000), put64(48, 3);
    put32(72, 99), put64(80, 0x9000), put64(96, UINT64_MAX);
    assert_null(multiboot2_read(memory, BASE, &info));
    struct multiboot_range range;
    size_t position = 0;
    assert_true(multiboot_next_range(&info, &position, &range));
    assert_int_equal(range.start, 0x1000);
    assert_int_equal(range.size, 0x3000);
    assert_int_equal(range.type, 1);
    assert_true(multiboot_next_range(&info, &position, &range));
    assert_int_equal(range.type, 2);
    assert_int_equal(range.size, UINT64_MAX & ~PAGE_MASK);
    assert_false(multiboot_next_range(&info, &position, &range));
    put32(16, 39);
    is_wrong(multiboot2_read(memory, BASE, &info), "impossible size");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_version, setup, teardown),
        cmocka_unit_test_setup_teardown(first_version_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(second_version, setup, teardown),
        cmocka_unit_test_setup_teardown(second_version_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(efi_map, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
