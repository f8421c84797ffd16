/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The loader: the same for all doors. A door calls loader_begin(), adds what it was told, and ends
 * in loader_run(). Every failure calls fail(), which prints one line and stops.
 */
#include "abi/bootinfo.h"
#include "boot/arch/machine.h"
#include "boot/loader/memory.h"

struct loader {
    struct bootinfo *info;
    struct memory_map memory;
    struct paging paging;
};

/* "Alba: ..." on the serial port and the screen, and the end. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The loader with an empty bootinfo that names the door and when it was entered. */
struct loader *loader_begin(enum boot_door door, uint64_t cycles);

/* A stage that began at that time, in any order; the first ones stay when there are too many. */
void loader_stamp(struct loader *loader, enum boot_stage stage, uint64_t cycles);

/* A range of the firmware's memory map, in its numbers (ACPI 6.4, table 15.374: 1 is memory). */
void loader_add_range(struct loader *loader, uint64_t start, uint64_t size, uint32_t acpi_type);

/* The command line at paddr, zero-terminated. paddr 0: there is none. */
void loader_set_cmdline(struct loader *loader, uint64_t paddr);

/* The initramfs, or its next part. */
void loader_add_initrd(struct loader *loader, uint64_t start, uint64_t size);

/* Mixes bytes into the seed for the kernel's random numbers. */
void loader_add_entropy(struct loader *loader, const void *bytes, size_t size);

/* Checks what the door filled in, loads the kernel, enters it. */
_Noreturn void loader_run(struct loader *loader);

/* Below: between the loader's own files. */

/* Memory of a purpose, page aligned, or the end: "not enough memory". */
uint64_t loader_take(struct loader *loader, uint64_t size, uint32_t type);
void loader_map(struct loader *loader, uint64_t va, uint64_t pa, uint64_t size, unsigned rights);

/* Whether a word is on the command line. */
bool loader_option(const struct loader *loader, const char *word);

/* The bytes behind the last "name=" on the command line; false: there is none. */
bool loader_text(const struct loader *loader, const char *name, const char **text, size_t *size);

/* The number there, in C notation and with K, M, G, T; anything else is for the kernel to complain
 * about. */
uint64_t loader_number(const struct loader *loader, const char *name, uint64_t fallback);

/* initrd.c: sets the initramfs aside; then, when all that is in use is set aside, copies several
 * parts to new memory as one; and unpacks it if it is packed. */
void initrd_reserve(struct loader *loader);
void initrd_join(struct loader *loader);
void initrd_unpack(struct loader *loader);

/* digest.c: `size` bytes at address have the SHA-256 digest behind "option=", if it is given, or
 * the boot ends. */
void digest_check(const struct loader *loader, const char *option, const char *what,
                  uint64_t address, uint64_t size);

/* cpus.c: finds the RSDP and the CPUs. */
void cpus_find(struct loader *loader);

/* screen.c: from the start on; once there are page tables; a line of text, before the end. */
void screen_begin(struct bootinfo *info);
void screen_map(struct loader *loader);
void screen_show(const char *line);

/* seed.c: gathers the seed; a number below limit drawn from it. */
void seed_gather(struct loader *loader);
uint64_t seed_draw(struct loader *loader, uint64_t limit);

/* kernel.c: places the ELF file whose bytes lie in memory of that type; returns the entry. */
uint64_t kernel_load(struct loader *loader, uint8_t *file, uint64_t size, uint32_t type);
