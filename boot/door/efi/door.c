/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The EFI door (step A7), in the order in which things happen: as an application of the firmware it
 * gathers the command line, the initramfs, the screen, the tables and a seed; then it leaves the
 * firmware with its memory map, and hands all of it to the loader. By the handover protocol (Linux
 * documentation, arch/x86/boot.rst, "EFI Handover Protocol"), which GRUB's linuxefi speaks, command
 * line and initramfs come in the Linux protocol's header instead.
 */
#include "boot/door/efi/door.h"
#include "boot/loader/loader.h"
#include "lib/format.h"
#include "lib/string.h"

static const struct efi_guid loaded_image_guid = {
    0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid serial_io_guid = {
    0xbb25cf6f, 0xf1d4, 0x11d2, {0x9a, 0x0c, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0xfd}};
/* EFI_SHELL_PARAMETERS_PROTOCOL: UEFI Shell 2.2, 2.3. */
static const struct efi_guid shell_guid = {
    0x752f3136, 0x4e16, 0x4fdc, {0xa2, 0x2a, 0xe5, 0xf4, 0x68, 0x12, 0xf4, 0xca}};
static const struct efi_guid graphics_guid = {
    0x9042a9de, 0x23dc, 0x4a38, {0x96, 0xfb, 0x7a, 0xde, 0xd0, 0x80, 0x51, 0x6a}};
static const struct efi_guid rng_guid = {
    0x3152bca5, 0xeade, 0x433d, {0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44}};

static struct efi_door the_door;

static const char *reason(efi_status status)
{
    switch (status) {
    case EFI_ABORTED:
        return "";
    case EFI_BUFFER_TOO_SMALL:
        return " is too large";
    case EFI_NOT_FOUND:
        return " is not there";
    case EFI_OUT_OF_RESOURCES:
        return " finds not enough memory";
    case EFI_LOAD_ERROR:
        return " cannot be read";
    case EFI_CRC_ERROR:
        return " is not the one that was meant (SHA-256)";
    default:
        return NULL;
    }
}

/* To the firmware's console in small pieces, as it wants UTF-16; ASCII only. */
static void print(struct efi_text_output *out, const char *text)
{
    while (*text != 0) {
        efi_char some[32];
        size_t count = 0;
        while (*text != 0 && count < ARRAY_SIZE(some) - 2) {
            if (*text == '\n') {
                some[count++] = '\r';
            }
            some[count++] = (uint8_t)*text++ & 0x7f;
        }
        some[count] = 0;
        out->output_string(out, some);
    }
}

efi_status efi_complain(struct efi_door *door, efi_status status, const char *format, ...)
{
    enum { TEXT_MAX = 192 };
    char line[TEXT_MAX + 64];
    va_list args;
    va_start(args, format);
    int length = scnprintf(line, sizeof(line), "Alba: ");
    int more = vsnprintf(line + length, TEXT_MAX, format, args);
    va_end(args);
    length += MIN(more, TEXT_MAX - 1);
    const char *why = reason(status);
    if (why != NULL) {
        scnprintf(line + length, sizeof(line) - (size_t)length, "%s\n", why);
    } else {
        scnprintf(line + length, sizeof(line) - (size_t)length, " (EFI error %llu)\n",
                  (unsigned long long)(status & ~EFI_ERROR));
    }
    if (door->table->out != NULL) {
        print(door->table->out, line);
    }
    /* Where the firmware drives serial ports they belong to it, and show its console as the user
     * chose. */
    void *serial;
    if (door->services->locate_protocol(&serial_io_guid, NULL, &serial) != EFI_SUCCESS) {
        for (const char *c = line; *c != 0; c++) {
            machine_put(*c);
        }
    }
    return status;
}

/* Pages for the longest command line. */
static efi_status take_cmdline(struct efi_door *door)
{
    uint64_t address;
    efi_status status = efi_take(door, BOOT_MAX_CMDLINE, &address);
    if (status != EFI_SUCCESS) {
        return efi_complain(door, status, "the command line");
    }
    door->cmdline = (char *)address;
    return status;
}

static efi_status check_cmdline(struct efi_door *door, size_t size)
{
    if (size >= BOOT_MAX_CMDLINE) {
        return efi_complain(door, EFI_ABORTED, "the command line is longer than %u bytes",
                            BOOT_MAX_CMDLINE - 1);
    }
    return EFI_SUCCESS;
}

efi_status efi_keep_cmdline(struct efi_door *door, const char *text, size_t size)
{
    efi_status status = take_cmdline(door);
    if (status != EFI_SUCCESS) {
        return status;
    }
    memcpy(door->cmdline, text, MIN(size, BOOT_MAX_CMDLINE - 1));
    door->cmdline[MIN(size, BOOT_MAX_CMDLINE - 1)] = 0;
    return check_cmdline(door, size);
}

/*
 * The load options as text; none or blanks: no command line. The UEFI Shell puts the program's name
 * in front, in quotes if it has blanks, which is not for the kernel.
 */
static efi_status take_load_options(struct efi_door *door)
{
    const struct efi_loaded_image *loaded = door->loaded;
    void *shell;
    if (loaded->options == NULL || loaded->options_size == 0) {
        return EFI_SUCCESS;
    }
    efi_status status = take_cmdline(door);
    if (status != EFI_SUCCESS) {
        return status;
    }
    char *text = door->cmdline;
    size_t size = efi_to_utf8(text, BOOT_MAX_CMDLINE, loaded->options, loaded->options_size);
    status = check_cmdline(door, size);
    if (status != EFI_SUCCESS) {
        return status;
    }
    if (door->services->handle_protocol(door->image, &shell_guid, &shell) == EFI_SUCCESS) {
        text = efi_skip_word(text);
    }
    while (*text == ' ') {
        text++;
    }
    door->cmdline = *text != 0 ? text : NULL;
    return EFI_SUCCESS;
}

/* As an application: options and initramfs from who started us; else the disk's configuration. */
static efi_status take_options(struct efi_door *door)
{
    efi_status status = take_load_options(door);
    if (status != EFI_SUCCESS) {
        return status;
    }
    status = efi_initrd_by_protocol(door);
    if (status != EFI_NOT_FOUND) {
        return status;
    }
    return door->cmdline != NULL ? efi_initrd_by_name(door) : efi_take_config(door);
}

/* By the handover protocol: what the header says. Its memory is the boot loader's, and ours. */
static efi_status take_params(struct efi_door *door, const struct linux_params *params)
{
    const struct linux_header *header = &params->header;
    if (header->header != LINUX_HEADER_MAGIC) {
        return efi_complain(door, EFI_ABORTED, "the handover's boot parameters have no HdrS");
    }
    const char *text = (const char *)(header->cmd_line_ptr | (uint64_t)params->ext_cmd_line_ptr
                                                                 << 32);
    if (text != NULL) {
        efi_status status = efi_keep_cmdline(door, text, strnlen(text, BOOT_MAX_CMDLINE));
        if (status != EFI_SUCCESS) {
            return status;
        }
    }
    door->initrd = header->ramdisk_image | (uint64_t)params->ext_ramdisk_image << 32;
    door->initrd_size = header->ramdisk_size | (uint64_t)params->ext_ramdisk_size << 32;
    return EFI_SUCCESS;
}

static void find_screen(struct efi_door *door)
{
    struct efi_boot_services *services = door->services;
    struct efi_graphics *graphics = NULL;
    efi_handle console = door->table->out_handle;
    if ((console == NULL ||
         services->handle_protocol(console, &graphics_guid, (void **)&graphics) != EFI_SUCCESS) &&
        services->locate_protocol(&graphics_guid, NULL, (void **)&graphics) != EFI_SUCCESS) {
        return;
    }
    if (graphics->mode != NULL) {
        door->screen = efi_screen(graphics->mode);
    }
}

static void find_seed(struct efi_door *door)
{
    struct efi_rng *rng = NULL;
    if (door->services->locate_protocol(&rng_guid, NULL, (void **)&rng) == EFI_SUCCESS) {
        door->has_seed = rng->get(rng, NULL, sizeof(door->seed), door->seed) == EFI_SUCCESS;
    }
}

/* Everything that needs the firmware. An error has been said. */
static efi_status gather(struct efi_door *door, const struct linux_params *params)
{
    const char *lacks = machine_cannot_adopt();
    if (lacks != NULL) {
        return efi_complain(door, EFI_ABORTED, "%s", lacks);
    }
    efi_status status = door->services->handle_protocol(door->image, &loaded_image_guid,
                                                        (void **)&door->loaded);
    if (status != EFI_SUCCESS) {
        return efi_complain(door, status, "the image's own description (LoadedImage)");
    }
    status = params != NULL ? take_params(door, params) : take_options(door);
    if (status != EFI_SUCCESS) {
        return status;
    }
    find_screen(door);
    find_seed(door);
    door->tables = efi_find_tables(door->table->tables, door->table->table_count);
    return EFI_SUCCESS;
}

efi_status efi_main(efi_handle image, struct efi_system_table *table,
                    const struct linux_params *params, uint64_t cycles)
{
    struct efi_door *door = &the_door;
    *door = (struct efi_door){.image = image, .table = table, .services = table->boot_services};
    efi_status status = gather(door, params);
    if (door->volume != NULL) {
        door->volume->close(door->volume);
    }
    if (status == EFI_SUCCESS) {
        door->exit_cycles = machine_cycles();
        status = efi_leave(door);
        if (status == EFI_SUCCESS || door->exits > 0) {
            door->exit_status = status;
            struct machine_adopt how = {.function = efi_after,
                                        .argument = (uint64_t)door,
                                        .cycles = cycles,
                                        .door = BOOT_DOOR_EFI};
            machine_adopt(&how);
        }
        efi_complain(door, status, "the firmware's memory map");
    }
    efi_drop_all(door);
    return status;
}

static void add_range(void *context, uint64_t start, uint64_t size, uint32_t acpi_type)
{
    loader_add_range(context, start, size, acpi_type);
}

_Noreturn void efi_after(uint64_t address, uint64_t cycles, enum boot_door kind)
{
    struct efi_door *door = (struct efi_door *)address;
    struct loader *loader = loader_begin(kind, cycles);
    struct bootinfo *info = loader->info;
    info->framebuffer = door->screen; /* first, for what fails */
    loader_stamp(loader, BOOT_STAGE_EXIT, door->exit_cycles);
    if (door->exit_status != EFI_SUCCESS) {
        fail("the firmware does not let go (ExitBootServices: EFI error %llu, %u tries)",
             (unsigned long long)(door->exit_status & ~EFI_ERROR), door->exits);
    }
    efi_map_convert(&door->map, add_range, loader);
    loader_set_cmdline(loader, (uint64_t)door->cmdline);
    if (door->initrd != 0) {
        loader_add_initrd(loader, door->initrd, door->initrd_size);
    }
    info->acpi_rsdp = door->tables.rsdp;
    info->smbios = door->tables.smbios;
    info->efi_table = (uint64_t)door->table;
    info->efi_map = (uint64_t)door->map.bytes;
    info->efi_map_size = door->map.size;
    info->efi_descriptor_size = (uint32_t)door->map.descriptor_size;
    info->efi_descriptor_version = door->map.version;
    if (door->has_seed) {
        loader_add_entropy(loader, door->seed, sizeof(door->seed));
        memset(door->seed, 0, sizeof(door->seed)); /* a secret */
    }
    loader_run(loader);
}
