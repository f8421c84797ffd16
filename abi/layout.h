/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * The kernel half of the virtual address space on x86_64 with four-level paging: the loader builds
 * it, the kernel keeps it, doc/memory.md draws it. The user half is below LAYOUT_USER_END.
 */
#define LAYOUT_PAGE_SHIFT 12
#define LAYOUT_PAGE_SIZE  4096ul

/* The last user page stays unmapped: a SYSCALL there would return to a non-canonical address. */
#define LAYOUT_USER_END 0x00007ffffffff000ul

/* All physical memory, read-write and never executable, with the largest pages that fit. */
#define LAYOUT_DIRECT_MAP     0xffff800000000000ul
#define LAYOUT_DIRECT_MAP_MAX 0x0000400000000000ul /* 64 TiB */

/* Stacks of the CPUs found at boot, each above an unmapped guard page; made by the loader. */
#define LAYOUT_BOOT_STACKS     0xffffc00000000000ul
#define LAYOUT_BOOT_STACK_SIZE 16384ul
#define LAYOUT_BOOT_STACKS_MAX 0x20000000ul

/* The frame buffer, write-combining; mapped by the loader. */
#define LAYOUT_SCREEN     0xffffc00020000000ul
#define LAYOUT_SCREEN_MAX 0x20000000ul

/* What the kernel maps later: stacks of threads, devices. */
#define LAYOUT_KMAP     0xffffc00040000000ul
#define LAYOUT_KMAP_END 0xffffc08000000000ul

/* struct frame[], one for each page of physical memory, itself mapped chunk by chunk when used. */
#define LAYOUT_FRAMES     0xffffd00000000000ul
#define LAYOUT_FRAMES_END 0xffffd08000000000ul

/* The kernel image lies somewhere here, at a page that the loader draws (KASLR). */
#define LAYOUT_KERNEL     0xffffffff80000000ul
#define LAYOUT_KERNEL_MAX 0x40000000ul
