/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The boot manager (step A1): a small program of its own between the boot sector and the kernel. It
 * finds the system partition of the disk it came from, reads the configuration there, lets people
 * choose, loads a kernel of the Linux boot protocol and its initramfs, and enters the kernel's
 * real-mode part. 32-bit C without paging, one CPU, no interrupts; BIOS calls go through entry.S.
 *
 * What goes wrong is said in one line, on the screen and the serial line, and leads back to the
 * menu.
 */
#include "boot/door/bios/place.h"
#include "boot/door/linux/setup/setup.h"
#include "lib/bootcfg.h"
#include "lib/fat.h"

/* manager.lds: places in low memory. */
extern uint8_t linux_segment[], bounce[], command_line[], config_text[], low_memory_end[];
#define LOW_BUFFER_SIZE 0x10000u  /* of each of them */
extern const uint64_t boot_stamp; /* the boot sector's time stamp; 0: there is no counter */

/* entry.S */
void wait_interrupt(void);
_Noreturn void enter_linux(uint32_t segment, uint32_t stack);

/* console.c: text on screen and serial line, and keys from both. */
enum key {
    KEY_NONE,
    KEY_ENTER = '\r',
    KEY_ESCAPE = 0x1b,
    KEY_BACKSPACE = '\b',
    KEY_UP = 0x100, /* all others are characters */
    KEY_DOWN,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_HOME,
    KEY_END,
    KEY_DELETE,
};
void console_begin(void);
void console_clear(void);
void console_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A row of 80 columns with text in it, dark on light when it is the chosen one. */
void console_row(unsigned row, bool chosen, const char *text, size_t size);
void console_move(unsigned row, unsigned column);
bool console_key_held(void);
/* A key, or KEY_NONE when none comes in so many ticks of the BIOS (18.2 in a second). */
enum key console_key(unsigned ticks);
#define WAIT_FOR_EVER 0xffffffffu

/* One line about what went wrong. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* disk.c: the disk the BIOS booted from, in units of 512 bytes; reads are fat_read_units. */
int disk_open(uint8_t drive);
int disk_read(void *context, uint64_t first, uint32_t count, void *buffer);
uint32_t disk_sector_units(void);
uint64_t disk_units(void); /* 0: not known */
/* What the last error was: "BIOS error 04 at sector 1234", or "" when there was none since. */
const char *disk_error(void);

/* menu.c: lets people choose, without a time limit if `wait`; without asking if there is nothing to
 * choose. Returns the entry; its command line, edited or not, is in command_line. */
const struct bootcfg_entry *menu_run(const struct bootcfg *config, bool wait);

/* linux.c: loads and enters a kernel; comes back only after it has complained. */
void linux_start(struct fat *fat, const struct bootcfg_entry *entry);

/* linux.c: the boot manager starts now; kernels are told. */
void linux_note_time(void);
