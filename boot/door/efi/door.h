/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The EFI door (step A7), between its files. Until the firmware is left it runs as an application:
 * on the firmware's stack and page tables, with interrupts on, code not writable and data not
 * executable. What goes wrong then is said once, what was taken is given back, and the firmware or
 * boot manager gets a status. From efi_leave() on there is no way back.
 */
#include "abi/bootinfo.h"
#include "boot/door/efi/efi.h"
#include "lib/linux_params.h"

/* The firmware's memory map, as it is. */
struct efi_map {
    uint8_t *bytes;
    size_t room, size; /* bytes; of one descriptor below */
    size_t descriptor_size, key;
    uint32_t version;
};

/* Firmware's tables that others want to find. 0: there is none. */
struct efi_tables {
    uint64_t rsdp, smbios;
};

/* All that the door has learnt and taken. One CPU runs. */
struct efi_door {
    efi_handle image;
    struct efi_system_table *table;
    struct efi_boot_services *services;
    struct efi_loaded_image *loaded;
    struct efi_file *volume; /* root of the file system that we came from; NULL: not opened */
    struct {
        uint64_t address; /* 0: a free place */
        size_t pages;
    } taken[8];
    unsigned exits; /* how often ExitBootServices was called */
    efi_status exit_status;
    uint64_t exit_cycles; /* when it began */
    char *cmdline;        /* NULL: there is none */
    uint64_t initrd, initrd_size;
    struct efi_map map;
    struct efi_tables tables;
    struct boot_framebuffer screen;
    uint8_t seed[32];
    bool has_seed;
};

/* door.c: a line on the firmware's console, and on the serial port unless the firmware drives it.
 * The status, which is returned, ends it; EFI_ABORTED: the line is whole as it is. */
efi_status efi_complain(struct efi_door *door, efi_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* door.c: the command line, UTF-8, in pages of its own. What fails is said. */
efi_status efi_keep_cmdline(struct efi_door *door, const char *text, size_t size);

/* memory.c: whole pages, below 4 GiB if there are any; EFI_OUT_OF_RESOURCES or another error. */
efi_status efi_take(struct efi_door *door, size_t size, uint64_t *address);
void efi_drop(struct efi_door *door, uint64_t address);
void efi_drop_all(struct efi_door *door);

/*
 * memory.c: reads the memory map and leaves the firmware (7.4.6), again when the map has changed
 * meanwhile, but not for ever. An error with door->exits at 0: nothing has happened yet.
 */
efi_status efi_leave(struct efi_door *door);

/*
 * memory.c: sorts the map, and calls add() for each of its ranges that means something, with a type
 * of ACPI's (ACPI 6.4, table 15.374). Overlaps and odd addresses are left to who gets them.
 */
typedef void (*efi_add_range)(void *context, uint64_t start, uint64_t size, uint32_t acpi_type);
void efi_map_convert(struct efi_map *map, efi_add_range add, void *context);

/*
 * text.c: UTF-16 of the firmware's, up to its end or a zero, to UTF-8 with a zero at the end.
 * Halves of surrogates become U+FFFD. The length without the zero; or `room`: it does not fit.
 */
size_t efi_to_utf8(char *to, size_t room, const void *from, size_t size);

/* text.c: a path in UTF-8 to what Open() wants: UTF-16 with a zero, backslashes. False: too long,
 * empty, or not UTF-8. */
bool efi_to_path(efi_char *to, size_t room, const char *from, size_t size);

/* text.c: what follows the first word, which may be in quotes. */
char *efi_skip_word(char *text);

/* text.c: the next "initrd=" of a command line at or behind *at, which moves on. False: no more. */
bool efi_next_initrd(const char **at, const char **path, size_t *size);

/*
 * file.c: a file of the volume that we came from, read to pages of its own; limit in bytes. An
 * empty one has address 0. EFI_NOT_FOUND: no such file, or no volume; EFI_BUFFER_TOO_SMALL: larger
 * than the limit. Nothing is said.
 */
struct efi_bytes {
    uint64_t address, size;
};
efi_status efi_read_file(struct efi_door *door, const char *path, size_t length, size_t limit,
                         struct efi_bytes *file);

/* file.c: the initramfs: by LoadFile2, which wins, or the files that `initrd=` names. What fails is
 * said. EFI_NOT_FOUND from the first: nobody offers one. */
efi_status efi_initrd_by_protocol(struct efi_door *door);
efi_status efi_initrd_by_name(struct efi_door *door);

/* config.c: command line and initramfs of the default entry of DISK_CONFIG; none: nothing. */
efi_status efi_take_config(struct efi_door *door);

/* screen.c: the mode that the screen is in; width 0 when it has no frame buffer to draw in. */
struct boot_framebuffer efi_screen(const struct efi_graphics_mode *mode);

/* tables.c: finds them among the firmware's; RSDP of ACPI 2.0 and SMBIOS 3 before older ones. */
struct efi_tables efi_find_tables(const struct efi_config_table *tables, size_t count);

/* What the entries get: the first function of the door, and the one after the firmware. */
efi_status efi_main(efi_handle image, struct efi_system_table *table,
                    const struct linux_params *params, uint64_t cycles);
_Noreturn void efi_after(uint64_t door, uint64_t cycles, enum boot_door kind);
