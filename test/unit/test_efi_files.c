/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The EFI door's files, with this test as the firmware: what initrd=, LoadFile2 and the disk's
 * configuration bring, and what is said when the file system lies or a disk cannot be read. All
 * that was taken is given back, and every file closed.
 */
// sources: boot/door/efi/file.c boot/door/efi/config.c boot/door/efi/memory.c
// sources: boot/door/efi/text.c lib/bootcfg.c lib/sha256.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/door/efi/door.h"
#include "lib/sha256.h"

#define EFI_DEVICE_ERROR (EFI_ERROR | 7)

/* A file of the firmware's, and how it misbehaves. */
struct fake {
    struct efi_file protocol;
    const char *name; /* as opened: with backslashes */
    const char *data;
    uint64_t size;      /* what it says */
    uint64_t size_then; /* what it says when it is opened again; 0: the same */
    uint64_t attributes;
    uint64_t fails_at; /* an error of the disk there; 0: nowhere */
    size_t position, opens;
};

static struct fake files[4];
static int open_files, pages_taken;
static bool no_volume;
static struct efi_file volume;
static struct efi_door door;
static char said[256];

/* LoadFile2: offered when data is not NULL. */
static struct {
    const char *data;
    size_t size;
    efi_status status; /* of the second call */
} offer;

efi_status efi_complain(struct efi_door *from, efi_status status, const char *format, ...)
{
    va_list args;
    assert_ptr_equal(from, &door);
    va_start(args, format);
    vsnprintf(said, sizeof(said), format, args);
    va_end(args);
    return status;
}

efi_status efi_keep_cmdline(struct efi_door *to, const char *text, size_t size)
{
    static char line[256];
    snprintf(line, sizeof(line), "%.*s", (int)size, text);
    to->cmdline = line;
    return EFI_SUCCESS;
}

static efi_status EFI_CALL file_close(struct efi_file *self)
{
    (void)self;
    open_files--;
    return EFI_SUCCESS;
}

static efi_status EFI_CALL file_read(struct efi_file *self, size_t *size, void *bytes)
{
    struct fake *file = (struct fake *)self;
    size_t there = file->data != NULL ? strlen(file->data) : 0;
    size_t some = MIN(MIN(*size, 7ul), there - file->position); /* short ones are allowed */
    if (file->fails_at != 0 && file->position + some >= file->fails_at) {
        return EFI_DEVICE_ERROR;
    }
    memcpy(bytes, file->data + file->position, some);
    file->position += some;
    *size = some;
    return EFI_SUCCESS;
}

static efi_status EFI_CALL file_info(struct efi_file *self, const struct efi_guid *what,
                                     size_t *size, void *info)
{
    struct fake *file = (struct fake *)self;
    assert_int_equal(what->a, 0x09576e92);
    if (*size < sizeof(struct efi_file_info) + 2 * 256) {
        return EFI_BUFFER_TOO_SMALL;
    }
    struct efi_file_info *to = info;
    to->attributes = file->attributes;
    to->file_size = file->opens > 1 && file->size_then != 0 ? file->size_then : file->size;
    return EFI_SUCCESS;
}

static efi_status EFI_CALL volume_open(struct efi_file *self, struct efi_file **file,
                                       const efi_char *name, uint64_t mode, uint64_t attributes)
{
    assert_ptr_equal(self, &volume);
    assert_true(mode == EFI_FILE_READ && attributes == 0);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        size_t c = 0;
        while (files[i].name != NULL && files[i].name[c] != 0 && name[c] == files[i].name[c]) {
            c++;
        }
        if (files[i].name != NULL && files[i].name[c] == 0 && name[c] == 0) {
            files[i].protocol = (struct efi_file){
                .close = file_close, .read = file_read, .get_info = file_info};
            files[i].position = 0;
            files[i].opens++;
            open_files++;
            *file = &files[i].protocol;
            return EFI_SUCCESS;
        }
    }
    return EFI_NOT_FOUND;
}

static efi_status EFI_CALL open_volume(struct efi_file_system *self, struct efi_file **root)
{
    (void)self;
    volume.open = volume_open;
    *root = &volume;
    return EFI_SUCCESS;
}

static efi_status EFI_CALL load_file(struct efi_load_file *self, struct efi_path_node *path,
                                     uint8_t boot_policy, size_t *size, void *bytes)
{
    (void)self;
    assert_true(path->type == 0x7f && path->subtype == 0xff && boot_policy == 0);
    size_t room = *size;
    *size = offer.size;
    if (bytes == NULL || room < offer.size) {
        return offer.size > 0 ? EFI_BUFFER_TOO_SMALL : EFI_NOT_FOUND;
    }
    memcpy(bytes, offer.data, offer.size);
    return offer.status;
}

static efi_status EFI_CALL handle_protocol(efi_handle handle, const struct efi_guid *protocol,
                                           void **interface)
{
    static struct efi_file_system system = {.open_volume = open_volume};
    static struct efi_load_file loader = {.load = load_file};
    assert_non_null(handle);
    if (protocol->a == 0x4006c0c1) {
        *interface = &loader;
        return EFI_SUCCESS;
    }
    *interface = &system;
    return no_volume ? EFI_UNSUPPORTED : EFI_SUCCESS;
}

static efi_status EFI_CALL locate_device_path(const struct efi_guid *protocol,
                                              struct efi_path_node **path, efi_handle *handle)
{
    assert_true(protocol->a == 0x4006c0c1 && (*path)->type == 4 && (*path)->subtype == 3);
    if (offer.data == NULL) {
        return EFI_NOT_FOUND;
    }
    *path = (struct efi_path_node *)((uint8_t *)*path + (*path)->size[0]);
    *handle = &offer;
    return EFI_SUCCESS;
}

static efi_status EFI_CALL allocate_pages(uint32_t how, uint32_t type, size_t pages,
                                          uint64_t *address)
{
    (void)how;
    (void)type;
    if (pages > 1000) {
        return EFI_OUT_OF_RESOURCES;
    }
    /* As large as was asked for and no larger, for the sanitizer, is not to be had in pages. */
    *address = (uint64_t)aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);
    memset((void *)*address, 0xa5, pages * PAGE_SIZE);
    pages_taken++;
    return EFI_SUCCESS;
}

static efi_status EFI_CALL free_pages(uint64_t address, size_t pages)
{
    (void)pages;
    free((void *)address);
    pages_taken--;
    return EFI_SUCCESS;
}

static struct efi_boot_services services = {
    .handle_protocol = handle_protocol,
    .locate_device_path = locate_device_path,
    .allocate_pages = allocate_pages,
    .free_pages = free_pages,
};
static struct efi_loaded_image loaded = {.device = &loaded};

static int setup(void **state)
{
    (void)state;
    memset(files, 0, sizeof(files));
    memset(&offer, 0, sizeof(offer));
    no_volume = false;
    said[0] = 0;
    door = (struct efi_door){.services = &services, .loaded = &loaded};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    efi_drop_all(&door);
    assert_int_equal(pages_taken, 0);
    assert_int_equal(open_files, 0);
    return 0;
}

static void file(size_t i, const char *name, const char *data)
{
    files[i] = (struct fake){.name = name, .data = data, .size = strlen(data)};
}

static void two_files(void **state)
{
    (void)state;
    file(0, "\\one", "first");
    file(1, "dir\\two", "the second of them");
    door.cmdline = "quiet initrd=/one initrd=dir/two";
    assert_int_equal(efi_initrd_by_name(&door), EFI_SUCCESS);
    assert_int_equal(door.initrd_size, 8 + 20);
    assert_memory_equal((void *)door.initrd, "first\0\0\0the second of them\0\0", 28);
}

static void no_initrd(void **state)
{
    (void)state;
    assert_int_equal(efi_initrd_by_name(&door), EFI_SUCCESS);
    door.cmdline = "nothing";
    assert_int_equal(efi_initrd_by_name(&door), EFI_SUCCESS);
    file(0, "empty", "");
    door.cmdline = "initrd=empty";
    assert_int_equal(efi_initrd_by_name(&door), EFI_SUCCESS);
    assert_int_equal(door.initrd, 0);
}

static void files_that_fail(void **state)
{
    (void)state;
    file(0, "x", "some data that is long enough");
    door.cmdline = "initrd=x";
    files[0].fails_at = 12;
    assert_int_equal(efi_initrd_by_name(&door), EFI_DEVICE_ERROR);
    assert_string_equal(said, "the initramfs x");
    files[0].fails_at = 0;
    files[0].size = 100; /* more than there is */
    assert_int_equal(efi_initrd_by_name(&door), EFI_LOAD_ERROR);
    files[0].size = 1ull << 40;
    assert_int_equal(efi_initrd_by_name(&door), EFI_OUT_OF_RESOURCES);
    files[0].size = UINT64_MAX;
    assert_int_equal(efi_initrd_by_name(&door), EFI_LOAD_ERROR);
    files[0].size = 8;
    files[0].size_then = 5000; /* it has grown meanwhile */
    files[0].opens = 0;
    assert_int_equal(efi_initrd_by_name(&door), EFI_LOAD_ERROR);
    files[0].attributes = EFI_FILE_DIRECTORY;
    assert_int_equal(efi_initrd_by_name(&door), EFI_NOT_FOUND);
    door.cmdline = "initrd=nothing";
    assert_int_equal(efi_initrd_by_name(&door), EFI_NOT_FOUND);
    assert_string_equal(said, "the initramfs nothing");
    door.cmdline = "initrd=\xff";
    assert_int_equal(efi_initrd_by_name(&door), EFI_NOT_FOUND);
}

static void no_file_system(void **state)
{
    (void)state;
    no_volume = true;
    door.cmdline = "initrd=x";
    assert_int_equal(efi_initrd_by_name(&door), EFI_NOT_FOUND);
    assert_int_equal(efi_take_config(&door), EFI_SUCCESS); /* from the network: there is none */
    loaded.device = NULL;
    assert_int_equal(efi_initrd_by_name(&door), EFI_NOT_FOUND);
    loaded.device = &loaded;
}

static void load_file2(void **state)
{
    (void)state;
    assert_int_equal(efi_initrd_by_protocol(&door), EFI_NOT_FOUND);
    offer.data = "what is offered";
    assert_int_equal(efi_initrd_by_protocol(&door), EFI_NOT_FOUND); /* nothing */
    offer.size = 15;
    assert_int_equal(efi_initrd_by_protocol(&door), EFI_SUCCESS);
    assert_int_equal(door.initrd_size, 15);
    assert_memory_equal((void *)door.initrd, "what is offered", 15);
    offer.status = EFI_DEVICE_ERROR;
    assert_int_equal(efi_initrd_by_protocol(&door), EFI_DEVICE_ERROR);
    assert_string_equal(said, "the initramfs that the boot loader offers (LoadFile2)");
    offer.size = SIZE_MAX;
    assert_int_equal(efi_initrd_by_protocol(&door), EFI_OUT_OF_RESOURCES);
}

static void configuration(void **state)
{
    (void)state;
    char text[512], hex[SHA256_HEX + 1];
    uint8_t digest[SHA256_BYTES];
    sha256("data of it", 10, digest);
    sha256_format(digest, hex);
    snprintf(text, sizeof(text),
             "default=2\ntitle=a\nkernel=/k\ntitle=b\nkernel=/k\ninitrd=/i\ncmdline=x  y\n"
             "initrd_sha256=%s\n",
             hex);
    assert_int_equal(efi_take_config(&door), EFI_SUCCESS); /* there is none */
    assert_null(door.cmdline);
    file(0, "\\alba\\alba.cfg", text);
    assert_int_equal(efi_take_config(&door), EFI_NOT_FOUND);
    assert_string_equal(said, "the initramfs /i");
    file(1, "\\i", "data of it");
    assert_int_equal(efi_take_config(&door), EFI_SUCCESS);
    assert_string_equal(door.cmdline, "x  y");
    assert_int_equal(door.initrd_size, 10);
    assert_memory_equal((void *)door.initrd, "data of it", 10);
    file(1, "\\i", "data of is");
    assert_int_equal(efi_take_config(&door), EFI_CRC_ERROR);
    file(0, "\\alba\\alba.cfg", "title=a\nnonsense\n");
    assert_int_equal(efi_take_config(&door), EFI_ABORTED);
    assert_memory_equal(said, "/alba/alba.cfg, line 2: ", 24);
    files[0].size = 65537;
    assert_int_equal(efi_take_config(&door), EFI_BUFFER_TOO_SMALL);
    assert_string_equal(said, "/alba/alba.cfg");
    files[0].size = 0;
    assert_int_equal(efi_take_config(&door), EFI_ABORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_files, setup, teardown),
        cmocka_unit_test_setup_teardown(no_initrd, setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(no_file_system, setup, teardown),
        cmocka_unit_test_setup_teardown(load_file2, setup, teardown),
        cmocka_unit_test_setup_teardown(configuration, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
