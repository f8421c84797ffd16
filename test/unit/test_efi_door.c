/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The EFI door as a whole, between a firmware and a loader that are this test: what it hands on,
 * what it says and gives back when it cannot, and that nobody hears from it on the firmware's
 * console once ExitBootServices was called.
 */
// sources: boot/door/efi/door.c boot/door/efi/file.c boot/door/efi/config.c
// sources: boot/door/efi/memory.c boot/door/efi/text.c boot/door/efi/screen.c
// sources: boot/door/efi/tables.c lib/bootcfg.c lib/sha256.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#undef fail /* cmocka's; the loader's is meant */
#include "boot/door/efi/door.h"
#include "boot/loader/loader.h"
#include "lib/format.h"

/* The firmware. */
static struct efi_loaded_image loaded;
static struct {
    const char *lacks; /* of the CPU */
    bool no_loaded_image, has_serial_io, in_shell, has_rng;
    unsigned bad_exits, exits;
    size_t descriptor_size;
    void *page[16]; /* what was taken and not given back */
    int pages;
    char console[1024], serial[1024];
} firmware;

/* What the loader was given. */
static struct bootinfo info;
static struct loader loader;
static struct {
    const char *cmdline;
    uint64_t initrd, initrd_size, memory, entropy;
    char failed[256];
} given;
static jmp_buf end;

static efi_status EFI_CALL output_string(struct efi_text_output *self, const efi_char *text)
{
    (void)self;
    assert_int_equal(firmware.exits, 0);
    size_t at = strlen(firmware.console);
    while (*text != 0) {
        firmware.console[at++] = (char)*text++;
    }
    firmware.console[at] = 0;
    return EFI_SUCCESS;
}

static efi_status EFI_CALL allocate_pages(uint32_t how, uint32_t type, size_t pages,
                                          uint64_t *address)
{
    (void)how;
    (void)type;
    assert_true(firmware.pages < (int)ARRAY_SIZE(firmware.page));
    *address = (uint64_t)aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);
    firmware.page[firmware.pages++] = (void *)*address;
    return EFI_SUCCESS;
}

static efi_status EFI_CALL free_pages(uint64_t address, size_t pages)
{
    (void)pages;
    for (int i = 0; i < firmware.pages; i++) {
        if (firmware.page[i] == (void *)address) {
            free(firmware.page[i]);
            firmware.page[i] = firmware.page[--firmware.pages];
            return EFI_SUCCESS;
        }
    }
    return EFI_NOT_FOUND;
}

static efi_status EFI_CALL get_memory_map(size_t *size, void *map, size_t *key,
                                          size_t *descriptor_size, uint32_t *version)
{
    const struct efi_descriptor all = {.type = EFI_MEM_BOOT_CODE, .start = 0x1000, .pages = 16};
    size_t room = *size;
    *size = *descriptor_size = firmware.descriptor_size;
    if (room < *size) {
        return EFI_BUFFER_TOO_SMALL;
    }
    memset(map, 0, *size);
    memcpy(map, &all, MIN(sizeof(all), *size));
    *key = firmware.exits;
    *version = 1;
    return EFI_SUCCESS;
}

static efi_status EFI_CALL exit_boot_services(efi_handle image, size_t key)
{
    assert_true(image == &loaded && key == firmware.exits);
    return firmware.exits++ < firmware.bad_exits ? EFI_INVALID_PARAMETER : EFI_SUCCESS;
}

static efi_status EFI_CALL handle_protocol(efi_handle handle, const struct efi_guid *protocol,
                                           void **interface)
{
    assert_int_equal(firmware.exits, 0);
    if (protocol->a == 0x5b1b31a1 && handle == &loaded && !firmware.no_loaded_image) {
        *interface = &loaded;
        return EFI_SUCCESS;
    }
    return protocol->a == 0x752f3136 && firmware.in_shell ? EFI_SUCCESS : EFI_UNSUPPORTED;
}

static efi_status EFI_CALL locate_device_path(const struct efi_guid *protocol,
                                              struct efi_path_node **path, efi_handle *handle)
{
    (void)protocol;
    (void)path;
    (void)handle;
    return EFI_NOT_FOUND;
}

static efi_status EFI_CALL get_random(struct efi_rng *self, const struct efi_guid *algorithm,
                                      size_t size, void *bytes)
{
    (void)self;
    assert_null(algorithm);
    memset(bytes, 0x5a, size);
    return EFI_SUCCESS;
}

static efi_status EFI_CALL locate_protocol(const struct efi_guid *protocol, void *registration,
                                           void **interface)
{
    static struct efi_rng rng = {.get = get_random};
    (void)registration;
    assert_int_equal(firmware.exits, 0);
    if (protocol->a == 0x3152bca5 && firmware.has_rng) {
        *interface = &rng;
        return EFI_SUCCESS;
    }
    return protocol->a == 0xbb25cf6f && firmware.has_serial_io ? EFI_SUCCESS : EFI_NOT_FOUND;
}

static struct efi_boot_services services = {
    .allocate_pages = allocate_pages,
    .free_pages = free_pages,
    .get_memory_map = get_memory_map,
    .handle_protocol = handle_protocol,
    .locate_device_path = locate_device_path,
    .exit_boot_services = exit_boot_services,
    .locate_protocol = locate_protocol,
};
static struct efi_text_output console = {.output_string = output_string};
static struct efi_system_table table = {.boot_services = &services, .out = &console};

/* The loader and the machine. */
const char *machine_cannot_adopt(void)
{
    return firmware.lacks;
}

uint64_t machine_cycles(void)
{
    return 200;
}

void machine_put(char c)
{
    firmware.serial[strlen(firmware.serial)] = c;
}

void machine_adopt(const struct machine_adopt *how)
{
    how->function(how->argument, how->cycles, (enum boot_door)how->door);
    abort();
}

struct loader *loader_begin(enum boot_door kind, uint64_t cycles)
{
    assert_int_equal(kind, BOOT_DOOR_EFI);
    assert_int_equal(cycles, 100);
    loader.info = &info;
    return &loader;
}

void loader_stamp(struct loader *to, enum boot_stage stage, uint64_t cycles)
{
    assert_true(to == &loader && stage == BOOT_STAGE_EXIT && cycles == 200);
}

void loader_add_range(struct loader *to, uint64_t start, uint64_t size, uint32_t acpi_type)
{
    assert_true(to == &loader && start == 0x1000 && acpi_type == 1);
    given.memory += size;
}

void loader_set_cmdline(struct loader *to, uint64_t paddr)
{
    assert_ptr_equal(to, &loader);
    given.cmdline = (const char *)paddr;
}

void loader_add_initrd(struct loader *to, uint64_t start, uint64_t size)
{
    assert_ptr_equal(to, &loader);
    given.initrd = start;
    given.initrd_size = size;
}

void loader_add_entropy(struct loader *to, const void *bytes, size_t size)
{
    assert_true(to == &loader && *(const uint8_t *)bytes == 0x5a);
    given.entropy += size;
}

void loader_run(struct loader *to)
{
    assert_ptr_equal(to, &loader);
    longjmp(end, 1);
}

void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(given.failed, sizeof(given.failed), format, args);
    va_end(args);
    longjmp(end, 2);
}

int scnprintf(char *buf, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(buf, size, format, args);
    va_end(args);
    return MIN(length, (int)size - 1);
}

static int setup(void **state)
{
    (void)state;
    while (firmware.pages > 0) {
        free(firmware.page[--firmware.pages]); /* what the kernel would have got */
    }
    memset(&firmware, 0, sizeof(firmware));
    memset(&given, 0, sizeof(given));
    memset(&info, 0, sizeof(info));
    loaded = (struct efi_loaded_image){0};
    firmware.descriptor_size = 48;
    return 0;
}

static void set_options(const efi_char *text)
{
    size_t size = 0;
    while (text[size] != 0) {
        size++;
    }
    loaded.options = text;
    loaded.options_size = (uint32_t)(size + 1) * 2;
}

/* How it ended: 0 with a status, which is an error and leaves nothing; 1 in the loader; 2 failed.
 */
static int start(const struct linux_params *params, efi_status *status)
{
    int how = setjmp(end);
    if (how == 0) {
        *status = efi_main(&loaded, &table, params, 100);
        assert_true(*status & EFI_ERROR);
        assert_int_equal(firmware.pages, 0);
        assert_true(firmware.console[0] != 0);
    }
    return how;
}

static void goes_on(void **state)
{
    (void)state;
    efi_status status;
    firmware.has_rng = true;
    firmware.bad_exits = 2;
    set_options(u"  one two");
    assert_int_equal(start(NULL, &status), 1);
    assert_string_equal(given.cmdline, "one two");
    assert_int_equal(given.memory, 0x10000);
    assert_int_equal(given.entropy, 32);
    assert_int_equal(given.initrd, 0);
    assert_int_equal(info.efi_table, (uint64_t)&table);
    assert_int_equal(info.efi_map_size, 48);
    assert_int_equal(firmware.exits, 3);
}

static void no_options(void **state)
{
    (void)state;
    static const efi_char *const none[] = {u"", u"   ", u"\0x"};
    efi_status status;
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        setup(NULL);
        set_options(none[i]);
        assert_int_equal(start(NULL, &status), 1);
        assert_null(given.cmdline);
    }
    setup(NULL);
    firmware.in_shell = true;
    set_options(u"\"a b.efi\"");
    assert_int_equal(start(NULL, &status), 1);
    assert_null(given.cmdline);
    setup(NULL);
    firmware.in_shell = true;
    set_options(u"alba.efi x y");
    assert_int_equal(start(NULL, &status), 1);
    assert_string_equal(given.cmdline, "x y");
}

static void goes_back(void **state)
{
    (void)state;
    efi_status status;
    set_options(u"initrd=/no");
    assert_int_equal(start(NULL, &status), 0);
    assert_int_equal(status, EFI_NOT_FOUND);
    assert_string_equal(firmware.console, "Alba: the initramfs /no is not there\r\n");
    assert_string_equal(firmware.serial, "Alba: the initramfs /no is not there\n");
    setup(NULL);
    firmware.has_serial_io = true; /* then it is the firmware's, and shows its console */
    firmware.lacks = "this CPU is a toaster";
    assert_int_equal(start(NULL, &status), 0);
    assert_string_equal(firmware.console, "Alba: this CPU is a toaster\r\n");
    assert_string_equal(firmware.serial, "");
    setup(NULL);
    firmware.no_loaded_image = true;
    assert_int_equal(start(NULL, &status), 0);
    assert_int_equal(status, EFI_UNSUPPORTED);
    setup(NULL);
    firmware.descriptor_size = 8;
    assert_int_equal(start(NULL, &status), 0);
    assert_string_equal(firmware.console, "Alba: the firmware's memory map (EFI error 3)\r\n");
}

static void long_options(void **state)
{
    (void)state;
    efi_status status;
    static efi_char text[BOOT_MAX_CMDLINE + 1];
    for (size_t i = 0; i < BOOT_MAX_CMDLINE; i++) {
        text[i] = 'x';
    }
    set_options(text);
    assert_int_equal(start(NULL, &status), 0);
    assert_string_equal(firmware.console, "Alba: the command line is longer than 65535 bytes\r\n");
    setup(NULL);
    set_options(text + 1);
    assert_int_equal(start(NULL, &status), 1);
    assert_int_equal(strlen(given.cmdline), BOOT_MAX_CMDLINE - 1);
}

static void firmware_that_holds_on(void **state)
{
    (void)state;
    efi_status status;
    firmware.bad_exits = UINT32_MAX;
    assert_int_equal(start(NULL, &status), 2);
    assert_string_equal(given.failed,
                        "the firmware does not let go (ExitBootServices: EFI error 2, "
                        "8 tries)");
    assert_string_equal(firmware.console, "");
}

static void handover(void **state)
{
    (void)state;
    static const char text[] = "from the header";
    static struct linux_params params;
    uint64_t at = (uint64_t)text;
    efi_status status;
    assert_int_equal(start(&params, &status), 0); /* no HdrS */
    setup(NULL);
    set_options(u"of the boot loader's own");
    params.header.header = LINUX_HEADER_MAGIC;
    params.header.cmd_line_ptr = (uint32_t)at;
    params.ext_cmd_line_ptr = (uint32_t)(at >> 32);
    params.header.ramdisk_image = 0x1000;
    params.ext_ramdisk_image = 2;
    params.header.ramdisk_size = 5;
    assert_int_equal(start(&params, &status), 1);
    assert_string_equal(given.cmdline, text);
    assert_int_equal(given.initrd, 0x200001000);
    assert_int_equal(given.initrd_size, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(goes_on, setup, setup),
        cmocka_unit_test_setup_teardown(no_options, setup, setup),
        cmocka_unit_test_setup_teardown(goes_back, setup, setup),
        cmocka_unit_test_setup_teardown(long_options, setup, setup),
        cmocka_unit_test_setup_teardown(firmware_that_holds_on, setup, setup),
        cmocka_unit_test_setup_teardown(handover, setup, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
