/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once
/*
 * Frames: pages of physical memory. A buddy allocator over the free ranges of the memory map, cut
 * into chunks that get their descriptors when they are first needed, so that the boot's cost does
 * not grow with memory. Never sleeps; any context with interrupts on or off.
 * Memory that is not the allocator's (firmware, kernel image, initramfs in place) has no usable
 * descriptor: mappings of it carry ARCH_PTE_BORROWED (kernel/arch/mmu.h) and are not counted.
 */
#include "kernel/mm/physmap.h"
#include "lib/list.h"

struct bootinfo;

struct frame {
    unsigned refs;        /* references; 0: free or part of a larger block */
    unsigned char order;  /* of the block that starts here */
    unsigned char flags;  /* private to frame.c */
    unsigned short spare; /* the holder's */
    unsigned long priv;   /* the holder's: heap, page cache; link of the free lists in frame.c */
};

#define FRAME_MAX_ORDER 9u /* 2 MiB */

enum frame_flags {
    FRAME_ZERO = 1,   /* cleared */
    FRAME_KERNEL = 2, /* for the kernel itself: may use the last reserve */
};

/*
 * One frame, or 2^order aligned contiguous ones, with one reference; NULL when memory is out (after
 * the reclaim hook ran). A block is given back whole, by the reference of its first frame.
 */
struct frame *frame_alloc(unsigned flags);
struct frame *frame_alloc_order(unsigned order, unsigned flags);

/* Another reference to an allocated frame; the caller holds one. */
void frame_get(struct frame *frame);
/* Gives a reference back; the last one frees the frame (or its block). */
void frame_put(struct frame *frame);
/* Number of references; exact only when the caller holds what keeps others from changing it. */
unsigned frame_refs(const struct frame *frame);

/* paddr must be memory of the allocator's (assertion). */
struct frame *paddr_to_frame(paddr_t paddr);
paddr_t frame_to_paddr(const struct frame *frame);
/* The frame's bytes in the direct map. */
static inline void *frame_to_virt(const struct frame *frame)
{
    return phys_to_virt(frame_to_paddr(frame));
}

struct frame_stats {
    uint64_t total_pages; /* all that the allocator was ever given */
    uint64_t free_pages;
    uint64_t reclaimed_pages; /* given back after boot (loader, init sections) */
};
void frame_get_stats(struct frame_stats *stats);

/* C5: takes BOOT_MEM_FREE ranges. */
void frame_init(const struct bootinfo *info);
/* Adds memory that was in other use until now; whole pages inside [start, start+size). */
void frame_add(paddr_t start, uint64_t size);
