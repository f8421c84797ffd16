/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The real-mode part of the bzImage (steps A2 and A3): one segment of at most 64 KiB, entered by
 * the boot loader at offset 0x200, run in 16-bit mode by code compiled with -m16. It asks the BIOS
 * what can only be asked there, fills the zero page, and ends in 32-bit protected mode.
 */
#include "lib/linux_params.h"
#include "lib/types.h"

/* The zero page that the 32-bit entry gets. Filled by one CPU; no lock. */
extern struct linux_params params;

/* Registers before and after a BIOS call, in the order in which they lie on the stack. */
struct bios_regs {
    uint32_t edi, esi, ebp, unused, ebx, edx, ecx, eax;
    uint16_t ds, es;
    uint32_t eflags; /* after the call only */
};
#define BIOS_CARRY 1u

/* bios.S: all registers are those in *regs; ds and es of 0 mean our own segment. */
void bios_call(unsigned number, struct bios_regs *regs);

/* bios.S: the segment we run in, bytes anywhere in the first MiB. */
uint16_t own_segment(void);
uint8_t far_read8(uint16_t segment, uint16_t offset);
uint16_t far_read16(uint16_t segment, uint16_t offset);
uint32_t far_read32(uint16_t segment, uint16_t offset);
void far_write32(uint16_t segment, uint16_t offset, uint32_t value);

/* The BIOS data area. */
#define BDA_SEGMENT      0x40
#define BDA_VIDEO_COLUMN 0x4a
#define BDA_VIDEO_ROWS   0x84
#define BDA_VIDEO_POINTS 0x85
#define BDA_SHARED       0xf0 /* 16 bytes for programs to talk to each other */

/* console.c: text on screen and serial port, and whether there is a screen; the end of a boot that
 * cannot go on. */
bool has_screen(void);
void put_text(const char *text);
_Noreturn void stop(const char *text);

/* cmdline.c: value of `name` ("edd=" with the sign, or a lone word) on the command line. */
bool option(const char *name, char *value, size_t size);

/* main.c: memory between our end and the stack, for buffers; NULL when there is none left. */
void *heap_take(size_t size);

/* memory.c: what the BIOS knows of memory, into params. */
void ask_memory(void);

/* One step of the story each. */
void check_cpu(void);
void find_memory(void);
void find_disks(void);
void set_video(void);
bool open_a20(void);
_Noreturn void enter_protected_mode(void);

/* jump.S: to the 32-bit code at entry, with the zero page's address in %esi. */
_Noreturn void protected_jump(uint32_t entry, uint32_t zero_page);
