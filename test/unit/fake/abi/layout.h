/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * abi/layout.h for tests on the host: the same regions at addresses that a program can map, above
 * what the sanitizers use for themselves. The user half is only simulated (fake/port.h).
 */
#define LAYOUT_PAGE_SHIFT      12
#define LAYOUT_PAGE_SIZE       4096ul

#define LAYOUT_USER_END        0x00007ffffffff000ul

#define LAYOUT_DIRECT_MAP      0x0000200000000000ul
#define LAYOUT_DIRECT_MAP_MAX  0x0000080000000000ul

#define LAYOUT_BOOT_STACKS     0x0000300000000000ul
#define LAYOUT_BOOT_STACK_SIZE 16384ul
#define LAYOUT_BOOT_STACKS_MAX 0x20000000ul

#define LAYOUT_SCREEN          0x0000300020000000ul
#define LAYOUT_SCREEN_MAX      0x20000000ul

#define LAYOUT_KMAP            0x0000300040000000ul
#define LAYOUT_KMAP_END        0x0000308000000000ul

#define LAYOUT_FRAMES          0x0000310000000000ul
#define LAYOUT_FRAMES_END      0x0000318000000000ul

#define LAYOUT_KERNEL          0x00003ff000000000ul
#define LAYOUT_KERNEL_MAX      0x40000000ul
