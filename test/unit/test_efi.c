/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The EFI door's parts, with this test as the firmware: memory maps of every kind and how the
 * firmware is left when its map changes; texts, screens and tables as firmware gives them.
 */
// sources: boot/door/efi/memory.c boot/door/efi/text.c
// sources: boot/door/efi/screen.c boot/door/efi/tables.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/door/efi/door.h"

/* The firmware: its map, and what it was asked. */
static struct {
    struct efi_descriptor map[64];
    size_t count, descriptor_size;
    unsigned grows;     /* so many calls of get_memory_map, each of which adds a descriptor */
    unsigned bad_exits; /* so many ExitBootServices fail, each of which changes the map */
    bool no_low, no_pages;
    size_t key;
    unsigned exits, allocations, frees, low;
} firmware;

static efi_status EFI_CALL allocate_pages(uint32_t how, uint32_t type, size_t pages,
                                          uint64_t *address)
{
    assert_int_equal(type, EFI_MEM_LOADER_DATA);
    if (firmware.no_pages || (firmware.no_low && how == EFI_ALLOCATE_BELOW)) {
        return EFI_OUT_OF_RESOURCES;
    }
    if (how == EFI_ALLOCATE_BELOW) {
        assert_int_equal(*address, UINT32_MAX);
        firmware.low++;
    }
    *address = (uint64_t)aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);
    firmware.allocations++;
    firmware.key++;
    return EFI_SUCCESS;
}

static efi_status EFI_CALL free_pages(uint64_t address, size_t pages)
{
    assert_true(pages > 0);
    free((void *)address);
    firmware.frees++;
    return EFI_SUCCESS;
}

static efi_status EFI_CALL get_memory_map(size_t *size, void *map, size_t *key,
                                          size_t *descriptor_size, uint32_t *version)
{
    if (firmware.grows > 0) {
        firmware.grows--;
        firmware.map[firmware.count] = firmware.map[firmware.count - 1];
        firmware.count++;
        firmware.key++;
    }
    size_t need = firmware.count * firmware.descriptor_size, room = *size;
    *size = need;
    *descriptor_size = firmware.descriptor_size;
    *version = 1;
    if (room < need) {
        return EFI_BUFFER_TOO_SMALL;
    }
    *key = firmware.key;
    if (need == 0) {
        return EFI_SUCCESS;
    }
    memset(map, 0xa5, need);
    for (size_t i = 0; i < firmware.count; i++) {
        memcpy((uint8_t *)map + i * firmware.descriptor_size, &firmware.map[i],
               MIN(sizeof(firmware.map[i]), firmware.descriptor_size));
    }
    return EFI_SUCCESS;
}

static efi_status EFI_CALL exit_boot_services(efi_handle image, size_t key)
{
    assert_ptr_equal(image, &firmware);
    firmware.exits++;
    if (firmware.bad_exits > 0) {
        firmware.bad_exits--;
        firmware.key++;
    }
    return key == firmware.key ? EFI_SUCCESS : EFI_INVALID_PARAMETER;
}

static struct efi_boot_services services = {
    .allocate_pages = allocate_pages,
    .free_pages = free_pages,
    .get_memory_map = get_memory_map,
    .exit_boot_services = exit_boot_services,
};
static struct efi_door door;

static int setup(void **state)
{
    (void)state;
    memset(&firmware, 0, sizeof(firmware));
    firmware.descriptor_size = 48; /* as EDK II has it */
    firmware.count = 2;
    firmware.map[0] = (struct efi_descriptor){.type = EFI_MEM_CONVENTIONAL, .pages = 160};
    firmware.map[1] = (struct efi_descriptor){
        .type = EFI_MEM_BOOT_DATA, .start = 0x100000, .pages = 0x1000};
    door = (struct efi_door){.image = &firmware, .services = &services};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    efi_drop_all(&door);
    assert_int_equal(firmware.allocations, firmware.frees);
    return 0;
}

static void leaves_at_once(void **state)
{
    (void)state;
    assert_int_equal(efi_leave(&door), EFI_SUCCESS);
    assert_int_equal(firmware.exits, 1);
    assert_int_equal(door.exits, 1);
    assert_int_equal(door.map.size, 96);
    assert_int_equal(door.map.descriptor_size, 48);
}

/* The map is another one after each of the first tries. */
static void leaves_in_the_end(void **state)
{
    (void)state;
    firmware.bad_exits = 3;
    assert_int_equal(efi_leave(&door), EFI_SUCCESS);
    assert_int_equal(firmware.exits, 4);
}

/* The map grows each time that it is read, by more than the slack in all. */
static void map_grows(void **state)
{
    (void)state;
    firmware.descriptor_size = 256;
    firmware.grows = 40;
    firmware.bad_exits = 6;
    assert_int_equal(efi_leave(&door), EFI_SUCCESS);
    assert_int_equal(door.map.size, firmware.count * 256);
}

static void never_leaves(void **state)
{
    (void)state;
    firmware.bad_exits = UINT32_MAX;
    assert_int_equal(efi_leave(&door), EFI_INVALID_PARAMETER);
    assert_true(firmware.exits >= 2 && firmware.exits < 100);
    assert_int_equal(door.exits, firmware.exits);
}

static void no_memory_for_the_map(void **state)
{
    (void)state;
    firmware.no_pages = true;
    assert_int_equal(efi_leave(&door), EFI_OUT_OF_RESOURCES);
    assert_int_equal(door.exits, 0);
    firmware.no_pages = false;
    firmware.no_low = true; /* then anywhere */
    assert_int_equal(efi_leave(&door), EFI_SUCCESS);
    assert_int_equal(firmware.low, 0);
}

static void maps_that_are_none(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 8, 39, 257, 4096};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        firmware.descriptor_size = sizes[i];
        assert_int_equal(efi_leave(&door), EFI_UNSUPPORTED);
        assert_int_equal(door.exits, 0);
        efi_drop_all(&door);
        door.map = (struct efi_map){0};
    }
    firmware.descriptor_size = 40;
    firmware.count = 0;
    assert_int_equal(efi_leave(&door), EFI_UNSUPPORTED);
}

static void gives_back(void **state)
{
    (void)state;
    uint64_t address[16];
    size_t count = 0;
    while (count < 16 && efi_take(&door, 1 + count * 5000, &address[count]) == EFI_SUCCESS) {
        count++;
    }
    assert_int_equal(count, ARRAY_SIZE(door.taken));
    assert_int_equal(firmware.low, count);
    efi_drop(&door, address[3]);
    efi_drop(&door, 0);
    assert_int_equal(firmware.frees, 1);
    assert_int_equal(efi_take(&door, SIZE_MAX, &address[3]), EFI_OUT_OF_RESOURCES);
    assert_int_equal(efi_take(&door, 1, &address[3]), EFI_SUCCESS);
}

/* What a map became. */
static struct range {
    uint64_t start, size;
    uint32_t type;
} got[64];
static size_t got_count;

static void note(void *context, uint64_t start, uint64_t size, uint32_t type)
{
    assert_ptr_equal(context, got);
    assert_true(got_count < ARRAY_SIZE(got));
    got[got_count++] = (struct range){start, size, type};
}

static void convert(const struct efi_descriptor *map, size_t count, size_t descriptor_size)
{
    uint8_t *bytes = calloc(count, descriptor_size);
    for (size_t i = 0; i < count; i++) {
        memcpy(bytes + i * descriptor_size, &map[i], sizeof(map[i]));
        memset(bytes + i * descriptor_size + sizeof(map[i]), (int)i + 1,
               descriptor_size - sizeof(map[i]));
    }
    struct efi_map copy = {
        .bytes = bytes, .size = count * descriptor_size, .descriptor_size = descriptor_size};
    got_count = 0;
    efi_map_convert(&copy, note, got);
    for (size_t i = 1; i < count; i++) {
        struct efi_descriptor a, b;
        memcpy(&a, bytes + (i - 1) * descriptor_size, sizeof(a));
        memcpy(&b, bytes + i * descriptor_size, sizeof(b));
        assert_true(a.start <= b.start);
    }
    free(bytes);
}

static void types(void **state)
{
    (void)state;
    static const uint32_t expected[20] = {2, 1, 1, 1, 1, 2, 2, 1, 5, 3,
                                          4, 2, 2, 2, 2, 2, 2, 2, 2, 2};
    for (uint32_t type = 0; type < 20; type++) {
        struct efi_descriptor d = {.type = type, .start = 0x5000, .pages = 3, .attributes = 0xf};
        convert(&d, 1, 48);
        assert_int_equal(got_count, 1);
        assert_int_equal(got[0].type, expected[type]);
        assert_int_equal(got[0].start, 0x5000);
        assert_int_equal(got[0].size, 0x3000);
        d.attributes |= EFI_ATTRIBUTE_RUNTIME; /* whatever else it says */
        convert(&d, 1, 40);
        assert_int_equal(got[0].type, 2);
    }
    struct efi_descriptor d = {.type = 7, .pages = 1, .attributes = EFI_ATTRIBUTE_SPECIAL};
    convert(&d, 1, 40);
    assert_int_equal(got[0].type, 2);
    d.type = 0x80000000; /* of the vendor's */
    convert(&d, 1, 40);
    assert_int_equal(got[0].type, 2);
}

static void wild_maps(void **state)
{
    (void)state;
    const struct efi_descriptor map[] = {
        {.type = 7, .start = 0x300000, .pages = 1},
        {.type = 7, .start = 0x100000, .pages = 0},          /* empty */
        {.type = 7, .start = 0x200000, .pages = UINT64_MAX}, /* past the end: no memory */
        {.type = 0, .start = 0x400123, .pages = UINT64_MAX}, /* past the end: all of the rest */
        {.type = 7, .start = UINT64_MAX, .pages = 1},
        {.type = 5, .start = UINT64_MAX, .pages = 1},
        {.type = 7, .start = 0, .pages = (1ull << 52) - 1},
        {.type = 3, .start = 0x1000, .pages = 7},
    };
    for (size_t size = 40; size <= 256; size += 8) {
        convert(map, ARRAY_SIZE(map), size);
        assert_int_equal(got_count, 5);
        assert_int_equal(got[0].start, 0);
        assert_int_equal(got[1].start, 0x1000);
        assert_int_equal(got[1].size, 0x7000);
        assert_int_equal(got[2].start, 0x300000);
        assert_int_equal(got[3].type, 2);
        assert_int_equal(got[3].start, 0x400123);
        assert_int_equal(got[3].size, (UINT64_MAX - 0x400123) & ~PAGE_MASK);
        assert_int_equal(got[4].size, 0);
    }
}

static void random_maps(void **state)
{
    (void)state;
    srand(1);
    for (unsigned round = 0; round < 500; round++) {
        struct efi_descriptor map[60];
        size_t count = (size_t)rand() % 60 + 1;
        uint64_t pages = 0, total = 0;
        for (size_t i = 0; i < count; i++) {
            map[i] = (struct efi_descriptor){.type = (uint32_t)rand() % 18,
                                             .start = (uint64_t)rand() << 12,
                                             .pages = (uint64_t)rand() % 50};
            pages += map[i].pages;
        }
        convert(map, count, 40 + 8 * ((size_t)rand() % 20));
        for (size_t i = 0; i < got_count; i++) {
            total += got[i].size;
            assert_true(i == 0 || got[i - 1].start <= got[i].start);
        }
        assert_int_equal(total, pages << PAGE_SHIFT);
    }
}

static void to_utf8(void **state)
{
    (void)state;
    char text[64];
    assert_int_equal(efi_to_utf8(text, sizeof(text), u"abc", 6), 3);
    assert_string_equal(text, "abc");
    assert_int_equal(efi_to_utf8(text, sizeof(text), u"abc", 5), 2); /* half a unit is none */
    assert_int_equal(efi_to_utf8(text, sizeof(text), u"ab\0cd", 10), 2);
    assert_int_equal(efi_to_utf8(text, sizeof(text), u"\u00e4\u20ac\U0001d11e", 8), 9);
    assert_string_equal(text, "\u00e4\u20ac\U0001d11e");
    static const efi_char halves[] = {0xd834, 'x', 0xdd1e, 0xd834};
    assert_int_equal(efi_to_utf8(text, sizeof(text), halves, sizeof(halves)), 10);
    assert_string_equal(text, "\ufffdx\ufffd\ufffd");
    /* At an odd address, as some firmware gives them. */
    char odd[9] = {'!', 'o', 0, 'd', 0, 'd', 0, 0, 0};
    assert_int_equal(efi_to_utf8(text, sizeof(text), odd + 1, 8), 3);
    assert_string_equal(text, "odd");
    assert_int_equal(efi_to_utf8(text, 4, u"abc", 6), 3);
    assert_int_equal(efi_to_utf8(text, 3, u"abc", 6), 3); /* no room for the zero */
    assert_int_equal(efi_to_utf8(text, 4, u"a\u20ac", 4), 4);
    assert_int_equal(efi_to_utf8(text, 1, u"", 0), 0);
}

static void to_path(void **state)
{
    (void)state;
    efi_char path[8];
    assert_true(efi_to_path(path, 8, "/a\\\u00e4/bc", 6));
    assert_memory_equal(path, u"\\a\\\u00e4\\", 12);
    assert_true(efi_to_path(path, 8, "\U0001d11e", 4));
    assert_memory_equal(path, u"\U0001d11e", 6);
    assert_true(efi_to_path(path, 8, "123456", 6));
    assert_false(efi_to_path(path, 8, "1234567", 7));
    assert_false(efi_to_path(path, 8, "", 0));
    static const char *const bad[] = {"\x80",         "\xc3",         "\xc0\x80",
                                      "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xff",         "a\xc3z",       "\xf8\x88\x80\x80"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_false(efi_to_path(path, 8, bad[i], strlen(bad[i])));
    }
}

static void skips_a_word(void **state)
{
    (void)state;
    static const struct {
        char text[24];
        const char *rest;
    } cases[] = {{"", ""},      {"alba", ""}, {" fs0:\\alba.efi a b", " a b"}, {"\"a b\" c", " c"},
                 {"\"a b", ""}, {"\"\"", ""}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[24];
        memcpy(text, cases[i].text, sizeof(text));
        assert_string_equal(efi_skip_word(text), cases[i].rest);
    }
}

static void initrd_options(void **state)
{
    (void)state;
    const char *at = "  xinitrd=no initrd=\\one two initrd= initrd=/a/b,c initrd", *path;
    size_t size;
    assert_true(efi_next_initrd(&at, &path, &size));
    assert_int_equal(size, 4);
    assert_memory_equal(path, "\\one", 4);
    assert_true(efi_next_initrd(&at, &path, &size));
    assert_int_equal(size, 6);
    assert_memory_equal(path, "/a/b,c", 6);
    assert_false(efi_next_initrd(&at, &path, &size));
}

static void screens(void **state)
{
    (void)state;
    struct efi_graphics_info info = {
        .width = 800, .height = 600, .format = EFI_PIXEL_BGRX, .line_pixels = 832};
    struct efi_graphics_mode mode = {
        .info = &info, .info_size = sizeof(info), .address = 0xe0000000, .size = 832 * 600 * 4};
    struct boot_framebuffer fb = efi_screen(&mode);
    assert_int_equal(fb.address, 0xe0000000);
    assert_int_equal(fb.width, 800);
    assert_int_equal(fb.height, 600);
    assert_int_equal(fb.stride, 832 * 4);
    assert_int_equal(fb.bits_per_pixel, 32);
    assert_true(fb.red_shift == 16 && fb.green_shift == 8 && fb.blue_shift == 0);
    info.format = EFI_PIXEL_RGBX;
    fb = efi_screen(&mode);
    assert_true(fb.red_shift == 0 && fb.green_shift == 8 && fb.blue_shift == 16);
    info.format = EFI_PIXEL_MASKS;
    assert_int_equal(efi_screen(&mode).width, 0); /* of masks that are zero */
    info.red = 0xf800, info.green = 0x7e0, info.blue = 0x1f;
    fb = efi_screen(&mode);
    assert_true(fb.red_shift == 11 && fb.green_shift == 5 && fb.blue_shift == 0);
    assert_int_equal(fb.bits_per_pixel, 16);
    assert_int_equal(fb.stride, 832 * 2);
    info.reserved = 0xff000000;
    assert_int_equal(efi_screen(&mode).bits_per_pixel, 32);
    info.format = EFI_PIXEL_BLT_ONLY;
    assert_int_equal(efi_screen(&mode).width, 0);
    info.format = EFI_PIXEL_BGRX;
    mode.size--; /* it does not hold the picture */
    assert_int_equal(efi_screen(&mode).width, 0);
    mode.size = UINT64_MAX;
    assert_int_equal(efi_screen(&mode).width, 800);
    info.line_pixels = 799;
    assert_int_equal(efi_screen(&mode).width, 0);
    info.line_pixels = info.width = UINT32_MAX;
    assert_int_equal(efi_screen(&mode).width, 0);
    info.line_pixels = info.width = 0;
    assert_int_equal(efi_screen(&mode).width, 0);
    mode.info = NULL;
    assert_int_equal(efi_screen(&mode).width, 0);
}

static void tables(void **state)
{
    (void)state;
    const struct efi_guid acpi = {
        0xeb9d2d30, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
    const struct efi_guid acpi20 = {
        0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
    struct efi_config_table table[] = {
        {acpi, 0x1000}, {{1, 2, 3, {4}}, 7}, {acpi20, 0x2000}, {acpi20, 0x3000}};
    assert_int_equal(efi_find_tables(table, 4).rsdp, 0x2000); /* the first of the best */
    assert_int_equal(efi_find_tables(table, 2).rsdp, 0x1000);
    assert_int_equal(efi_find_tables(table, 4).smbios, 0);
    table[0].guid.a++; /* SMBIOS is its neighbour */
    assert_int_equal(efi_find_tables(table, 4).smbios, 0x1000);
    assert_int_equal(efi_find_tables(NULL, 4).rsdp, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(leaves_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_in_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(map_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(never_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(no_memory_for_the_map, setup, teardown),
        cmocka_unit_test_setup_teardown(maps_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_back, setup, teardown),
        cmocka_unit_test(types),
        cmocka_unit_test(wild_maps),
        cmocka_unit_test(random_maps),
        cmocka_unit_test(to_utf8),
        cmocka_unit_test(to_path),
        cmocka_unit_test(skips_a_word),
        cmocka_unit_test(initrd_options),
        cmocka_unit_test(screens),
        cmocka_unit_test(tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
